"""Lines of the bank that nobody knows whose they are, worked off one by one; whose a pasted line is; learnt words."""

from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.console import links
from capstan.console.forms.payments import AssignForm, PasteForm, SetAsideForm
from capstan.console.payments_shown import money, tabs, who_did
from capstan.console.views.paying.who import Found, Meant, meant
from capstan.customers.models import Customer
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.payments.actions import bank, rules_of
from capstan.payments.models import BankLine, MatchRule
from capstan.payments.queries.listing_of_bank import rules, unmatched
from capstan.payments.rules.statements.match import Certainty
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 50


class Waiting(NamedTuple):
    """A line that waits, with the forms of what can be done; the one that was sent has what was typed."""

    line: BankLine
    assign: forms.Form
    set_aside: forms.Form | None
    candidates: list[Found]
    open_deed: str = ""


class Tried(NamedTuple):
    """A form that was sent for a line and refused."""

    line_id: int
    deed: str
    form: forms.Form
    candidates: list[Found]


class Pasted(NamedTuple):
    """What a pasted line says."""

    customer: Customer | None
    is_sure: bool
    why: str
    url: str


@require_GET
@staff_required(Permission.TAKE_PAYMENTS)
def show(request: StaffRequest) -> HttpResponse:
    return _page(request)


@require_POST
@staff_required(Permission.TAKE_PAYMENTS)
def assign(request: StaffRequest, line_id: int) -> HttpResponse:
    """Give a line to a customer; one who isn't clear is chosen among those who are found."""
    line = _line_or_404(line_id)
    form, found = AssignForm(request.POST, auto_id=_ids("assign", line_id)), Meant(None, [])
    if form.is_valid():
        found = meant(form)
    if found.customer is not None:
        try:
            payment = bank.assign(
                line_id=line.pk, customer_id=found.customer.pk, remember=form.cleaned_data["remember"],
                actor=request.actor.key, now=clock.now(),
            )  # fmt: skip
        except Refused as refusal:
            return _too_late(request, line_id, "assign", form, refusal)
        amount = money(payment.amount_minor)
        messages.success(request, f"{amount} is {found.customer.name}'s, receipt {payment.receipt_number}.")
        return redirect(reverse("console:bank"))
    return _page(request, Tried(line_id, "assign", form, found.candidates))


@require_POST
@staff_required(Permission.CORRECT_MONEY)
def set_aside(request: StaffRequest, line_id: int) -> HttpResponse:
    """A line that is no customer's leaves the queue."""
    _line_or_404(line_id)
    form = SetAsideForm(request.POST, auto_id=_ids("aside", line_id))
    if form.is_valid():
        try:
            bank.set_aside(
                line_id=line_id, reason=form.cleaned_data["reason"], actor=request.actor.key, now=clock.now()
            )
        except Refused as refusal:
            return _too_late(request, line_id, "aside", form, refusal)
        messages.success(
            request, "Set aside: it stays in the books as unmatched until the bookkeeper moves it."
        )
        return redirect(reverse("console:bank"))
    return _page(request, Tried(line_id, "aside", form, []))


@require_POST
@staff_required(Permission.TAKE_PAYMENTS)
def whose(request: StaffRequest) -> HttpResponse:
    """Whose a pasted line is. Nothing is changed: it is sent by POST so that no address keeps a bank's words."""
    form = PasteForm(request.POST)
    pasted = None
    if form.is_valid():
        found = bank.whose(form.cleaned_data["text"])
        customer = Customer.objects.filter(pk=found.customer_id).first() if found.customer_id else None
        url = links.customer(customer.account_code) if customer else ""
        pasted = Pasted(customer, found.certainty == Certainty.SURE, found.why, url)
    return _page(request, paste=form, pasted=pasted)


@require_GET
@staff_required(Permission.TAKE_PAYMENTS)
def learnt(request: StaffRequest) -> HttpResponse:
    """The words that mean a customer."""
    known = rules()
    names = who_did(one.actor for one in known)
    items = [
        (one, " ".join(one.words), links.customer(one.customer.account_code), names[one.actor])
        for one in known
    ]
    context = {"items": items, "count": str(len(items)), "tabs": tabs("bank", request.actor)}
    return render(request, "console/paying/learnt.html", context)


@require_POST
@staff_required(Permission.TAKE_PAYMENTS)
def forget(request: StaffRequest, rule_id: int) -> HttpResponse:
    if not MatchRule.objects.filter(pk=rule_id).exists():
        raise Http404(f"There are no learnt words {rule_id}.")
    try:
        rule = rules_of.end_rule(rule_id=rule_id, actor=request.actor.key, now=clock.now())
        messages.success(
            request, f"Forgotten: these words mean {rule.customer.name} no more. What was booked stays."
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(reverse("console:bank_rules"))


def _too_late(
    request: StaffRequest, line_id: int, deed: str, form: forms.Form, refusal: Refused
) -> HttpResponse:
    """The line has left the queue meanwhile: it is said on top, as its form is gone; else beside what was typed."""
    if not unmatched_line(line_id):
        messages.error(request, f"Somebody was quicker. {refusal}")
        return redirect(reverse("console:bank"))
    form.add_error(None, str(refusal))
    return _page(request, Tried(line_id, deed, form, []))


def unmatched_line(line_id: int) -> bool:
    return BankLine.objects.filter(pk=line_id, state="unmatched").exists()


def _line_or_404(line_id: int) -> BankLine:
    line = BankLine.objects.filter(pk=line_id).first()
    if line is None:
        raise Http404(f"There is no bank line {line_id}.")
    return line


def _page(
    request: StaffRequest,
    tried: Tried | None = None,
    *,
    paste: forms.Form | None = None,
    pasted: Pasted | None = None,
) -> HttpResponse:
    queue = unmatched(limit=_SHOWN)
    may_set_aside = request.actor.may(Permission.CORRECT_MONEY)
    return render(
        request,
        "console/paying/bank.html",
        {
            "tabs": tabs("bank", request.actor),
            "items": [_waiting(line, tried, may_set_aside) for line in queue.lines],
            "count": queue.number,
            "words": f"from {count(queue.number, 'line')} of the bank that nobody knows whose they are",
            "amount": money(queue.amount_minor),
            "is_cut": queue.number > len(queue.lines),
            "paste": paste or PasteForm(),
            "pasted": pasted,
        },
    )


def _waiting(line: BankLine, tried: Tried | None, may_set_aside: bool) -> Waiting:
    is_tried = tried is not None and tried.line_id == line.pk
    deed = tried.deed if tried and is_tried else ""
    assign = tried.form if tried and deed == "assign" else AssignForm(auto_id=_ids("assign", line.pk))
    aside = tried.form if tried and deed == "aside" else SetAsideForm(auto_id=_ids("aside", line.pk))
    return Waiting(
        line, assign, aside if may_set_aside else None, tried.candidates if tried and is_tried else [], deed
    )


def _ids(deed: str, line_id: int) -> str:
    return f"{deed}-{line_id}-%s"
