"""Asking gateways for their own list of payments: notifications get lost, and charges end without an answer."""

from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from capstan.payments.actions.charges import TAKES_DAYS, end
from capstan.payments.actions.gateways.port import Heard, NotDoneError, Outcome, UnclearError
from capstan.payments.actions.gateways.registry import access_of, provider_of
from capstan.payments.actions.gateways.trouble import note_trouble, note_works
from capstan.payments.actions.notifications import hear
from capstan.payments.models import Checkout, Gateway, Payment
from capstan.payments.rules.words import OPEN_CHECKOUTS, UNDECIDED, CheckoutState

log = structlog.get_logger()

_ASK_AFTER, _ASK_FOR = timedelta(minutes=5), timedelta(days=2)
_CHARGE_ASK_AFTER = timedelta(minutes=1)
_EVERY_UNDECIDED, _EVERY_ENDED, _EVERY_CHARGE = timedelta(minutes=5), timedelta(hours=1), timedelta(minutes=1)
_LIST_AT_MOST = timedelta(days=3)
"""A gateway's list is read no further back, or one charge would have it read through weeks again and again."""
_ASKED_WITHIN = timedelta(minutes=10)
_SURE_AFTER = timedelta(hours=2)
"""A charge that a gateway doesn't list by then wasn't made."""

_IS_CHARGE = Q(card__isnull=False, state__in=UNDECIDED)


def look_up_due(*, now: datetime, gateway_id: int | None = None) -> int:
    """Ask gateways for their own list when a checkout has been silent for some minutes; one that has expired, failed or was
    cancelled is asked for as well, for two days, and a charge for three. One that takes longer is asked for by the gateway's id,
    where there is one; else a person says what became of it (`charges.settle`).

    Returns how many payments were found that way.
    """
    _give_up_asking(now)
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
    listed = Q(started_at__lte=now - _CHARGE_ASK_AFTER, started_at__gt=now - _LIST_AT_MOST)
    return Checkout.objects.filter(recent | _IS_CHARGE & (listed | ~Q(reference="")))


def _give_up_asking(now: datetime) -> None:
    """Charges of a process that died while it asked the gateway: nobody knows."""
    left = Checkout.objects.filter(card__isnull=False, state=CheckoutState.STARTED)
    left.filter(started_at__lte=now - _ASKED_WITHIN).update(
        state=CheckoutState.UNCERTAIN, why="we stopped while the gateway was asked"
    )


def _every(silent: QuerySet[Checkout]) -> timedelta:
    """Somebody waits for a charge; what has ended, or takes days, is only looked after."""
    waited_for = silent.exclude(why=TAKES_DAYS)
    if waited_for.filter(_IS_CHARGE).exists():
        return _EVERY_CHARGE
    return _EVERY_UNDECIDED if waited_for.filter(state__in=UNDECIDED).exists() else _EVERY_ENDED


def _look_up(gateway: Gateway, silent: list[Checkout], now: datetime) -> int:
    slow = [one for one in silent if one.reference and one.state in UNDECIDED]
    silent = [one for one in silent if one not in slow]
    try:
        found = sum(_ask_for(one, gateway, now) for one in slow)
        found += _look_through(gateway, silent, now) if silent else 0
    except (NotDoneError, UnclearError) as problem:
        log.warning("a gateway can't be asked for its payments", gateway=gateway.name, why=str(problem))
        note_trouble(gateway, f"It can't be asked for its payments: {problem}", now=now)
        return 0
    note_works(gateway)
    return found


def _ask_for(checkout: Checkout, gateway: Gateway, now: datetime) -> bool:
    """One charge that its bank takes days for, by the gateway's id; True if it was found to be paid."""
    heard = provider_of(gateway).ask(access_of(gateway), checkout.reference)
    if heard is None or heard.outcome == Outcome.PENDING:
        return False
    if heard.outcome == Outcome.PAID:
        return _is_news(gateway, heard, now)
    end(checkout, CheckoutState.FAILED, "the bank didn't pay it in the end", now=now)
    return False


def _look_through(gateway: Gateway, silent: list[Checkout], now: datetime) -> int:
    since = max(now - _LIST_AT_MOST, min(now - _ASK_FOR, *(one.started_at for one in silent)))
    listed = provider_of(gateway).look_up(access_of(gateway), since, now)
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
