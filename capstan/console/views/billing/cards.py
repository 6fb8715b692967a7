"""The card that a customer lets us charge: who agreed to it, what was charged, charging it, taking it off."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.queries.owed import owed
from capstan.console.forms.cards import ChargeCardForm, RemoveCardForm, SettleChargeForm
from capstan.console.invoices_shown import money_url
from capstan.console.payments_shown import payment_url
from capstan.console.views.billing.found import customer_or_404, local_day, money_crumbs, not_allowed
from capstan.customers.models import Customer
from capstan.identity.rules import Actor, Permission
from capstan.payments.actions import cards
from capstan.payments.actions.charges import Wish, charge, settle
from capstan.payments.actions.checkouts import Purpose
from capstan.payments.models import Checkout, StoredCard
from capstan.payments.queries.cards import card_of, hindrance, last_charges, name_of_card
from capstan.payments.rules.words import CheckoutState
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge, link, moment
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_CHARGES = 20
_STATES = {
    CheckoutState.PAID: ("Charged", Tone.GOOD, "circle-check"),
    CheckoutState.FAILED: ("Declined", Tone.BAD, "alert-triangle"),
    CheckoutState.SHORT: ("Paid in part", Tone.SLOW, "coin"),
}
_UNCLEAR = ("Not known yet", Tone.SLOW, "hourglass")


class Said(NamedTuple):
    """What came of a deed, in words."""

    words: str
    is_good: bool = True


_Do = Callable[[StoredCard, dict[str, Any], Actor, datetime], Said]


def _charge(card: StoredCard, given: dict[str, Any], actor: Actor, now: datetime) -> Said:
    purpose = Purpose("account", card.customer_id, given["amount"], "Payment on account")
    reason = f"{given['reason']}; agreed to by {given['agreed_by']}"
    made = charge(Wish(card.pk, f"console:{given['key']}", purpose, reason), actor=actor.key, now=now)
    amount = settings.FORMATS.money(made.amount_minor)
    if made.state == CheckoutState.PAID:
        return Said(f"{amount} is charged to {name_of_card(card)} and pays what is open, the oldest first.")
    if made.state == CheckoutState.FAILED:
        return Said(f"{amount} was not charged: {made.why}. Nothing was booked.", is_good=False)
    return Said(
        f"Nobody knows yet whether {amount} was charged. Don't charge it again: we look each minute, and it shows here.",
        is_good=False,
    )


def _settle(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> Said:
    if not _uncertain(customer.pk).filter(pk=given["charge"]).exists():
        raise Refused("What became of this charge is known meanwhile.")
    went_through = given["went_through"] == "yes"
    settle(
        checkout_id=given["charge"], went_through=went_through, reference=given["reference"], reason=given["reason"],
        actor=actor.key, now=now,
    )  # fmt: skip
    if went_through:
        return Said("The charge is booked as paid.")
    return Said("The charge is noted as failed. Nothing was booked, and the customer is told.")


def _uncertain(customer_id: int) -> QuerySet[Checkout]:
    charges = Checkout.objects.filter(customer_id=customer_id, card__isnull=False)
    return charges.filter(state=CheckoutState.UNCERTAIN).order_by("pk")


def _remove(card: StoredCard, given: dict[str, Any], actor: Actor, now: datetime) -> Said:
    cards.remove(card_id=card.pk, reason=given["reason"], actor=actor.key, now=now)
    return Said(
        f"{name_of_card(card)[0].upper()}{name_of_card(card)[1:]} is removed and can't be charged any more."
    )


_DEEDS: dict[str, tuple[type[forms.Form], _Do]] = {
    "charge": (ChargeCardForm, _charge),
    "remove": (RemoveCardForm, _remove),
}
_SETTLE = "settle"


@require_GET
@staff_required()
def show(request: StaffRequest, customer_id: int) -> HttpResponse:
    return _page(request, customer_or_404(customer_id))


@require_POST
@staff_required()
def act(request: StaffRequest, customer_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    customer = customer_or_404(customer_id)
    if deed not in (*_DEEDS, _SETTLE):
        raise Http404(f"Nothing called {deed} can be done to a card.")
    if answer := not_allowed(request, Permission.CHARGE_CARDS):
        return answer
    card = card_of(customer.pk)
    form: forms.Form
    if deed == _SETTLE:  # the card may be gone: what was charged to it wants its end nevertheless
        form, do = SettleChargeForm(request.POST, auto_id="settle-%s"), partial(_settle, customer)
    elif card is None:
        messages.error(request, "There is no card any more. Nothing was done.")
        return redirect(reverse("console:card", args=[customer.pk]))
    else:
        make, todo = _DEEDS[deed]
        form, do = make(request.POST, auto_id=f"{deed}-%s"), partial(todo, card)
    if form.is_valid():
        try:
            said = do(form.cleaned_data, request.actor, clock.now())
        except Refused as refusal:
            form.add_error(None, str(refusal))
            return _page(request, customer, deed, form)
        (messages.success if said.is_good else messages.error)(request, said.words)
    else:
        return _page(request, customer, deed, form)
    return redirect(reverse("console:card", args=[customer.pk]))


def _page(
    request: StaffRequest, customer: Customer, deed: str = "", form: forms.Form | None = None
) -> HttpResponse:
    today = local_day(clock.now())
    card = card_of(customer.pk)
    why_not = hindrance(card, today) if card else ""
    may = request.actor.may(Permission.CHARGE_CARDS)
    unclear = _uncertain(customer.pk).first()
    balance = max(0, owed(customer.pk, today=today).balance_minor)
    fresh: dict[str, forms.Form] = {}
    if card:
        fresh["charge"] = ChargeCardForm(initial={"amount": balance or None}, auto_id="charge-%s")
        fresh["remove"] = RemoveCardForm(auto_id="remove-%s")
    if unclear:
        fresh[_SETTLE] = SettleChargeForm(initial={"charge": unclear.pk}, auto_id="settle-%s")
    context = {
        "customer": customer, "card": card, "card_name": name_of_card(card) if card else "", "why_not": why_not,
        "facts": _facts(card) if card else [], "charges": _table(last_charges(customer.pk, limit=_CHARGES)),
        "forms": {**fresh, **({deed: form} if form else {})} if may else {}, "open_deed": deed, "unclear": unclear,
        "crumbs": money_crumbs(customer, ("Money", money_url(customer.pk)), ("Card", None)),
    }  # fmt: skip
    return render(request, "console/billing/card.html", context)


def _facts(card: StoredCard) -> list[tuple[str, object]]:
    expires = (
        settings.FORMATS.day(card.expires_on) if card.expires_on else "not known: the gateway doesn't say"
    )
    return [
        ("Kept by", card.gateway.name), ("No good from", expires),
        ("Agreed to by", f"{card.agreed_by}, by {card.agreed_channel}"), ("Agreed", moment(card.agreed_at)),
    ]  # fmt: skip


def _table(charges: list[Checkout]) -> Table:
    columns = (
        Column("When", Place.LEAD), Column("What", Place.NOTE), Column("Amount", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE), Column("Why"),
    )  # fmt: skip
    empty = Empty("Never charged", "Charges of the card, and tries that failed, are listed here.")
    return Table("Charges", columns, tuple(_row(one) for one in charges), empty)


def _row(one: Checkout) -> Row:
    state = badge(*_STATES.get(CheckoutState(one.state), _UNCLEAR))
    paid = link(one.item, payment_url(one.payment_id)) if one.payment_id else one.item
    return Row((moment(one.started_at), paid, settings.FORMATS.money(one.amount_minor), state, one.why))
