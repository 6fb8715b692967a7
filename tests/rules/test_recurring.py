"""What a package costs in a period, and how a service's life is charged for as it becomes known."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.billing.rules.periods import BillingDay, Span, looked_at, period_at
from capstan.billing.rules.recurring import (
    Back,
    Charged,
    DatedPackage,
    DatedPrice,
    Due,
    Life,
    compare,
    due_in,
)

A, B, C = 1, 2, 3
SMALL, BIG = 31000, 62000
NEVER = date(2025, 1, 1)
JANUARY = Span(date(2026, 1, 1), date(2026, 2, 1))
PRICES = {A: [DatedPrice(NEVER, SMALL)], B: [DatedPrice(NEVER, BIG)]}


def periods(first: date, end: date, billing_day: int) -> list[Span]:
    return looked_at(BillingDay(billing_day), first, end, back=0)


def on(day: int) -> date:
    """The day of January 2026; 0 and 32 are its neighbours."""
    return date(2025, 12, 31) + timedelta(days=day)


def life(packages: Sequence[tuple[int, int]], starts: int = -30, ends: int | None = None) -> Life:
    dated = tuple(DatedPackage(on(day), package) for day, package in packages)
    return Life(7, on(starts), None if ends is None else on(ends), dated)


def charged(number: int, package: int, first: int, end: int, amount: int) -> Charged:
    return Charged(number, 7, package, on(first), on(end), amount)


def due(package: int, first: int, end: int, amount: int) -> Due:
    return Due(7, package, on(first), on(end), amount, (first, end) != (1, 32))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (life([(-30, A)]), [(A, 1, 32, 31000)]),
        (life([(5, A)]), [(A, 1, 32, 31000)]),  # the first package also holds before its date
        (life([(1, A)], starts=1), [(A, 1, 32, 31000)]),
        (life([(11, A)], starts=11), [(A, 11, 32, 21000)]),
        (life([(-30, A)], ends=11), [(A, 1, 11, 10000)]),
        (life([(-30, A)], ends=32), [(A, 1, 32, 31000)]),
        (life([(11, A)], starts=11, ends=12), [(A, 11, 12, 1000)]),
        # not in this month at all
        (life([(-30, A)], ends=1), []),
        (life([(32, A)], starts=32), []),
        (life([(11, A)], starts=11, ends=11), []),
        (life([(-30, A)], starts=20, ends=10), []),
        # changes
        (life([(-30, A), (21, B)]), [(A, 1, 21, 20000), (B, 21, 32, 22000)]),
        (life([(-30, A), (1, B)]), [(B, 1, 32, 62000)]),
        (life([(-30, A), (32, B)]), [(A, 1, 32, 31000)]),
        (life([(-30, A), (11, B), (21, A)]), [(A, 1, 11, 10000), (B, 11, 21, 20000), (A, 21, 32, 11000)]),
        (life([(-30, A), (11, B), (11, A)]), [(A, 1, 32, 31000)]),  # of one day the last
        (life([(-30, A), (11, A)]), [(A, 1, 32, 31000)]),
        (life([(-30, A), (21, B)], starts=11, ends=26), [(A, 11, 21, 10000), (B, 21, 26, 10000)]),
        (life([(-30, A), (21, B)], ends=21), [(A, 1, 21, 20000)]),
        # a package without a price is not charged for
        (life([(-30, C)]), []),
        (life([(-30, C), (21, A)]), [(A, 21, 32, 11000)]),
        (life([(-30, A), (11, C), (21, A)]), [(A, 1, 11, 10000), (A, 21, 32, 11000)]),
        (life([]), []),
    ],
)
def test_what_a_month_costs(told: Life, expected: list[tuple[int, int, int, int]]) -> None:
    assert due_in(told, JANUARY, PRICES) == [due(*row) for row in expected]


@pytest.mark.parametrize(
    ("rows", "told", "expected"),
    [
        ([(1, 31000), (15, 62000)], life([(-30, A)]), [31000]),  # from the next period on
        ([(0, 31000), (1, 62000)], life([(-30, A)]), [62000]),
        ([(0, 31000), (15, 62000)], life([(20, A)], starts=20), [24000]),
        ([(0, 31000), (15, 62000)], life([(-30, B), (20, A)]), [24000]),
        ([(0, 31000), (15, 62000)], life([(-30, A), (10, B), (20, A)]), [9000, 24000]),
        ([(15, 31000)], life([(-30, A)]), []),  # it could be had for nothing when the month began
        ([(0, 0)], life([(-30, A)]), [0]),
    ],
)
def test_the_price_is_that_of_the_first_day(
    rows: list[tuple[int, int]], told: Life, expected: list[int]
) -> None:
    prices = {A: [DatedPrice(on(day), amount) for day, amount in rows]}
    assert [row.amount_minor for row in due_in(told, JANUARY, prices)] == expected


WHOLE = charged(1, A, 1, 32, 31000)
PART = charged(1, A, 1, 21, 20000)
LATE = charged(2, A, 21, 32, 11000)


@pytest.mark.parametrize(
    ("wanted", "was", "new", "back"),
    [
        ([], [], [], []),
        ([due(A, 1, 32, 31000)], [], [due(A, 1, 32, 31000)], []),
        ([due(A, 1, 32, 31000)], [WHOLE], [], []),
        ([], [WHOLE], [], [(1, 31000, 1, 32)]),
        # an end or another package becomes known: the days that are left are given back
        ([due(A, 1, 21, 20000)], [WHOLE], [], [(1, 11000, 21, 32)]),
        ([due(A, 1, 21, 20000), due(B, 21, 32, 22000)], [WHOLE], [due(B, 21, 32, 22000)],
         [(1, 11000, 21, 32)]),
        # and it was a mistake
        ([due(A, 1, 32, 31000)], [PART], [due(A, 21, 32, 11000)], []),
        ([due(A, 1, 32, 31000)], [PART, LATE], [], []),
        ([due(A, 1, 27, 26000)], [PART, LATE], [], [(2, 5000, 27, 32)]),
        ([due(A, 1, 11, 10000)], [PART, LATE], [], [(1, 10000, 11, 21), (2, 11000, 21, 32)]),
        # another beginning: the charge stands for nothing that is due
        ([due(A, 11, 32, 21000)], [WHOLE], [due(A, 11, 32, 21000)], [(1, 31000, 1, 32)]),
        ([due(B, 1, 32, 62000)], [WHOLE], [due(B, 1, 32, 62000)], [(1, 31000, 1, 32)]),
        # what was told at another price stays, and its share of it is given back
        ([due(A, 1, 32, 62000)], [WHOLE], [], []),
        ([due(A, 1, 21, 40000)], [WHOLE], [], [(1, 11000, 21, 32)]),
        # what was given back by hand isn't asked for again, and isn't given twice
        ([due(A, 1, 32, 31000)], [WHOLE._replace(amount_minor=0)], [], []),
        ([], [WHOLE._replace(amount_minor=0)], [], []),
        ([], [WHOLE._replace(amount_minor=4000)], [], [(1, 4000, 1, 32)]),
    ],
)  # fmt: skip
def test_what_is_still_to_charge_and_to_give_back(
    wanted: list[Due], was: list[Charged], new: list[Due], back: list[tuple[int, int, int, int]]
) -> None:
    found, returned = compare(wanted, was)
    assert found == new
    assert returned == [Back(number, amount, on(first), on(end)) for number, amount, first, end in back]


def test_of_several_services_each_is_compared_with_its_own() -> None:
    other = due(A, 1, 32, 31000)._replace(service_id=8)
    found, back = compare([due(A, 1, 32, 31000), other], [WHOLE])
    assert (found, back) == ([other], [])


class Books:
    """Charges and what was given back of them, kept as the bill run keeps them."""

    def __init__(self) -> None:
        self.charges: list[Due] = []
        self.backs: list[Back] = []

    def live(self) -> list[Charged]:
        """What is left of each charge that has days left."""
        rows = []
        for number, one in enumerate(self.charges):
            mine = [back for back in self.backs if back.charge_id == number]
            end = min([one.end, *(back.first for back in mine)])
            left = one.amount_minor - sum(back.amount_minor for back in mine)
            assert left >= 0, "more was given back than was charged"
            rows.append(Charged(number, one.service_id, one.package_id, one.first, end, left))
            assert end > one.first or left == 0, "a charge without days costs something"
        return [one for one in rows if one.end > one.first]

    def bill(self, wanted: Sequence[Due]) -> None:
        new, back = compare(wanted, self.live())
        assert all(one.amount_minor >= 0 for one in new)
        assert all(one.amount_minor >= 0 for one in back)
        self.charges += new
        self.backs += back

    def net(self, period: Span) -> int:
        return sum(one.amount_minor for one in self.live() if period.first <= one.first < period.end)

    def days(self) -> Counter[tuple[date, int]]:
        """How often each day was paid for with each package."""
        return days_of((one.first, one.end, one.package_id) for one in self.live() if one.amount_minor)


def days_of(spans: Iterable[tuple[date, date, int]]) -> Counter[tuple[date, int]]:
    found: Counter[tuple[date, int]] = Counter()
    for first, end, package in spans:
        found.update((first + timedelta(days=number), package) for number in range((end - first).days))
    return found


MONTHS = 5
BEGINNING, END = date(2026, 1, 1), date(2026, 6, 1)
dates = st.dates(BEGINNING, END)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    starts = draw(dates)
    ends = draw(st.one_of(st.none(), dates))
    changes = sorted(draw(st.lists(st.tuples(dates, st.sampled_from([A, B, C])), min_size=1, max_size=4)))
    return Life(7, starts, ends, tuple(DatedPackage(*row) for row in changes))


@st.composite
def views(draw: st.DrawFn) -> list[Life]:
    """A life as it is known on one billing day after the other: mostly the same, with something new or taken back."""
    known = [draw(lives())]
    for _ in range(draw(st.integers(0, MONTHS - 1))):
        told, other = known[-1], draw(lives())
        match draw(st.sampled_from(["same", "end", "no end", "start", "change", "one less", "all"])):
            case "end":
                told = told._replace(ends_on=draw(dates))
            case "no end":
                told = told._replace(ends_on=None)
            case "start":
                told = told._replace(starts_on=other.starts_on)
            case "change":
                told = told._replace(packages=tuple(sorted((*told.packages, other.packages[0]))))
            case "one less":
                told = told._replace(packages=told.packages[:-1] or told.packages)
            case "all":
                told = other
        known.append(told)
    return known


def priced(amounts: Mapping[int, int | None]) -> dict[int, list[DatedPrice]]:
    return {key: [DatedPrice(NEVER, amount)] for key, amount in amounts.items() if amount is not None}


prices_known = st.fixed_dictionaries(
    {
        A: st.integers(100, 250_000),
        B: st.integers(100, 250_000),
        C: st.sampled_from([None, 0, 49_900]),
    }
).map(priced)
billing_days = st.integers(1, 31)


@given(told=lives(), billing_day=billing_days, price=st.integers(0, 250_000))
def test_the_parts_of_an_unchanged_price_are_exactly_the_price(
    told: Life, billing_day: int, price: int
) -> None:
    whole = told._replace(starts_on=NEVER, ends_on=None)
    for period in periods(BEGINNING, END, billing_day):
        rows = due_in(whole, period, priced({A: price, B: price, C: price}))
        assert sum(row.amount_minor for row in rows) == price
        assert all(row.is_part == (len(rows) > 1) for row in rows)


@given(told=lives(), billing_day=billing_days, prices=prices_known)
def test_each_day_of_a_life_is_due_once_and_no_other_is(
    told: Life, billing_day: int, prices: dict[int, list[DatedPrice]]
) -> None:
    rows = [row for period in periods(BEGINNING, END, billing_day) for row in due_in(told, period, prices)]
    found = days_of((row.first, row.end, row.package_id) for row in rows)
    for number in range((END - BEGINNING).days):
        day = BEGINNING + timedelta(days=number)
        package = told.packages[0].package_id
        for change in told.packages:
            package = change.package_id if change.starts_on <= day else package
        is_had = told.starts_on <= day and (told.ends_on is None or day < told.ends_on)
        expected = {package: 1} if is_had and package in prices else {}
        assert {key: found[day, key] for key in (A, B, C) if found[day, key]} == expected


def bill_month_by_month(
    books: Books, known: Sequence[Life], billing_day: int, prices: dict[int, list[DatedPrice]]
) -> list[Span]:
    """Each is the life as it is known on one billing day; all periods up to that day are looked at."""
    all_periods = periods(BEGINNING, END, billing_day)
    for number, told in enumerate(known):
        upto = all_periods[: number + 1]
        wanted = [row for period in upto for row in due_in(told, period, prices)]
        books.bill(wanted)
        assert books.days() == days_of(
            (row.first, row.end, row.package_id) for row in wanted if row.amount_minor
        )
        for period in upto:
            rows = [row for row in wanted if period.first <= row.first < period.end]
            due_minor = sum(row.amount_minor for row in rows)
            assert books.net(period) == due_minor
    return all_periods


@given(known=views(), billing_day=billing_days, prices=prices_known)
def test_whatever_becomes_known_when_the_charges_come_to_what_is_due(
    known: list[Life], billing_day: int, prices: dict[int, list[DatedPrice]]
) -> None:
    """Starts, changes and ends come late, move, and are taken back: after every billing day the days that are paid for
    are those of the life as it is known, each once."""
    books = Books()
    bill_month_by_month(books, known, billing_day, prices)
    before = (len(books.charges), len(books.backs))
    last = [row for period in periods(BEGINNING, END, billing_day)[: len(known)]
            for row in due_in(known[-1], period, prices)]  # fmt: skip
    books.bill(last)
    assert (len(books.charges), len(books.backs)) == before, "the same day billed again asks for more"


@given(known=views(), billing_day=billing_days, prices=prices_known)
def test_a_life_that_was_all_a_mistake_costs_nothing(
    known: list[Life], billing_day: int, prices: dict[int, list[DatedPrice]]
) -> None:
    books = Books()
    bill_month_by_month(books, known, billing_day, prices)
    books.bill([])
    assert sum(one.amount_minor for one in books.live()) == 0


@given(told=lives(), billing_day=billing_days, prices=prices_known, months=st.integers(1, MONTHS))
def test_a_life_known_from_the_first_is_charged_to_the_cent(
    told: Life, billing_day: int, prices: dict[int, list[DatedPrice]], months: int
) -> None:
    books = Books()
    for period in bill_month_by_month(books, [told] * months, billing_day, prices)[:months]:
        assert books.net(period) == sum(row.amount_minor for row in due_in(told, period, prices))
    assert books.backs == []


@given(end=st.integers(0, 30), price=st.integers(0, 250_000), billing_day=billing_days)
def test_an_end_leaves_of_a_whole_period_what_its_days_cost(end: int, price: int, billing_day: int) -> None:
    period = period_at(BEGINNING, billing_day)
    known = Life(7, NEVER, None, (DatedPackage(NEVER, A),))
    books = Books()
    books.bill(due_in(known, period, priced({A: price})))
    ended = known._replace(ends_on=min(period.first + timedelta(days=end), period.end))
    books.bill(due_in(ended, period, priced({A: price})))
    assert books.net(period) == sum(row.amount_minor for row in due_in(ended, period, priced({A: price})))
