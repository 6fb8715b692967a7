"""Technical support: what the line should have and has, its sessions, packets, refusals, commands, faults."""

import ipaddress
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.db.connection import connect
from capstan.metering.models import Fault, Quarantine, RadiusSession
from capstan.metering.rules.words import FaultKind, SessionState, Status
from capstan.network.actions.login_failures import FailedLogin, add_login_failures
from capstan.network.models import Command
from capstan.network.rules.words import AccessKind, CommandKind, CommandState
from capstan.services.models import Service
from tests.console.desk import text_of, words
from tests.topups.shop import GB, MB, Shop

QUERIES_MAX = 75


def page(line: Service) -> str:
    return f"/staff/services/{line.pk}/technical/"


def past(shop: Shop, line: Service, number: int, **more: Any) -> RadiusSession:
    """A session that is over."""
    began = shop.now - timedelta(days=number)
    times = dict.fromkeys(("started_at", "first_seen_at"), began)
    ended = dict.fromkeys(("last_seen_at", "counted_until", "stopped_at"), began + timedelta(hours=1))
    return RadiusSession.objects.create(
        key=number.to_bytes(16, "big"), nas=shop.nas, service=line, username=line.username, acct_session_id=b"%d" % number,
        state=SessionState.CLOSED, start_mark=0, last_mark=0, **{"terminate_cause": 1, **times, **ended, **more},
    )  # fmt: skip


def test_an_open_session_shows_what_it_has_and_the_command_to_close_it(metered: Shop, agent: Client) -> None:
    line = metered.line()
    metered.use(100 * MB)
    said = words(agent.get(page(line)))
    session = RadiusSession.objects.get()
    assert "1 open session." in said
    assert "Should have Open, not limited down, not limited up: nothing holds it back" in said
    assert f"Session {session.pk} on n1" in said
    assert "Moved 100 MB down, 0 B up" in said
    assert "Device 02-00-5E-00-00-01" in said
    assert f'capstan session close {session.pk} --reason ""' in said


def test_the_last_packets_open_their_attributes(metered: Shop, agent: Client) -> None:
    line = metered.line()
    metered.receive(metered.record(Status.START, 0))
    metered.fold()
    metered.wait(minutes=5)
    metered.interim(300, down=5 * MB)
    said = words(agent.get(page(line)))
    assert "10:05:00 Interim-Update 5 MB down, 0 B up after 0:05:00" in said
    assert "10:00:00 Start 0 B down, 0 B up after 0:00:00" in said
    assert "User-Name thandi@example.net" in said
    assert "Acct-Session-Id 81a0" in said


def test_another_sessions_packets_are_a_click_away(metered: Shop, agent: Client) -> None:
    line = metered.line()
    metered.interim(300, down=5 * MB, session="old")
    old = RadiusSession.objects.get()
    metered.receive(metered.record(Status.STOP, 600, 0, 6 * MB, session="old"))
    metered.fold()
    metered.wait(minutes=10)
    metered.interim(60, down=MB, session="new")
    said = words(agent.get(page(line), {"session": old.pk}))
    assert f"Last accounting packets of session {old.pk}" in said
    assert "Stop 6 MB down" in said
    assert f'href="{page(line)}?session={old.pk}#packets"' in text_of(agent.get(page(line)))


@pytest.mark.parametrize("wanted", ["999999", "x", "-1", "9" * 40])
def test_a_session_that_isnt_the_lines_shows_the_newest_ones_packets(
    shop: Shop, agent: Client, wanted: str
) -> None:
    line, other = shop.line(), shop.line("sipho@example.net")
    past(shop, other, 1)
    answer = agent.get(page(line), {"session": wanted})
    assert answer.status_code == 200
    assert "of session" not in words(answer)


def test_past_sessions_are_paged(shop: Shop, agent: Client) -> None:
    line = shop.line()
    for number in range(1, 21):
        past(
            shop,
            line,
            number,
            framed_ip=str(ipaddress.ip_address("192.0.2.0") + number),
            bytes_down=number * MB,
        )
    said = words(agent.get(page(line)))
    assert "192.0.2.20" in said
    assert "192.0.2.1 " not in said
    assert "User-Request" in said
    assert "Page 1 of 2" in said
    assert "192.0.2.1 " in words(agent.get(page(line), {"page": 2}))


@pytest.mark.parametrize(
    ("cause", "words_of_it"),
    [(0, "no cause given"), (5, "Session-Timeout"), (900, "went silent"), (77, "77")],
)
def test_the_end_of_a_session_is_told_in_words(
    shop: Shop, agent: Client, cause: int, words_of_it: str
) -> None:
    line = shop.line()
    past(shop, line, 1, terminate_cause=cause)
    assert words_of_it in words(agent.get(page(line)))


def test_refused_logins_are_told_in_plain_words(metered: Shop, agent: Client) -> None:
    line = metered.line()
    hour = int(metered.now.timestamp()) // 3600
    failed = FailedLogin(
        line.username,
        line.pk,
        metered.nas.pk,
        "02-00-5E-00-00-09",
        "wrong password",
        hour,
        2,
        metered.now,
        metered.now,
    )
    with connect() as conn:
        add_login_failures(conn, [failed])
    said = words(agent.get(page(line)))
    assert "wrong password 10:00:00 n1 02-00-5E-00-00-09 2" in said


def test_enforcement_attempts_tell_their_outcome_and_error_cause(shop: Shop, agent: Client) -> None:
    line = shop.line()
    session = past(shop, line, 1)
    for state, cause, kind in (
        (CommandState.NAK, 501, CommandKind.COA),
        (CommandState.TIMEOUT, None, CommandKind.COA),
        (CommandState.ACK, None, CommandKind.DISCONNECT),
    ):
        Command.objects.create(
            service=line, session=session, nas=shop.nas, kind=kind, state=state, access_kind=AccessKind.BLOCKED,
            access_hash=b"12345678", cause="cap: open", raised_at=shop.now, sent_at=shop.now, error_cause=cause,
            answered_at=shop.now + timedelta(milliseconds=12),
        )  # fmt: skip
    said = words(agent.get(page(line)))
    assert "CoA to blocked" in said
    assert "refused, we may not do that: check its list of CoA clients (501) NAK" in said
    assert "no answer: is the router reachable" in said
    assert "Disconnect" in said
    assert "acknowledged after 12 ms ACK" in said


def test_faults_come_with_the_commands_that_decide_on_them(shop: Shop, agent: Client) -> None:
    line = shop.line()
    fault = Fault.objects.create(
        kind=FaultKind.RATE, nas=shop.nas, session=past(shop, line, 1), first_at=shop.now, last_at=shop.now,
        held_down=3 * GB, detail="9 Tbit/s can't be",
    )  # fmt: skip
    said = words(agent.get(page(line)))
    assert "3 GB held: 9 Tbit/s can't be" in said
    assert f'capstan fault release {fault.pk} --reason ""' in said
    assert f'capstan fault dismiss {fault.pk} --reason ""' in said


def test_packets_that_were_not_accepted_from_its_router_are_shown(metered: Shop, agent: Client) -> None:
    line = metered.line()
    metered.use(MB)
    type(metered.nas).objects.filter(pk=metered.nas.pk).update(last_source="192.0.2.77")
    Quarantine.objects.create(
        source="192.0.2.77", port="accounting", reason="wrong authenticator: the secret differs", first_at=metered.now,
        last_at=metered.now, sample=b"",
    )  # fmt: skip
    assert "wrong authenticator: the secret differs 10:00:00 192.0.2.77 accounting 1" in words(
        agent.get(page(line))
    )


def test_every_list_says_why_it_is_empty(shop: Shop, agent: Client) -> None:
    said = words(agent.get(page(shop.line())))
    for title in (
        "No past sessions",
        "No refused logins",
        "No commands",
        "No packets",
        "Nothing was turned away",
    ):
        assert title in said
    assert "Nobody is connected. It gets its access when it logs in." in said


def test_the_page_asks_a_bounded_number_of_questions(
    metered: Shop, agent: Client, django_assert_max_num_queries: Any
) -> None:
    line = metered.line()
    for number in range(1, 40):
        past(metered, line, number)
    metered.use(MB)
    with django_assert_max_num_queries(QUERIES_MAX):
        agent.get(page(line))


def test_explain_says_the_same_as_the_command(shop: Shop, agent: Client) -> None:
    line = shop.line()
    answer = agent.get(f"/staff/services/{line.pk}/explain/")
    said = text_of(answer)
    assert "capstan explain thandi@example.net" in words(answer)
    for section in ("LINE\n", "DATA\n", "ACCESS\n", "LAST COMMANDS TO ROUTERS\n", "LAST LOGIN FAILURES\n"):
        assert section in said
    assert "\033" not in said
