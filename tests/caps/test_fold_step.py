"""The meter's step through its real door: records in the packet log, figures in the tables."""

from datetime import timedelta

import pytest

from capstan.audit.models import AuditEntry
from capstan.caps.actions.cap import grant, open_cap, roll, roll_due, seal_due, void
from capstan.caps.actions.fold import fold_step
from capstan.caps.models import Bucket, BucketTally, Cap, Cycle, Drawdown, LimitTally, ThresholdCrossing
from capstan.caps.rules.words import BucketKind
from capstan.metering.actions.control import assign_session, close_session, close_sessions, decide_fault
from capstan.metering.actions.packet_log import open_stream
from capstan.metering.models import Fault, MeterPosition, PacketLog, RadiusSession, UsageHour
from capstan.metering.records import pack
from capstan.metering.rules.words import SessionState, Status
from capstan.services.models import AccessDue
from capstan.services.rules import Urgency

from .conftest import GB, START, Provider, check_invariants

pytestmark = pytest.mark.django_db(transaction=True)


def test_interims_are_counted_once_and_drawn_from_the_allowance(provider: Provider) -> None:
    service = provider.service()
    provider.receive(provider.record(Status.START))
    provider.wait(minutes=5)
    interim = provider.record(Status.INTERIM, 300, GB, 2 * GB)
    provider.receive(interim, interim)
    provider.fold()
    provider.receive(interim)
    provider.fold()
    session = provider.session()
    assert (session.bytes_up, session.bytes_down, session.state) == (GB, 2 * GB, SessionState.LIVE)
    cap = Cap.objects.get(service=service)
    assert cap.counted_bytes == 3 * GB
    check_invariants(service)


def test_a_common_interim_only_adds_to_the_counter(provider: Provider) -> None:
    service = provider.service()
    before = Cap.objects.get(service=service)
    provider.wait(minutes=5)
    provider.receive(provider.record(Status.INTERIM, 300, 100, 200))
    assert provider.fold().settled == 0
    cap = Cap.objects.get(service=service)
    assert cap.counted_bytes == before.counted_bytes + 300
    assert cap.settled_bytes == before.settled_bytes


def test_the_cap_is_reached_and_a_grant_opens_the_line(provider: Provider) -> None:
    service = provider.service()
    AccessDue.objects.all().delete()
    for step in range(1, 12):
        provider.wait(minutes=5)
        provider.interim(300 * step, 0, step * GB)
    cap = Cap.objects.get(service=service)
    assert (cap.state, cap.sink_bucket_id, cap.remaining_bytes) == ("blocked", None, 0)
    assert cap.overshoot_bytes + cap.counted_bytes - cap.settled_bytes == GB
    assert "blocked" in AccessDue.objects.get(service=service).cause
    crossed = list(ThresholdCrossing.objects.order_by("percent").values_list("percent", "arming"))
    assert crossed == [(50, 0), (80, 0), (90, 0), (100, 0)]
    check_invariants(service)

    grant(
        service_id=service.pk,
        kind=BucketKind.TOPUP,
        size_bytes=90 * GB,
        source="staff",
        actor="t",
        now=provider.now,
    )
    cap.refresh_from_db()
    assert (cap.state, cap.remaining_bytes, cap.arming, cap.crossed_cycle) == ("open", 90 * GB, 1, 0)
    provider.wait(minutes=5)
    provider.interim(3600, 0, 12 * GB)
    cap.refresh_from_db()
    assert cap.state == "open"
    assert cap.overshoot_bytes == GB
    check_invariants(service)


def test_a_grant_with_the_same_reference_is_given_once(provider: Provider) -> None:
    service = provider.service()
    for _ in range(3):
        grant(
            service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=GB, source="order", reference="order:7",
            actor="t", now=provider.now,
        )  # fmt: skip
    assert Bucket.objects.filter(service=service, kind="topup").count() == 1


def test_overshoot_is_carried_into_the_next_topup_when_the_package_says_so(provider: Provider) -> None:
    service = provider.service(overshoot="carry", allowance_bytes=GB)
    provider.wait(minutes=5)
    provider.interim(300, 0, 3 * GB)
    bucket = grant(
        service_id=service.pk,
        kind=BucketKind.TOPUP,
        size_bytes=5 * GB,
        source="staff",
        actor="t",
        now=provider.now,
    )
    cap = Cap.objects.get(service=service)
    assert (cap.overshoot_bytes, cap.remaining_bytes) == (0, 3 * GB)
    assert BucketTally.objects.get(bucket=bucket).drawn_bytes == 2 * GB
    check_invariants(service)


def test_a_void_takes_back_only_what_is_unused(provider: Provider) -> None:
    service = provider.service(allowance_bytes=GB)
    bucket = grant(
        service_id=service.pk,
        kind=BucketKind.TOPUP,
        size_bytes=4 * GB,
        source="staff",
        actor="t",
        now=provider.now,
    )
    provider.wait(minutes=5)
    provider.interim(300, 0, 2 * GB)
    assert void(bucket_id=bucket.pk, actor="t", reason="wrong line", now=provider.now) == pytest.approx(
        3 * GB, abs=0
    )
    assert Cap.objects.get(service=service).state == "blocked"
    check_invariants(service)


def test_the_cycle_turns_seals_and_rolls_over(provider: Provider) -> None:
    service = provider.service(rollover_allowance_cycles=1)
    provider.wait(minutes=5)
    provider.interim(300, 0, 4 * GB)
    cap = Cap.objects.get(service=service)
    provider.now = cap.cycle_end
    assert roll_due(now=provider.now) == 1
    cap.refresh_from_db()
    assert (cap.drawn_bytes, cap.remaining_bytes, cap.cycle_start) == (0, 10 * GB, provider.now)
    assert Cycle.objects.get(service=service).drawn_bytes == 4 * GB
    assert seal_due(now=provider.now + timedelta(minutes=59)) == 0
    provider.wait(minutes=60)
    assert seal_due(now=provider.now) == 1
    rolled = Bucket.objects.get(service=service, kind="rollover")
    assert (rolled.size_bytes, rolled.expires_at) == (6 * GB, Cap.objects.get(service=service).cycle_end)
    check_invariants(service)
    assert seal_due(now=provider.now) == 0


def test_usage_over_the_cycles_end_is_split_between_the_cycles(provider: Provider) -> None:
    service = provider.service()
    end = Cap.objects.get(service=service).cycle_end
    provider.now = end - timedelta(minutes=5)
    provider.receive(provider.record(Status.START))
    provider.fold()
    provider.now = end + timedelta(minutes=5)
    provider.interim(600, 0, 2 * GB)
    cap = Cap.objects.get(service=service)
    assert cap.drawn_bytes + cap.counted_bytes - cap.settled_bytes == GB
    assert Cycle.objects.get(service=service).drawn_bytes == GB
    check_invariants(service)


def test_free_windows_count_nothing(provider: Provider) -> None:
    service = provider.service(free_windows=["1234567 00:00-06:00"])
    provider.now = START.replace(hour=21, minute=0)  # 23:00 in the provider's zone
    provider.receive(provider.record(Status.START))
    provider.fold()
    provider.wait(hours=2)
    provider.interim(7200, 0, 2 * GB)
    assert Cap.objects.get(service=service).counted_bytes == GB
    provider.wait(hours=1)
    provider.interim(10800, 0, 5 * GB)
    assert Cap.objects.get(service=service).counted_bytes == GB
    check_invariants(service)


def test_a_day_limit_blocks_until_tomorrow_and_leaves_topups_alone(provider: Provider) -> None:
    service = provider.service(day_limit_bytes=2 * GB)
    provider.wait(minutes=5)
    provider.interim(300, 0, 3 * GB)
    cap = Cap.objects.get(service=service)
    assert (cap.state, cap.day_bytes) == ("blocked", 2 * GB)
    bucket = grant(
        service_id=service.pk,
        kind=BucketKind.TOPUP,
        size_bytes=2 * GB,
        source="staff",
        actor="t",
        now=provider.now,
    )
    provider.wait(minutes=5)
    provider.interim(600, 0, 4 * GB)
    check_invariants(service)
    cap.refresh_from_db()
    assert (cap.state, cap.sink_bucket_id) == ("open", bucket.pk)
    provider.wait(days=1)
    roll_due(now=provider.now)
    cap.refresh_from_db()
    assert cap.day_bytes == 0
    assert cap.sink_bucket_id != bucket.pk


def test_counters_that_go_back_are_held_apart_until_staff_decide(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=5)
    provider.interim(300, 0, 2 * GB)
    provider.wait(minutes=5)
    provider.interim(600, 0, GB)
    fault = Fault.objects.get()
    assert (fault.kind, fault.held_down, provider.session().bytes_down) == ("counters-back", GB, 2 * GB)
    decide_fault(fault.pk, count=True, actor="t", reason="the router was reset", now=provider.now)
    provider.fold()
    provider.wait(minutes=5)
    provider.interim(900, 0, GB + 5)
    session = provider.session()
    assert session.bytes_down - session.base_down == 3 * GB + 5
    assert Cap.objects.get(service=service).counted_bytes == 3 * GB + 5
    check_invariants(service)


def test_an_impossible_rate_is_held_apart(provider: Provider) -> None:
    service = provider.service()
    provider.interim(10, 0, 50_000 * GB)
    assert Fault.objects.get().kind == "impossible-rate"
    assert Cap.objects.get(service=service).counted_bytes == 0


def test_an_unknown_users_usage_is_kept_and_can_be_assigned(provider: Provider) -> None:
    provider.wait(minutes=5)
    provider.interim(300, 0, GB, user="nobody@example.net")
    fault = Fault.objects.get()
    assert (fault.kind, fault.username, fault.held_down) == ("unknown-user", "nobody@example.net", GB)
    service = provider.service("somebody@example.net")
    assign_session(
        provider.session().pk, service_id=service.pk, actor="t", reason="renamed", now=provider.now
    )
    provider.fold()
    assert Cap.objects.get(service=service).counted_bytes == GB
    provider.wait(minutes=5)
    provider.interim(600, 0, 2 * GB, user="nobody@example.net")
    assert Cap.objects.get(service=service).counted_bytes == 2 * GB
    check_invariants(service)


def test_accounting_on_closes_what_the_router_had_open(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=5)
    provider.interim(300, 0, GB)
    provider.wait(minutes=5)
    provider.receive(provider.record(Status.ON, session="", user=""))
    provider.fold()
    assert provider.session().state == SessionState.CLOSED
    provider.receive(provider.record(Status.STOP, 400, 0, 2 * GB, at=provider.now - timedelta(seconds=200)))
    provider.fold()
    assert RadiusSession.objects.count() == 1
    assert provider.session().state == SessionState.CLOSED
    assert Cap.objects.get(service=service).counted_bytes == 2 * GB
    check_invariants(service)


def test_a_reused_session_id_is_another_session(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=5)
    provider.receive(provider.record(Status.STOP, 300, 0, GB))
    provider.wait(hours=1)
    provider.receive(provider.record(Status.INTERIM, 60, 0, GB))
    provider.fold()
    assert RadiusSession.objects.count() == 2
    assert Cap.objects.get(service=service).counted_bytes == 2 * GB


def test_a_closed_session_lets_go_of_its_running_hour(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=90)
    provider.interim(5400, 0, 3 * GB)
    close_session(provider.session().pk, actor="t", reason="gone", now=provider.now)
    provider.fold()
    hours = (
        UsageHour.objects.filter(service_id=service.pk).order_by("hour").values_list("bytes_down", flat=True)
    )
    assert list(hours) == [2 * GB, GB]
    assert provider.session().hour_down == 0


def test_a_record_that_cannot_be_folded_is_set_aside_and_the_others_count(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=5)
    bad = provider.record(Status.INTERIM, 300, 0, GB, session="bad", nas_id=999_999)
    good = [provider.record(Status.INTERIM, 300, 0, 1000, session=f"s{n}") for n in range(10)]
    provider.receive(*good[:5], bad, *good[5:])
    assert provider.fold().set_aside == 1
    assert Cap.objects.get(service=service).counted_bytes == 10_000
    assert Fault.objects.get().kind == "fold-failed"


def test_usage_of_a_service_that_nobody_opened_opens_it(provider: Provider) -> None:
    service = provider.service()
    Drawdown.objects.all().delete()
    Cap.objects.all().delete()
    provider.wait(minutes=5)
    provider.interim(300, 0, GB)
    assert Cap.objects.get(service=service).counted_bytes == GB
    open_cap(service.pk, now=provider.now)
    assert Bucket.objects.filter(service=service).count() == 1


def test_a_session_we_closed_by_decision_is_revived_by_a_newer_packet_only(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=5)
    provider.interim(300, 0, GB)
    close_session(provider.session().pk, actor="t", reason="the router says it is gone", now=provider.now)
    provider.fold()
    provider.interim(200, 0, GB // 2)
    assert provider.session().state == SessionState.CLOSED
    provider.wait(minutes=5)
    provider.interim(600, 0, 2 * GB)
    assert provider.session().state == SessionState.LIVE
    provider.wait(minutes=5)
    provider.interim(900, 0, 3 * GB)
    assert Cap.objects.get(service=service).counted_bytes == 3 * GB
    check_invariants(service)


def test_writers_are_folded_in_the_order_of_time(provider: Provider) -> None:
    """An earlier stream that is read first would hold up the others, and a later one put things in the wrong order."""
    provider.service()
    other = open_stream(provider.conn, writer="other", now=provider.now)
    for number in range(30):
        provider.wait(seconds=1)
        name = f"s{number:02}"
        if number % 3:
            provider.receive(provider.record(Status.START, session=name))
        else:
            other.append(pack([provider.record(Status.START, session=name)]), 1, provider.now)
    other.close(now=provider.now)
    folded: list[str] = []
    while fold_step(provider.conn, now=provider.now, limit=4).records:
        known = RadiusSession.objects.order_by("pk").values_list("acct_session_id", flat=True)
        folded = [bytes(name).decode() for name in known]
        assert folded == [f"s{number:02}" for number in range(len(folded))]
    assert len(folded) == 30
    fold_step(provider.conn, now=provider.now)
    assert MeterPosition.objects.get(stream_id=other.stream_id).drained


def test_usage_that_comes_days_late_is_held_against_its_own_day(provider: Provider) -> None:
    """A silent session's Stop tells of three days: each gives as much of the allowance as its own limit allows."""
    service = provider.service(day_limit_bytes=2 * GB)
    provider.receive(provider.record(Status.START, session="silent"))
    provider.fold()
    for _ in range(3):
        provider.wait(minutes=5)
        provider.interim(300, 0, 2 * GB, session=f"day{provider.now.day}")
        provider.wait(hours=23, minutes=55)
    hours = int((provider.now - START).total_seconds())
    provider.receive(provider.record(Status.STOP, hours, 0, 3 * GB, session="silent"))
    provider.fold()
    allowance = Bucket.objects.get(service=service)
    roll(service.pk, now=provider.now)
    tally = BucketTally.objects.get(bucket=allowance)
    today = Cap.objects.get(service=service).day_bytes
    assert tally.drawn_bytes == 3 * 2 * GB + today
    assert today < GB
    check_invariants(service)


def test_what_earlier_days_drew_is_forgotten_when_their_cycle_is_sealed(provider: Provider) -> None:
    provider.service(day_limit_bytes=2 * GB)
    for _ in range(2):
        provider.wait(minutes=5)
        provider.interim(300, 0, GB, session=f"day{provider.now.day}")
        provider.wait(hours=24)
    roll_due(now=provider.now)
    assert LimitTally.objects.exists()
    provider.wait(days=45)
    while roll_due(now=provider.now) or seal_due(now=provider.now):
        pass
    assert not LimitTally.objects.exists()


def test_how_urgent_a_change_is(provider: Provider) -> None:
    service = provider.service()

    def urgency() -> Urgency:
        return Urgency(AccessDue.objects.get(service=service).urgency)

    AccessDue.objects.all().delete()
    provider.wait(minutes=5)
    provider.interim(300, 0, 11 * GB)
    assert urgency() == Urgency.USAGE
    grant(
        service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=GB, source="t", actor="t", now=provider.now
    )
    assert urgency() == Urgency.AWAITED
    AccessDue.objects.all().delete()
    provider.wait(days=31)
    assert roll_due(now=provider.now) == 1
    assert urgency() == Urgency.CROWD


def test_many_sessions_are_closed_by_one_row_of_the_log(provider: Provider) -> None:
    provider.service()
    provider.wait(minutes=5)
    for name in ("one", "two", "three"):
        provider.interim(300, 0, GB, session=name)
    ids = list(RadiusSession.objects.order_by("pk").values_list("pk", flat=True))
    close_session(ids[2], actor="t", reason="gone", now=provider.now)
    provider.fold()
    rows = PacketLog.objects.count()
    close_sessions([*ids, 999_999], actor="t", reason="gone", now=provider.now)
    assert PacketLog.objects.count() == rows + 1
    assert provider.fold().records == 2
    assert set(RadiusSession.objects.values_list("state", flat=True)) == {SessionState.CLOSED}
    assert AuditEntry.objects.filter(action="metering.close").count() == 3


def test_a_second_session_of_a_line_has_enforcement_look_at_it(provider: Provider) -> None:
    service = provider.service()
    provider.interim(0, session="first")
    AccessDue.objects.all().delete()
    provider.wait(minutes=1)
    provider.interim(0, session="second")
    assert AccessDue.objects.get(service=service).cause == "another session of the line came up"


def test_a_session_revived_by_an_idle_interim_is_watched_again(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=5)
    provider.interim(300, 0, GB)
    close_session(provider.session().pk, actor="t", reason="gone", now=provider.now)
    provider.fold()
    roll(service.pk, now=provider.now)
    provider.wait(minutes=5)
    provider.interim(600, 0, GB)
    provider.wait(minutes=5)
    provider.interim(900, 0, 2 * GB)
    roll(service.pk, now=provider.now)
    assert Cap.objects.get(service=service).counted_bytes == 2 * GB
    check_invariants(service)


def test_an_idle_session_that_is_assigned_is_watched(provider: Provider) -> None:
    provider.interim(0, user="nobody@example.net", session="old")
    unknown = provider.session()
    service = provider.service()
    provider.interim(0, session="new")
    provider.receive(provider.record(Status.STOP, 0, session="new"))
    provider.fold()
    roll(service.pk, now=provider.now)
    assign_session(unknown.pk, service_id=service.pk, actor="t", reason="renamed", now=provider.now)
    provider.fold()
    provider.wait(minutes=5)
    provider.interim(300, 0, GB, user="nobody@example.net", session="old")
    roll(service.pk, now=provider.now)
    assert Cap.objects.get(service=service).counted_bytes == GB
    check_invariants(service)


def test_a_doubtful_rate_that_later_records_cover_is_not_counted_twice(provider: Provider) -> None:
    service = provider.service(allowance_bytes=1000 * GB)
    provider.nas.max_rate_mbps = 1000
    provider.nas.save()
    provider.wait(minutes=5)
    provider.interim(300, 0, 50 * GB)
    provider.wait(minutes=5)
    provider.interim(600, 0, 51 * GB)
    assert Cap.objects.get(service=service).counted_bytes == 51 * GB
    decide_fault(Fault.objects.get().pk, count=True, actor="t", reason="a fast line", now=provider.now)
    provider.fold()
    assert Cap.objects.get(service=service).counted_bytes == 51 * GB
    check_invariants(service)


def test_a_log_row_that_cannot_be_read_is_shown_and_passed_by(provider: Provider) -> None:
    service = provider.service()
    provider.wait(minutes=5)
    provider.stream.append(b"\x7fwhat is this", 1, provider.now)
    provider.interim(300, 0, GB)
    assert Cap.objects.get(service=service).counted_bytes == GB
    assert "unknown format '7f'" in Fault.objects.get().detail
