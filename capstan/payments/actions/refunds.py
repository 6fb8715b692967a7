"""Money back to a customer, out of what is left of a payment."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from capstan.audit.actions import record
from capstan.billing.actions import credits, terms
from capstan.db.locks import hold
from capstan.ledger.rules import Name
from capstan.payments.actions.cash import expected
from capstan.payments.actions.gateways.port import NotDoneError, UnclearError
from capstan.payments.actions.gateways.registry import access_of, provider_of
from capstan.payments.actions.take import BANK, into, till
from capstan.payments.models import Payment, Refund
from capstan.payments.rules.words import Payout
from capstan.values.refused import Refused


def refund(
    *, payment_id: int, amount_minor: int, how: Payout, reason: str, actor: str, now: datetime
) -> Refund:
    """Give money back: through its gateway, from the bank, or from the actor's till. It must be left of the payment: what paid an
    invoice stays there.

    The books say so before the gateway is called, and again if it says no: killed in between, the refund stands as `uncertain`
    for a person, and is never sent twice. Raises Refused.
    """
    made = _begin(payment_id, amount_minor, how, reason, actor, now)
    if how != Payout.SAME_WAY:
        return made
    payment = made.payment
    assert payment.gateway is not None
    try:
        answer = provider_of(payment.gateway).refund(
            access_of(payment.gateway),
            payment.gateway_reference,
            amount_minor,
            reason.strip(),
            f"refund-{made.pk}-{made.made_at:%Y%m%d%H%M%S}",
            now,
        )
    except NotDoneError as problem:
        _undo(made, str(problem), actor, now)
        raise Refused(f"The gateway didn't refund it: {problem}. Nothing was booked.") from problem
    except UnclearError as problem:
        return _set(made, "uncertain", str(problem))
    return _set(made, "done", answer)


@transaction.atomic
def _begin(payment_id: int, amount_minor: int, how: Payout, reason: str, actor: str, now: datetime) -> Refund:
    if not reason.strip():
        raise Refused("Say why the money goes back.")
    customer_id = Payment.objects.values_list("customer_id", flat=True).get(pk=payment_id)
    terms.lock(customer_id, now=now)
    payment = (
        Payment.objects.select_for_update(of=("self",)).select_related("credit", "gateway").get(pk=payment_id)
    )
    if payment.reversed_at is not None:
        raise Refused("This payment was reversed: there is nothing to give back.")
    if how == Payout.SAME_WAY and payment.gateway is None:
        raise Refused("This payment came by no gateway: give it back by EFT or in cash.")
    if payment.credit.kept_for:
        raise Refused(
            "This payment is kept for a top-up that was ordered: wait until that is added, or cancel the order."
        )
    if not 0 < amount_minor <= payment.credit.left_minor:
        left = settings.FORMATS.money(payment.credit.left_minor)
        raise Refused(f"{left} of this payment is not used: more of it can't be given back.")
    if how == Payout.CASH:
        hold([str(till(actor))])
        if expected(actor) < amount_minor:
            raise Refused(f"Your till holds {settings.FORMATS.money(expected(actor))}: give it back by EFT.")
    made = Refund.objects.create(
        payment=payment, amount_minor=amount_minor, how=how, reason=reason.strip(), actor=actor, made_at=now,
        state="sending" if how == Payout.SAME_WAY else "done",
    )  # fmt: skip
    credits.take_back(
        payment.credit, amount_minor, back_to=_from(payment, how, actor), source=f"refund:{made.pk}", kind="refunded",
        description=f"Refund of receipt {payment.receipt_number}: {reason.strip()}",
        today=settings.FORMATS.local(now).date(), actor=actor, now=now,
    )  # fmt: skip
    Payment.objects.filter(pk=payment.pk).update(refunded_minor=F("refunded_minor") + amount_minor)
    record(
        actor=actor, action="payment.refund", subject=f"customer:{customer_id}", reason=reason.strip(), now=now,
        details={"payment": payment.pk, "amount_minor": amount_minor, "how": how.value},
    )  # fmt: skip
    return made


def _from(payment: Payment, how: Payout, actor: str) -> Name:
    if how == Payout.SAME_WAY:
        return into(payment.paid_into)
    return till(actor) if how == Payout.CASH else BANK


def _set(made: Refund, state: str, answer: str) -> Refund:
    made.state, made.answer = state, answer
    made.save(update_fields=["state", "answer"])
    return made


@transaction.atomic
def _undo(made: Refund, why: str, actor: str, now: datetime) -> None:
    """The gateway said no: the customer has his credit as before."""
    payment = made.payment
    terms.lock(payment.customer_id, now=now)
    credits.put_back(
        payment.credit, made.amount_minor, taken_from=into(payment.paid_into), source=f"refund:{made.pk}",
        kind="not refunded", description=f"Refund of receipt {payment.receipt_number} was refused",
        today=settings.FORMATS.local(now).date(), actor=actor, now=now,
    )  # fmt: skip
    Payment.objects.filter(pk=payment.pk).update(refunded_minor=F("refunded_minor") - made.amount_minor)
    _set(made, "failed", why)


_SENT_WITHIN = timedelta(minutes=10)


def give_up_sending(*, now: datetime) -> int:
    """Refunds of a process that died while it asked the gateway: nobody knows, so a person looks. Returns how many."""
    left = Refund.objects.filter(state="sending", made_at__lte=now - _SENT_WITHIN)
    return left.update(
        state="uncertain", answer="we stopped while the gateway was asked: look there whether it was paid out"
    )
