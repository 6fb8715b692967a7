"""Charging a stored card without its holder: begun in the books, asked for once, and looked up when nobody knows.

A charge is a checkout that nobody goes to. It is committed before the gateway is asked. Killed in between, or without a clear
answer, it stays to be seen until the gateway's own list tells (`look_ups`); it is never asked for twice.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.billing.queries.payable import payable_of
from capstan.db.wakeup import wake
from capstan.payments.actions.bills import MOST_MINOR
from capstan.payments.actions.checkouts import TIME_TO_PAY, Purpose, Urls, new_token, wanted_of
from capstan.payments.actions.gateways.port import Heard, NotDoneError, Outcome, UnclearError
from capstan.payments.actions.gateways.registry import access_of, provider_of
from capstan.payments.actions.notifications import hear
from capstan.payments.models import Checkout, StoredCard
from capstan.payments.queries.cards import hindrance
from capstan.payments.rules.words import UNDECIDED, CheckoutState
from capstan.values.refused import Refused

log = structlog.get_logger()

TAKES_DAYS = "the bank takes some days for it"
_WHY_MAX = 300


def _always() -> bool:
    return True


class Wish(NamedTuple):
    """What is to be charged. `key` is this charge's own: used again, it is the one that was made before.

    `still_wanted` is asked under the lock: between choosing what to charge and charging it, people pay, promise and cancel.
    """

    card_id: int
    key: str
    purpose: Purpose
    reason: str = ""
    still_wanted: Callable[[], bool] = _always


def charge(wish: Wish, *, actor: str, now: datetime) -> Checkout:
    """Charge a stored card; as it then stands: paid, failed with `why`, or uncertain.

    Raises Refused for a card that can't be charged, and while the outcome of another charge of this customer isn't known. Not
    within a transaction: what is begun must be kept, whatever the gateway does.
    """
    begun, is_new = _begin(wish, actor, now)
    if is_new:
        _ask(begun, now)
        begun.refresh_from_db()
    return begun


@transaction.atomic
def _begin(wish: Wish, actor: str, now: datetime) -> tuple[Checkout, bool]:
    purpose = wish.purpose
    terms.lock(purpose.customer_id, now=now)
    known = Checkout.objects.filter(key=wish.key).first()
    if known is not None:
        return known, False
    card = StoredCard.objects.select_related("gateway").get(pk=wish.card_id, customer_id=purpose.customer_id)
    today = settings.FORMATS.local(now).date()
    if why := hindrance(card, today):
        raise Refused(f"{why} Nothing was charged.")
    if not 0 < purpose.amount_minor <= MOST_MINOR:
        most = settings.FORMATS.money(MOST_MINOR)
        raise Refused(f"Charge more than nothing, and at most {most} at a time. Nothing was charged.")
    _check_open(purpose, today)
    if not wish.still_wanted():
        raise Refused(
            "It isn't to be charged any more: it was paid, put off or cancelled. Nothing was charged."
        )
    if under_way(purpose.customer_id):
        raise Refused(
            "Whether the last charge of this card went through isn't known yet: wait for that first."
        )
    made = _write(wish, card, actor, now)
    record(
        actor=actor, action="card.charge", subject=f"customer:{purpose.customer_id}", reason=wish.reason.strip(), now=now,
        details={"card": card.pk, "checkout": made.pk, "amount_minor": purpose.amount_minor, "for": purpose.key},
    )  # fmt: skip
    return made, True


def _write(wish: Wish, card: StoredCard, actor: str, now: datetime) -> Checkout:
    purpose = wish.purpose
    return Checkout.objects.create(
        token=new_token(), gateway=card.gateway, customer_id=purpose.customer_id, purpose=purpose.key,
        invoices=list(purpose.invoices), amount_minor=purpose.amount_minor, item=purpose.item, started_at=now,
        expires_at=now + TIME_TO_PAY, actor=actor, card=card, key=wish.key,
    )  # fmt: skip


@transaction.atomic
def note_not_tried(wish: Wish, *, why: str, actor: str, now: datetime) -> bool:
    """Write a charge down as failed without asking the gateway, so that it is told like any other; False if it was made before,
    or isn't wanted any more."""
    terms.lock(wish.purpose.customer_id, now=now)
    if Checkout.objects.filter(key=wish.key).exists() or not wish.still_wanted():
        return False
    card = StoredCard.objects.select_related("gateway").get(
        pk=wish.card_id, customer_id=wish.purpose.customer_id
    )
    made = _write(wish, card, actor, now)
    return end(made, CheckoutState.FAILED, why, now=now)


def _check_open(purpose: Purpose, today: date) -> None:
    """Under the lock: somebody may have paid it in the meantime, or be about to."""
    if purpose.invoices:
        found = payable_of(purpose.customer_id, today=today)
        chosen = [one for one in found if one.document.pk in purpose.invoices]
        if sum(one.left_minor for one in chosen) < purpose.amount_minor:
            raise Refused("That isn't open any more: look again at what there is to pay.")
    if purpose.key.startswith("order:"):
        others = Checkout.objects.filter(purpose=purpose.key)
        if others.filter(state__in=(CheckoutState.STARTED, CheckoutState.PAID)).exists():
            raise Refused("It is paid, or somebody is about to pay it.")


def under_way(customer_id: int) -> Sequence[Checkout]:
    """Charges of this customer of which nobody knows yet whether they went through."""
    return list(Checkout.objects.filter(customer_id=customer_id, card__isnull=False, state__in=UNDECIDED))


def _ask(checkout: Checkout, now: datetime) -> None:
    """Outside of any transaction: a gateway may take its time. Its notification may come before its answer, and then holds."""
    assert checkout.card is not None
    gateway, token = checkout.gateway, checkout.card.token
    try:
        heard = provider_of(gateway).charge_card(
            access_of(gateway), token, wanted_of(checkout, Urls("", "")), now
        )
    except NotDoneError as problem:
        end(checkout, CheckoutState.FAILED, str(problem), now=now)
    except (UnclearError, Refused) as problem:
        end(checkout, CheckoutState.UNCERTAIN, str(problem), now=now)
    else:
        if heard.outcome == Outcome.PAID:
            hear(gateway, heard, now=now)
        else:
            Checkout.objects.filter(pk=checkout.pk).update(reference=heard.reference)
            end(checkout, CheckoutState.UNCERTAIN, TAKES_DAYS, now=now)


@transaction.atomic
def settle(
    *, checkout_id: int, went_through: bool, reference: str = "", reason: str, actor: str, now: datetime
) -> None:
    """Somebody looked at the gateway what became of an uncertain charge. Went it through, it is booked under the gateway's
    number, by which a later notification is known for the same; else it has failed, and the customer is told.

    Raises Refused for one that isn't uncertain, without a word on how one knows, and without a number of its own.
    """
    if not reason.strip():
        raise Refused("Say where you saw it.")
    made = (
        Checkout.objects.select_for_update(of=("self",))
        .select_related("gateway")
        .get(pk=checkout_id, card__isnull=False)
    )
    if made.state != CheckoutState.UNCERTAIN:
        raise Refused("What became of this charge is known meanwhile.")
    record(
        actor=actor, action="card.charge.settle", subject=f"customer:{made.customer_id}", reason=reason.strip(), now=now,
        details={"checkout": made.pk, "went_through": went_through, "reference": reference.strip()},
    )  # fmt: skip
    if not went_through:
        end(made, CheckoutState.FAILED, reason.strip(), now=now)
        return
    number = reference.strip() or made.reference
    if not number:
        raise Refused("Give the gateway's number of the payment: by it a later notification is known.")
    heard = Heard(made.token, number, f"{number}:settled", Outcome.PAID, made.amount_minor)
    if not hear(made.gateway, heard, now=now):
        raise Refused("The gateway's payment of that number is booked already: look again which one it is.")


def end(checkout: Checkout, state: CheckoutState, why: str, *, now: datetime) -> bool:
    """A charge came to nothing, or nobody knows; False when its state had been decided meanwhile."""
    log.warning("a stored card was not charged", checkout=checkout.pk, state=state.value, why=why)
    ended = now if state == CheckoutState.FAILED else None
    open_one = Q(state__in=UNDECIDED) | Q(state=CheckoutState.FAILED, why="")
    changed = Checkout.objects.filter(open_one, pk=checkout.pk).update(
        state=state, why=why[:_WHY_MAX], ended_at=ended
    )
    wake("pay")
    return bool(changed)
