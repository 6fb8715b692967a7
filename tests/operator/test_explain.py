"""`capstan explain`: what a line has, what it should have, and why, in words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from capstan.caps.actions.cap import grant
from capstan.caps.rules.words import BucketKind
from capstan.catalog import actions as catalog
from capstan.metering.models import Quarantine
from capstan.metering.rules.words import SessionState, Status
from capstan.network.models import LoginFailure
from capstan.network.rules.access import Access
from capstan.network.rules.line_state import LineState
from capstan.network.rules.words import AccessKind
from capstan.operator.as_json import as_json
from capstan.operator.explain.collect import explain
from capstan.operator.explain.facts import Explanation, UnknownLine
from capstan.operator.explain.view import page_of, unknown_page
from capstan.services.actions import contract, status
from capstan.services.actions.checkout_window import open_window
from capstan.services.models import AccessDue, Service
from capstan.services.rules import CHECKOUT_WINDOW
from tests.network.enforce.lab import ACK, SILENT, Answer
from tests.operator.conftest import Provider

pytestmark = pytest.mark.django_db(transaction=True)

GB = 10**9
OPEN = Access(AccessKind.OPEN, 2_000, 10_000, ())
RATES = {"rate_up_kbps": 2_000, "rate_down_kbps": 10_000}


def explained(provider: Provider, username: str = "thandi@example.net") -> tuple[Explanation, str]:
    found = explain(username, now=provider.now)
    assert isinstance(found, Explanation)
    page = page_of(found, provider.say()).replace("\u00a0", " ")

    return found, page


def online(provider: Provider, *answers: Answer, **terms: Any) -> Service:
    """A line that logged in open and has had its first interims."""
    service = provider.service(**{**RATES, **terms})
    AccessDue.objects.all().delete()
    provider.plug_in(*(answers or (ACK,)))
    provider.login(service, OPEN)
    provider.receive(provider.record(Status.START))
    provider.fold()
    return service


def test_a_line_that_is_online(provider: Provider) -> None:
    online(provider)
    provider.use_up(4)
    found, page = explained(provider, " THANDI@example.net ")
    assert found.state == LineState.OPEN
    assert page.splitlines()[1] == "● Online – 6 GB left of 10 GB until 1 Apr 2026 00:00"
    assert "Should have    open, 10 Mbit/s down, 2 Mbit/s up: nothing holds it back" in page
    assert "4 GB down, 0 B up · 198.51.100.7, 02-00-5E-00-00-01, ether3" in page
    assert "nothing: it has what it should" in page
    assert "allowance" in page
    assert "at the cap the line is blocked" in page
    assert "Interim-Update       0:20:00  4 GB  0 B" in page
    assert found.sessions[0].has == "open"
    assert found.sessions[0].confirmed_at == found.sessions[0].started_at


def test_used_up_then_cut_by_coa_then_proved(provider: Provider) -> None:
    online(provider, ACK)
    provider.use_up(11)
    found, page = explained(provider)
    assert found.state == LineState.BLOCKED
    assert page.splitlines()[1].startswith("■ Data used up – 0 B left of 10 GB")
    assert "blocked: its data is used up" in page
    assert "a CoA will bring it there" in page
    assert "1 GB between the cap and the cut: forgiven" in page
    assert found.due is not None

    provider.enforce()
    provider.wait(minutes=5)
    provider.interim(3600, 0, 11 * GB)
    provider.enforce(rounds=1)
    found, page = explained(provider)
    (session,) = found.sessions
    assert (session.has, session.has_right_access, session.next_step) == ("blocked", True, "none")
    assert session.proved_at is not None
    assert "CoA to blocked for session" in page
    assert "acknowledged after" in page
    assert ", proved " in page
    assert found.due is None


def test_a_router_that_does_not_answer(provider: Provider) -> None:
    online(provider, SILENT)
    provider.use_up(11)
    provider.enforce(seconds=20, rounds=8)
    found, page = explained(provider)
    assert "timeout" in {command.state for command in found.commands}
    assert "no answer: is the router reachable, its CoA port open, the CoA secret right?" in page
    assert "will bring it there" in page
    assert found.due is not None
    assert found.due.attempts > 0
    assert "failed attempt" in page


def test_a_refusal_says_why_and_a_later_grant_what_is_next(provider: Provider) -> None:
    service = online(provider, 501)
    provider.use_up(11)
    provider.enforce()
    _, page = explained(provider)
    assert "refused, we may not do that: check its list of CoA clients" in page
    grant(
        service_id=service.pk,
        kind=BucketKind.TOPUP,
        size_bytes=2 * GB,
        source="staff",
        actor="staff:naledi",
        reason="called in",
        now=provider.now,
    )
    found, page = explained(provider)
    assert found.state == LineState.OPEN
    assert "2 GB left of 12 GB until 1 Apr 2026 00:00" in page
    grant(
        service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=GB, source="staff", actor="staff:naledi", reason="again",
        expires_at=datetime(2026, 4, 22, 16, 18, tzinfo=UTC), now=provider.now,
    )  # fmt: skip
    assert (
        "3 GB left of 13 GB, 2 GB until 1 Apr 2026 00:00, 1 GB until 22 Apr 2026 18:18"
        in explained(provider)[1]
    )
    found, page = explained(provider)
    assert "staff:naledi: called in" in page


def test_on_hold(provider: Provider) -> None:
    service = online(provider)
    status.suspend(service_id=service.pk, reason="unpaid", actor="staff:naledi", now=provider.now)
    found, page = explained(provider)
    assert found.state == LineState.SUSPENDED
    assert page.splitlines()[1].startswith("◆ On hold – payment due")
    assert "walled garden: the service is on hold" in page
    assert "cause: service suspended" in page


def test_an_observed_router_is_left_alone(provider: Provider) -> None:
    online(provider)
    provider.nas.observe_only = True
    provider.nas.save()
    provider.use_up(11)
    found, page = explained(provider)
    assert found.sessions[0].next_step == "hands-off"
    assert "its router is only observed, so Capstan leaves it alone" in page


def test_offline_and_stale(provider: Provider) -> None:
    service = provider.service()
    _, page = explained(provider)
    assert "○ Offline, will be online at its next login – 10 GB left of 10 GB" in page
    assert "none is open, there never was one" in page
    assert "none in the packet log" in page
    provider.receive(provider.record(Status.START))
    provider.fold()
    session = provider.session()
    type(session).objects.update(state=SessionState.STALE)
    found, page = explained(provider)
    assert found.sessions[0].state == "stale"
    assert "STALE: its router has missed interims" in page
    assert service.username in page


def test_throttled_and_walled_words(provider: Provider) -> None:
    online(provider, at_cap="throttle")
    provider.use_up(11)
    found, page = explained(provider)
    assert page.splitlines()[1].startswith("◐ Slowed down")
    assert "throttled, 512 kbit/s down, 256 kbit/s up: its data is used up" in page
    assert "1 GB this cycle, as the package allows" in page
    assert found.state == LineState.THROTTLED


def test_a_checkout_window_in_words(provider: Provider) -> None:
    service = online(provider)
    provider.use_up(11)
    until = open_window(service_id=service.pk, cause="top-up", actor="customer", now=provider.now)
    found, page = explained(provider)
    clock = f"{provider.say().moment(provider.now + CHECKOUT_WINDOW)}"
    why = f"its data is used up; open for ten minutes to pay, until {clock}"
    assert f"throttled, 512 kbit/s down, 256 kbit/s up: {why}" in page
    assert found.should is not None
    assert (found.should.reasons, found.should.checkout_until) == (["capped", "checkout"], until)
    assert json.loads(as_json(found))["should"]["checkout_until"]


def test_a_day_limit_holds_data_back(provider: Provider) -> None:
    online(provider, day_limit_bytes=2 * GB)
    provider.use_up(3)
    _, page = explained(provider)
    assert "2 GB of 2 GB drawn, 0 B left until 11 Mar 2026 00:00" in page
    assert "the day or week limit holds 8 GB back until 11 Mar 2026 00:00" in page


def test_failures_faults_and_quarantine(provider: Provider) -> None:
    service = online(provider)
    provider.use_up(2)
    hour = int(provider.now.timestamp()) // 3600
    LoginFailure.objects.create(
        username=service.username,
        service=service,
        nas=provider.nas,
        calling_station="02-00-5E-00-00-02",
        reason="wrong password",
        hour=hour,
        count=3,
        first_at=provider.now,
        last_at=provider.now,
    )
    Quarantine.objects.create(
        source="127.0.0.1",
        port="accounting",
        reason="bad authenticator: forged, or the secret differs",
        count=7,
        first_at=provider.now,
        last_at=provider.now,
        sample=b"",
    )
    provider.wait(minutes=5)
    provider.interim(900, 0, 1)  # later, with lower counters
    found, page = explained(provider)
    assert "wrong password (n1, 02-00-5E-00-00-02, 3 times in that hour)" in page
    assert "7 packets to the accounting port from 127.0.0.1" in page
    assert found.faults[0].kind == "counters-back"
    assert f"fault {found.faults[0].fault_id}, counters-back" in page


def test_a_planned_package_change_and_addresses(provider: Provider) -> None:
    service = provider.service()
    other = provider.service("other@example.net")
    package = other.package_changes.get().package_id
    then = provider.now + timedelta(days=3)
    contract.change_package(
        service_id=service.pk, package_id=package, starts_at=then, actor="t", now=provider.now
    )
    service.ipv4_address, service.mac_lock, service.mac_address = "198.51.100.7", "locked", "AABBCC000001"
    service.save()
    _, page = explained(provider)
    assert "P (p-other@example.net) from 13 Mar 2026 11:00" in page
    assert "IPv4 address   198.51.100.7" in page
    assert "only AA-BB-CC-00-00-01 may use the line" in page


def test_a_name_that_no_service_has(provider: Provider) -> None:
    provider.service("thandi@example.net")
    provider.receive(provider.record(Status.START, user="thandy@example.net"))
    provider.fold()
    LoginFailure.objects.create(
        username="thandy@example.net",
        reason="unknown username",
        hour=1,
        first_at=provider.now,
        last_at=provider.now,
    )
    found = explain("thandy@example.net", now=provider.now)
    assert isinstance(found, UnknownLine)
    page = unknown_page(found, provider.say())
    assert "There is no service with the username 'thandy@example.net'." in page
    assert "Perhaps you mean: thandi@example.net" in page
    assert "unknown username" in page
    assert f"session {provider.session().pk} on n1" in page
    assert "unknown-user" in page


def test_what_can_be_bought_cheapest_first(provider: Provider) -> None:
    provider.service()
    for code, letter, size, price in (("small", "A", GB, 2000), ("big", "B", 5 * GB, 8000)):
        catalog.create_offer(
            code=code, name=code, brand_id=provider.brand.pk, size_bytes=size, letter=letter, price_minor=price,
            actor="t", now=provider.now,
        )  # fmt: skip
    _, page = explained(provider)
    assert "Top-ups        B 5 GB ZAR 80.00 · A 1 GB ZAR 20.00, VAT included" in page


def test_json_says_the_same(provider: Provider) -> None:
    online(provider)
    provider.use_up(11)
    found, _ = explained(provider)
    told = json.loads(as_json(found))
    assert told["state"] == "blocked"
    assert told["cap"]["terms"]["allowance_bytes"] == 10 * GB
    assert told["cap"]["buckets"][0]["drawn"] == 10 * GB
    assert told["sessions"][0]["has"] == "open"
    assert told["as_of"] == provider.now.isoformat()
    assert [crossing["percent"] for crossing in told["cap"]["crossings"]] == [100, 90, 80, 50]
