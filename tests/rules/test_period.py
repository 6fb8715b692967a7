"""Days, weeks and cycles in the provider's zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.values.period import Period, cycle_at, day_at, local_midnight, week_at

JOBURG = ZoneInfo("Africa/Johannesburg")  # no change of clocks
BERLIN = ZoneInfo("Europe/Berlin")  # changes at night, not at midnight
ZONES = [
    JOBURG,
    BERLIN,
    ZoneInfo("UTC"),
    ZoneInfo("America/Sao_Paulo"),  # until 2019 midnight was skipped, or came back an hour late
    ZoneInfo("America/Havana"),  # midnight is skipped in spring and comes twice in autumn
    ZoneInfo("America/St_Johns"),  # until 2011 clocks went back over midnight, at 00:01
    ZoneInfo("Australia/Lord_Howe"),  # changes by half an hour
    ZoneInfo("Pacific/Apia"),  # 30 December 2011 does not exist
    ZoneInfo("Asia/Kathmandu"),  # +05:45
]
KINDS = ["day", "week", "30days", "month", "year"]
ANCHORS = ["calendar", "anniversary"]

instants = st.integers(0, 28 * 365 * 86_400).map(
    lambda seconds: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def local(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("kind", "anchor", "activated", "instant", "start", "end"),
    [
        # calendar
        ("day", "calendar", "2026-01-20 10:00", "2026-03-01 00:00", "2026-03-01", "2026-03-02"),
        ("week", "calendar", "2026-01-20 10:00", "2026-03-01 23:59", "2026-02-23", "2026-03-02"),
        ("month", "calendar", "2026-01-20 10:00", "2026-02-28 23:59", "2026-02-01", "2026-03-01"),
        ("month", "calendar", "2026-01-20 10:00", "2026-12-31 23:59", "2026-12-01", "2027-01-01"),
        ("year", "calendar", "2026-01-20 10:00", "2026-12-31 23:59", "2026-01-01", "2027-01-01"),
        # anniversaries
        ("day", "anniversary", "2026-01-20 10:00", "2026-01-20 03:00", "2026-01-20", "2026-01-21"),
        ("week", "anniversary", "2026-01-22 10:00", "2026-01-28 23:59", "2026-01-22", "2026-01-29"),
        ("week", "anniversary", "2026-01-22 10:00", "2026-01-21 23:59", "2026-01-15", "2026-01-22"),
        ("30days", "anniversary", "2026-01-20 10:00", "2026-02-18 23:59", "2026-01-20", "2026-02-19"),
        ("30days", "calendar", "2026-01-20 10:00", "2026-02-19 00:00", "2026-02-19", "2026-03-21"),
        ("month", "anniversary", "2026-01-15 10:00", "2026-02-14 23:59", "2026-01-15", "2026-02-15"),
        # days that a month lacks: its last day, and no drift afterwards
        ("month", "anniversary", "2026-01-31 10:00", "2026-02-27 23:59", "2026-01-31", "2026-02-28"),
        ("month", "anniversary", "2026-01-31 10:00", "2026-02-28 00:00", "2026-02-28", "2026-03-31"),
        ("month", "anniversary", "2026-01-31 10:00", "2026-03-31 00:00", "2026-03-31", "2026-04-30"),
        ("month", "anniversary", "2026-01-30 10:00", "2026-03-01 00:00", "2026-02-28", "2026-03-30"),
        ("month", "anniversary", "2026-01-29 10:00", "2026-02-28 10:00", "2026-02-28", "2026-03-29"),
        ("month", "anniversary", "2028-01-29 10:00", "2028-02-29 00:00", "2028-02-29", "2028-03-29"),
        ("month", "anniversary", "2028-01-31 10:00", "2028-03-30 23:59", "2028-02-29", "2028-03-31"),
        ("month", "anniversary", "2028-02-29 10:00", "2028-03-29 00:00", "2028-03-29", "2028-04-29"),
        ("month", "anniversary", "2026-01-31 10:00", "2026-01-01 00:00", "2025-12-31", "2026-01-31"),
        ("year", "anniversary", "2028-02-29 10:00", "2029-03-01 00:00", "2029-02-28", "2030-02-28"),
        ("year", "anniversary", "2028-02-29 10:00", "2032-02-28 23:59", "2031-02-28", "2032-02-29"),
    ],
)
def test_cycle_dates(kind: str, anchor: str, activated: str, instant: str, start: str, end: str) -> None:
    found = cycle_at(kind, anchor, local(activated, JOBURG), JOBURG, local(instant, JOBURG))
    assert found == Period(local(start, JOBURG), local(end, JOBURG))


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00+00:00", 23),
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00+00:00", 25),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00+00:00", 23),  # 00:00 became 01:00
        ("America/Sao_Paulo", date(2018, 2, 17), "2018-02-17T02:00+00:00", 25),  # 24:00 became 23:00
        ("America/Havana", date(2026, 3, 8), "2026-03-08T05:00+00:00", 23),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00+00:00", 25),  # the first of two midnights
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00+00:00", 24),
        ("Africa/Johannesburg", date(2026, 3, 29), "2026-03-28T22:00+00:00", 24),
    ],
)
def test_days_when_clocks_change(zone: str, day: date, begins: str, hours: int) -> None:
    period = day_at(ZoneInfo(zone), local_midnight(ZoneInfo(zone), day))
    assert period.start == datetime.fromisoformat(begins)
    assert period.end - period.start == timedelta(hours=hours)


def test_the_instant_may_be_in_any_zone() -> None:
    late = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)  # already 1 March in Johannesburg
    found = cycle_at("month", "calendar", late, JOBURG, late)
    assert found == Period(local("2026-03-01", JOBURG), local("2026-04-01", JOBURG))
    assert found.start.tzinfo is UTC


def test_anniversary_is_the_local_date_of_activation() -> None:
    activated = datetime(2026, 1, 30, 22, 30, tzinfo=UTC)  # the 31st in Johannesburg
    found = cycle_at("month", "anniversary", activated, JOBURG, datetime(2026, 3, 30, tzinfo=UTC))
    assert found.end == local("2026-03-31", JOBURG)


@pytest.mark.parametrize(("kind", "anchor"), [("fortnight", "calendar"), ("month", "birthday"), ("", "")])
def test_unknown_words_are_refused(kind: str, anchor: str) -> None:
    with pytest.raises(ValueError, match="unknown cycle"):
        cycle_at(kind, anchor, datetime(2026, 1, 1, tzinfo=UTC), JOBURG, datetime(2026, 1, 1, tzinfo=UTC))


def test_the_end_belongs_to_the_next() -> None:
    day = day_at(BERLIN, datetime(2026, 5, 5, 12, tzinfo=UTC))
    assert day.covers(day.start)
    assert not day.covers(day.end)
    assert day_at(BERLIN, day.end).start == day.end


@given(
    kind=st.sampled_from(KINDS),
    anchor=st.sampled_from(ANCHORS),
    zone=st.sampled_from(ZONES),
    activated=instants,
    instant=instants,
)
def test_cycles_tile_the_time_line(
    kind: str, anchor: str, zone: ZoneInfo, activated: datetime, instant: datetime
) -> None:
    """Each instant lies in its cycle, every instant of a cycle finds the same one, and neighbours touch."""

    def cycle(at: datetime) -> Period:
        return cycle_at(kind, anchor, activated, zone, at)

    found = cycle(instant)
    assert found.covers(instant)
    assert cycle(found.start) == found
    assert cycle(found.end - timedelta(microseconds=1)) == found
    assert cycle(found.end).start == found.end
    assert cycle(found.start - timedelta(microseconds=1)).end == found.start


@given(zone=st.sampled_from(ZONES), instant=instants)
def test_days_and_weeks_tile_the_time_line(zone: ZoneInfo, instant: datetime) -> None:
    for at in (day_at, week_at):
        found = at(zone, instant)
        assert found.covers(instant)
        assert at(zone, found.start) == found == at(zone, found.end - timedelta(microseconds=1))
        assert at(zone, found.end).start == found.end


@given(
    zone=st.sampled_from(ZONES).filter(lambda z: z.key != "Pacific/Apia"),
    activated=instants,
    months=st.integers(1, 60),
)
def test_month_cycles_do_not_drift(zone: ZoneInfo, activated: datetime, months: int) -> None:
    """However many short months come between, a cycle starts on the activation day if the month has it."""
    cycle = cycle_at("month", "anniversary", activated, zone, activated)
    for _ in range(months):
        cycle = cycle_at("month", "anniversary", activated, zone, cycle.end)
    start = cycle.start.astimezone(zone).date()
    wanted = activated.astimezone(zone).day
    assert (
        start.day == wanted or (start + timedelta(days=1)).month != start.month or zone.key == "Pacific/Apia"
    )


@given(zone=st.sampled_from(ZONES), instant=instants)
def test_a_day_is_one_local_date(zone: ZoneInfo, instant: datetime) -> None:
    """An instant's day starts on its own date, except where clocks went back over midnight."""
    start = day_at(zone, instant).start.astimezone(zone).date()
    on = instant.astimezone(zone).date()
    assert start == on or (zone.key == "America/St_Johns" and start == on + timedelta(days=1))
