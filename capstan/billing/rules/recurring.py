"""What a service's package costs in a period, and how that differs from what was charged. Free of storage.

As with access, what should be charged is worked out from what is known now, and compared with what was: a start, a change
of package, an end, a date that was corrected all heal by the same step.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from capstan.billing.rules.amounts import share_of
from capstan.billing.rules.periods import Span

_ROUNDING_MINOR = 2


class DatedPackage(NamedTuple):
    """From this day on the service has this package."""

    starts_on: date
    package_id: int


class DatedPrice(NamedTuple):
    valid_from: date
    price_minor: int


class Life(NamedTuple):
    """What a service was and will be, as far as is known: its packages by date, first and last day."""

    service_id: int
    starts_on: date
    ends_on: date | None  # the first day that it is no more
    packages: tuple[DatedPackage, ...]  # oldest first; the first one also holds before its date


class Due(NamedTuple):
    """A package's price for some days of one period. `is_part`: not the whole period."""

    service_id: int
    package_id: int
    first: date
    end: date
    amount_minor: int
    is_part: bool


class Charged(NamedTuple):
    """What was charged for some days, less what was given back; `invoice_id`: the invoice that asked for it, if one did."""

    charge_id: int
    service_id: int
    package_id: int
    first: date
    end: date
    amount_minor: int
    tax_group_id: int | None = None
    corrects: "Corrected | None" = None  # the invoice's line that asked for it, if one did


class Corrected(NamedTuple):
    """A line of an issued invoice, and what of it was not credited yet. What gives it back has its rate."""

    invoice_id: int
    line_id: int
    rate_bp: int
    tax_name: str
    left_minor: int
    vat_left_minor: int


class Back(NamedTuple):
    """A part of a charge that is to be given back: for the days from `first` to `end`."""

    charge_id: int
    amount_minor: int
    first: date
    end: date


def due_in(life: Life, period: Span, prices: Mapping[int, Sequence[DatedPrice]]) -> list[Due]:
    """What the service costs in this period, a row for each package that it has in it.

    A price holds for the whole period that it is in force at the beginning of, or at the start of a package that begins
    inside. A part costs its share by days, and the parts of an unchanged price together cost exactly the price. A package
    without a price is not charged for.
    """
    first = max(period.first, life.starts_on)
    end = min(period.end, life.ends_on) if life.ends_on else period.end
    rows = []
    for package_id, begins, ends in _stretches(life.packages, first, end):
        price = _price_at(prices.get(package_id, ()), begins)
        if price is None:
            continue
        upto = share_of(price, (ends - period.first).days, period.days)
        amount = upto - share_of(price, (begins - period.first).days, period.days)
        rows.append(
            Due(
                life.service_id,
                package_id,
                begins,
                ends,
                amount,
                (begins, ends) != (period.first, period.end),
            )
        )
    return rows


def _stretches(packages: Sequence[DatedPackage], first: date, end: date) -> list[tuple[int, date, date]]:
    """Package, first day and end of each stretch between the dates; changes on one day count as the last of them."""
    rows: list[tuple[int, date, date]] = []
    for position, package in enumerate(packages):
        begins = first if position == 0 else max(package.starts_on, first)
        later = [other.starts_on for other in packages[position + 1 :]]
        ends = min(end, *later) if later else end
        if begins < ends:
            if rows and rows[-1][0] == package.package_id and rows[-1][2] == begins:
                begins = rows.pop()[1]
            rows.append((package.package_id, begins, ends))
    return rows


def _price_at(prices: Sequence[DatedPrice], day: date) -> int | None:
    """The price in force; None before the first one, when the package could be had for nothing."""
    found = None
    for price in prices:
        if price.valid_from <= day:
            found = price.price_minor
    return found


def compare(due: Sequence[Due], charged: Sequence[Charged]) -> tuple[list[Due], list[Back]]:
    """What is still to be charged, and what is to be given back of what was.

    A charge that stands for the beginning of what is due keeps its share; one that stands for nothing is given back whole.
    What was charged at another price stays as it was told: only days decide.
    """
    wanted = {(row.service_id, row.package_id, row.first): row for row in due}
    back = []
    for one in sorted(charged, key=lambda one: (one.service_id, one.first, one.charge_id)):
        row = wanted.pop((one.service_id, one.package_id, one.first), None)
        if row is None:
            if one.amount_minor:
                back.append(Back(one.charge_id, one.amount_minor, one.first, one.end))
        elif row.end < one.end:
            kept = share_of(
                one.amount_minor, row.end.toordinal() - one.first.toordinal(), (one.end - one.first).days
            )
            if abs(kept - row.amount_minor) <= _ROUNDING_MINOR:
                kept = row.amount_minor  # a share of a share is rounded twice: what is due was rounded once
            if one.amount_minor > kept:
                back.append(Back(one.charge_id, one.amount_minor - kept, row.end, one.end))
        elif row.end > one.end:
            more = row.amount_minor - one.amount_minor
            if more > 0:
                wanted[row.service_id, row.package_id, one.end] = row._replace(
                    first=one.end, amount_minor=more, is_part=True
                )
    new = [row for row in wanted.values() if row.amount_minor]
    return sorted(new, key=lambda row: (row.service_id, row.first)), back
