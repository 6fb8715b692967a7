"""Which money pays which invoice."""

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.billing.rules.allocate import Left, Owed, Part, in_order, oldest_first

FIRST = date(2026, 1, 1)


def left(number: int, day: int, amount: int) -> Left:
    return Left(number, FIRST + timedelta(days=day), amount)


def owed(number: int, day: int, amount: int) -> Owed:
    return Owed(number, FIRST + timedelta(days=day), amount)


rows = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 50_000)), max_size=6)
credits_ = rows.map(lambda found: [left(number, *row) for number, row in enumerate(found, 1)])
invoices = rows.map(lambda found: [owed(number, *row) for number, row in enumerate(found, 101)])


@pytest.mark.parametrize(
    ("money", "debts", "expected"),
    [
        ([], [], []),
        ([left(1, 0, 500)], [], []),
        ([], [owed(7, 0, 500)], []),
        ([left(1, 0, 500)], [owed(7, 0, 500)], [(1, 7, 500)]),
        ([left(1, 0, 300)], [owed(7, 0, 500)], [(1, 7, 300)]),
        ([left(1, 0, 900)], [owed(7, 0, 500), owed(8, 9, 600)], [(1, 7, 500), (1, 8, 400)]),
        # what was due first, whatever its number; of one day the lower number
        ([left(1, 0, 600)], [owed(7, 9, 500), owed(8, 0, 500)], [(1, 8, 500), (1, 7, 100)]),
        ([left(1, 0, 600)], [owed(8, 0, 500), owed(7, 0, 500)], [(1, 7, 500), (1, 8, 100)]),
        # the oldest money goes first
        ([left(1, 5, 400), left(2, 0, 400)], [owed(7, 0, 500)], [(2, 7, 400), (1, 7, 100)]),
        ([left(2, 0, 400), left(1, 0, 400)], [owed(7, 0, 500)], [(1, 7, 400), (2, 7, 100)]),
        # what is empty on either side takes no part
        ([left(1, 0, 0), left(2, 0, 5)], [owed(7, 0, 0), owed(8, 0, 5)], [(2, 8, 5)]),
    ],
)
def test_the_oldest_money_pays_what_was_due_first(
    money: list[Left], debts: list[Owed], expected: list[tuple[int, int, int]]
) -> None:
    assert oldest_first(money, debts) == [Part(*row) for row in expected]


def test_in_order_keeps_to_the_order_it_is_given() -> None:
    debts = [owed(8, 9, 500), owed(7, 0, 500)]
    assert in_order([left(1, 0, 700)], debts) == [Part(1, 8, 500), Part(1, 7, 200)]


@given(money=credits_, debts=invoices)
def test_never_more_than_there_is_and_never_less_than_can_be(money: list[Left], debts: list[Owed]) -> None:
    """Nobody pays more than he has, nothing is paid twice, and in the end no money or no debt is left."""
    parts = oldest_first(money, debts)
    spent: Counter[int] = Counter()
    paid: Counter[int] = Counter()
    for part in parts:
        assert part.amount_minor > 0
        spent[part.credit_id] += part.amount_minor
        paid[part.invoice_id] += part.amount_minor
    assert all(spent[one.credit_id] <= one.left_minor for one in money)
    assert all(paid[one.invoice_id] <= one.open_minor for one in debts)
    has_money = any(spent[one.credit_id] < one.left_minor for one in money)
    has_debts = any(paid[one.invoice_id] < one.open_minor for one in debts)
    assert not (has_money and has_debts)
    assert len({(part.credit_id, part.invoice_id) for part in parts}) == len(parts)


@given(money=credits_, debts=invoices)
def test_a_later_one_gets_nothing_while_an_earlier_one_is_open(money: list[Left], debts: list[Owed]) -> None:
    parts = oldest_first(money, debts)
    paid: Counter[int] = Counter()
    for part in parts:
        paid[part.invoice_id] += part.amount_minor
    by_age = sorted((one for one in debts if one.open_minor), key=lambda one: (one.due_on, one.invoice_id))
    for one, later in pairwise(by_age):
        assert not paid[later.invoice_id] or paid[one.invoice_id] == one.open_minor


@given(money=credits_, debts=invoices, data=st.data())
def test_the_order_in_which_they_are_found_does_not_matter(
    money: list[Left], debts: list[Owed], data: st.DataObject
) -> None:
    other = oldest_first(data.draw(st.permutations(money)), data.draw(st.permutations(debts)))
    assert other == oldest_first(money, debts)
