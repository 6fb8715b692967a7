"""Ten minutes in which a line that is shut may be used to pay. What access follows is `network.rules.access`.

The service's row is locked first by everybody who opens or closes a window.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Min, Value
from django.db.models.functions import Least

from capstan.services.actions.access_due import raise_access_due
from capstan.services.actions.change import audit, locked
from capstan.services.models import CheckoutWindow, Service
from capstan.services.queries import window_refusal
from capstan.services.rules import CHECKOUT_WINDOW

_ENDED_AT_ONCE = 200


@transaction.atomic
def open_window(*, service_id: int, cause: str, actor: str, now: datetime) -> datetime | None:
    """Let a line out for `CHECKOUT_WINDOW` and return until when; a window that is open is given back as it is.

    None when the service has ended or the day's windows are used up: `queries.window_refusal` says which. On a line
    that is open anyway a window changes nothing, but counts: ask for one where the line is shut.
    Raises Service.DoesNotExist.
    """
    service = locked(service_id)
    if service.checkout_until is not None and service.checkout_until > now:
        return service.checkout_until
    _close([service_id], now)  # one whose time was up a moment ago
    if window_refusal(service, now=now):
        return None
    until = now + CHECKOUT_WINDOW
    CheckoutWindow.objects.create(service=service, opened_at=now, until=until, cause=cause)
    service.checkout_until = until
    service.save(update_fields=["checkout_until"])
    audit("open_checkout_window", service, actor=actor, now=now, until=until, cause=cause)
    raise_access_due([service_id], cause="checkout window opened", now=now)
    return until


@transaction.atomic
def close_window(*, service_id: int, actor: str = "checkout", now: datetime) -> bool:
    """The payment has its result: close the line's window. False if none is open.

    Locks the service's row if there is one, so call it before cap rows are locked, or in a transaction of its own.
    """
    opened = CheckoutWindow.objects.filter(service_id=service_id, closed_at=None, until__gt=now)
    if not opened.exists():
        return False
    service = locked(service_id)
    if not opened.exists():
        return False
    _close([service_id], now)
    audit("close_checkout_window", service, actor=actor, now=now)
    raise_access_due([service_id], cause="checkout window closed", now=now)
    return True


def close_ended(*, now: datetime) -> datetime | None:
    """Close the windows whose time is up and have their lines looked at; returns when the next one ends, None: none is open.

    Those of lines that somebody is changing at this moment are left for the next time: then the answer is not after `now`.
    """
    opened = CheckoutWindow.objects.filter(closed_at=None)
    ended = opened.filter(until__lte=now)
    found = list(ended.order_by("until").values_list("service_id", flat=True)[:_ENDED_AT_ONCE])
    if found:
        with transaction.atomic():
            free = Service.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=found)
            mine = list(free.order_by("pk").values_list("pk", flat=True))
            still = list(ended.filter(service__in=mine).values_list("service_id", flat=True))
            _close(still, now)
            raise_access_due(still, cause="checkout window ended", now=now)
    following: datetime | None = opened.aggregate(next=Min("until"))["next"]
    return following


def _close(service_ids: Collection[int], now: datetime) -> None:
    """Close what is open on these locked lines."""
    opened = CheckoutWindow.objects.filter(service__in=service_ids, closed_at=None)
    if opened.update(closed_at=Least("until", Value(now))):
        Service.objects.filter(pk__in=service_ids).update(checkout_until=None)
