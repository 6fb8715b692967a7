"""Packages by dated version, offers by dated price."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from capstan.audit.models import AuditEntry
from capstan.catalog import actions, queries
from capstan.catalog.models import Package, PackageVersion
from capstan.catalog.rules import (
    AtCap,
    Counting,
    CycleAnchor,
    CycleKind,
    OvershootPolicy,
    Terms,
    parse_window,
)
from capstan.values.refused import Refused

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
GB = 10**9
BY: dict[str, Any] = {"actor": "staff:naledi", "now": NOW}


@pytest.fixture
def brand_id() -> int:
    return actions.create_brand(name="Example Net", sms_sender="ExampleNet", **BY).pk


@pytest.fixture
def package(brand_id: int) -> Package:
    return actions.create_package(
        code="home-15",
        name="Home 15 GB",
        brand_id=brand_id,
        terms=Terms(allowance_bytes=15 * GB),
        valid_from=NOW,
        **BY,
    )


def test_terms_come_back_as_they_were_given(brand_id: int) -> None:
    terms = Terms(
        allowance_bytes=15 * GB,
        cycle_kind=CycleKind.DAYS_30,
        cycle_anchor=CycleAnchor.ANNIVERSARY,
        day_limit_bytes=2 * GB,
        week_limit_bytes=7 * GB,
        counting=Counting.DOWN,
        rate_up_kbps=5_000,
        rate_down_kbps=20_000,
        at_cap=AtCap.THROTTLE,
        throttle_up_kbps=128,
        throttle_down_kbps=384,
        overshoot=OvershootPolicy.CARRY,
        free_windows=(parse_window("1234567 00:00-06:00"), parse_window("5 22:00-02:00")),
        rollover_allowance_cycles=1,
        rollover_topup_cycles=3,
        thresholds=(75, 100),
    )
    package = actions.create_package(
        code="odd", name="Odd", brand_id=brand_id, terms=terms, valid_from=NOW, **BY
    )
    assert queries.terms(queries.version_in_force(package.pk, NOW)) == terms


def test_a_change_is_a_later_version(package: Package) -> None:
    first = queries.version_in_force(package.pk, NOW)
    then = NOW + timedelta(days=20)
    second = actions.add_version(
        package_id=package.pk, terms=Terms(allowance_bytes=20 * GB), valid_from=then, **BY
    ).pk
    assert queries.version_in_force(package.pk, NOW - timedelta(days=9)) == first
    assert queries.version_in_force(package.pk, then - timedelta(seconds=1)) == first
    assert queries.version_in_force(package.pk, then) == second
    assert queries.terms(first).allowance_bytes == 15 * GB
    assert queries.terms(second).allowance_bytes == 20 * GB


def test_terms_are_read_from_the_database_once(
    package: Package, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    version = queries.version_in_force(package.pk, NOW)
    queries.terms(version)
    with django_assert_num_queries(0):
        queries.terms(version)


@pytest.mark.parametrize(("offset", "why"), [(-1, "past"), (0, "begin later"), (5, "begin later")])
def test_a_version_can_not_rewrite_what_was(package: Package, offset: int, why: str) -> None:
    actions.add_version(package_id=package.pk, terms=Terms(), valid_from=NOW + timedelta(days=5), **BY)
    with pytest.raises(Refused, match=why):
        actions.add_version(
            package_id=package.pk, terms=Terms(), valid_from=NOW + timedelta(days=offset), **BY
        )


def test_terms_that_can_not_be_sold_leave_nothing_behind(brand_id: int) -> None:
    with pytest.raises(Refused, match="Thresholds must rise"):
        actions.create_package(
            code="x", name="X", brand_id=brand_id, terms=Terms(thresholds=(90, 50)), valid_from=NOW, **BY
        )
    assert not Package.objects.exists()
    assert not PackageVersion.objects.exists()


def test_a_code_is_given_once(package: Package, brand_id: int) -> None:
    with pytest.raises(Refused, match="add a version"):
        actions.create_package(
            code="home-15", name="Again", brand_id=brand_id, terms=Terms(), valid_from=NOW, **BY
        )
    with pytest.raises(Refused, match="name is missing"):
        actions.create_package(code="new", name=" ", brand_id=brand_id, terms=Terms(), valid_from=NOW, **BY)
    with pytest.raises(Refused, match="Example Net"):
        actions.create_brand(name="Example Net", **BY)


def offer(brand_id: int, code: str, letter: str, size_bytes: int = GB, price_minor: int = 2000) -> int:
    return actions.create_offer(
        code=code,
        name=f"Top-up {code}",
        brand_id=brand_id,
        size_bytes=size_bytes,
        letter=letter,
        price_minor=price_minor,
        **BY,
    ).pk


def test_an_offer_lasts_to_the_cycles_end_some_days_or_for_ever(brand_id: int) -> None:
    given: dict[str, Any] = {"name": "T", "brand_id": brand_id, "size_bytes": GB, "price_minor": 1, **BY}
    for letter, validity in (("A", {}), ("B", {"valid_days": 30}), ("C", {"never_expires": True})):
        actions.create_offer(code=letter, letter=letter, **validity, **given)
    assert [(o.letter, o.valid_days, o.never_expires) for o in queries.offers_on_sale(at=NOW)] == [
        ("A", None, False),
        ("B", 30, False),
        ("C", None, True),
    ]
    with pytest.raises(Refused, match="never expires has no number of days"):
        actions.create_offer(code="D", letter="D", valid_days=30, never_expires=True, **given)


def test_offers_carry_the_price_in_force(brand_id: int) -> None:
    other = actions.create_brand(name="Other Net", **BY).pk
    two = offer(brand_id, "2GB", "b", 2 * GB, 3500)
    one = offer(brand_id, "1GB", "A", GB, 2000)
    elsewhere = offer(other, "O", "A")
    rise = NOW + timedelta(days=30)
    actions.set_price(offer_id=two, price_minor=3900, valid_from=rise, **BY)

    on_sale = queries.offers_on_sale(at=NOW, brand_id=brand_id)
    assert [(o.id, o.letter, o.size_bytes, o.price_minor) for o in on_sale] == [
        (one, "A", GB, 2000),
        (two, "B", 2 * GB, 3500),
    ]
    assert [o.price_minor for o in queries.offers_on_sale(at=rise, brand_id=brand_id)] == [2000, 3900]
    assert [o.id for o in queries.offers_on_sale(at=NOW)] == [one, two, elsewhere]
    assert queries.offers_on_sale(at=NOW - timedelta(seconds=1)) == []


def test_a_withdrawn_offer_frees_its_letter(brand_id: int) -> None:
    old = offer(brand_id, "old", "A")
    with pytest.raises(Refused, match="stands for"):
        offer(brand_id, "new", "A")
    actions.withdraw_offer(offer_id=old, **BY)
    new = offer(brand_id, "new", "A")
    assert [o.id for o in queries.offers_on_sale(at=NOW)] == [new]


@pytest.mark.parametrize(
    ("code", "letter", "size_bytes", "price_minor", "why"),
    [
        ("a", "AB", GB, 1, "one of A to Z"),
        ("a", "É", GB, 1, "one of A to Z"),
        ("a", "", GB, 1, "one of A to Z"),
        ("a", "A", 0, 1, "some data"),
        ("a", "A", GB, -1, "less than nothing"),
        ("", "A", GB, 1, "code is missing"),
    ],
)
def test_offers_refused(
    brand_id: int, code: str, letter: str, size_bytes: int, price_minor: int, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        offer(brand_id, code, letter, size_bytes, price_minor)
    assert queries.offers_on_sale(at=NOW) == []


def test_prices_do_not_change_in_the_past(brand_id: int) -> None:
    one = offer(brand_id, "1GB", "A")
    with pytest.raises(Refused, match="past"):
        actions.set_price(offer_id=one, price_minor=1, valid_from=NOW - timedelta(days=1), **BY)
    with pytest.raises(Refused, match="that very moment"):
        actions.set_price(offer_id=one, price_minor=1, valid_from=NOW, **BY)


def test_every_deed_is_audited(package: Package, brand_id: int) -> None:
    offer(brand_id, "1GB", "A")
    actions.withdraw_package(package_id=package.pk, **BY)
    assert list(AuditEntry.objects.order_by("id").values_list("action", "actor")) == [
        (f"catalog.{deed}", "staff:naledi")
        for deed in (
            "create_brand",
            "create_package",
            "add_version",
            "create_offer",
            "set_price",
            "withdraw_package",
        )
    ]
