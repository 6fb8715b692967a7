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
from capstan.payments.actions.bills import MOST_MINOR
from capstan.payments.actions.charges import Wish, charge, note_not_tried
from capstan.payments.actions.checkouts import Purpose
from capstan.payments.models import Checkout, StoredCard
from capstan.payments.queries.cards import name_of_card, not_expired
from capstan.payments.rules.cards import Try, customer_words, tries
from capstan.payments.rules.words import UNDECIDED, CheckoutState
from capstan.values.refused import Refused

log = structlog.get_logger()

ACTOR = "payments"
_EXPIRED = "the card has expired"
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
    today, made = local.date(), 0
    for one in tries(today):
        search = _Search(one, gateway_id, today)
        for turn in _turns(search, search.expired(), limit):
            _note_expired(turn, search, now)
        for turn in _turns(search, search.due(), limit - made):
            made += _collect(turn, search, now)
    return made


class _Search(NamedTuple):
    """What a try is for."""

    turn: Try
    gateway_id: int | None
    today: date

    def due(self) -> list[QuerySet[Invoice]]:
        """What is to be charged to a card: one that can't be would come back every time, before all others."""
        return [self._untried(one, not_expired(self.today)) for one in self._documents()]

    def expired(self) -> list[QuerySet[Invoice]]:
        """What would be charged if the card hadn't expired, and its holder wasn't told so about it."""
        told = Checkout.objects.filter(
            purpose=Concat(Value("invoice:"), Cast(OuterRef("pk"), TextField()), output_field=TextField()),
            card_id=OuterRef("card_id"), why=_EXPIRED,
        )  # fmt: skip
        return [
            self._untried(one, ~not_expired(self.today)).exclude(Exists(told)) for one in self._documents()
        ]

    def _documents(self) -> tuple[QuerySet[Invoice], QuerySet[Invoice]]:
        """Invoices that are due, and requests for what begins a day later, as `collected_from` has it."""
        owed = Invoice.objects.filter(
            kind=InvoiceKind.INVOICE, open_minor__range=(1, MOST_MINOR),
            due_on__range=(self.turn.first, self.turn.last),
        )  # fmt: skip
        begins = (self.turn.first + timedelta(days=1), self.turn.last + timedelta(days=1))
        asked = PrepaidPeriod.objects.filter(
            paid_at=None, withdrawn_at=None, end__gt=self.today, first__range=begins, request__isnull=False
        )
        return owed, Invoice.objects.filter(pk__in=asked.values("request_id"), total_minor__lte=MOST_MINOR)

    def _untried(self, documents: QuerySet[Invoice], which: Q) -> QuerySet[Invoice]:
        return _untried(documents, self.turn, self.gateway_id, which)


def _turns(search: _Search, wanted: list[QuerySet[Invoice]], limit: int) -> list[_Turn]:
    found: list[_Turn] = []
    for documents in wanted:
        chosen = list(documents[: max(0, limit - len(found))])
        left = payable({one.customer_id for one in chosen}, today=search.today)
        of = {each.document.pk: each for of_one in left.values() for each in of_one}
        found += [
            _Turn(of[one.pk], one.card_id, search.turn.number)  # type: ignore[attr-defined]
            for one in chosen
            if one.pk in of
        ]
    return found


def _untried(documents: QuerySet[Invoice], turn: Try, gateway_id: int | None, which: Q) -> QuerySet[Invoice]:
    """Whose try wasn't made. Who disputes a debt, or has promised to pay it, isn't charged, nor who is paying at the moment."""
    his = {"customer_id": OuterRef("customer_id")}
    cards = StoredCard.objects.filter(which, removed_at=None, gateway__active=True, **his)
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


def _wish(turn: _Turn, still: list[QuerySet[Invoice]]) -> Wish:
    document = turn.of.document
    purpose = Purpose(
        f"invoice:{document.pk}", document.customer_id, turn.of.left_minor, turn.of.words, [document.pk]
    )
    return Wish(
        turn.card_id, turn.key, purpose, "on its due day, as agreed",
        still_wanted=lambda: any(one.filter(pk=document.pk).exists() for one in still),
    )  # fmt: skip


def _note_expired(turn: _Turn, search: _Search, now: datetime) -> None:
    """Nobody asks a gateway for a card that is no good: its holder is told once, and the next try is for a newer card."""
    try:
        note_not_tried(_wish(turn, search.expired()), why=_EXPIRED, actor=ACTOR, now=now)
    except Exception:  # whatever it is, it mustn't hold up the others
        log.exception("that a card has expired can't be noted", invoice=turn.of.document.pk)


def _collect(turn: _Turn, search: _Search, now: datetime) -> int:
    try:
        charge(_wish(turn, search.due()), actor=ACTOR, now=now)
    except Refused as refusal:
        log.info("an invoice isn't charged to its card now", invoice=turn.of.document.pk, why=str(refusal))
        return 0
    except Exception:  # whatever it is, it mustn't hold up the others
        log.exception("an invoice can't be charged to its card", invoice=turn.of.document.pk)
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
