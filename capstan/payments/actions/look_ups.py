"""Asking gateways for their own list of payments: notifications get lost, and charges end without an answer."""

from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from capstan.payments.actions.charges import TAKES_DAYS, end
from capstan.payments.actions.gateways.port import Heard, NotDoneError, UnclearError
from capstan.payments.actions.gateways.registry import access_of, provider_of
from capstan.payments.actions.gateways.trouble import note_trouble, note_works
from capstan.payments.actions.notifications import hear
from capstan.payments.models import Checkout, Gateway, Payment
from capstan.payments.rules.words import OPEN_CHECKOUTS, UNDECIDED, CheckoutState

log = structlog.get_logger()

_ASK_AFTER, _ASK_FOR = timedelta(minutes=5), timedelta(days=2)
_CHARGE_ASK_AFTER = timedelta(minutes=1)
_EVERY_UNDECIDED, _EVERY_ENDED, _EVERY_CHARGE = timedelta(minutes=5), timedelta(hours=1), timedelta(minutes=1)
_SURE_AFTER = timedelta(hours=2)
"""A charge that a gateway doesn't list by then wasn't made."""

_IS_CHARGE = Q(card__isnull=False, state__in=UNDECIDED)


def look_up_due(*, now: datetime, gateway_id: int | None = None) -> int:
    """Ask gateways for their own list when a checkout has been silent for some minutes; one that has expired, failed or was
    cancelled is asked for as well, for two days, and a charge until its end is known.

    Returns how many payments were found that way.
    """
    silent = _silent(now)
    if gateway_id is not None:
        silent = silent.filter(gateway_id=gateway_id)
    found = 0
    for gateway in Gateway.objects.filter(pk__in=silent.values("gateway")):
        own = silent.filter(gateway=gateway)
        if gateway.asked_until is None or gateway.asked_until <= now - _every(own):
            Gateway.objects.filter(pk=gateway.pk).update(asked_until=now)
            found += _look_up(gateway, list(own.select_related("card")), now)
    return found


def _silent(now: datetime) -> QuerySet[Checkout]:
    recent = Q(state__in=OPEN_CHECKOUTS, started_at__lte=now - _ASK_AFTER, started_at__gt=now - _ASK_FOR)
    return Checkout.objects.filter(recent | _IS_CHARGE & Q(started_at__lte=now - _CHARGE_ASK_AFTER))


def _every(silent: QuerySet[Checkout]) -> timedelta:
    """Somebody waits for a charge; what has ended is only looked after."""
    if silent.filter(_IS_CHARGE).exists():
        return _EVERY_CHARGE
    return _EVERY_UNDECIDED if silent.filter(state__in=UNDECIDED).exists() else _EVERY_ENDED


def _look_up(gateway: Gateway, silent: list[Checkout], now: datetime) -> int:
    since = min(now - _ASK_FOR, *(one.started_at for one in silent))
    try:
        listed = provider_of(gateway).look_up(access_of(gateway), since, now)
    except (NotDoneError, UnclearError) as problem:
        log.warning("a gateway can't be asked for its payments", gateway=gateway.name, why=str(problem))
        note_trouble(gateway, f"It can't be asked for its payments: {problem}", now=now)
        return 0
    note_works(gateway)
    tokens = {one.token for one in silent}
    found = sum(_is_news(gateway, heard, now) for heard in listed if heard.token in tokens)
    there = {heard.token for heard in listed}
    for checkout in silent:
        if checkout.token not in there:
            _give_up(checkout, gateway, now)
    return found


def _is_news(gateway: Gateway, heard: Heard, now: datetime) -> bool:
    known = Payment.objects.filter(gateway=gateway, gateway_reference=heard.reference)
    return not known.exists() and hear(gateway, heard, now=now)


def _give_up(checkout: Checkout, gateway: Gateway, now: datetime) -> None:
    """The gateway has no such payment. What it says later still counts."""
    is_charge = checkout.card is not None and checkout.state in UNDECIDED
    if is_charge and checkout.why != TAKES_DAYS and checkout.started_at <= now - _SURE_AFTER:
        end(checkout, CheckoutState.FAILED, f"{gateway.name} knows of no such payment", now=now)
