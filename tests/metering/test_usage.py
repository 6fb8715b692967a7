"""Usage by hours and days: what was flushed, what runs, and days of another length than 24 hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from capstan.metering.models import RadiusSession, UsageDay, UsageHour
from capstan.metering.queries.usage import Moved, by_day, by_hour
from capstan.metering.rules.words import SessionState
from capstan.values.period import local_midnight
from tests.provider import Provider

JOBURG, BERLIN = ZoneInfo("Africa/Johannesburg"), ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


def hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def used(at: datetime, up: int, down: int, service_id: int = 7) -> None:
    UsageHour.objects.create(service_id=service_id, hour=hour(at), bytes_up=up, bytes_down=down)


def online(at: datetime, up: int, down: int, state: SessionState = SessionState.LIVE) -> int:
    """A session whose running hour is the one of this moment; the id of its line."""
    provider = Provider()
    line = provider.service("thandi@example.net")
    nas = provider.nas(provider.peer(), "nas-1")
    times = dict.fromkeys(("started_at", "first_seen_at", "last_seen_at", "counted_until"), at)
    RadiusSession.objects.create(
        key=b"k" * 16, nas=nas, service=line, username=line.username, acct_session_id=b"1", state=state, start_mark=0,
        last_mark=0, hour=hour(at), hour_up=up, hour_down=down, **times,
    )  # fmt: skip
    return int(line.pk)


def test_hours_add_the_running_one_of_open_sessions() -> None:
    at = datetime(2026, 3, 10, 8, tzinfo=UTC)
    line = online(at + HOUR, 5, 50)
    used(at, 1, 10, line)
    used(at + HOUR, 2, 20, line)
    assert by_hour(line, at, at + 3 * HOUR) == {at: Moved(1, 10), at + HOUR: Moved(7, 70)}


def test_the_last_hour_of_a_closed_session_was_flushed_and_counts_once() -> None:
    at = datetime(2026, 3, 10, 8, tzinfo=UTC)
    line = online(at, 0, 0, SessionState.CLOSED)
    used(at, 2, 20, line)
    assert by_hour(line, at, at + HOUR) == {at: Moved(2, 20)}


def test_an_hour_belongs_to_the_stretch_that_it_begins_in() -> None:
    at = datetime(2026, 3, 10, 8, tzinfo=UTC)
    for step in range(4):
        used(at + step * HOUR, 0, 10**step)
    assert by_hour(7, at + HOUR, at + 3 * HOUR) == {at + HOUR: Moved(0, 10), at + 2 * HOUR: Moved(0, 100)}
    assert by_hour(8, at, at + 4 * HOUR) == {}


def test_old_days_come_from_the_roll_up_and_young_ones_from_their_hours() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    UsageDay.objects.create(service_id=7, day=date(2026, 3, 1), bytes_up=3, bytes_down=30)
    UsageDay.objects.create(service_id=7, day=date(2026, 3, 9), bytes_up=99, bytes_down=99)  # too early a sum
    used(datetime(2026, 3, 8, 22, tzinfo=UTC), 1, 10)  # midnight of the 9th in Johannesburg
    used(datetime(2026, 3, 9, 21, tzinfo=UTC), 2, 20)
    used(datetime(2026, 3, 9, 22, tzinfo=UTC), 4, 40)
    found = by_day(7, date(2026, 3, 1), date(2026, 3, 31), zone=JOBURG, now=now)
    assert found == {
        date(2026, 3, 1): Moved(3, 30),
        date(2026, 3, 9): Moved(3, 30),
        date(2026, 3, 10): Moved(4, 40),
    }


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_days_on_which_clocks_change_have_all_their_hours(day: date, hours: int) -> None:
    start, end = local_midnight(BERLIN, day), local_midnight(BERLIN, day + timedelta(days=1))
    for step in range(-1, hours + 1):
        used(start + step * HOUR, 0, 1)
    found = by_day(7, day, day, zone=BERLIN, now=end)
    assert found == {day: Moved(0, hours)}
