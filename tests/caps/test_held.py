"""Lines that wait for payment: no allowance until it is released, whole and once whatever comes first (S9, I3)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from capstan.caps.actions.cap import grant, open_cap, roll, seal_due
from capstan.caps.actions.held import hold, let_go, release
from capstan.caps.models import Bucket, BucketTally, Cap, ThresholdCrossing
from capstan.caps.queries import standing
from capstan.caps.rules.words import BucketKind, CapState
from capstan.catalog.rules import AtCap, CycleKind
from capstan.services.models import Service
from capstan.services.rules import Standing
from tests.caps.conftest import GB, Provider

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("Africa/Johannesburg")
MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=ZONE) for month in (3, 4, 5))


def held(provider: Provider, **terms: Any) -> Service:
    """A line that was prepaid from its first moment; its first cycle has begun without data."""
    service = provider.service(**terms)
    Bucket.objects.filter(service=service).delete()
    Service.objects.filter(pk=service.pk).update(standing=Standing.PREPAID)
    Cap.objects.filter(pk=service.pk).delete()
    open_cap(service.pk, now=provider.now)
    return service


def released(provider: Provider, service: Service, reference: str = "prepaid:1", **more: Any) -> bool:
    given: dict[str, Any] = {"starts_at": MARCH, "ends_at": APRIL, **more}
    return release(service_id=service.pk, reference=reference, actor="billing", now=provider.now, **given)


def state(service: Service) -> CapState:
    return CapState(Cap.objects.get(pk=service.pk).state)


def test_a_cycle_waits_at_the_cap_and_nothing_counts_as_used(provider: Provider) -> None:
    service = held(provider, at_cap=AtCap.WALL)
    now = standing(service.pk, now=provider.now)
    assert (now.waits, now.state, now.percent, now.buckets) == (True, CapState.WALLED, 0, ())
    assert not ThresholdCrossing.objects.exists()


def test_a_release_grants_the_whole_allowance_at_once_and_once(
    provider: Provider, checked: Callable[[Service], None]
) -> None:
    service = held(provider)
    provider.interim(300, down=GB)
    provider.wait(days=3)
    assert [released(provider, service) for _ in range(2)] == [True, False]
    released(provider, service, "prepaid:again")
    bucket = Bucket.objects.get(service=service)
    assert (bucket.size_bytes, bucket.starts_at, bucket.expires_at) == (10 * GB, provider.now, standing(
        service.pk, now=provider.now).cycle_end)  # fmt: skip
    assert (state(service), standing(service.pk, now=provider.now).remaining) == (CapState.OPEN, 10 * GB)
    provider.wait(minutes=5)
    provider.interim(3 * 86400 + 600, down=3 * GB)
    checked(service)


def test_what_was_released_before_its_cycle_is_granted_as_it_begins(provider: Provider) -> None:
    service = held(provider)
    released(provider, service, starts_at=APRIL, ends_at=MAY)
    assert state(service) == CapState.BLOCKED
    provider.now = datetime(2026, 4, 1, 1, tzinfo=UTC)
    roll(service.pk, now=provider.now)
    assert (state(service), Bucket.objects.get().size_bytes) == (CapState.OPEN, 10 * GB)
    provider.now = datetime(2026, 5, 1, 1, tzinfo=UTC)
    roll(service.pk, now=provider.now)
    assert (state(service), Bucket.objects.count()) == (CapState.BLOCKED, 1)


def test_every_day_of_a_paid_month_has_its_allowance(provider: Provider) -> None:
    service = held(provider, cycle_kind=CycleKind.DAY, allowance_bytes=GB)
    released(provider, service, ends_at=datetime(2026, 3, 13, 12, tzinfo=UTC))
    for days in range(1, 5):
        roll(service.pk, now=provider.now + timedelta(days=days))
    assert Bucket.objects.filter(service=service).count() == 4  # the 10th to the 13th


def test_a_line_that_comes_within_a_cycle_belongs_to_the_days_it_came_in(provider: Provider) -> None:
    service = held(provider)
    released(provider, service, starts_at=datetime(2026, 3, 9, tzinfo=UTC), ends_at=APRIL + timedelta(days=8))
    assert state(service) == CapState.OPEN


def test_without_a_cap_there_is_something_to_wait_for_too(provider: Provider) -> None:
    service = held(provider, allowance_bytes=None, at_cap=AtCap.THROTTLE)
    assert (state(service), standing(service.pk, now=provider.now).is_uncapped) == (CapState.THROTTLED, False)
    released(provider, service)
    assert (state(service), standing(service.pk, now=provider.now).is_uncapped) == (CapState.OPEN, True)
    assert not Bucket.objects.exists()


def test_a_top_up_works_while_the_allowance_waits(
    provider: Provider, checked: Callable[[Service], None]
) -> None:
    service = held(provider)
    grant(
        service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=2 * GB, source="order:1", actor="x", now=provider.now
    )  # fmt: skip
    assert (state(service), standing(service.pk, now=provider.now).waits) == (CapState.OPEN, True)
    provider.wait(minutes=5)
    provider.interim(300, down=2 * GB)
    assert state(service) == CapState.BLOCKED
    released(provider, service)
    assert standing(service.pk, now=provider.now).remaining == 10 * GB
    checked(service)


def test_an_allowance_is_lent_for_some_days_and_made_whole_when_it_is_paid(
    provider: Provider, checked: Callable[[Service], None]
) -> None:
    service = held(provider, rollover_allowance_cycles=1)
    friday = provider.now + timedelta(days=3)
    released(provider, service, "goodwill:1", ends_at=friday, until=friday)
    provider.wait(minutes=5)
    provider.interim(300, down=4 * GB)
    assert standing(service.pk, now=provider.now).remaining == 6 * GB
    provider.now = friday + timedelta(hours=2)
    roll(service.pk, now=provider.now)
    seal_due(now=provider.now)
    assert (state(service), standing(service.pk, now=provider.now).waits) == (CapState.BLOCKED, True)
    released(provider, service)
    assert standing(service.pk, now=provider.now).remaining == 6 * GB
    released(provider, service, "prepaid:again")
    assert standing(service.pk, now=provider.now).remaining == 6 * GB
    checked(service)


def test_paid_while_it_is_lent_the_rest_moves_on(
    provider: Provider, checked: Callable[[Service], None]
) -> None:
    service = held(provider)
    friday = provider.now + timedelta(days=3)
    released(provider, service, "goodwill:1", ends_at=friday, until=friday)
    provider.wait(minutes=5)
    provider.interim(300, down=4 * GB)
    released(provider, service)
    lent, whole = BucketTally.objects.order_by("pk").select_related("bucket")
    assert (lent.drawn_bytes, lent.moved_bytes, whole.bucket.size_bytes) == (4 * GB, 6 * GB, 6 * GB)
    provider.wait(days=5)
    roll(service.pk, now=provider.now)
    assert (state(service), standing(service.pk, now=provider.now).remaining) == (CapState.OPEN, 6 * GB)
    checked(service)


def test_an_uncapped_line_is_lent_for_some_days(provider: Provider) -> None:
    service = held(provider, allowance_bytes=None)
    friday = provider.now + timedelta(days=3)
    released(provider, service, "goodwill:1", ends_at=friday, until=friday)
    cap = Cap.objects.get(pk=service.pk)
    assert (cap.state, cap.changes_at) == (CapState.OPEN, friday)
    roll(service.pk, now=friday)
    assert state(service) == CapState.BLOCKED


def test_who_becomes_prepaid_keeps_what_has_begun(provider: Provider) -> None:
    service = provider.service(cycle_kind=CycleKind.DAY, allowance_bytes=GB)
    since = datetime(2026, 3, 12, tzinfo=ZONE)
    hold(service_id=service.pk, since=since, reference="terms:1", actor="x", now=provider.now)
    for days in range(1, 5):
        roll(service.pk, now=provider.now + timedelta(days=days))
    assert Bucket.objects.filter(service=service).count() == 2  # the 10th and the 11th
    let_go(service_id=service.pk, actor="x", now=provider.now + timedelta(days=4))
    assert Bucket.objects.filter(service=service).count() == 3
    assert state(service) == CapState.OPEN
