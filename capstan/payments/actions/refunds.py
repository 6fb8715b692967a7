"""Money back to a customer: what is left of a payment, or what he has to his credit since, such as by a credit note."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum

from capstan.audit.actions import record
from capstan.billing.actions import credits, terms
from capstan.billing.models import Credit
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
    """Give money back: through its gateway, from the bank, or from the actor's till; or book what somebody gave back at the
    gateway, which isn't asked then. At most `refundable` of it: what pays an
    invoice stays there.

    The books say so before the gateway is called, and again if it says no: killed in between, the refund stands as `uncertain`
    for a person, who says what became of it (`settle`), and is never sent twice. Raises Refused.
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


def note_gateway_refund(*, payment_id: int, refunded_minor: int, actor: str, now: datetime) -> int:
    """Book what somebody gave back at the gateway, which says that it gave back `refunded_minor` of this payment in all; what we
    asked it for is booked already. Within the caller's transaction. Returns how much was news. Raises Refused when that can't
    go back, as it pays invoices."""
    assert transaction.get_connection().in_atomic_block
    payment = Payment.objects.get(pk=payment_id)
    terms.lock(payment.customer_id, now=now)
    news = refunded_minor - by_gateway(payment)
    if news <= 0:
        return 0
    _begin(payment_id, news, Payout.AT_GATEWAY, "refunded at the gateway, as it says", actor, now)
    return news


def by_gateway(payment: Payment) -> int:
    """What the books say that its gateway gave back of it, or is asked to."""
    own = payment.refunds.filter(how__in=(Payout.SAME_WAY, Payout.AT_GATEWAY))
    counted = own.filter(state__in=("sending", "uncertain", "done"))
    total: int = counted.aggregate(total=Sum("amount_minor", default=0))["total"]
    return total


@transaction.atomic
def _begin(payment_id: int, amount_minor: int, how: Payout, reason: str, actor: str, now: datetime) -> Refund:
    if not reason.strip():
        raise Refused("Say why the money goes back.")
    customer_id = Payment.objects.values_list("customer_id", flat=True).get(pk=payment_id)
    if how == Payout.CASH:
        hold([str(till(actor))])  # before the customer's money, as whoever takes cash does
    terms.lock(customer_id, now=now)
    payment = (
        Payment.objects.select_for_update(of=("self",)).select_related("credit", "gateway").get(pk=payment_id)
    )
    if payment.reversed_at is not None:
        raise Refused("This payment was reversed: there is nothing to give back.")
    if how in (Payout.SAME_WAY, Payout.AT_GATEWAY) and payment.gateway is None:
        raise Refused("This payment came by no gateway: give it back by EFT or in cash.")
    if payment.credit.kept_for:
        raise Refused(
            "This payment is kept for a top-up that was ordered: wait until that is added, or cancel the order."
        )
    parts = _parts(payment, amount_minor)
    if how == Payout.CASH and expected(actor) < amount_minor:
        raise Refused(f"Your till holds {settings.FORMATS.money(expected(actor))}: give it back by EFT.")
    made = Refund.objects.create(
        payment=payment, amount_minor=amount_minor, how=how, reason=reason.strip(), actor=actor, made_at=now,
        state="sending" if how == Payout.SAME_WAY else "done",
        taken_from=[[one.credit.pk, one.amount_minor] for one in parts],
    )  # fmt: skip
    credits.pay_out(
        parts, to=_from(payment, how, actor), source=f"refund:{made.pk}", kind="refunded",
        description=f"Refund of receipt {payment.receipt_number}: {reason.strip()}",
        today=settings.FORMATS.local(now).date(), actor=actor, now=now,
    )  # fmt: skip
    Payment.objects.filter(pk=payment.pk).update(refunded_minor=F("refunded_minor") + amount_minor)
    record(
        actor=actor, action="payment.refund", subject=f"customer:{customer_id}", reason=reason.strip(), now=now,
        details={"payment": payment.pk, "amount_minor": amount_minor, "how": how.value},
    )  # fmt: skip
    return made


def refundable(payment: Payment) -> int:
    """How much can go back of a payment: what is left of it, and what its customer has to his credit by credit notes, such as of
    the invoice that it paid; never more than it was. 0 while it is kept, and once it was reversed."""
    if payment.reversed_at is not None or payment.credit.kept_for:
        return 0
    free = sum(one.amount_minor for one in _free(payment))
    return min(payment.amount_minor - payment.refunded_minor, free)


def _free(payment: Payment) -> list[credits.Paid]:
    """Of other payments nothing: what is left of one goes back by that one, or it couldn't be reversed any more."""
    free = credits.free_of(payment.customer_id, first=payment.credit)
    others = set(
        Payment.objects.filter(credit__in=[one.credit for one in free])
        .exclude(pk=payment.pk)
        .values_list("credit_id", flat=True)
    )
    return [one for one in free if one.credit.pk not in others]


def _parts(payment: Payment, amount_minor: int) -> list[credits.Paid]:
    most = refundable(payment)
    if not 0 < amount_minor <= most:
        raise Refused(f"{settings.FORMATS.money(most)} of this payment can go back, and no more than that.")
    parts = []
    for credit, left in _free(payment):
        part = min(left, amount_minor)
        if part:
            parts.append(credits.Paid(credit, part))
            amount_minor -= part
    return parts


def _from(payment: Payment, how: Payout, actor: str) -> Name:
    if how in (Payout.SAME_WAY, Payout.AT_GATEWAY):
        return into(payment.paid_into)
    return till(actor) if how == Payout.CASH else BANK


def _set(made: Refund, state: str, answer: str) -> Refund:
    made.state, made.answer = state, answer
    made.save(update_fields=["state", "answer"])
    return made


@transaction.atomic
def _undo(made: Refund, why: str, actor: str, now: datetime) -> None:
    """It didn't go out: the customer has his credit as before, and it pays what is open."""
    payment = made.payment
    terms.lock(payment.customer_id, now=now)
    today = settings.FORMATS.local(now).date()
    found = Credit.objects.in_bulk([pk for pk, _ in made.taken_from])
    credits.put_back(
        [credits.Paid(found[pk], amount) for pk, amount in made.taken_from], taken_from=into(payment.paid_into),
        source=f"refund:{made.pk}", kind="not refunded",
        description=f"Refund of receipt {payment.receipt_number} didn't go out", today=today, actor=actor, now=now,
    )  # fmt: skip
    credits.allocate_free([payment.customer_id], today=today, actor=actor, now=now)
    Payment.objects.filter(pk=payment.pk).update(refunded_minor=F("refunded_minor") - made.amount_minor)
    _set(made, "failed", why)


@transaction.atomic
def settle(*, refund_id: int, went_out: bool, reason: str, actor: str, now: datetime) -> Refund:
    """Somebody looked at the gateway what became of an uncertain refund. Went it out, the books are right as they are; else the
    customer has his credit again. Raises Refused for one that isn't uncertain, and without a word on how one knows."""
    if not reason.strip():
        raise Refused("Say where you saw it.")
    made = Refund.objects.select_for_update(of=("self",)).select_related("payment__credit").get(pk=refund_id)
    if made.state != "uncertain":
        raise Refused("This refund isn't uncertain any more.")
    record(
        actor=actor, action="payment.refund.settle", subject=f"customer:{made.payment.customer_id}", reason=reason.strip(),
        now=now, details={"refund": made.pk, "went_out": went_out},
    )  # fmt: skip
    if went_out:
        return _set(made, "done", reason.strip())
    _undo(made, reason.strip(), actor, now)
    return made


_SENT_WITHIN = timedelta(minutes=10)


def give_up_sending(*, now: datetime) -> int:
    """Refunds of a process that died while it asked the gateway: nobody knows, so a person looks. Returns how many."""
    left = Refund.objects.filter(state="sending", made_at__lte=now - _SENT_WITHIN)
    return left.update(
        state="uncertain", answer="we stopped while the gateway was asked: look there whether it was paid out"
    )
