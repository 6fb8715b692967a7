"""Rounding, VAT, and how charges become lines and documents."""

from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.billing.rules.amounts import half_even, share_of, vat_in, vat_on
from capstan.billing.rules.lines import (
    Item,
    TaxSum,
    Totals,
    by_rate,
    credit_lines,
    lines_of,
    totals,
    without_vat,
)
from capstan.billing.rules.plan import OpenCharge, documents_for
from capstan.billing.rules.recurring import Corrected
from capstan.billing.rules.words import ChargeKind

JANUARY = date(2026, 1, 1)
amounts = st.integers(-(10**9), 10**9)
rates = st.one_of(st.sampled_from([0, 500, 1400, 1500, 1550, 1900, 2500, 10_000]), st.integers(0, 10_000))
RATES = {None: (1500, "VAT"), 1: (0, "Zero-rated"), 2: (1550, "VAT")}


def item(charge_id: int, amount: int, kind: ChargeKind = ChargeKind.TOP_UP, *, service: int | None = 1,
         rate: int = 1500, day: int = 1, text: str = "") -> Item:  # fmt: skip
    supplied_on = JANUARY + timedelta(days=day - 1)
    name = text or f"{kind} {charge_id}"
    return Item(charge_id, service, kind, name, amount, rate, "VAT", supplied_on)


items = st.lists(
    st.tuples(
        st.integers(-50_000, 50_000),
        st.sampled_from(list(ChargeKind)),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([0, 1500, 1550]),
        st.integers(1, 28),
    ),
    max_size=10,
).map(
    lambda rows: [
        item(number, amount, kind, service=service, rate=rate, day=day)
        for number, (amount, kind, service, rate, day) in enumerate(rows, 1)
    ]
)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (0, 3, 0),
        (1, 2, 0),  # a half goes to the even side
        (3, 2, 2),
        (5, 2, 2),
        (-1, 2, 0),
        (-3, 2, -2),
        (-5, 2, -2),
        (1, 3, 0),
        (2, 3, 1),
        (-2, 3, -1),
        (7, 1, 7),
    ],
)
def test_a_half_goes_to_the_even_side(numerator: int, denominator: int, expected: int) -> None:
    assert half_even(numerator, denominator) == expected


@pytest.mark.parametrize("denominator", [0, -2])
def test_there_is_no_quotient_by_nothing_or_less(denominator: int) -> None:
    with pytest.raises(ValueError, match="/"):
        half_even(1, denominator)


@given(numerator=amounts, denominator=st.integers(1, 10**6))
def test_half_even_is_what_bookkeepers_call_it(numerator: int, denominator: int) -> None:
    """Decimal's own rounding agrees, and a sum given back is the sum that was taken."""
    exact = Decimal(numerator) / Decimal(denominator)
    found = half_even(numerator, denominator)
    assert found == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert half_even(-numerator, denominator) == -found


@pytest.mark.parametrize(("part", "whole"), [(-1, 31), (32, 31), (0, 0)])
def test_what_is_no_share_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        share_of(100, part, whole)


@given(amount=amounts, whole=st.integers(1, 31), data=st.data())
def test_shares_never_leave_their_bounds(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    found = share_of(amount, part, whole)
    assert min(0, amount) <= found <= max(0, amount)
    assert abs(found * whole - amount * part) * 2 <= whole
    assert (share_of(amount, 0, whole), share_of(amount, whole, whole)) == (0, amount)


@pytest.mark.parametrize(
    ("amount", "rate_bp", "expected"),
    [
        (11500, 1500, 1500),
        (59900, 1500, 7813),
        (3500, 1500, 457),  # 456.52
        (1, 1500, 0),
        (3, 10_000, 2),  # 1.5
        (1, 10_000, 0),  # 0.5
        (-59900, 1500, -7813),
        (59900, 0, 0),
        (0, 1500, 0),
    ],
)
def test_the_vat_in_an_amount(amount: int, rate_bp: int, expected: int) -> None:
    assert vat_in(amount, rate_bp) == expected


@given(amount=amounts, rate_bp=rates)
def test_vat_is_a_part_of_the_amount_and_comes_back_as_it_went(amount: int, rate_bp: int) -> None:
    vat = vat_in(amount, rate_bp)
    assert min(0, amount) <= vat <= max(0, amount)
    assert vat_in(-amount, rate_bp) == -vat
    assert abs(vat * (10_000 + rate_bp) - amount * rate_bp) * 2 <= 10_000 + rate_bp


@given(net=amounts, rate_bp=rates)
def test_vat_that_was_put_on_is_found_in_the_sum(net: int, rate_bp: int) -> None:
    assert vat_in(net + vat_on(net, rate_bp), rate_bp) == vat_on(net, rate_bp)


def test_lines_come_by_service_then_by_what_was_sold_then_by_day() -> None:
    found = lines_of(
        [
            item(1, 100, ChargeKind.DISCOUNT, service=2),
            item(2, 100, ChargeKind.TOP_UP, service=2, day=9),
            item(3, 100, ChargeKind.TOP_UP, service=2, day=3),
            item(4, 100, ChargeKind.SUBSCRIPTION, service=2, day=20),
            item(5, 100, ChargeKind.FEE, service=1),
            item(6, 100, ChargeKind.FEE, service=None),
            item(7, 100, ChargeKind.TOP_UP, service=2, day=3),
        ]
    )
    assert [line.charge_ids for line in found] == [(6,), (5,), (4,), (3,), (7,), (2,), (1,)]


def test_grouped_top_ups_are_one_line_for_each_service_and_rate() -> None:
    found = lines_of(
        [
            item(1, 3500, day=9, text="1 GB"),
            item(2, 6500, day=3, text="2 GB"),
            item(3, 3500, day=20, rate=1550, text="1 GB"),
            item(4, 3500, service=2, day=5, text="1 GB"),
            item(5, 59900, ChargeKind.SUBSCRIPTION, text="Fibre"),
        ],
        group_top_ups=True,
        grouped_text="Top-ups ({count})",
    )
    shown = [(line.text, line.details, line.amount_minor, line.vat_minor, line.charge_ids) for line in found]
    assert shown[0] == ("Fibre", (), 59900, 7813, (5,))
    assert ("Top-ups (2)", ("2 GB", "1 GB"), 10000, 1304, (2, 1)) in shown
    assert ("1 GB", (), 3500, 470, (3,)) in shown  # at the rate of its own day
    assert shown[-1] == ("1 GB", (), 3500, 457, (4,))
    both = next(line for line in found if line.details)
    assert (both.supplied_from, both.supplied_to) == (date(2026, 1, 3), date(2026, 1, 9))


@given(found=items)
def test_net_and_vat_are_the_total_to_the_cent(found: list[Item]) -> None:
    lines = lines_of(found)
    sums = totals(lines)
    assert all(line.net_minor + line.vat_minor == line.amount_minor for line in lines)
    assert sums.net_minor + sums.vat_minor == sums.total_minor == sum(one.amount_minor for one in found)
    assert sums.vat_minor == sum(line.vat_minor for line in lines)


@given(found=items)
def test_grouping_changes_no_total_and_loses_no_charge(found: list[Item]) -> None:
    apart, together = lines_of(found), lines_of(found, group_top_ups=True, grouped_text="{count}")
    assert totals(apart).total_minor == totals(together).total_minor
    for lines in (apart, together):
        taken = sorted(charge_id for line in lines for charge_id in line.charge_ids)
        assert taken == [one.charge_id for one in found]
        assert all(line.supplied_from <= line.supplied_to for line in lines)
    assert {line.rate_bp for line in together} == {line.rate_bp for line in apart}


@given(found=items)
def test_the_vat_of_a_credited_line_is_the_vat_that_was_charged(found: list[Item]) -> None:
    charged = {line.charge_ids: line for line in lines_of(found)}
    back = lines_of(one._replace(amount_minor=-one.amount_minor) for one in found)
    assert {line.charge_ids: -line.vat_minor for line in back} == {
        ids: line.vat_minor for ids, line in charged.items()
    }


@given(found=items)
def test_the_sums_by_rate_are_the_totals(found: list[Item]) -> None:
    lines = lines_of(found)
    rows, sums = by_rate(lines), totals(lines)
    net, vat = sum(row.net_minor for row in rows), sum(row.vat_minor for row in rows)
    assert Totals(net, vat, net + vat) == sums
    assert [row.rate_bp for row in rows] == sorted({one.rate_bp for one in found}, reverse=True)


def test_a_tax_invoice_shows_the_highest_rate_first() -> None:
    lines = lines_of([item(1, 11500), item(2, 500, rate=0), item(3, 11500), item(4, 11550, rate=1550)])
    assert by_rate(lines) == [
        TaxSum("VAT", 1550, 10000, 1550),
        TaxSum("VAT", 1500, 20000, 3000),
        TaxSum("VAT", 0, 500, 0),
    ]


@given(found=items)
def test_who_is_not_registered_asks_for_the_same_without_vat(found: list[Item]) -> None:
    sums = totals(lines_of(without_vat(found)))
    assert sums == (sums.total_minor, 0, sum(one.amount_minor for one in found))
    assert all(one.tax_name == "" for one in without_vat(found))


def charge(charge_id: int, amount: int, kind: ChargeKind = ChargeKind.TOP_UP, *, corrects: int | None = None,
           group: int | None = None) -> OpenCharge:  # fmt: skip
    line = Corrected(corrects, 100 * corrects, 1400, "VAT", 1000, 123) if corrects else None
    return OpenCharge(charge_id, 1, kind, f"{kind} {charge_id}", amount, group, JANUARY, line)


def rate_of(group: int | None, day: date) -> tuple[int, str]:
    return RATES[group]


@pytest.mark.parametrize(
    ("charges", "invoiced", "credited", "total"),
    [
        ([], [], {}, 0),
        ([charge(1, 100)], [1], {}, 100),
        ([charge(1, 100), charge(2, -40)], [1, 2], {}, 60),  # beside the charge, as no invoice has asked for it
        ([charge(1, 100), charge(2, -40, corrects=7)], [1], {7: [2]}, 60),
        ([charge(2, -40, corrects=7), charge(3, -5, corrects=8), charge(4, -1, corrects=7)],
         [], {7: [2, 4], 8: [3]}, -46),
        ([charge(1, 0, corrects=7)], [], {}, 0),
        # a discount that is more than all the rest waits
        ([charge(1, 100), charge(2, -40, ChargeKind.DISCOUNT)], [1, 2], {}, 60),
        ([charge(1, 100), charge(2, -100, ChargeKind.DISCOUNT)], [1, 2], {}, 0),
        ([charge(1, 100), charge(2, -140, ChargeKind.DISCOUNT)], [1], {}, 100),
        ([charge(2, -140, ChargeKind.DISCOUNT)], [], {}, 0),
    ],
)  # fmt: skip
def test_open_charges_go_onto_an_invoice_and_credit_notes(
    charges: list[OpenCharge], invoiced: list[int], credited: dict[int, list[int]], total: int
) -> None:
    found = documents_for(charges, rate_of)
    assert [one.charge_id for one in found.items] == invoiced
    assert {key: [one.charge_id for one in group] for key, group in found.credits.items()} == credited
    assert all(one.amount_minor > 0 for group in found.credits.values() for one in group)
    assert found.total_minor == total


def test_every_item_has_the_rate_of_its_own_group() -> None:
    found = documents_for([charge(1, 100), charge(2, 100, group=1), charge(3, 100, group=2)], rate_of)
    assert [one.rate_bp for one in found.items] == [1500, 0, 1550]


def test_what_is_credited_has_the_rate_of_the_line_it_corrects_and_the_last_part_takes_the_rest() -> None:
    found = documents_for([charge(1, -400, corrects=7), charge(2, -600, corrects=7)], rate_of)
    lines = credit_lines(found.credits[7]).lines
    assert [(line.amount_minor, line.vat_minor, line.rate_bp) for line in lines] == [
        (400, 49, 1400),
        (600, 74, 1400),
    ]


def test_what_was_credited_before_is_credited_no_more() -> None:
    found = documents_for(
        [charge(1, -900, corrects=7), charge(2, -600, corrects=7), charge(3, -5, corrects=7)], rate_of
    )
    credited = credit_lines(found.credits[7])
    assert [(line.amount_minor, line.vat_minor) for line in credited.lines] == [(900, 111), (100, 12)]
    assert credited.absorbed == [(3, 700)]
