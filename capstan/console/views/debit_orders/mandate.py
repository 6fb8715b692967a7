"""A customer's mandate: drafted, printed, signed, approved by a second person, ended. Agents see its state, masked."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.models import BillingTerms
from capstan.console.debit_orders_shown import debits_table, mandate_badge, mandate_facts, mandate_url
from capstan.console.forms.debit_orders import DraftForm, NothingForm, ReasonForm, SignedForm
from capstan.console.invoices_shown import money_url
from capstan.console.views import once
from capstan.console.views.billing.found import customer_or_404, local_day, money_crumbs, not_allowed
from capstan.console.views.paying.payment import pdf_answer
from capstan.customers.models import Customer
from capstan.documents.pdf import render as as_pdf
from capstan.identity.rules import Actor, Permission
from capstan.payments.actions.debit_orders import mandates
from capstan.payments.models import DebitOrderPolicy, Mandate
from capstan.payments.queries.debit_orders import debits_of, mandates_of
from capstan.payments.queries.mandate_form import mandate_document
from capstan.payments.rules.words import OPEN_MANDATES, MandateState
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused

_DEBITS = 24
_LIVE = (MandateState.ACTIVE, MandateState.SUSPENDED)


class _At(NamedTuple):
    """What a deed is done to: the customer, and the mandate that the form names."""

    customer: Customer
    mandate_id: int
    actor: str
    now: datetime


def _draft(at: _At, form: Any) -> str:
    made = mandates.draft(customer_id=at.customer.pk, wanted=form.wanted(), actor=at.actor, now=at.now)
    return f"{made.reference} is entered: print the form, and have it signed."


def _send(at: _At, form: Any) -> str:
    mandates.send_out(mandate_id=at.mandate_id, actor=at.actor, now=at.now)
    return "Noted: it waits for the signature."


def _signed(at: _At, form: Any) -> str:
    mandates.note_signed(mandate_id=at.mandate_id, **form.cleaned_data, actor=at.actor, now=at.now)
    return "Noted. It is debited once somebody else has approved the bank details."


def _approve(at: _At, form: Any) -> str:
    mandates.approve(mandate_id=at.mandate_id, actor=at.actor, now=at.now)
    return f"The mandate is active: {at.customer.name} pays by debit order."


def _cancel(at: _At, form: Any) -> str:
    mandates.cancel(mandate_id=at.mandate_id, reason=form.cleaned_data["reason"], actor=at.actor, now=at.now)
    return "The mandate is cancelled. A debit order that is on its way may still arrive."


def _suspend(at: _At, form: Any) -> str:
    mandates.suspend(mandate_id=at.mandate_id, reason=form.cleaned_data["reason"], actor=at.actor, now=at.now)
    return "Nothing is debited until it is resumed."


def _resume(at: _At, form: Any) -> str:
    mandates.resume(mandate_id=at.mandate_id, reason=form.cleaned_data["reason"], actor=at.actor, now=at.now)
    return "The mandate is active again."


def _forgive(at: _At, form: Any) -> str:
    mandates.forgive(
        customer_id=at.customer.pk, reason=form.cleaned_data["reason"], actor=at.actor, now=at.now
    )
    return "Top-ups go on the invoice again."


class _Deed(NamedTuple):
    """What can be done, with which form, and to a mandate in which state; none: to the customer."""

    form: type[forms.Form]
    do: Callable[[_At, Any], str]
    states: tuple[MandateState, ...] = ()


_DEEDS = {
    "draft": _Deed(DraftForm, _draft),
    "send": _Deed(NothingForm, _send, (MandateState.DRAFTED,)),
    "signed": _Deed(SignedForm, _signed, OPEN_MANDATES),
    "approve": _Deed(NothingForm, _approve, (MandateState.WAITING,)),
    "suspend": _Deed(ReasonForm, _suspend, (MandateState.ACTIVE,)),
    "resume": _Deed(ReasonForm, _resume, (MandateState.SUSPENDED,)),
    "cancel": _Deed(ReasonForm, _cancel, (*OPEN_MANDATES, *_LIVE)),
    "forgive": _Deed(ReasonForm, _forgive),
}


@require_GET
@staff_required()
def show(request: StaffRequest, customer_id: int) -> HttpResponse:
    return _page(request, customer_or_404(customer_id))


@require_GET
@staff_required(Permission.RUN_BILLING)
def form_pdf(request: StaffRequest, customer_id: int, mandate_id: int) -> HttpResponse:
    """The form to sign. It has the account number whole, so it is made each time and never kept."""
    rows = Mandate.objects.select_related("customer__brand").filter(customer_id=customer_id, pk=mandate_id)
    mandate = rows.first()
    if mandate is None:
        raise Http404(f"This customer has no mandate {mandate_id}.")
    answer = pdf_answer(as_pdf(mandate_document(mandate)), f"{mandate.reference}.pdf")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@sensitive_post_parameters("account_number")
@require_POST
@staff_required()
def act(request: StaffRequest, customer_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    customer, todo = customer_or_404(customer_id), _DEEDS.get(deed)
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to a mandate.")
    if answer := not_allowed(request, Permission.RUN_BILLING):
        return answer
    raw = request.POST.get("mandate", "")
    mandate_id = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0
    if todo.states and not Mandate.objects.filter(pk=mandate_id, customer=customer).exists():
        raise Http404(f"This customer has no mandate {mandate_id}.")
    form = todo.form(request.POST, auto_id=f"{deed}-{mandate_id}-%s")
    if form.is_valid():
        at = _At(customer, mandate_id, request.actor.key, clock.now())
        try:
            messages.success(request, once.act_once(request, customer.pk, lambda: todo.do(at, form)))
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(mandate_url(customer.pk))
    return _page(request, customer, deed, mandate_id, form)


class Way(NamedTuple):
    """One thing to do to a mandate, or the customer, with its form."""

    deed: str
    label: str
    form: forms.Form
    is_open: bool


class Shown(NamedTuple):
    """A mandate, and what can be done to it."""

    mandate: Mandate
    facts: list[tuple[str, object]]
    ways: list[Way]


_LABELS = {
    "send": "The form is sent", "signed": "It is signed", "approve": "Approve the bank details", "suspend": "Suspend it",
    "resume": "Resume it", "cancel": "Cancel it", "forgive": "Let top-ups go on the invoice again",
}  # fmt: skip


def _page(
    request: StaffRequest,
    customer: Customer,
    deed: str = "",
    mandate_id: int = 0,
    form: forms.Form | None = None,
) -> HttpResponse:
    may, found = request.actor.may(Permission.RUN_BILLING), mandates_of(customer)
    policy = DebitOrderPolicy.objects.filter(pk=customer.brand_id).first()
    terms = BillingTerms.objects.filter(pk=customer.pk).first()
    fresh = {"key": uuid4(), "action_day": policy.action_day if policy else 1, "holder": customer.name}
    draft = form if deed == "draft" else DraftForm(initial=fresh, auto_id="draft-0-%s")
    returned = terms.debit_returned_on if terms else None
    forgive = None
    if may and (returned or deed == "forgive"):
        forgive = _way("forgive", 0, deed == "forgive", form, None)
    live = next((one for one in found if one.state in _LIVE), None)
    context = {
        "customer": customer, "live": live, "badge": mandate_badge(live) if live else "",
        "mandates": [_shown(one, request.actor, deed, mandate_id, form) for one in found], "may": may,
        "draft_form": draft if may and policy else None, "is_drafting": deed == "draft" or not found,
        "branches": DraftForm.branches, "has_policy": policy is not None, "returned_on": returned, "forgive": forgive,
        "debits": debits_table(debits_of(customer, _DEBITS)),
        "crumbs": money_crumbs(customer, ("Money", money_url(customer.pk)), ("Debit order", None)),
    }  # fmt: skip
    return render(request, "console/debit_orders/mandate.html", context)


def _shown(mandate: Mandate, actor: Actor, deed: str, mandate_id: int, form: forms.Form | None) -> Shown:
    ways = []
    if actor.may(Permission.RUN_BILLING):
        for name, todo in _DEEDS.items():
            is_sent = name == deed and mandate_id == mandate.pk
            if is_sent or (mandate.state in todo.states and _makes_sense(name, mandate, actor)):
                ways.append(_way(name, mandate.pk, is_sent, form, mandate))
    return Shown(mandate, mandate_facts(mandate), ways)


def _makes_sense(deed: str, mandate: Mandate, actor: Actor) -> bool:
    return deed != "approve" or (mandate.signed_on is not None and mandate.entered_by != actor.key)


def _way(deed: str, mandate_id: int, is_sent: bool, form: forms.Form | None, mandate: Mandate | None) -> Way:
    initial = {"signed_by": mandate.holder, "signed_on": local_day(clock.now())} if mandate else {}
    own = (
        form
        if is_sent and form is not None
        else _DEEDS[deed].form(initial=initial, auto_id=f"{deed}-{mandate_id}-%s")
    )
    return Way(deed, _LABELS[deed], own, is_sent)
