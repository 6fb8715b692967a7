"""What SMS cost this month, and one alarm for each share of the budget that is passed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from capstan.messaging.actions.budget import check_budget, put_away
from capstan.messaging.models import BudgetAlarm, Message
from capstan.messaging.queries.budget import alarms_unseen, budget, month_spend
from capstan.messaging.rules.words import Lane, Medium, MessageState
from tests.carrier import Carrier
from tests.messaging.conftest import NOW, Stepped, http_gateway, queue

pytestmark = pytest.mark.django_db


def spend(count: int, *, cost: int, at: datetime = NOW, medium: Medium = Medium.SMS) -> None:
    for _ in range(count):
        recipient = "+27600000001" if medium == Medium.SMS else "a@example.net"
        message = queue(medium=medium, recipient=recipient)
        Message.objects.filter(pk=message.pk).update(
            cost_minor=cost, sent_at=at, state=MessageState.SENT, due_at=None
        )


@pytest.fixture
def hundred(settings: Settings) -> None:
    settings.OPTIONS = settings.OPTIONS.model_copy(update={"sms_budget": Decimal("100.00")})


def test_a_month_is_the_providers(settings: Settings) -> None:
    assert settings.PROVIDER_TIME_ZONE == "Africa/Johannesburg"
    begins = datetime(2026, 2, 28, 22, tzinfo=UTC)
    spend(1, cost=1, at=begins - timedelta(microseconds=1))
    spend(1, cost=10, at=begins)
    spend(1, cost=100, at=datetime(2026, 3, 31, 21, 59, tzinfo=UTC))
    spend(1, cost=1000, at=datetime(2026, 3, 31, 22, tzinfo=UTC))
    spend(1, cost=5000, medium=Medium.EMAIL)
    queue()
    spent = month_spend(now=NOW)
    assert (spent.month.isoformat(), spent.messages, spent.segments, spent.cost_minor) == (
        "2026-03-01",
        2,
        2,
        110,
    )


def test_without_a_budget_there_is_no_alarm() -> None:
    spend(1, cost=10**9)
    state = budget(now=NOW)
    assert (state.limit_minor, state.percent, state.alarm) == (None, None, 0)
    assert check_budget(now=NOW) == 0


def test_each_share_alarms_once_a_month(hundred: None) -> None:
    spend(79, cost=100)
    assert check_budget(now=NOW) == 0
    spend(1, cost=100)
    assert budget(now=NOW).alarm == 80
    assert [check_budget(now=NOW) for _ in range(3)] == [1, 0, 0]
    spend(30, cost=100)
    assert budget(now=NOW)[2:] == (110, 100)
    assert [check_budget(now=NOW) for _ in range(2)] == [1, 0]
    assert [alarm.percent for alarm in alarms_unseen()] == [100, 80]
    next_month = NOW + timedelta(days=31)
    assert check_budget(now=next_month) == 0
    spend(1, cost=10_000, at=next_month)
    assert check_budget(now=next_month) == 2


def test_an_alarm_is_shown_until_somebody_has_seen_it(hundred: None) -> None:
    spend(1, cost=9000)
    check_budget(now=NOW)
    alarm = alarms_unseen().get()
    assert put_away(alarm_id=alarm.pk, actor="staff:t", now=NOW)
    assert not put_away(alarm_id=alarm.pk, actor="staff:u", now=NOW)
    assert not alarms_unseen().exists()
    assert BudgetAlarm.objects.get().seen_by == "staff:t"


def test_nothing_is_held_back_for_the_budget(hundred: None, carrier: Carrier, sender: Stepped) -> None:
    http_gateway(carrier, per_second=100)
    spend(2, cost=10_000)
    check_budget(now=NOW)
    for lane in Lane:
        queue(lane=lane)
    while sender.step():
        sender.later(1)
    assert len(carrier.asked) == len(Lane)
