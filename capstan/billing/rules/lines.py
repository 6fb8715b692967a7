"""From charges to the lines of an invoice. Free of storage."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from capstan.billing.rules.amounts import vat_in
from capstan.billing.rules.recurring import Corrected
from capstan.billing.rules.words import ChargeKind


class Item(NamedTuple):
    """A charge, or a part of one given back, as an invoice takes it up. `rate_bp` is that of its day of supply."""

    charge_id: int
    service_id: int | None
    kind: ChargeKind
    text: str
    amount_minor: int  # VAT included; below zero for what is given back and for discounts
    rate_bp: int
    tax_name: str
    supplied_on: date
    corrects: Corrected | None = None
    tax_group_id: int | None = None


class Line(NamedTuple):
    """A line with its VAT, which is worked out here once and never again."""

    text: str
    details: tuple[str, ...]
    service_id: int | None
    kind: ChargeKind
    amount_minor: int
    vat_minor: int
    rate_bp: int
    tax_name: str
    supplied_from: date
    supplied_to: date
    charge_ids: tuple[int, ...]
    tax_group_id: int | None = None
    corrects_line_id: int | None = None  # of a credit note: the invoice's line that it gives back
    replaces_line_id: int | None = None  # the credited line in whose place it is issued again

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.vat_minor


class Totals(NamedTuple):
    """Of all lines: net + VAT = total, to the cent."""

    net_minor: int
    vat_minor: int
    total_minor: int


class TaxSum(NamedTuple):
    """What was supplied at one rate."""

    name: str
    rate_bp: int
    net_minor: int
    vat_minor: int


_ORDER = list(ChargeKind)


def lines_of(items: Iterable[Item], *, group_top_ups: bool = False, grouped_text: str = "") -> list[Line]:
    """The lines, by service, then by what was sold, oldest first.

    With `group_top_ups` those of one service at one rate share a line, whose text is `grouped_text` with `{count}`; each is a
    detail of it.
    """
    ordered = sorted(
        items, key=lambda one: (one.service_id or 0, _ORDER.index(one.kind), one.supplied_on, one.charge_id)
    )
    lines = []
    for item in ordered if not group_top_ups else (one for one in ordered if one.kind != ChargeKind.TOP_UP):
        lines.append(_line([item], item.text, ()))
    if group_top_ups:
        top_ups = sorted((one for one in ordered if one.kind == ChargeKind.TOP_UP), key=_alike)
        for _, together in groupby(top_ups, key=_alike):
            group = list(together)
            if len(group) == 1:
                lines.append(_line(group, group[0].text, ()))
            else:
                text = grouped_text.format(count=len(group))
                lines.append(_line(group, text, tuple(one.text for one in group)))
        lines.sort(key=lambda line: (line.service_id or 0, _ORDER.index(line.kind), line.supplied_from))
    return lines


def _alike(item: Item) -> tuple[int, int, str]:
    return item.service_id or 0, item.rate_bp, item.tax_name


class Credited(NamedTuple):
    """The lines of a credit note, and the charges that come to nothing as their line was credited before, with that line."""

    lines: list[Line]
    absorbed: list[tuple[int, int]]


def credit_lines(items: Iterable[Item]) -> Credited:
    """Each at the rate of the line that it corrects, and never more than is left of it. The last part takes the rest of its VAT,
    so that a line that is credited whole leaves nothing."""
    lines: list[Line] = []
    absorbed: list[tuple[int, int]] = []
    left: dict[int, tuple[int, int]] = {}
    for item in sorted(items, key=lambda one: (one.service_id or 0, one.supplied_on, one.charge_id)):
        corrected = item.corrects
        assert corrected is not None
        amount, vat = left.get(corrected.line_id, (corrected.left_minor, corrected.vat_left_minor))
        if amount <= 0:
            absorbed.append((item.charge_id, corrected.line_id))
            continue
        line = _line([item._replace(amount_minor=min(item.amount_minor, amount))], item.text, ())
        own = vat if line.amount_minor >= amount else min(line.vat_minor, vat)
        left[corrected.line_id] = (amount - line.amount_minor, vat - own)
        lines.append(line._replace(vat_minor=own, corrects_line_id=corrected.line_id))
    return Credited(lines, absorbed)


def _line(items: Sequence[Item], text: str, details: tuple[str, ...]) -> Line:
    amount = sum(one.amount_minor for one in items)
    first = items[0]
    return Line(
        text, details, first.service_id, first.kind, amount, vat_in(amount, first.rate_bp), first.rate_bp, first.tax_name,
        min(one.supplied_on for one in items), max(one.supplied_on for one in items),
        tuple(one.charge_id for one in items), first.tax_group_id,
    )  # fmt: skip


def totals(lines: Iterable[Line]) -> Totals:
    amount = vat = 0
    for line in lines:
        amount += line.amount_minor
        vat += line.vat_minor
    return Totals(amount - vat, vat, amount)


def by_rate(lines: Iterable[Line]) -> list[TaxSum]:
    """The VAT of each rate, highest first, as a tax invoice shows it."""
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for line in lines:
        net, vat = sums.get((line.tax_name, line.rate_bp), (0, 0))
        sums[line.tax_name, line.rate_bp] = (net + line.net_minor, vat + line.vat_minor)
    rows = [TaxSum(name, rate, net, vat) for (name, rate), (net, vat) in sums.items()]
    return sorted(rows, key=lambda row: (-row.rate_bp, row.name))


def without_vat(items: Iterable[Item]) -> list[Item]:
    """The same of a provider that isn't registered: no rate, no word of it."""
    return [item._replace(rate_bp=0, tax_name="") for item in items]


RateOf = Callable[[int | None, date], tuple[int, str]]
"""The rate in hundredths of a percent and the name of a tax group (None: the default one) on a day of supply."""
