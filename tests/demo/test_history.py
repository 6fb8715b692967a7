"""The demo provider's past, lived for a few lines: it must hold what a past that really happened would hold."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Max, Sum
from pytest_django.plugin import DjangoDbBlocker

from capstan.caps.actions.cap import roll
from capstan.caps.models import Bucket, BucketTally, Cap, Cycle, Drawdown, SessionMark, ThresholdCrossing
from capstan.demo import provider
from capstan.demo.history import life
from capstan.demo.history.journal import LOG_DAYS
from capstan.demo.history.plan import NEAR_CAP
from capstan.metering.models import (
    Fault,
    MeterPosition,
    PacketLog,
    RadiusSession,
    Stream,
    UsageDay,
    UsageHour,
)
from capstan.metering.queries.session_packets import last_records
from capstan.metering.records import unpack
from capstan.metering.rules.words import SessionState
from capstan.network.models import Command, LoginFailure
from capstan.network.queries.lines import lines as lines_of
from capstan.network.rules.words import CommandState
from capstan.services.models import AccessDue, Service
from capstan.services.rules import MacLock, ServiceStatus
from tests.demo.parts import no_parts_left
from tests.demo.past import NOW, chosen, line

pytestmark = pytest.mark.django_db

DAYS = 50
ACCOUNTS = chosen()
LINES = [one for account in ACCOUNTS for one in account.lines]
SINCE = NOW - timedelta(days=DAYS)
ZONE = ZoneInfo("Africa/Johannesburg")


@pytest.fixture(scope="module")
def past(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[int]:
    """The lines with their past, entered once for all tests here; what each changes is rolled back to this."""
    with (
        django_db_blocker.unblock(),
        no_parts_left(),
        transaction.atomic(),
        patch.object(provider, "accounts", lambda: ACCOUNTS),
    ):
        yield provider.enter_provider(now=NOW, days=DAYS)
        transaction.set_rollback(True)


def service(username: str) -> Service:
    return Service.objects.get(username=line(username).line.username)


def test_every_line_has_a_past_from_its_own_beginning_on(past: int) -> None:
    assert past == len(LINES) == Service.objects.count()
    for one in LINES:
        mine = RadiusSession.objects.filter(service__username=one.line.username.lower())
        first = mine.earliest("started_at").started_at
        began = max(SINCE, NOW - timedelta(days=one.days_old))
        assert began <= first < began + timedelta(days=9), one.line.username
        assert NOW - mine.latest("started_at").started_at < timedelta(days=9), one.line.username


def test_sessions_have_ended_one_to_three_a_day_and_none_overlaps_another(past: int) -> None:
    assert not RadiusSession.objects.exclude(state=SessionState.CLOSED).exists()
    assert not Fault.objects.exists()
    for one in LINES:
        mine = RadiusSession.objects.filter(service__username=one.line.username.lower()).order_by("id")
        spans = [(session.started_at, session.stopped_at or NOW) for session in mine]
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
        days = (spans[-1][1] - spans[0][0]) / timedelta(days=1)
        assert 0.2 <= len(spans) / days <= 3, one.line.username


def test_what_the_log_holds_is_what_sessions_have_counted(past: int) -> None:
    """I1, for the days whose log is kept."""
    logs_from = NOW - timedelta(days=LOG_DAYS)
    rows = PacketLog.objects.order_by("stream_id", "seq")
    last: dict[bytes, tuple[int, int]] = {}
    for row in rows:
        assert logs_from <= row.received_at <= NOW + timedelta(seconds=1)
        for record in unpack(bytes(row.payload)):
            last[record.key] = (record.bytes_up, record.bytes_down)
    counted = RadiusSession.objects.filter(last_seen_at__gte=logs_from)
    assert len(last) == counted.count() > len(LINES)
    for session in counted:
        assert last[bytes(session.key)] == (session.bytes_up, session.bytes_down)
        assert (session.base_up, session.base_down) == (0, 0)
    assert Stream.objects.filter(closed_at=None).count() == 0
    ends = dict(rows.values_list("stream_id").annotate(Max("seq")))
    assert ends == dict(MeterPosition.objects.filter(drained=True).values_list("stream_id", "seq"))


def test_a_sessions_packets_are_found_in_the_log(past: int) -> None:
    session = RadiusSession.objects.filter(service=service("ruth.naidoo")).latest("id")
    found = last_records(session, limit=50, look_back=timedelta(days=1))
    assert found[0].record.status == 2
    assert found[-1].record.status == 1
    times = [one.received_at for one in found]
    assert times == sorted(times, reverse=True)


def test_buckets_and_draw_downs_add_up_to_what_was_counted(past: int) -> None:
    """I3, and the same once more after everything that was counted is booked."""
    _check_buckets()
    for one in Service.objects.all():
        roll(one.pk, now=NOW)
    _check_buckets()
    assert not Cap.objects.exclude(settled_bytes=F("counted_bytes")).exists()


def _check_buckets() -> None:
    drawn: dict[int | None, int] = defaultdict(int)
    booked: dict[int, int] = defaultdict(int)
    for bucket_id, service_id, amount in Drawdown.objects.values_list("bucket", "service", "bytes"):
        drawn[bucket_id] += amount
        booked[service_id] += amount
    for tally in BucketTally.objects.select_related("bucket"):
        assert tally.drawn_bytes == drawn[tally.bucket_id]
        ended = tally.expired_bytes + tally.voided_bytes + tally.moved_bytes
        remaining = tally.bucket.size_bytes - tally.drawn_bytes - ended
        assert remaining >= 0
        assert tally.is_open or remaining == 0
    assert {cap.service_id: cap.settled_bytes for cap in Cap.objects.all()} == {
        one.pk: booked[one.pk] for one in Service.objects.all()
    }


def test_what_was_counted_is_what_went_through_the_line(past: int) -> None:
    totals = {
        row["service"]: (row["up"], row["down"])
        for row in RadiusSession.objects.values("service").annotate(
            up=Sum("bytes_up"), down=Sum("bytes_down")
        )
    }
    for cap in Cap.objects.select_related("service", "version__package"):
        up, down = totals[cap.service_id]
        match cap.version.package.code:
            case "adsl-20":
                assert cap.counted_bytes == down
            case "fibre-200":
                assert 0.5 * (up + down) < cap.counted_bytes < up + down  # nights are free
            case _:
                assert cap.counted_bytes == up + down
    for model in (UsageHour, UsageDay):
        rows = model._default_manager.values_list("service_id").annotate(Sum("bytes_up"), Sum("bytes_down"))
        assert {service_id: (up, down) for service_id, up, down in rows} == totals


def test_evenings_are_busier_than_nights(past: int) -> None:
    by_hour: dict[int, int] = defaultdict(int)
    homes = [service(name).pk for name in ("riaan.govender", "ruth.naidoo", "kavitha.pillay")]
    for hour, amount in UsageHour.objects.filter(service_id__in=homes).values_list("hour", "bytes_down"):
        by_hour[(hour + 2) % 24] += amount  # the provider's clock
    assert sum(by_hour[hour] for hour in (20, 21, 22)) > 4 * sum(by_hour[hour] for hour in (2, 3, 4))


def test_cycles_are_sealed_with_what_was_drawn_in_them(past: int) -> None:
    assert not Cycle.objects.filter(sealed_at=None).exists()
    for cycle in Cycle.objects.all():
        assert cycle.sealed_at == cycle.end + timedelta(hours=1)
        mine = Drawdown.objects.filter(service=cycle.service_id, cycle_start=cycle.start)
        by_kind = {
            kind: sum(mine.filter(beyond=kind).values_list("bytes", flat=True))
            for kind in ("", "overshoot", "overage")
        }
        assert by_kind == {
            "": cycle.drawn_bytes,
            "overshoot": cycle.overshoot_bytes,
            "overage": cycle.overage_bytes,
        }
    by_package = Cycle.objects.values_list("version__package__code").annotate(Count("pk"))
    most = dict(by_package)
    assert most["hotspot-day"] > 80
    assert most["harbour-week"] >= 7
    assert Cycle.objects.filter(service=service("riaan.govender")).count() == 2


def test_what_was_left_rolled_over_and_what_was_missing_was_bought(past: int) -> None:
    february = Bucket.objects.get(
        service=service("riaan.govender"), kind="rollover", starts_at__lt=NOW, expires_at__gt=NOW
    )
    origin = Bucket.objects.select_related("tally").get(pk=int(february.source.partition(":")[2]))
    assert origin.kind == "allowance"
    assert origin.tally.moved_bytes == february.size_bytes > 5 * 10**9
    bought = Bucket.objects.filter(kind="topup").exclude(service=service("ruth.smith"))
    assert bought.exists()
    for bucket in bought:
        assert SINCE < bucket.granted_at < NOW
        told = ThresholdCrossing.objects.filter(
            service=bucket.service_id, percent__gte=90, crossed_at__lt=bucket.granted_at
        )
        assert told.filter(recorded_at__lt=bucket.granted_at, period_start__lte=bucket.granted_at).exists()


def test_a_line_that_reached_its_cap_was_found_at_that_moment_and_its_router_was_told(past: int) -> None:
    acted_upon = Service.objects.exclude(
        username=next(one for one in LINES if one.package == "adsl-20").line.username
    )
    reached = ThresholdCrossing.objects.filter(percent=100, limit="cycle", service__in=acted_upon)
    blocked = [
        one
        for one in reached.select_related("service")
        if Cap.objects.get(pk=one.service_id).version.at_cap != "open"
    ]
    assert len(blocked) >= 3
    for one in blocked:
        assert one.recorded_at - one.crossed_at < timedelta(minutes=2)
    commands = Command.objects.all()
    assert commands.filter(
        access_kind__in=("blocked", "throttled", "walled"), cause__startswith="cap:"
    ).exists()
    assert commands.filter(access_kind="open", cause="granted a top-up", kind="coa").exists()
    assert commands.filter(proved_at__isnull=False).exists()
    for command in commands:
        assert command.state == CommandState.ACK
        assert command.answered_at is not None
        assert command.sent_at < command.answered_at < command.sent_at + timedelta(seconds=1)


def test_nothing_went_through_a_line_while_it_was_blocked(past: int) -> None:
    for blocked in Command.objects.filter(access_kind="blocked", cause__startswith="cap:"):
        later = Bucket.objects.filter(service=blocked.service_id, granted_at__gt=blocked.sent_at)
        opened = later.order_by("granted_at").first()
        hours = UsageHour.objects.filter(
            service_id=blocked.service_id, hour__gt=int(blocked.sent_at.timestamp()) // 3600,
            hour__lt=int(opened.granted_at.timestamp() if opened else NOW.timestamp()) // 3600,
        )  # fmt: skip
        # A report spreads evenly, so the first one of a new cycle reaches some seconds back over midnight.
        assert sum(hours.values_list("bytes_down", flat=True)) < 1_000_000


def test_some_are_about_to_need_a_top_up_and_the_others_have_used_what_the_month_allows(past: int) -> None:
    def used(cap: Cap) -> float:
        unbooked = cap.counted_bytes - cap.settled_bytes
        return (cap.drawn_bytes + unbooked) / (cap.drawn_bytes + cap.remaining_bytes)

    shares = {
        cap.service.username: used(cap)
        for cap in Cap.objects.select_related("service").filter(remaining_bytes__lt=1 << 60)
    }
    for name in ("ruth.naidoo", "ruth.smith"):
        username = line(name).line.username
        assert shares[username] == pytest.approx(NEAR_CAP[username], abs=0.002)
    eager = [one.line.username for one in LINES if one.package == "wireless-taster"]
    assert all(shares[username] < 0.05 for username in eager)
    assert 0.05 < shares[line("riaan.govender").line.username] < 0.5  # light, with a rollover


def test_what_befell_single_lines(past: int) -> None:
    suspended = next(one for one in LINES if one.suspended)
    held = Service.objects.get(username=suspended.line.username)
    assert held.status == ServiceStatus.SUSPENDED
    last = RadiusSession.objects.filter(service=held).latest("id")
    assert last.bytes_up + last.bytes_down < 3_000_000  # the garden
    assert Command.objects.filter(service=held, access_kind="walled").exists()

    mistyped = next(one for one in LINES if one.entered_password != one.line.password)
    locked_out = Service.objects.get(username=mistyped.line.username)
    assert locked_out.line_password == mistyped.entered_password
    failures = LoginFailure.objects.filter(service=locked_out, reason="wrong password")
    assert failures.filter(count__gt=50).count() > 48
    assert not RadiusSession.objects.filter(
        service=locked_out, started_at__gt=failures.filter(count__gt=50).earliest("first_at").first_at
    ).exists()

    moved = Service.objects.get(username=line("hannah.nel").line.username)
    stations = list(
        RadiusSession.objects.filter(service=moved)
        .order_by("id")
        .values_list("calling_station", "bytes_down")
    )
    assert stations[0][0] == line("hannah.nel").locked_to.upper()
    assert stations[0][1] > 0
    assert stations[-1] == (line("hannah.nel").line.mac.hex(":").upper(), 0)

    learning = next(one for one in LINES if one.learns_device)
    assert Service.objects.get(username=learning.line.username).mac_lock == MacLock.LEARN
    assert LoginFailure.objects.filter(service=None).exists()


def test_nothing_is_left_to_be_done(past: int) -> None:
    assert not AccessDue.objects.exists()
    assert not Cap.objects.filter(changes_at__lte=NOW).exists()
    known = lines_of(list(Service.objects.values_list("pk", flat=True)))
    assert len(known) == len(LINES)
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")
        assert cursor.fetchall() == []


def test_a_second_start_enters_nothing(past: int) -> None:
    before = _figures()
    with patch.object(provider, "accounts", lambda: ACCOUNTS):
        assert provider.enter_provider(now=NOW + timedelta(days=1), days=DAYS) == 0
    assert _figures() == before


def _figures() -> list[int]:
    models = (
        Service,
        RadiusSession,
        Bucket,
        Cycle,
        Drawdown,
        SessionMark,
        UsageHour,
        UsageDay,
        PacketLog,
        Command,
    )
    return [model._default_manager.count() for model in models]


def test_a_past_that_breaks_in_the_middle_has_never_been(past: int) -> None:
    lost = next(account for account in ACCOUNTS if account.lines[0].package == "fibre-200")._replace(
        code="SP9999"
    )
    one = lost.lines[0]
    again = lost._replace(
        lines=(one._replace(line=one.line._replace(username=f"other.{one.line.username}")),)
    )
    before, steps = _figures(), iter(range(20))

    def seal_due(**_: object) -> int:
        if next(steps) == 19:
            raise ArithmeticError("broken on purpose")
        return 0

    with patch.object(provider, "accounts", lambda: (again,)):
        with patch.object(life, "seal_due", seal_due), pytest.raises(ArithmeticError):
            provider.enter_provider(now=NOW, days=DAYS)
        assert _figures() == before
        assert provider.enter_provider(now=NOW, days=DAYS) == 1


def test_the_same_roster_has_the_same_past(past: int) -> None:
    def told() -> list[tuple[object, ...]]:
        sessions = RadiusSession.objects.filter(service__username__endswith=one.line.username)
        return list(
            sessions.order_by("id").values_list(
                "started_at", "stopped_at", "bytes_up", "bytes_down", "terminate_cause"
            )
        )

    account = next(account for account in ACCOUNTS if account.lines[0].package == "wireless-15")
    one = account.lines[0]
    first = told()
    other = account._replace(
        code="SP9998", lines=(one._replace(line=one.line._replace(username=f"x.{one.line.username}")),)
    )
    Service.objects.filter(username=one.line.username).update(username="somebody.else")
    RadiusSession.objects.filter(service__username="somebody.else").update(service=None)
    with patch.object(provider, "accounts", lambda: (other,)):
        provider.enter_provider(now=NOW, days=DAYS)
    assert told() == first
