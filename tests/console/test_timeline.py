"""Everything that happened, the newest first: each kind, filtered, paged without a gap or a repetition."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.caps.actions.cap import grant
from capstan.caps.models import Cap, Cycle, ThresholdCrossing
from capstan.caps.rules.words import BucketKind
from capstan.console.timeline import PAGE, Kind, Page, Place, page_of, place_of, whose
from capstan.customers.actions import add_note
from capstan.customers.models import Customer
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.metering.models import RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.network.models import Command, LoginFailure
from capstan.network.rules.words import AccessKind, CommandKind, CommandState
from capstan.services.models import Service
from capstan.topups.actions.line_login import send_login
from tests.console.desk import text_of, words
from tests.topups.shop import GB, MB, NUMBER, Shop

DESK = "/staff/customers/EX001/"


def note(shop: Shop, text: str, at: datetime) -> None:
    add_note(customer_id=shop.customer.pk, text=text, actor="staff:naledi", now=at)


def session(shop: Shop, line: Service, at: datetime, number: int = 1) -> RadiusSession:
    times = dict.fromkeys(("started_at", "first_seen_at"), at)
    ended = dict.fromkeys(("last_seen_at", "counted_until", "stopped_at"), at + timedelta(minutes=5))
    return RadiusSession.objects.create(
        key=number.to_bytes(16, "big"), nas=shop.nas, service=line, username=line.username, acct_session_id=b"%d" % number,
        state=SessionState.CLOSED, start_mark=0, last_mark=0, bytes_down=10 * MB, base_down=10 * MB, **times, **ended,
    )  # fmt: skip


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def story(shop: Shop, kind: Kind | None = None, place: Place | None = None) -> Page:
    lines = dict(Service.objects.values_list("pk", "username"))
    return page_of(whose(shop.customer.pk, lines), kind, place or Place(shop.now))


def eventful(shop: Shop) -> Service:
    """A line to which one thing of every kind happened, a minute apart."""
    line = shop.line()
    shop.listed(line)
    version, began = Cap.objects.get().version, shop.now
    Cycle.objects.create(
        service=line, start=began - timedelta(days=30), end=began, version=version, drawn_bytes=GB, overshoot_bytes=MB,
        overage_bytes=0,
    )  # fmt: skip
    at = [began + timedelta(minutes=minutes) for minutes in range(1, 7)]
    online = session(shop, line, at[0])
    LoginFailure.objects.create(
        username=line.username,
        service=line,
        nas=shop.nas,
        reason="wrong password",
        hour=0,
        first_at=at[1],
        last_at=at[1],
    )
    Command.objects.create(
        service=line, session=online, nas=shop.nas, kind=CommandKind.COA, cause="cap", state=CommandState.ACK,
        access_kind=AccessKind.BLOCKED, access_hash=b"1", raised_at=at[2], sent_at=at[2],
    )  # fmt: skip
    ThresholdCrossing.objects.create(
        service=line, limit="cycle", period_start=at[3], percent=100, arming=0, crossed_at=at[3], recorded_at=at[3],
        drawn_bytes=GB, remaining_bytes=0,
    )  # fmt: skip
    Inbound.objects.create(
        gateway=Gateway.objects.get(), dedupe_key="1", sender=NUMBER, text="C please", received_at=at[4],
        outcome="ordered 2 GB",
    )  # fmt: skip
    note(shop, "Moves house in May.", at[5])
    shop.wait(minutes=10)
    shop.order(line)
    return line


EVENTS = {
    "Top-up of 2 GB for R 35.00, by the call centre": "top-ups",
    "SMS to +27600000001: queued": "messages",
    "SMS from +27600000001": "messages",
    "“C please” – ordered 2 GB": "messages",
    "100 % of its data used": "data",
    "A new cycle began": "data",
    "1 GB used in the one before, 1 MB between the cap and the cut": "data",
    "Online on n1, until 10 Mar 2026 10:06": "sessions",
    "Login refused: wrong password": "sessions",
    "CoA to blocked on n1: acknowledged": "sessions",
    "Added to the notification list": "changes",
    "Note": "notes",
}


def test_everything_is_told(shop: Shop, agent: Client) -> None:
    eventful(shop)
    said = words(agent.get(DESK))
    for event in EVENTS:
        assert event in said


@pytest.mark.parametrize("kind", [one.value for one in Kind])
def test_a_filter_lets_through_its_kind_alone(shop: Shop, agent: Client, kind: str) -> None:
    eventful(shop)
    said = words(agent.get(f"{DESK}story/", {"kind": kind}))
    for event, belongs in EVENTS.items():
        if event != "Note":
            assert (event in said) == (belongs == kind), event


def test_the_newest_comes_first(shop: Shop) -> None:
    eventful(shop)
    times = [entry.at for entry in story(shop).entries]
    assert times == sorted(times, reverse=True)


def test_an_order_is_told_once_and_not_again_as_its_audit_entries(shop: Shop) -> None:
    shop.order(shop.line())
    changes = [entry.title for entry in story(shop, Kind.CHANGES).entries]
    assert AuditEntry.objects.filter(action__in=("topup.add", "bucket.grant")).count() == 2
    assert "Data granted" not in changes
    assert len(story(shop, Kind.TOP_UPS).entries) == 1


def test_what_staff_grant_without_an_order_is_told(shop: Shop) -> None:
    line = shop.line()
    grant(
        service_id=line.pk, kind=BucketKind.GOODWILL, size_bytes=GB, source="staff", actor="staff:x", reason="sorry",
        now=shop.now,
    )  # fmt: skip
    told = [(one.title, plain(one.detail), one.who) for one in story(shop, Kind.CHANGES).entries]
    assert ("Data granted", "1 GB – sorry", "x") in told


def test_pages_follow_each_other_without_gap_or_repetition(shop: Shop) -> None:
    start = shop.now
    for number in range(PAGE * 2 + 7):  # ten at each instant
        note(shop, f"note {number}", start + timedelta(minutes=number // 10))
    shop.wait(hours=2)
    place, told = Place(shop.now), list[str]()
    for _ in range(5):
        page = story(shop, Kind.NOTES, place)
        told += [entry.detail for entry in page.entries]
        if page.further is None:
            break
        place = place_of(str(page.further), now=shop.now)
    assert len(told) == len(set(told)) == PAGE * 2 + 7
    assert told[0] == f"note {PAGE * 2 + 6}"
    assert told[-1] == "note 0"


def test_more_at_one_instant_than_fit_a_page_are_all_told(shop: Shop) -> None:
    for number in range(PAGE + 5):
        note(shop, f"note {number}", shop.now)
    first = story(shop, Kind.NOTES)
    assert first.further is not None
    second = story(shop, Kind.NOTES, place_of(str(first.further), now=shop.now))
    assert len({*(one.detail for one in first.entries), *(one.detail for one in second.entries)}) == PAGE + 5
    assert second.further is None


def test_a_flapping_line_is_one_entry_a_day_or_one_in_all(shop: Shop) -> None:
    line = shop.line()
    for number in range(1, 9):
        session(shop, line, shop.now + timedelta(hours=4 * number), number)
    shop.wait(days=3)
    together = story(shop).entries
    titles = [plain(entry.title) for entry in together if entry.kind == Kind.SESSIONS]
    assert titles == ["8 sessions since 10 Mar 2026 14:00"]
    assert plain(together[0].detail) == "80 MB moved"
    by_day = [entry.title for entry in story(shop, Kind.SESSIONS).entries]
    assert by_day == ["5 sessions since 02:00", "3 sessions since 14:00"]


@pytest.mark.parametrize(
    "text", ["", "x", "1-2-3", "nan-0", "1e99-0", "-5-0", "99999999999-1", "1-9999999999999999999999"]
)
def test_nonsense_in_the_address_begins_somewhere(shop: Shop, agent: Client, text: str) -> None:
    assert agent.get(f"{DESK}story/", {"from": text, "kind": "nonsense", "line": "x"}).status_code == 200


def test_one_lines_story_leaves_out_the_others(shop: Shop, agent: Client) -> None:
    line, other = shop.line(), shop.line("sipho@example.net")
    session(shop, line, shop.now, 1)
    session(shop, other, shop.now, 2)
    shop.wait(minutes=1)
    said = words(agent.get(f"{DESK}story/", {"line": str(line.pk), "kind": "sessions"}))
    assert "thandi@example.net" in said
    assert "sipho@example.net" not in said


def test_another_customers_line_tells_nothing_here(shop: Shop, agent: Client) -> None:
    line = shop.line()
    session(shop, line, shop.now)
    shop.wait(minutes=1)
    stranger = Customer.objects.create(account_code="EX2", name="B", brand=shop.brand, created_at=shop.now)
    said = words(agent.get(f"/staff/customers/{stranger.account_code}/story/", {"line": line.pk}))
    assert "Nothing here" in said


def test_a_secret_in_a_message_stays_masked(shop: Shop, agent: Client) -> None:
    line = shop.line()
    shop.listed(line)
    send_login(service_id=line.pk, number=NUMBER, actor="staff:sipho", now=shop.now)
    sent = Message.objects.get(template="line.login")
    assert sent.sealed_text is not None
    assert "Password: x" not in text_of(agent.get(DESK))


def test_the_story_asks_the_same_few_questions_however_long_it_is(
    shop: Shop, agent: Client, django_assert_max_num_queries: Any
) -> None:
    line = eventful(shop)
    for number in range(2, 120):
        session(shop, line, shop.now + timedelta(seconds=number), number)
    shop.wait(days=1)
    with django_assert_max_num_queries(30):
        agent.get(f"{DESK}story/")


def test_thresholds_that_were_crossed_at_once_are_told_as_the_highest(shop: Shop) -> None:
    line = shop.line()
    for percent in (100, 80, 90):
        ThresholdCrossing.objects.create(
            service=line, limit="cycle", period_start=shop.now, percent=percent, arming=0, crossed_at=shop.now,
            recorded_at=shop.now, drawn_bytes=GB, remaining_bytes=0,
        )  # fmt: skip
    assert [entry.title for entry in story(shop, Kind.DATA).entries] == ["100 % of its data used"]
