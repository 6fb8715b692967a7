"""The way out of a shut line while its top-up is being paid: opened with the checkout, closed with its result (G6)."""

from datetime import datetime

from capstan.network.queries.state import states
from capstan.network.rules.line_state import LineState
from capstan.payments.models import Checkout
from capstan.payments.rules.words import CheckoutState
from capstan.services.actions.checkout_window import close_window, open_window
from capstan.services.models import CheckoutWindow

_CAUSE = "checkout:"
_SHUT = (LineState.WALLED, LineState.BLOCKED, LineState.SUSPENDED)


def let_out(service_id: int, checkout: Checkout, *, now: datetime) -> datetime | None:
    """Open a line that is shut until the payment's result, for ten minutes at most; None if it is open, or may not be."""
    if states([service_id], now=now)[service_id] not in _SHUT:
        return None
    cause = f"{_CAUSE}{checkout.token}"
    return open_window(service_id=service_id, cause=cause, actor=checkout.actor, now=now)


def close_decided(*, now: datetime) -> int:
    """Close the windows of checkouts that have their result; returns how many."""
    opened = CheckoutWindow.objects.filter(closed_at=None, until__gt=now, cause__startswith=_CAUSE)
    waiting = {
        cause.removeprefix(_CAUSE): service for cause, service in opened.values_list("cause", "service_id")
    }
    if not waiting:
        return 0
    decided = Checkout.objects.filter(token__in=waiting).exclude(state=CheckoutState.STARTED)
    return sum(
        close_window(service_id=waiting[token], now=now) for token in decided.values_list("token", flat=True)
    )
