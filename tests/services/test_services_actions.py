"""Setting services up, changing them, and having enforcement look at them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from capstan.audit.models import AuditEntry
from capstan.catalog import actions as catalog
from capstan.catalog.rules import Terms
from capstan.customers import actions as customers
from capstan.services import queries
from capstan.services.actions import access_due, contract, device, line, start, status
from capstan.services.models import AccessDue, PackageChange, Service
from capstan.services.rules import Addresses, LoginBy, MacLock, ServiceStatus
from capstan.values.refused import Refused

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "staff:naledi", "now": NOW}


@pytest.fixture
def packages(db: None) -> list[int]:
    brand = catalog.create_brand(name="Example Net", **BY)
    return [
        catalog.create_package(
            code=f"home-{size}",
            name=f"Home {size}",
            brand_id=brand.pk,
            terms=Terms(allowance_bytes=size * 10**9),
            valid_from=NOW,
            **BY,
        ).pk
        for size in (15, 50)
    ]


@pytest.fixture
def make_service(packages: list[int]) -> Callable[..., Service]:
    brand = catalog.create_brand(name="Second Net", **BY)
    customer = customers.create_customer(
        account_code="EX-0001", name="Jenny Example", brand_id=brand.pk, **BY
    )
    fibre = start.create_connection_type(code="fibre", name="Fibre", **BY)

    def make(username: str = "jenny@example.net", **changed: Any) -> Service:
        given = {
            "customer_id": customer.pk,
            "connection_type_id": fibre.pk,
            "package_id": packages[0],
            "username": username,
            "line_password": "open sesame",
        }
        return start.create_service(**{**given, **BY, **changed})

    return make


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service()


MakeService = Callable[..., Service]


def due(service: Service) -> AccessDue | None:
    return AccessDue.objects.filter(service=service).first()


def test_a_new_service(service: Service, packages: list[int]) -> None:
    stored = queries.by_username(" JENNY@example.net ")
    assert stored is not None
    assert stored.pk == service.pk
    assert stored.line_password == "open sesame"
    assert len(stored.nt_hash) == 32
    assert stored.status == ServiceStatus.ACTIVE
    assert stored.activated_at == NOW
    assert queries.package_in_force(service.pk, NOW) == packages[0]
    assert queries.package_in_force(service.pk, NOW - timedelta(days=9)) == packages[0]
    assert queries.next_package_change(service.pk, NOW) is None


def test_the_password_is_sealed_in_the_database(service: Service) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT line_password, nt_hash FROM services_service WHERE id = %s", [service.pk])
        sealed = [bytes(value) for value in cursor.fetchone()]
    assert b"sesame" not in sealed[0]
    assert service.nt_hash.encode() not in sealed[1]
    assert "sesame" not in str(list(AuditEntry.objects.values_list("details", flat=True)))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"username": "JENNY@EXAMPLE.NET"}, "already"),
        ({"username": ""}, "missing"),
        ({"line_password": ""}, "missing"),
        ({"login_by": LoginBy.MAC}, "needs one"),
        ({"mac_address": "nonsense"}, "MAC"),
        ({"activated_at": NOW + timedelta(seconds=1)}, "future"),
    ],
)
def test_services_refused(
    service: Service, make_service: MakeService, changed: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        make_service(**{"username": "other@example.net", **changed})
    assert Service.objects.count() == 1


def test_a_withdrawn_package_is_not_sold(make_service: MakeService, packages: list[int]) -> None:
    catalog.withdraw_package(package_id=packages[0], **BY)
    with pytest.raises(Refused, match="no longer sold"):
        make_service()


def test_suspend_resume_end(service: Service) -> None:
    assert status.suspend(service_id=service.pk, reason="unpaid since February", **BY)
    assert not status.suspend(service_id=service.pk, reason="again", **BY)
    row = due(service)
    assert row is not None
    assert (row.version, row.cause, row.due_at) == (1, "service suspended", NOW)
    assert status.resume(service_id=service.pk, reason="paid", **BY)
    assert status.end_service(service_id=service.pk, reason="moved away", **BY)
    assert not status.end_service(service_id=service.pk, reason="again", **BY)
    row = due(service)
    assert row is not None
    assert (row.version, row.cause) == (3, "service ended")
    for deed in (status.suspend, status.resume):
        with pytest.raises(Refused, match="has ended"):
            deed(service_id=service.pk, reason="", **BY)
    deeds = AuditEntry.objects.filter(subject=f"service:{service.pk}").order_by("id")
    assert list(deeds.values_list("action", "reason")) == [
        ("service.create", ""),
        ("service.suspend", "unpaid since February"),
        ("service.resume", "paid"),
        ("service.end_service", "moved away"),
    ]


def test_an_ended_service_frees_what_it_held(service: Service, make_service: MakeService) -> None:
    other = make_service("other@example.net")
    held = Addresses(ipv4_address="192.0.2.7", ipv6_prefix="2001:db8:7::/64")
    line.set_addresses(service_id=service.pk, addresses=held, **BY)
    with pytest.raises(Refused, match="belongs to jenny"):
        line.set_addresses(service_id=other.pk, addresses=held, **BY)
    status.end_service(service_id=service.pk, reason="moved away", **BY)
    line.set_addresses(service_id=other.pk, addresses=held, **BY)


def test_overlapping_prefixes_are_refused(service: Service, make_service: MakeService) -> None:
    other = make_service("other@example.net")
    line.set_addresses(
        service_id=service.pk, addresses=Addresses(ipv6_delegated_prefix="2001:db8:70::/56"), **BY
    )
    with pytest.raises(Refused, match=r"2001:db8:70::/56 belongs to jenny"):
        line.set_addresses(service_id=other.pk, addresses=Addresses(ipv6_prefix="2001:db8:70:1::/64"), **BY)
    line.set_addresses(service_id=other.pk, addresses=Addresses(ipv6_prefix="2001:db8:71::/64"), **BY)


def test_setting_addresses_replaces_all_of_them(service: Service) -> None:
    routes = ("198.51.100.0/28 192.0.2.7 1",)
    line.set_addresses(
        service_id=service.pk, addresses=Addresses(ipv4_address="192.0.2.7", ipv4_routes=routes), **BY
    )
    line.set_addresses(service_id=service.pk, addresses=Addresses(ipv4_pool="public"), **BY)
    service.refresh_from_db()
    assert (service.ipv4_address, service.ipv4_routes, service.ipv4_pool) == (None, [], "public")


def test_package_changes_are_dated(service: Service, packages: list[int]) -> None:
    first_of_april = datetime(2026, 3, 31, 22, tzinfo=NOW.tzinfo)
    contract.change_package(service_id=service.pk, package_id=packages[1], starts_at=first_of_april, **BY)
    assert queries.package_in_force(service.pk, NOW) == packages[0]
    assert queries.package_in_force(service.pk, first_of_april) == packages[1]
    assert queries.next_package_change(service.pk, NOW) == first_of_april
    assert queries.next_package_change(service.pk, first_of_april) is None
    row = due(service)
    assert row is not None
    assert row.due_at == first_of_april


@pytest.mark.parametrize(
    ("which", "days", "why"), [(0, 0, "already"), (1, -1, "past"), (1, 5, "very moment"), (1, 6, "already")]
)
def test_package_changes_refused(
    service: Service, packages: list[int], which: int, days: int, why: str
) -> None:
    planned = NOW + timedelta(days=5)
    contract.change_package(service_id=service.pk, package_id=packages[1], starts_at=planned, **BY)
    with pytest.raises(Refused, match=why):
        contract.change_package(
            service_id=service.pk, package_id=packages[which], starts_at=NOW + timedelta(days=days), **BY
        )
    assert PackageChange.objects.count() == 2


def test_the_device_is_learnt_once_and_cleared_by_staff(service: Service) -> None:
    assert not device.learn_mac(
        service_id=service.pk, mac_address="aa:bb:cc:00:00:01", actor="radius", now=NOW
    )
    device.clear_mac(service_id=service.pk, **BY)
    assert device.learn_mac(service_id=service.pk, mac_address="aa:bb:cc:00:00:01", actor="radius", now=NOW)
    assert not device.learn_mac(
        service_id=service.pk, mac_address="aa:bb:cc:00:00:02", actor="radius", now=NOW
    )
    service.refresh_from_db()
    assert (service.mac_lock, service.mac_address) == (MacLock.LOCKED, "AABBCC000001")
    device.set_mac_lock(service_id=service.pk, mac_address="aa-bb-cc-00-00-03", **BY)
    service.refresh_from_db()
    assert service.mac_address == "AABBCC000003"
    device.clear_mac(service_id=service.pk, learn=False, **BY)
    service.refresh_from_db()
    assert (service.mac_lock, service.mac_address) == (MacLock.OFF, "")


def test_a_device_logs_in_one_line(make_service: MakeService) -> None:
    line = make_service("camera", login_by=LoginBy.MAC, mac_address="aa:bb:cc:00:00:01")
    with pytest.raises(Refused, match="camera already"):
        make_service("second", login_by=LoginBy.MAC, mac_address="AABB.CC00.0001")
    with pytest.raises(Refused, match="give it the new one"):
        device.clear_mac(service_id=line.pk, **BY)
    device.set_mac_lock(service_id=line.pk, mac_address="aa:bb:cc:00:00:02", **BY)
    make_service("second", login_by=LoginBy.MAC, mac_address="AABB.CC00.0001")


def test_consent_session_limit_and_extra_attributes(service: Service) -> None:
    with pytest.raises(Refused, match="who gave it"):
        contract.record_overage_consent(service_id=service.pk, given_by="", channel="phone", **BY)
    contract.record_overage_consent(service_id=service.pk, given_by="Jenny", channel="phone", **BY)
    service.refresh_from_db()
    assert service.overage_consent == {"by": "Jenny", "channel": "phone", "at": NOW.isoformat()}
    contract.withdraw_overage_consent(service_id=service.pk, **BY)
    with pytest.raises(Refused, match="session limit"):
        line.set_session_limit(service_id=service.pk, session_limit=-1, **BY)
    line.set_session_limit(service_id=service.pk, session_limit=3, **BY)
    line.set_reply_extra(service_id=service.pk, reply_extra=[("Session-Timeout", "86400")], **BY)
    service.refresh_from_db()
    assert (service.overage_consent, service.session_limit) == (None, 3)
    assert service.reply_extra == [["Session-Timeout", "86400"]]


def test_a_new_password_replaces_both_forms(service: Service) -> None:
    before = service.nt_hash
    line.set_line_password(service_id=service.pk, line_password="clientPass", **BY)
    service.refresh_from_db()
    assert service.line_password == "clientPass"
    assert service.nt_hash == "44ebba8d5312b8d611474411f56989ae" != before


def test_access_due_is_one_row_that_keeps_the_earliest_date(make_service: MakeService) -> None:
    ids = [make_service(f"line-{number}@example.net").pk for number in range(3)]
    later, sooner = NOW + timedelta(hours=2), NOW + timedelta(hours=1)
    access_due.raise_access_due([*reversed(ids), ids[0]], cause="first", now=NOW, due_at=later)
    access_due.raise_access_due(ids[:2], cause="second", now=NOW, due_at=sooner)
    access_due.raise_access_due(ids[:1], cause="third", now=NOW, due_at=later)
    access_due.raise_access_due([], cause="nobody", now=NOW)
    rows = AccessDue.objects.order_by("service_id").values_list("version", "cause", "due_at")
    assert list(rows) == [(3, "third", sooner), (2, "second", sooner), (1, "first", later)]


def test_raising_again_makes_a_failing_row_due_at_once_but_leaves_its_lease(service: Service) -> None:
    access_due.raise_access_due([service.pk], cause="cap", now=NOW)
    held_until = NOW + timedelta(seconds=30)
    AccessDue.objects.update(attempts=4, due_at=NOW + timedelta(minutes=8), lease_until=held_until)
    access_due.raise_access_due([service.pk], cause="grant", now=NOW)
    row = due(service)
    assert row is not None
    assert (row.attempts, row.due_at, row.lease_until) == (0, NOW, held_until)


def test_enforcement_is_woken_once_when_it_commits(
    service: Service, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        status.suspend(service_id=service.pk, reason="", **BY)
        status.resume(service_id=service.pk, reason="", **BY)
    assert len(callbacks) == 1
