"""A line is brought to its access: by CoA, by disconnect, in the end by alarm and slow retries."""

from datetime import timedelta

import pytest

from capstan.caps.models import Cap
from capstan.metering.models import Nas, RadiusSession
from capstan.network.models import Command, SessionAccess
from capstan.network.rules.access import access_hash
from capstan.services.models import AccessDue, PackageChange, Service

from .lab import (
    ACK,
    COA,
    DISCONNECT,
    GB,
    OPEN,
    SILENT,
    START,
    THROTTLED,
    WALLED,
    Provider,
    access_of,
    close,
    commands,
)


def test_a_capped_line_is_walled_by_coa_and_the_answer_is_its_confirmation(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.step(milliseconds=20)
    ((code, orders),) = provider.heard(nas)
    assert code == COA
    assert orders["Filter-Id"] == "capstan-garden"
    assert orders["User-Name"] == "thandi@example.net"
    assert orders["Acct-Session-Id"] == b"81a00001"
    assert (orders["NAS-Identifier"], orders["Framed-IP-Address"]) == ("nas-1", "198.51.100.7")
    command = Command.objects.get()
    assert (command.state, command.answered_at, command.cause) == ("sending", None, "test")
    assert (command.raised_at, command.sent_at) == (START, START + timedelta(milliseconds=20))
    provider.step(milliseconds=30)
    command.refresh_from_db()
    assert (command.state, command.answered_at) == ("ack", START + timedelta(milliseconds=50))
    access = access_of(session)
    assert access is not None
    assert (bytes(access.access_hash), access.kind) == (access_hash(WALLED), "walled")
    assert (access.confirmed_at, access.proved_at) == (provider.now, None)
    provider.settle()
    assert not AccessDue.objects.exists()
    assert len(provider.heard(nas)) == 1


def test_a_restore_names_the_values_that_lift_what_was_done(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service(terms={"at_cap": "throttle"})
    provider.session(service, nas, got=THROTTLED)
    provider.wake(service)
    provider.settle()
    ((_, orders),) = provider.heard(nas)
    assert orders["Mikrotik-Rate-Limit"] == "2000k/10000k"
    assert orders["Filter-Id"] == "capstan-open"


def test_a_session_that_has_what_it_should_is_left_alone(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.wake(service)
    provider.settle()
    assert provider.heard(nas) == []
    assert not AccessDue.objects.exists()
    access = access_of(session)
    assert access is not None
    assert (access.kind, access.confirmed_at) == ("open", START)  # its Accept was the confirmation


def test_what_is_unknown_counts_as_different(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    provider.session(service, nas)
    provider.wake(service)
    provider.settle()
    assert provider.codes(nas) == [COA]


@pytest.mark.parametrize("cause", [401, 402, 404, 405, 406, 407, 501, 503, 508])
def test_a_refused_coa_is_followed_by_a_disconnect(provider: Provider, cause: int) -> None:
    nas = provider.router("mikrotik", cause, ACK)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.settle()
    assert provider.codes(nas) == [COA, DISCONNECT]
    assert commands() == [("coa", "nak", cause), ("disconnect", "ack", None)]
    assert provider.heard(nas)[1][1].keys() == {
        "User-Name",
        "Acct-Session-Id",
        "NAS-Identifier",
        "Framed-IP-Address",
    }  # RFC 5176 §3: nothing but who is meant
    assert not AccessDue.objects.exists()


def test_a_router_short_of_resources_is_asked_again(provider: Provider) -> None:
    nas = provider.router("mikrotik", 506, ACK)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.settle()
    assert provider.codes(nas) == [COA]
    provider.step(seconds=6)
    provider.settle()
    assert commands() == [("coa", "nak", 506), ("coa", "ack", None)]


def test_a_silent_router_gets_the_same_packet_again_then_a_disconnect(provider: Provider) -> None:
    nas = provider.router("mikrotik", SILENT)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    for _ in range(16):
        provider.step(seconds=1)
    heard = provider.ports[nas.pk].heard
    assert [request.code for request in heard] == [COA, COA, COA, DISCONNECT]
    first = heard[0]
    assert all(
        again.raw_packet == first.raw_packet for again in heard[1:3]
    )  # same Identifier and Event-Timestamp
    assert len(set(provider.ports[nas.pk].senders[:3])) == 1
    assert commands() == [("coa", "timeout", None), ("disconnect", "sending", None)]


def test_when_even_the_disconnect_fails_it_is_tried_more_and_more_slowly(provider: Provider) -> None:
    nas = provider.router("coova", 501)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.settle()
    due = AccessDue.objects.get()
    assert (due.attempts, due.due_at - provider.now) == (1, timedelta(seconds=30))
    assert provider.enforcer.totals["alarms"] == 1
    waits = []
    for _ in range(7):
        provider.now = AccessDue.objects.get().due_at
        provider.settle()
        waits.append((AccessDue.objects.get().due_at - provider.now).total_seconds())
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert provider.codes(nas) == [DISCONNECT] * 8


def test_a_new_cause_ends_the_slow_retries(provider: Provider) -> None:
    nas = provider.router("coova", 501, ACK)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.settle()
    provider.wake(service, "suspended")
    provider.settle()
    assert commands()[-1] == ("disconnect", "ack", None)


def test_a_profile_without_a_softer_way_is_disconnected_at_once(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="blocked")
    provider.settle()
    assert provider.codes(nas) == [DISCONNECT]


def test_an_acknowledgement_is_the_end_unless_the_line_was_raised_meanwhile(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    for raised_meanwhile in (False, True):
        provider.cap(service, state="open" if raised_meanwhile else "walled")
        provider.step()
        if raised_meanwhile:
            provider.wake(service, "again")
        provider.enforcer._take_in(
            provider.enforcer.client.collect(now=provider.now.timestamp()), provider.now
        )
        assert AccessDue.objects.filter(cause="again").exists() == raised_meanwhile
        assert AccessDue.objects.exists() == raised_meanwhile


def test_a_session_the_router_does_not_know_is_closed(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    monkeypatch.setattr(
        "capstan.network.actions.enforce.close_sessions", lambda session_ids, **_: closed.extend(session_ids)
    )
    nas = provider.router("coova", 503)
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.cap(service, state="blocked")
    provider.settle()
    assert commands() == [("disconnect", "nak", 503)]
    assert closed == [session.pk]
    assert not AccessDue.objects.exists()
    assert provider.enforcer.totals["alarms"] == 0


def test_an_acknowledged_disconnect_is_not_repeated_unless_the_session_lives_on(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.cap(service, state="blocked")
    provider.settle()
    provider.wake(service)
    provider.settle()
    assert provider.codes(nas) == [DISCONNECT]
    RadiusSession.objects.filter(pk=session.pk).update(last_seen_at=provider.now + timedelta(minutes=5))
    provider.now += timedelta(minutes=5)
    provider.wake(service)
    provider.settle()
    assert provider.codes(nas) == [DISCONNECT, DISCONNECT]


def test_the_access_changed_while_a_command_was_on_its_way(provider: Provider) -> None:
    nas = provider.router("mikrotik", SILENT)
    service = provider.service()
    session = provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.step()
    provider.cap(service, state="open")  # a top-up came
    provider.step(milliseconds=100)
    assert provider.codes(nas) == [COA]  # one command in flight per session
    port = provider.ports[nas.pk]
    port.reply(port.heard[0], ACK)
    port.answers = (ACK,)
    provider.settle()
    assert [orders["Filter-Id"] for _, orders in provider.heard(nas)] == ["capstan-garden", "capstan-open"]
    access = access_of(session)
    assert access is not None
    assert access.kind == "open"
    assert not AccessDue.objects.exists()


def test_a_forged_answer_changes_nothing(provider: Provider) -> None:
    nas = provider.router("mikrotik", SILENT)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.step()
    port = provider.ports[nas.pk]
    port.reply(port.heard[0], ACK, secret=b"another secret")
    provider.step(milliseconds=100)
    assert Command.objects.get().state == "sending"
    assert provider.enforcer.client.strays == 1
    port.reply(port.heard[0], ACK)
    provider.step(milliseconds=100)
    assert Command.objects.get().state == "ack"


@pytest.mark.parametrize(
    "kept_out", [{"observe_only": True}, {"discovered": True}, {"vendor_profile": "acme"}]
)
def test_a_router_that_is_only_observed_is_never_acted_upon(
    provider: Provider, kept_out: dict[str, object]
) -> None:
    nas = provider.router()
    Nas.objects.filter(pk=nas.pk).update(**kept_out)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="blocked")
    provider.settle()
    assert provider.heard(nas) == []
    assert not Command.objects.exists()
    assert not AccessDue.objects.exists()


def test_a_redial_displaces_the_older_session(provider: Provider) -> None:
    old_nas, new_nas = provider.router(), provider.router()
    service = provider.service()
    provider.session(service, old_nas, got=OPEN)
    provider.now += timedelta(minutes=1)
    provider.session(service, new_nas, got=OPEN)
    provider.wake(service)
    provider.settle()
    assert provider.codes(old_nas) == [DISCONNECT]
    assert provider.heard(new_nas) == []


def test_a_wider_session_limit_lets_both_be(provider: Provider) -> None:
    nas = provider.router()
    for limit in (0, 2):
        service = provider.service(f"line-{limit}@example.net", session_limit=limit)
        provider.session(service, nas, got=OPEN)
        provider.session(service, nas, got=OPEN)
        provider.wake(service)
    provider.settle()
    assert provider.heard(nas) == []


def test_a_wrong_device_is_blocked_and_the_right_one_is_not(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service(mac_lock="locked", mac_address="02005E000001", session_limit=0)
    provider.session(service, nas, got=OPEN)
    provider.session(service, nas, got=OPEN, calling_station="02:00:5e:00:00:02")
    provider.wake(service)
    provider.settle()
    ((_, orders),) = provider.heard(nas)
    assert (orders["Acct-Session-Id"], orders["Filter-Id"]) == (b"81a00002", "capstan-drop")


def test_a_suspended_line_goes_to_the_garden_and_an_ended_one_is_blocked(provider: Provider) -> None:
    nas = provider.router()
    for status in ("suspended", "ended"):
        service = provider.service(f"{status}@example.net", status=status)
        provider.session(service, nas, got=OPEN)
        provider.wake(service)
    provider.settle()
    filters = {orders["User-Name"]: orders["Filter-Id"] for _, orders in provider.heard(nas)}
    assert filters == {"suspended@example.net": "capstan-garden", "ended@example.net": "capstan-drop"}


def test_a_line_without_a_session_has_nothing_to_do(provider: Provider) -> None:
    service = provider.service()
    provider.wake(service)
    provider.settle()
    assert not AccessDue.objects.exists()


def test_a_router_never_heard_of_waits_and_then_raises_an_alarm(provider: Provider) -> None:
    """Its address is noted a moment after its first packet; only one that still has none is strange."""
    nas = provider.router()
    Nas.objects.filter(pk=nas.pk).update(coa_address=None, last_source=None)
    service = provider.service()
    provider.session(service, nas, got=OPEN)
    provider.cap(service, state="walled")
    provider.settle()
    due = AccessDue.objects.get()
    assert (due.attempts, due.due_at) == (1, provider.now + timedelta(seconds=5))
    assert provider.enforcer.totals["alarms"] == 0
    provider.now += timedelta(seconds=5)
    provider.settle()
    assert provider.enforcer.totals["alarms"] == 1


def test_a_cap_whose_time_has_come_is_rolled_before_the_line_is_compared(provider: Provider) -> None:
    nas = provider.router()
    service = provider.service(terms={"allowance_bytes": 5 * GB, "cycle_kind": "day"})
    provider.session(service, nas, got=WALLED)
    provider.cap(service, state="walled", remaining_bytes=0)
    provider.now += timedelta(days=1)
    provider.settle()
    assert provider.heard(nas)[-1][1]["Filter-Id"] == "capstan-open"


class TestARouterWithoutClass:
    """ocserv: it neither echoes our token nor, without its helper, answers CoA. It must never reset a line in a loop."""

    def unknown(self, provider: Provider, nas: Nas, service: Service) -> RadiusSession:
        return provider.session(service, nas)

    def test_an_open_line_is_left_alone_when_it_refuses_coa(self, provider: Provider) -> None:
        nas = provider.router("ocserv", 405)
        service = provider.service()
        self.unknown(provider, nas, service)
        provider.wake(service)
        provider.settle()
        assert provider.codes(nas) == [COA]
        assert not AccessDue.objects.exists()

    def test_a_walled_line_is_reset_once_and_its_next_login_is_believed(self, provider: Provider) -> None:
        nas = provider.router("ocserv", 405, ACK)
        service = provider.service()
        session = self.unknown(provider, nas, service)
        provider.cap(service, state="walled")
        provider.settle()
        assert provider.codes(nas) == [COA, DISCONNECT]
        provider.now += timedelta(seconds=2)
        close(session, provider.now)
        again = self.unknown(provider, nas, service)
        provider.wake(service)
        provider.settle()
        assert provider.codes(nas) == [COA, DISCONNECT]
        access = SessionAccess.objects.get(session=again)
        assert (access.kind, access.confirmed_at) == ("walled", again.started_at)


def test_a_service_whose_cap_can_not_be_rolled_does_not_hold_up_the_others(provider: Provider) -> None:
    nas = provider.router()
    broken, sound = provider.service("broken@example.net"), provider.service("sound@example.net")
    for service in (broken, sound):
        provider.session(service, nas, got=WALLED)
        provider.wake(service)
    PackageChange.objects.filter(service=broken).delete()
    Cap.objects.filter(service=broken).update(changes_at=START)
    provider.settle()
    assert [orders["User-Name"] for _, orders in provider.heard(nas)] == ["sound@example.net"]
    due = AccessDue.objects.get()
    assert (due.service_id, due.attempts, due.due_at) == (broken.pk, 1, provider.now + timedelta(seconds=30))
