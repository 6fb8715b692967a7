"""A customer's money: what he owes and how old it is, what paid, what waits for its invoice, how he is billed (H7, H10)."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Sum
from django.forms.models import model_to_dict
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions import by_hand, discounts, prepaid, terms
from capstan.billing.models import (
    BillingPolicy,
    BillingTerms,
    Charge,
    Credit,
    Discount,
    Invoice,
)
from capstan.billing.queries.documents import BAND_NAMES
from capstan.billing.queries.owed import Owed, open_invoices, owed
from capstan.billing.rules.age import band_of
from capstan.billing.rules.periods import LAST_DAY
from capstan.billing.rules.prepaid import asked_on
from capstan.billing.rules.words import ChargeKind, Timing
from capstan.catalog.models import TaxGroup
from capstan.console.ahead_shown import ahead
from capstan.console.forms.invoices import (
    METHOD_WORDS,
    TIMING_WORDS,
    ChargeForm,
    DiscountForm,
    EndForm,
    RecipientForm,
    TermsForm,
)
from capstan.console.invoices_shown import (
    charges_table,
    credits_table,
    money_url,
    open_table,
    payments_table,
)
from capstan.console.views import once
from capstan.console.views.billing.credits import behind
from capstan.console.views.billing.found import customer_or_404, local_day, money_crumbs, not_allowed
from capstan.customers.actions import change_papers
from capstan.customers.models import Customer
from capstan.identity.rules import Actor, Permission
from capstan.payments.queries.listing import last_payments
from capstan.services.models import Service
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.navigation import address
from capstan.ui.tables import Empty, Table
from capstan.values import clock
from capstan.values.refused import Refused

_PAYMENTS, _CHARGES, _CREDITS, _LINES = 10, 50, 20, 500


# --- deeds ------------------------------------------------------------------------------------------------------


def _terms(customer: Customer, form: forms.Form, actor: Actor, now: datetime) -> str:
    assert isinstance(form, TermsForm)
    changed = terms.set_terms(customer_id=customer.pk, **form.terms(), actor=actor.key, now=now)
    return "The terms hold from the next billing day on." if changed else "The terms were so already."


def _papers(customer: Customer, form: forms.Form, actor: Actor, now: datetime) -> str:
    changed = change_papers(customer_id=customer.pk, **form.cleaned_data, actor=actor.key, now=now)
    return "The next invoice says it." if changed else "It was so already."


def _discount(customer: Customer, form: forms.Form, actor: Actor, now: datetime) -> str:
    given = form.cleaned_data
    made = discounts.add(
        service_id=given["service"], text=given["text"], percent_bp=given["percent"], amount_minor=given["amount"],
        first=given["first"], end=given["end"], actor=actor.key, now=now,
    )  # fmt: skip
    return f"“{made.text}” is given from {settings.FORMATS.day(made.first)} on, with the next bill run."


def _charge(customer: Customer, form: forms.Form, actor: Actor, now: datetime) -> str:
    given = form.cleaned_data
    made = by_hand.charge_by_hand(
        customer_id=customer.pk, service_id=given["service"], kind=ChargeKind(given["kind"]), text=given["text"],
        amount_minor=given["amount"], tax_group_id=given["tax_group"], reason=given["reason"], key=str(given["key"]),
        actor=actor.key, now=now,
    )  # fmt: skip
    return f"{settings.FORMATS.money(made.amount_minor)} is charged: {made.description}. The next invoice takes it up."


def _ask_again(customer: Customer, form: forms.Form, actor: Actor, now: datetime) -> str:
    number = prepaid.ask_again(customer_id=customer.pk, actor=actor.key, now=now)
    return f"{'It is' if number == 1 else f'{number} periods are'} asked for again, at today's price."


class _Asking(NamedTuple):
    """What the forms of a customer's page choose from."""

    customer: Customer
    policy: BillingPolicy
    terms: BillingTerms | None
    services: list[Service]
    groups: list[TaxGroup]

    @property
    def is_prepaid(self) -> bool:
        return ((self.terms and self.terms.timing) or self.policy.timing) == Timing.PREPAID

    def form(self, deed: str, given: Any, today: date) -> forms.Form:
        if deed == "terms":
            return TermsForm(
                given,
                policy=self.policy,
                initial=TermsForm.given_by(self.terms, self.policy),
                auto_id="terms-%s",
            )
        if deed == "papers":
            held = model_to_dict(self.customer, fields=list(RecipientForm.base_fields))
            return RecipientForm(given, initial=held, auto_id="papers-%s")
        if deed == "ask-again":
            return forms.Form(given)
        if deed == "discount":
            return DiscountForm(
                given, services=self.services, initial={"key": uuid4(), "first": today}, auto_id="discount-%s"
            )
        return ChargeForm(
            given, services=self.services, groups=self.groups, initial={"key": uuid4()}, auto_id="charge-%s"
        )


_Do = Callable[[Customer, forms.Form, Actor, datetime], str]
_DEEDS: dict[str, _Do] = {
    "terms": _terms,
    "papers": _papers,
    "discount": _discount,
    "charge": _charge,
    "ask-again": _ask_again,
}


def _asking(customer: Customer) -> _Asking:
    services = Service.objects.filter(customer=customer).only("id", "username").order_by("pk")
    return _Asking(
        customer,
        terms.policy_of(customer.brand_id),
        BillingTerms.objects.filter(pk=customer.pk).first(),
        list(services[:_LINES]),
        list(TaxGroup.objects.order_by("pk")),
    )


@require_GET
@staff_required()
def show(request: StaffRequest, customer_id: int) -> HttpResponse:
    customer = customer_or_404(customer_id)
    return _page(request, customer, _asking(customer))


@require_POST
@staff_required()
def act(request: StaffRequest, customer_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    customer, todo, now = customer_or_404(customer_id), _DEEDS.get(deed), clock.now()
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to a customer's money.")
    if answer := not_allowed(request, Permission.RUN_BILLING):
        return answer
    asking = _asking(customer)
    form = asking.form(deed, request.POST, local_day(now))
    if form.is_valid():
        try:
            words = _done(todo, request, customer, form, now)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, words)
            return redirect(money_url(customer.pk))
    return _page(request, customer, asking, deed, form)


def _done(todo: _Do, request: StaffRequest, customer: Customer, form: forms.Form, now: datetime) -> str:
    if todo is _charge:  # a charge itself knows its form, whoever sends it
        return todo(customer, form, request.actor, now)
    return once.act_once(request, customer.pk, lambda: todo(customer, form, request.actor, now))


@require_POST
@staff_required()
def end_discount(request: StaffRequest, customer_id: int, discount_id: int) -> HttpResponse:
    """From a day on a discount is no more."""
    customer = customer_or_404(customer_id)
    if answer := not_allowed(request, Permission.RUN_BILLING):
        return answer
    if not Discount.objects.filter(pk=discount_id, service__customer=customer).exists():
        raise Http404(f"This customer has no discount {discount_id}.")
    form = EndForm(request.POST, auto_id=f"end-{discount_id}-%s")
    if form.is_valid():
        try:
            end = form.cleaned_data["end"]
            ended = discounts.end_on(
                discount_id=discount_id, end=end, actor=request.actor.key, now=clock.now()
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"“{ended.text}” ends on {settings.FORMATS.day(end)}.")
            return redirect(money_url(customer.pk))
    return _page(request, customer, _asking(customer), f"end-{discount_id}", form)


# --- the page -----------------------------------------------------------------------------------------------------


class Band(NamedTuple):
    """What is open of one age; its address opens the invoices."""

    name: str
    amount_minor: int
    url: str
    is_here: bool


class Given(NamedTuple):
    """A discount, what it takes off, when, and the form that ends it."""

    discount: Discount
    off: str
    when: str
    form: forms.Form | None
    is_open: bool


def _page(
    request: StaffRequest, customer: Customer, asking: _Asking, deed: str = "", form: forms.Form | None = None
) -> HttpResponse:
    today = local_day(clock.now())
    now, found = owed(customer.pk, today=today), open_invoices(customer.pk)
    band = _band(request.GET.get("age", ""))
    may = request.actor.may(Permission.RUN_BILLING)

    def shown(name: str) -> forms.Form | None:
        if not may:
            return None
        return form if form is not None and deed == name else asking.form(name, None, today)

    figure, words, tone = answer_of(now, found)
    context = {
        "customer": customer, "owed": now, "figure": figure, "words": words, "tone": tone,
        "bands": _bands(now, band, customer.pk), "band_name": BAND_NAMES[band] if band is not None else "",
        "invoices": _open_table(customer, found, band, today), "money_url": money_url(customer.pk),
        "payments": payments_table(last_payments(customer.pk, limit=_PAYMENTS)), **_waiting(customer),
        "facts": _facts(asking), **ahead(customer.pk, today, is_prepaid=asking.is_prepaid, may=may),
        "discounts": _discounts(customer, deed, form, today, may=may),
        "has_services": bool(asking.services), "terms_form": shown("terms"),
        "papers_form": shown("papers"), "address": customer.postal_address or customer.physical_address,
        "discount_form": shown("discount"),
        "charge_form": shown("charge"), "open_deed": deed, "take_url": _take_url(request, customer),
        "crumbs": money_crumbs(customer, ("Money", None)),
    }  # fmt: skip
    return render(request, "console/billing/money.html", context)


def answer_of(now: Owed, found: list[Invoice]) -> tuple[str, str, str]:
    """Figure, words and tone: the balance, and when it is due."""
    formats = settings.FORMATS
    if now.balance_minor < 0:
        return formats.money(-now.balance_minor), "in the customer's favour", "good"
    if now.balance_minor == 0:
        return formats.money(0), "owed: all is paid", "good"
    figure = formats.money(now.balance_minor)
    if now.oldest_due_on:
        late = "all of it" if now.overdue_minor == now.balance_minor else formats.money(now.overdue_minor)
        return figure, f"owed, {late} overdue since {formats.day(now.oldest_due_on)}", "bad"
    return figure, f"owed, due by {formats.day(found[0].due_on)}", ""


def _take_url(request: StaffRequest, customer: Customer) -> str:
    may = request.actor.may(Permission.TAKE_PAYMENTS)
    return address("console:take_payment", customer.pk) if may else ""


def _band(text: str) -> int | None:
    return int(text) if text in {"0", "1", "2", "3", "4"} else None


def _bands(now: Owed, chosen: int | None, customer_id: int) -> list[Band]:
    """Each age, and all together."""
    here = money_url(customer_id)
    return [
        *(
            Band(name, amount, f"{here}?age={number}#open", number == chosen)
            for number, (name, amount) in enumerate(zip(BAND_NAMES, now.ages, strict=True))
        ),
        Band("Total due", now.ages.total, f"{here}#open", chosen is None),
    ]


def _open_table(customer: Customer, found: list[Invoice], band: int | None, today: date) -> Table:
    shown = [one for one in found if band is None or band_of(one.issued_on, today) == band]
    if band is None:
        nothing = Empty(
            "Nothing is open", "Every invoice is paid. The next one comes with the next billing day."
        )
    else:
        nothing = Empty(
            "Nothing of that age",
            "No open invoice is that old.",
            "All open invoices",
            f"{money_url(customer.pk)}#open",
        )
    return open_table(shown, today, nothing)


def _waiting(customer: Customer) -> dict[str, object]:
    """Credit that no invoice has taken up, and charges that wait for one."""
    left = list(
        Credit.objects.filter(customer=customer, left_minor__gt=0).order_by("received_on", "pk")[:_CREDITS]
    )
    open_charges = Charge.objects.filter(customer=customer, line__isnull=True)
    total = open_charges.aggregate(total=Sum("amount_minor"))["total"] or 0
    latest = open_charges.select_related("service").defer("service__line_password", "service__nt_hash")
    charges = list(latest.order_by("-occurred_at", "-pk")[: _CHARGES + 1])
    return {
        "credits": credits_table(left, *behind(left)), "has_credit": bool(left),
        "charges": charges_table(charges[:_CHARGES]), "charges_minor": total,
        "is_cut": len(charges) > _CHARGES, "charges_shown": _CHARGES,
    }  # fmt: skip


def _facts(asking: _Asking) -> list[tuple[str, object]]:
    """How the customer is billed, in words."""
    own, policy, formats = asking.terms, asking.policy, settings.FORMATS
    if own is None:
        return [("Billing day", "not set yet: it is the brand's as soon as the next worker looks")]
    day = "the month's last day" if own.billing_day == LAST_DAY else f"day {own.billing_day} of the month"
    timing = TIMING_WORDS[Timing(own.timing or policy.timing)]
    due = policy.due_days if own.due_days is None else own.due_days
    begins = formats.day(own.next_bill_on)
    if asking.is_prepaid and not own.is_paused:
        asked = formats.day(asked_on(own.next_bill_on, policy.prepaid_lead_days))
        coming = ("Next request", f"{asked}, for the days from {begins} on")
    else:
        coming = ("Next invoice", begins if not own.is_paused else "none: left out of bill runs")
    facts: list[tuple[str, object]] = [
        coming,
        ("Billing day", day),
        ("Billed", timing),
        ("Due", f"{due} days after the invoice's date" if due else "on the invoice's date"),
        ("Pays by", {method.value: words for method, words in METHOD_WORDS.items()}[own.method]),
    ]
    return facts


def _discounts(
    customer: Customer, deed: str, form: forms.Form | None, today: date, *, may: bool
) -> list[Given]:
    rows = Discount.objects.filter(service__customer=customer).select_related("service")
    rows = rows.defer("service__line_password", "service__nt_hash").order_by("-first", "-pk")
    found = []
    for one in rows[:_CREDITS]:
        is_over = one.end is not None and one.end <= today
        is_sent = deed == f"end-{one.pk}"
        own = form if is_sent else EndForm(initial={"end": today}, auto_id=f"end-{one.pk}-%s")
        can_end = may and (is_sent or not is_over)
        found.append(Given(one, _off(one), _when(one, is_over=is_over), own if can_end else None, is_sent))
    return found


def _off(discount: Discount) -> str:
    if discount.percent_bp is not None:
        return f"{settings.FORMATS.percent(discount.percent_bp)} off"
    return f"{settings.FORMATS.money(discount.amount_minor or 0)} off a month"


def _when(discount: Discount, *, is_over: bool) -> str:
    since = f"from {settings.FORMATS.day(discount.first)}"
    if discount.end is None:
        return f"{since} until it is ended"
    last = settings.FORMATS.day(discount.end - timedelta(days=1))
    return f"{since}, ended with {last}" if is_over else f"{since} to {last}"
