"""One box finds the account: by whatever the caller says (J5)."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from django.db import connection

from capstan.customers.actions import add_contact, create_customer
from capstan.customers.models import Contact, Customer
from capstan.customers.rules import CustomerKind
from capstan.messaging.rules.words import Medium
from capstan.metering.models import Nas, RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.network.rules.line_state import LineState
from capstan.operator.search.find import LINES_SHOWN, RESULTS_SHOWN, Search, search
from capstan.operator.search.hits import Rank
from capstan.services.actions.device import set_mac_lock
from capstan.services.actions.line import set_addresses
from capstan.services.models import Service
from capstan.services.rules import Addresses
from capstan.topups.actions import agreements, notification_list
from capstan.topups.models import ListEntry
from capstan.topups.rules.words import RemovedBecause
from tests.provider import ACTOR, Provider

QUERIES_MAX = 20


class Scene(Provider):
    """Customers to be found."""

    router: Nas | None = None

    def __init__(self) -> None:
        super().__init__()
        self.by: dict[str, Any] = {"actor": ACTOR, "now": self.now}

    def person(self, code: str, name: str, username: str = "", **contact: Any) -> Customer:
        kind = CustomerKind.COMPANY if "Traders" in name else CustomerKind.INDIVIDUAL
        made = create_customer(account_code=code, name=name, brand_id=self.brand.pk, kind=kind, **self.by)
        if contact:
            add_contact(customer_id=made.pk, name=name, **contact, **self.by)
        if username:
            self.line(made, username)
        return made

    def line(self, customer: Customer, username: str) -> Service:
        made = self.service(username)
        Service.objects.filter(pk=made.pk).update(customer=customer)
        return made

    def online(self, username: str, **more: Any) -> RadiusSession:
        nas = self.router or self.nas(self.peer(), "nas-1")
        self.router = nas
        service = Service.objects.filter(username=username).first()
        times = dict.fromkeys(("started_at", "first_seen_at", "last_seen_at", "counted_until"), self.now)
        number = RadiusSession.objects.count()
        return RadiusSession.objects.create(
            key=bytes([number]) * 16, nas=nas, service=service, username=username, acct_session_id=b"%d" % number,
            start_mark=0, last_mark=0, **times, **more,
        )  # fmt: skip


@pytest.fixture
def scene(db: None) -> Scene:
    made = Scene()
    made.person(
        "SP1001", "Thandi Nkosi", "thandi.nkosi@isp.example", phone="060 000 1234", email="thandi@example.net"
    )
    made.person("SP1002", "Élodie van der Merwe", "elodie@isp.example", phone="+27 21 555 0123")
    made.person("SP1003", "Nkosi Traders (Pty) Ltd", "traders@isp.example", phone="+27 21 555 0177")
    return made


@pytest.fixture
def find(scene: Scene) -> Callable[[str], Search]:
    return lambda text: search(text, now=scene.now)


def names(found: Search) -> list[str]:
    return [result.customer.name for result in found.results]


@pytest.mark.parametrize(
    "text",
    [
        "thandi.nkosi@isp.example", "THANDI.NKOSI@isp.example", "thandi.nk", "SP1001", "sp 1001", "sp1001",
        "060 000 1234", "+27600001234", "27 60 000 1234", "0027600001234", "thandi@example.net", "Thandi@EXAMPLE.net",
        "thandi@exam", "Thandi Nkosi", "nkosi thandi", "thandi", "thand nk", "001234", "1234",
    ],
)  # fmt: skip
def test_whatever_the_caller_says_leads_to_her(find: Callable[[str], Search], text: str) -> None:
    assert "Thandi Nkosi" in names(find(text))


@pytest.mark.parametrize(
    ("text", "leads_to_line"),
    [
        ("thandi.nkosi@isp.example", True),
        ("SP1001", False),
        ("060 000 1234", False),
        ("thandi@example.net", False),
    ],
)
def test_one_exact_hit_is_the_goal(find: Callable[[str], Search], text: str, leads_to_line: bool) -> None:
    goal = find(text).goal
    assert goal is not None
    assert goal.account_code == "SP1001"
    assert (goal.service_id is not None) == leads_to_line


@pytest.mark.parametrize("text", ["nkosi", "thandi.nk", "1234", "nobody", "x", ""])
def test_anything_less_than_one_exact_hit_is_listed(find: Callable[[str], Search], text: str) -> None:
    assert find(text).goal is None


def test_a_full_name_is_the_goal_only_if_nobody_else_has_it(
    scene: Scene, find: Callable[[str], Search]
) -> None:
    assert find("thandi nkosi").goal is not None
    scene.person("SP1009", "Thandi Nkosi")
    assert find("thandi nkosi").goal is None
    assert len(find("thandi nkosi").results) == 2


def test_the_best_hit_comes_first(find: Callable[[str], Search]) -> None:
    found = find("nkosi")
    assert names(found) == ["Nkosi Traders (Pty) Ltd", "Thandi Nkosi"]
    assert {result.rank for result in found.results} == {Rank.NAME}
    assert names(find("thandi nkosi"))[0] == "Thandi Nkosi"


@pytest.mark.parametrize("text", ["elodie", "ÉLODIE", "merwe", "van der", "Elodie Merwe"])
def test_names_are_found_by_any_word_without_case_and_accents(
    find: Callable[[str], Search], text: str
) -> None:
    assert names(find(text)) == ["Élodie van der Merwe"]


def test_each_line_says_its_state(find: Callable[[str], Search]) -> None:
    line = find("SP1001").results[0].lines[0]
    assert line.username == "thandi.nkosi@isp.example"
    assert line.state == LineState.OPEN


def test_a_customer_with_many_lines_shows_some_and_the_one_that_is_meant(
    scene: Scene, find: Callable[[str], Search]
) -> None:
    traders = Customer.objects.get(account_code="SP1003")
    for number in range(8):
        scene.line(traders, f"branch{number}@isp.example")
    whole = find("SP1003").results[0]
    assert len(whole.lines) == LINES_SHOWN
    assert whole.lines_beside == 9 - LINES_SHOWN
    meant = find("branch7@isp.example").results[0]
    assert meant.lines[0].username == "branch7@isp.example"
    assert meant.lines[0].is_meant
    assert meant.lines_beside == 9 - LINES_SHOWN - 1


# --- addresses and devices -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["192.0.2.7", "192.0.2.7:53", "2001:db8:7::", "2001:db8:7:ff::9", "2001:db8:9:1::1", "2001:db8:7::/56"],
)
def test_fixed_addresses_and_prefixes_are_found(
    scene: Scene, find: Callable[[str], Search], text: str
) -> None:
    line = Service.objects.get(username="elodie@isp.example")
    addresses = Addresses(
        ipv4_address="192.0.2.7", ipv6_prefix="2001:db8:9:1::/64", ipv6_delegated_prefix="2001:db8:7::/48"
    )
    set_addresses(service_id=line.pk, addresses=addresses, **scene.by)
    goal = find(text).goal
    assert goal is not None
    assert goal.service_id == line.pk


@pytest.mark.parametrize("text", ["192.0.2.8", "2001:db8:8::1", "2001:db8::/32"])
def test_other_addresses_are_not(scene: Scene, find: Callable[[str], Search], text: str) -> None:
    line = Service.objects.get(username="elodie@isp.example")
    addresses = Addresses(ipv4_address="192.0.2.7", ipv6_delegated_prefix="2001:db8:7::/48")
    set_addresses(service_id=line.pk, addresses=addresses, **scene.by)
    assert not find(text).results


@pytest.mark.parametrize("text", ["198.51.100.9", "2001:db8:55:1::2"])
def test_the_address_of_a_live_session_is_found_while_it_lasts(
    scene: Scene, find: Callable[[str], Search], text: str
) -> None:
    session = scene.online("traders@isp.example", framed_ip="198.51.100.9", framed_ipv6="2001:db8:55:1::/64")
    found = find(text)
    assert found.goal is not None
    assert found.goal.service_id == session.service_id
    assert "nas-1" in found.results[0].why[0]
    RadiusSession.objects.filter(pk=session.pk).update(state=SessionState.CLOSED)
    assert not find(text).results


def test_a_device_is_found_by_its_session_and_by_its_line(
    scene: Scene, find: Callable[[str], Search]
) -> None:
    scene.online("traders@isp.example", calling_station="02-00-5e-00-00-01")
    assert names(find("0200.5E00.0001")) == ["Nkosi Traders (Pty) Ltd"]
    line = Service.objects.get(username="elodie@isp.example")
    set_mac_lock(service_id=line.pk, mac_address="02:00:5e:00:00:02", **scene.by)
    assert names(find("02005E000002")) == ["Élodie van der Merwe"]


def test_a_session_that_nobody_owns_is_said(scene: Scene, find: Callable[[str], Search]) -> None:
    scene.online("ghost@isp.example", framed_ip="198.51.100.66")
    found = find("198.51.100.66")
    assert not found.results
    assert [(stray.username, stray.router) for stray in found.strays] == [("ghost@isp.example", "nas-1")]


# --- who may order and authorise --------------------------------------------------------------------------


def test_listed_numbers_and_addresses_lead_to_their_line(scene: Scene, find: Callable[[str], Search]) -> None:
    line = Service.objects.get(username="elodie@isp.example")
    by_sms = notification_list.NewEntry(line.pk, Medium.SMS, "060 000 7788", name="Pieter")
    entry = notification_list.add(by_sms, confirmed_by_staff=True, **scene.by)
    by_mail = notification_list.NewEntry(line.pk, Medium.EMAIL, "Pieter@example.org")
    notification_list.add(by_mail, confirmed_by_staff=True, **scene.by)
    for text in ("+27600007788", "7788", "pieter@example.org", "pieter@ex", "Pieter"):
        assert names(find(text)) == ["Élodie van der Merwe"], text
    goal = find("0600007788").goal
    assert goal is not None
    assert goal.service_id == line.pk
    notification_list.remove(entry_id=entry.pk, because=RemovedBecause.STAFF, **scene.by)
    assert not find("+27600007788").results


def test_authorisers_lead_to_their_customer(scene: Scene, find: Callable[[str], Search]) -> None:
    traders = Customer.objects.get(account_code="SP1003")
    made = agreements.add_authoriser(
        customer_id=traders.pk, name="Sipho Dube", role="director", phone="060 000 9911", limit_minor=None, **scene.by
    )  # fmt: skip
    for text in ("+27 60 000 9911", "9911", "dube"):
        assert names(find(text)) == ["Nkosi Traders (Pty) Ltd"], text
    agreements.remove_authoriser(authoriser_id=made.pk, **scene.by)
    assert not find("dube").results


# --- bounds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["person", "060 000 1234", "198.51.100.9", "thandi@example.net", "02005E000001", "SP1001"]
)
def test_a_search_asks_a_bounded_number_of_questions(
    scene: Scene, text: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        scene.person(f"SP2{number:03}", f"Person {number}", f"person{number}@isp.example")
    with django_assert_max_num_queries(QUERIES_MAX):
        search(text, now=scene.now)


def test_more_hits_than_fit_are_cut_and_said(scene: Scene) -> None:
    for number in range(RESULTS_SHOWN + 5):
        scene.person(f"SP2{number:03}", f"Person {number}", f"person{number}@isp.example")
    found = search("person", now=scene.now)
    assert len(found.results) == RESULTS_SHOWN
    assert found.is_cut


INDEXED = {
    "SP20": "customers_customer_account_code",
    "person2": "services_service_username",
    "Zanele": "customer_words",
    "1234": "contact_phone_end",
    "thandi@ex": "contact_email",
    "0600001234": "contact_phone",
    "192.0.2.7": "services_service_ipv4_address",
    "02005E000001": "session_device",
}


SEARCHED = ("customers_customer", "customers_contact", "services_service", "topups_listentry")


def crowd(scene: Scene, number: int = 2_000) -> None:
    """So many that an index is worth its while, and the planner knows it."""
    people = Customer.objects.bulk_create(
        Customer(account_code=f"CR{one:06}", name=f"Crowd {one}", brand=scene.brand, created_at=scene.now)
        for one in range(number)
    )
    Contact.objects.bulk_create(
        Contact(customer=one, name=one.name, phone=f"+2761{place:07}", email=f"crowd{place}@example.org")
        for place, one in enumerate(people)
    )
    lines = Service.objects.bulk_create(
        Service(
            customer=one, connection_type=scene.kind, username=f"crowd{place}@isp.example", line_password="x", nt_hash="",
            activated_at=scene.now, ipv4_address=str(ip_address("10.0.0.0") + place),
        )
        for place, one in enumerate(people)
    )  # fmt: skip
    ListEntry.objects.bulk_create(
        ListEntry(
            service=one,
            medium=Medium.SMS,
            address=f"+2762{place:07}",
            from_percent=90,
            added_at=scene.now,
            added_by="x",
        )
        for place, one in enumerate(lines)
    )
    nas = scene.nas(scene.peer("crowd", "192.0.2.200"), "crowd")
    times = dict.fromkeys(("started_at", "first_seen_at", "last_seen_at", "counted_until"), scene.now)
    RadiusSession.objects.bulk_create(
        RadiusSession(
            key=place.to_bytes(16), nas=nas, service=one, username=one.username, acct_session_id=b"%d" % place,
            calling_station=f"06-00-00-00-{place >> 8:02X}-{place & 255:02X}", start_mark=0, last_mark=0, **times,
        )
        for place, one in enumerate(lines)
    )  # fmt: skip
    with connection.cursor() as cursor:
        for table in (*SEARCHED, "metering_radiussession"):
            cursor.execute(f"ANALYZE {table}")


@pytest.mark.parametrize("text", list(INDEXED))
def test_every_lookup_has_an_index(scene: Scene, text: str) -> None:
    """Sequential scans are forbidden to the planner: what has an index shows it."""
    crowd(scene)
    plans: list[str] = []

    def explained(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if sql.startswith("SELECT"):
            with connection.connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + sql, params)
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    with connection.execute_wrapper(explained):
        search(text, now=scene.now + timedelta(seconds=1))
    assert any(INDEXED[text] in plan for plan in plans), "\n".join(plans)
    for table in SEARCHED:
        assert not any(f"Seq Scan on {table}" in plan for plan in plans), plans
