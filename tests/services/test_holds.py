"""A line may be on hold for several reasons; it works again when the last is gone."""

from typing import Any

import pytest

from capstan.services.actions.status import end_service, resume, suspend
from capstan.services.models import AccessDue, Service, ServiceHold
from capstan.services.rules import HoldKind, ServiceStatus
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at

UNPAID = HoldKind.UNPAID


@pytest.fixture
def who(db: None) -> dict[str, Any]:
    desk = Desk()
    line = desk.line(desk.customer(), desk.package())
    return {"service_id": line.pk, "reason": "so", "actor": ACTOR, "now": at("2026-01-02")}


def status(who: dict[str, Any]) -> str:
    return Service.objects.get(pk=who["service_id"]).status


@pytest.mark.parametrize("first", HoldKind)
def test_the_last_hold_that_goes_brings_the_line_back(who: dict[str, Any], first: HoldKind) -> None:
    second = next(kind for kind in HoldKind if kind != first)
    assert suspend(**who, kind=first)
    assert suspend(**who, kind=second)
    assert not suspend(**who, kind=second), "twice is once"
    assert resume(**who, kind=first)
    assert status(who) == ServiceStatus.SUSPENDED
    before = AccessDue.objects.get(pk=who["service_id"]).version
    assert resume(**who, kind=second)
    assert status(who) == ServiceStatus.ACTIVE
    assert AccessDue.objects.get(pk=who["service_id"]).version == before + 1
    assert not resume(**who, kind=second)


def test_one_does_not_take_off_what_another_put_on(who: dict[str, Any]) -> None:
    suspend(**who, kind=UNPAID)
    with pytest.raises(Refused, match="its account is unpaid"):
        resume(**who)
    resume(**who, kind=UNPAID)
    suspend(**who)
    with pytest.raises(Refused, match="somebody put it on hold"):
        resume(**who, kind=UNPAID)


def test_a_line_that_is_suspended_without_a_word_was_held_by_staff(who: dict[str, Any]) -> None:
    Service.objects.update(status=ServiceStatus.SUSPENDED)
    assert not suspend(**who)
    assert suspend(**who, kind=UNPAID)
    assert resume(**who, kind=UNPAID)
    assert status(who) == ServiceStatus.SUSPENDED
    assert resume(**who)
    assert status(who) == ServiceStatus.ACTIVE


def test_an_ended_line_has_no_holds(who: dict[str, Any]) -> None:
    suspend(**who)
    end_service(**who)
    assert not ServiceHold.objects.exists()
    with pytest.raises(Refused, match="has ended"):
        suspend(**who, kind=UNPAID)
