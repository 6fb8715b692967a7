"""Invoices and requests that are charged to the stored card on the day they are collected from, where that is how the customer
pays; telling when it failed."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from capstan.billing.actions import dunning_tell
from capstan.billing.actions.pay_links import account_link, invoice_link
from capstan.billing.models import BillingTerms, DunningHold, Invoice, PrepaidPeriod
from capstan.billing.queries.payable import Payable, payable
from capstan.billing.rules.words import InvoiceKind, Method
from capstan.payments.actions.charges import Wish, charge
from capstan.payments.actions.checkouts import Purpose
from capstan.payments.models import Checkout, StoredCard
from capstan.payments.queries.cards import name_of_card
from capstan.payments.rules.cards import Try, customer_words, tries
from capstan.payments.rules.words import UNDECIDED, CheckoutState
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "payments"
_OPENS, _CLOSES = 8, 18
"""Nobody's card is charged for an invoice at night: he may want to call."""


class _Turn(NamedTuple):
    """Something that is to be charged to this card."""

    of: Payable
    card_id: int
    number: int  # which try it is

    @property
    def key(self) -> str:
        return f"invoice:{self.of.document.pk}:card:{self.number}"


def collect_due(*, now: datetime, limit: int, gateway_id: int | None = None) -> int:
    """Charge what comes next whose card has its turn; returns how many charges were made: one for each try."""
    local = settings.FORMATS.local(now)
    if not _OPENS <= local.hour < _CLOSES:
        return 0
    made = 0
    for one in tries(local.date()):
        for turn in _due(one, gateway_id, local.date(), limit - made):
            made += _collect(turn, now)
    return made


def _due(turn: Try, gateway_id: int | None, today: date, limit: int) -> list[_Turn]:
    owed = Invoice.objects.filter(
        kind=InvoiceKind.INVOICE, open_minor__gt=0, due_on__range=(turn.first, turn.last)
    )
    begins = (turn.first + timedelta(days=1), turn.last + timedelta(days=1))  # as `collected_from` has it
    asked = PrepaidPeriod.objects.filter(
        paid_at=None, withdrawn_at=None, end__gt=today, first__range=begins, request__isnull=False
    )
    requests = Invoice.objects.filter(pk__in=asked.values("request_id"))
    found: list[_Turn] = []
    for documents in (owed, requests):
        chosen = list(_untried(documents, turn, gateway_id)[: max(0, limit - len(found))])
        left = payable({one.customer_id for one in chosen}, today=today)
        of = {each.document.pk: each for of_one in left.values() for each in of_one}
        found += [_Turn(of[one.pk], one.card_id, turn.number) for one in chosen if one.pk in of]  # type: ignore[attr-defined]
    return found


def _untried(documents: QuerySet[Invoice], turn: Try, gateway_id: int | None) -> QuerySet[Invoice]:
    """Whose try wasn't made. Who disputes a debt, or has promised to pay it, isn't charged, nor who is paying at the moment."""
    his = {"customer_id": OuterRef("customer_id")}
    cards = StoredCard.objects.filter(removed_at=None, gateway__active=True, **his)
    if gateway_id is not None:
        cards = cards.filter(gateway_id=gateway_id)
    key = Concat(
        Value("invoice:"),
        Cast(OuterRef("pk"), TextField()),
        Value(f":card:{turn.number}"),
        output_field=TextField(),
    )
    holds = DunningHold.objects.filter(ended_at=None, **his)
    return (
        documents.filter(
            Exists(BillingTerms.objects.filter(method=Method.CARD, **his)),
            Exists(cards),
            ~Exists(Checkout.objects.filter(key=key)),
            ~Exists(Checkout.objects.filter(state__in=UNDECIDED, **his)),
            ~Exists(holds.filter(Q(invoice=None) | Q(invoice_id=OuterRef("pk")))),
        )
        .annotate(card_id=cards.values("pk")[:1])
        .order_by("due_on", "pk")
    )


def _collect(turn: _Turn, now: datetime) -> int:
    document, left_minor = turn.of.document, turn.of.left_minor
    purpose = Purpose(
        f"invoice:{document.pk}", document.customer_id, left_minor, turn.of.words, [document.pk]
    )
    try:
        charge(Wish(turn.card_id, turn.key, purpose, "on its due day, as agreed"), actor=ACTOR, now=now)
    except Refused as refusal:
        log.info("an invoice isn't charged to its card now", invoice=document.pk, why=str(refusal))
        return 0
    except Exception:  # whatever it is, it mustn't hold up the others
        log.exception("an invoice can't be charged to its card", invoice=document.pk)
        return 0
    return 1


def tell_declined(*, now: datetime, limit: int) -> int:
    """Tell customers of charges for invoices that failed, and how to pay; returns how many charges were looked at."""
    failed = Checkout.objects.filter(card__isnull=False, state=CheckoutState.FAILED, told_at=None)
    ids = list(
        failed.exclude(purpose__startswith="order:").order_by("pk").values_list("pk", flat=True)[:limit]
    )
    for checkout_id in ids:
        with transaction.atomic():
            _tell(checkout_id, now)
    return len(ids)


def _tell(checkout_id: int, now: datetime) -> None:
    row = Checkout.objects.select_for_update(of=("self",), skip_locked=True).filter(
        pk=checkout_id, told_at=None
    )
    checkout = row.select_related("card", "customer__brand").first()
    if checkout is None or checkout.state != CheckoutState.FAILED:
        return
    assert checkout.card is not None
    invoice = Invoice.objects.filter(pk__in=checkout.invoices).first()
    values = {
        "amount": settings.FORMATS.money(checkout.amount_minor), "card": name_of_card(checkout.card),
        "reason": customer_words(checkout.why),
        "link": invoice_link(invoice.pk, now=now) if invoice else account_link(checkout.customer_id, now=now),
    }  # fmt: skip
    dunning_tell.tell(
        checkout.customer, "card.declined", values, cause=f"card:{checkout.pk}:declined", by_sms=True, now=now
    )
    checkout.told_at = now
    checkout.save(update_fields=["told_at"])
