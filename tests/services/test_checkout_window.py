"""Opening and closing checkout windows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from capstan.audit.models import AuditEntry
from capstan.services.actions.checkout_window import close_ended, close_window, open_window
from capstan.services.actions.status import end_service, suspend
from capstan.services.models import AccessDue, CheckoutWindow, Service
from capstan.services.queries import window_refusal
from capstan.services.rules import CHECKOUT_WINDOW, NoWindow, Urgency
from tests.provider import Provider

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service() -> Service:
    made = Provider().service("thandi@example.net")
    AccessDue.objects.all().delete()
    AuditEntry.objects.all().delete()
    return made


def opened(service: Service, now: datetime = NOW) -> datetime | None:
    return open_window(service_id=service.pk, cause="top-up 1 GB", actor="customer:7", now=now)


def audited() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "actor"))


def test_opened_audited_and_looked_at(service: Service) -> None:
    assert opened(service) == NOW + CHECKOUT_WINDOW
    window = CheckoutWindow.objects.get()
    assert (window.service, window.opened_at, window.until) == (service, NOW, NOW + CHECKOUT_WINDOW)
    assert (window.closed_at, window.cause) == (None, "top-up 1 GB")
    service.refresh_from_db()
    assert service.checkout_until == window.until
    due = AccessDue.objects.get()
    assert (due.service_id, due.cause, due.due_at) == (service.pk, "checkout window opened", NOW)
    assert due.urgency == Urgency.AWAITED
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor) == ("service.open_checkout_window", "customer:7")
    assert entry.subject == f"service:{service.pk}"
    assert entry.details["cause"] == "top-up 1 GB"


def test_an_open_one_is_given_back_as_it_is(service: Service) -> None:
    until = opened(service)
    assert opened(service, NOW + 9 * MINUTE) == until
    assert CheckoutWindow.objects.count() == 1
    assert len(audited()) == 1


def test_the_fourth_of_a_day_is_refused_and_the_next_day_has_its_own(service: Service) -> None:
    for number in range(3):
        assert opened(service, NOW + number * 20 * MINUTE)
        assert close_window(service_id=service.pk, now=NOW + (number * 20 + 1) * MINUTE)
    before, due = audited(), AccessDue.objects.get().version
    late = NOW + timedelta(hours=9, minutes=59)  # 23:59 in Johannesburg
    assert opened(service, late) is None
    assert window_refusal(service, now=late) == NoWindow.USED_UP
    assert (audited(), AccessDue.objects.get().version) == (before, due)
    assert opened(service, late + MINUTE)


def test_the_setting_says_how_often(service: Service, settings_of: Any) -> None:
    settings_of(checkout_windows_per_day=1)
    assert opened(service)
    assert close_window(service_id=service.pk, now=NOW)
    assert opened(service, NOW + MINUTE) is None
    settings_of(checkout_windows_per_day=0)
    assert opened(service, NOW + timedelta(days=1)) is None


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    def change(**values: object) -> None:
        monkeypatch.setattr(settings, "OPTIONS", settings.OPTIONS.model_copy(update=values))

    return change


def test_suspended_may_and_ended_may_not(service: Service) -> None:
    suspend(service_id=service.pk, reason="unpaid", actor="staff:1", now=NOW)
    assert opened(service)
    close_window(service_id=service.pk, now=NOW)
    end_service(service_id=service.pk, reason="moved", actor="staff:1", now=NOW)
    assert opened(service, NOW + MINUTE) is None
    service.refresh_from_db()
    assert window_refusal(service, now=NOW + MINUTE) == NoWindow.ENDED


def test_no_such_line() -> None:
    with pytest.raises(Service.DoesNotExist):
        open_window(service_id=999, cause="x", actor="y", now=NOW)
    assert not close_window(service_id=999, now=NOW)


def test_closed_once(service: Service) -> None:
    opened(service)
    AccessDue.objects.all().delete()
    result = NOW + 3 * MINUTE
    assert close_window(service_id=service.pk, now=result)
    assert not close_window(service_id=service.pk, now=result)
    assert CheckoutWindow.objects.get().closed_at == result
    service.refresh_from_db()
    assert service.checkout_until is None
    due = AccessDue.objects.get()
    assert (due.cause, due.urgency) == ("checkout window closed", Urgency.AWAITED)
    assert audited()[-1] == ("service.close_checkout_window", "checkout")


def test_one_whose_time_is_up_is_nothing_to_close(service: Service) -> None:
    opened(service)
    assert not close_window(service_id=service.pk, now=NOW + CHECKOUT_WINDOW)


def test_a_result_and_a_new_try_before_the_worker_has_looked(service: Service) -> None:
    opened(service)
    late = NOW + CHECKOUT_WINDOW
    assert opened(service, late) == late + CHECKOUT_WINDOW
    first, second = CheckoutWindow.objects.order_by("pk")
    assert (first.closed_at, second.closed_at) == (late, None)


def test_the_worker_closes_what_is_up_and_says_when_the_next_is(service: Service) -> None:
    opened(service)
    AccessDue.objects.all().delete()
    ends = NOW + CHECKOUT_WINDOW
    assert close_ended(now=ends - timedelta(microseconds=1)) == ends
    assert not AccessDue.objects.exists()
    assert close_ended(now=ends + MINUTE) is None
    assert CheckoutWindow.objects.get().closed_at == ends
    due = AccessDue.objects.get()
    assert (due.cause, due.urgency) == ("checkout window ended", Urgency.AWAITED)
    assert close_ended(now=ends + MINUTE) is None
    assert AccessDue.objects.get().version == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_get_the_same_window(transactional_db: None) -> None:
    service = Provider().service("thandi@example.net")

    def one(number: int) -> datetime | None:
        try:
            return opened(service, NOW + timedelta(seconds=number))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(one, range(4)))
    assert found == {CheckoutWindow.objects.get().until}
