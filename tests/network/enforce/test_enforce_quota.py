"""The router is told how much a session may still move, and never a stale figure for long."""

from datetime import timedelta

from capstan.caps.actions.cap import grant
from capstan.caps.models import Cap
from capstan.caps.rules.words import BucketKind
from capstan.metering.models import RadiusSession

from .lab import COA, DISCONNECT, GB, OPEN, Provider, access_of

BLOCKS = {"allowance_bytes": 5 * GB, "at_cap": "block"}


def limit_of(orders: dict[str, int]) -> int:
    return orders["ChilliSpot-Max-Total-Gigawords"] << 32 | orders["ChilliSpot-Max-Total-Octets"]


def test_a_session_without_a_limit_gets_what_is_left(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service(terms=BLOCKS)
    session = provider.session(service, nas, got=OPEN, bytes_down=3 * GB, base_down=3 * GB)
    provider.wake(service)
    provider.settle()
    ((code, orders),) = provider.heard(nas)
    assert (code, limit_of(orders)) == (COA, 8 * GB)  # counted by the router already + what is left
    access = access_of(session)
    assert access is not None
    assert access.quota_bytes == 8 * GB


def test_the_limit_of_the_accept_is_known_by_its_token(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service(terms=BLOCKS)
    session = provider.session(service, nas, got=OPEN, limit=5 * GB)
    provider.wake(service)
    provider.settle()
    assert provider.heard(nas) == []
    access = access_of(session)
    assert access is not None
    assert access.quota_bytes == 5 * GB


def test_a_grant_replaces_the_stale_limit(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service(terms=BLOCKS)
    provider.session(service, nas, got=OPEN, limit=5 * GB)
    grant(
        service_id=service.pk,
        kind=BucketKind.TOPUP,
        size_bytes=2 * GB,
        source="test",
        actor="test",
        now=provider.now,
    )
    provider.settle()
    assert [limit_of(orders) for _, orders in provider.heard(nas)] == [7 * GB]


def test_a_stale_limit_that_no_coa_raises_costs_a_login(provider: Provider) -> None:
    nas = provider.router("mikrotik")
    service = provider.service(terms=BLOCKS)
    provider.session(service, nas, got=OPEN, limit=5 * GB)
    provider.wake(service)
    provider.settle()
    assert provider.heard(nas) == []
    grant(
        service_id=service.pk,
        kind=BucketKind.TOPUP,
        size_bytes=2 * GB,
        source="test",
        actor="test",
        now=provider.now,
    )
    provider.settle()
    assert provider.codes(nas) == [DISCONNECT]


def test_one_direction_that_a_coa_raises_on_the_same_router(provider: Provider) -> None:
    nas = provider.router("mikrotik")
    service = provider.service(terms={**BLOCKS, "counting": "down"})
    provider.session(service, nas, got=OPEN, limit=GB, bytes_up=7 * GB, base_up=7 * GB)
    provider.wake(service)
    provider.settle()
    ((code, orders),) = provider.heard(nas)
    assert code == COA
    assert orders["Mikrotik-Xmit-Limit-Gigawords"] << 32 | orders["Mikrotik-Xmit-Limit"] == 5 * GB
    assert orders["Mikrotik-Recv-Limit-Gigawords"] > 1_000  # up is not counted: no limit worth the name


def test_what_was_counted_but_not_settled_is_taken_off(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service(terms=BLOCKS)
    provider.session(service, nas, got=OPEN, bytes_down=GB)
    Cap.objects.filter(service=service).update(counted_bytes=GB)  # as the meter's common step does
    provider.wake(service)
    provider.settle()
    assert [limit_of(orders) for _, orders in provider.heard(nas)] == [5 * GB]


def test_of_two_sessions_the_lower_limit_is_confirmed_before_the_other_is_raised(provider: Provider) -> None:
    first, second = provider.router("coova"), provider.router("coova")
    service = provider.service(terms=BLOCKS, session_limit=2)
    provider.session(service, first, got=OPEN, limit=4_500_000_000)
    provider.session(service, second, got=OPEN, limit=500_000_000)
    provider.wake(service)
    provider.step()
    assert [limit_of(orders) for _, orders in provider.heard(first)] == [2_500_000_000]
    assert provider.heard(second) == []
    provider.settle()
    assert [limit_of(orders) for _, orders in provider.heard(second)] == [2_500_000_000]


def test_a_walled_line_loses_its_limit(provider: Provider) -> None:
    """Else the garden, whose bytes count as well, would be cut off by the old figure."""
    nas = provider.router("mikrotik")
    service = provider.service(terms={**BLOCKS, "at_cap": "wall", "counting": "down"})
    session = provider.session(service, nas, got=OPEN, limit=5 * GB, bytes_down=5 * GB)
    provider.cap(service, state="walled")
    provider.settle()
    ((_, orders),) = provider.heard(nas)
    assert (orders["Filter-Id"], orders["Mikrotik-Xmit-Limit-Gigawords"]) == ("capstan-garden", 0x3FFFF)
    access = access_of(session)
    assert access is not None
    assert access.quota_bytes is None


def test_an_observed_router_gets_no_limit(provider: Provider) -> None:
    nas = provider.router("coova", observe_only=True)
    service = provider.service(terms=BLOCKS)
    provider.session(service, nas, got=OPEN)
    provider.wake(service)
    provider.settle()
    assert provider.heard(nas) == []


def test_a_limit_that_is_missing_is_not_worth_a_drop(provider: Provider) -> None:
    nas = provider.router("coova", 401)
    service = provider.service(terms=BLOCKS)
    provider.session(service, nas, got=OPEN)
    provider.wake(service)
    provider.settle()
    assert provider.codes(nas) == [COA]
    provider.now += timedelta(minutes=30)
    provider.wake(service)
    provider.settle()
    assert provider.codes(nas) == [COA]
    provider.now += timedelta(hours=1)  # perhaps it has learnt it meanwhile
    provider.wake(service)
    provider.settle()
    assert provider.codes(nas) == [COA, COA]


def test_the_limit_keeps_while_the_session_uses_its_data(provider: Provider) -> None:
    nas = provider.router("coova")
    service = provider.service(terms=BLOCKS)
    session = provider.session(service, nas, got=OPEN, limit=5 * GB)
    for used in (GB, 3 * GB, 4_900_000_000):
        RadiusSession.objects.filter(pk=session.pk).update(bytes_down=used)
        provider.cap(service, counted_bytes=used)
        provider.settle()
    assert provider.heard(nas) == []
