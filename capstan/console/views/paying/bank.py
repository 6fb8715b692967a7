"""Lines of the bank that nobody knows whose they are, worked off one by one; whose a pasted line is; learnt words."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.console import links
from capstan.console.forms.payments import (
    AssignForm,
    PaidRefundForm,
    PasteForm,
    PlaceForm,
    SetAsideForm,
    TakeBackForm,
)
from capstan.console.payments_shown import money, tabs, who_did
from capstan.console.views.paying.who import Found, Meant, meant
from capstan.customers.models import Customer
from capstan.identity.rules import Permission
from capstan.payments.actions import bank_lines, rules_of
from capstan.payments.actions.bank_index import whose as whose_is
from capstan.payments.actions.take import into
from capstan.payments.models import BankLine, MatchRule
from capstan.payments.queries.listing_of_bank import places, rules, unmatched
from capstan.payments.rules.statements.match import Certainty
from capstan.ui.access import StaffRequest, forbidden, staff_required
from capstan.ui.parts import link
from capstan.values import clock
from capstan.values.refused import Refused

_SHOWN = 50


class Deed(NamedTuple):
    """Something that can be done to a line besides giving it to a customer."""

    button: str
    send: str
    make: Callable[..., forms.Form]
    do: Callable[[BankLine, Any, str], str]


def _place_form(line: BankLine, **more: Any) -> PlaceForm:
    return PlaceForm(places=places(), **more)


def _place(line: BankLine, form: PlaceForm, actor: str) -> str:
    account, given = form.account_name(), form.cleaned_data
    left = bank_lines.place(
        line_id=line.pk, account=account, fee_minor=given["fee"] or 0, remember=given["remember"], actor=actor,
        now=clock.now(),
    )  # fmt: skip
    if left < 0:
        return (
            f"Booked, and now {money(-left)} more has come from {account.subject} than the books knew of:"
            " look whether a payment is missing."
        )
    return f"Booked: {money(left)} is still with {account.subject}."


def _take_back_form(line: BankLine, **more: Any) -> TakeBackForm:
    return TakeBackForm(payments=bank_lines.could_return(line), **more)


def _take_back(line: BankLine, form: TakeBackForm, actor: str) -> str:
    opened = bank_lines.take_back(
        line_id=line.pk, payment_id=int(form.cleaned_data["payment"]), actor=actor, now=clock.now()
    )
    return f"The payment is reversed: {money(opened)} of invoices is open again."


def _refund_form(line: BankLine, **more: Any) -> PaidRefundForm:
    return PaidRefundForm(refunds=bank_lines.could_pay_out(line), **more)


def _is_refund(line: BankLine, form: PaidRefundForm, actor: str) -> str:
    bank_lines.is_refund(
        line_id=line.pk, refund_id=int(form.cleaned_data["refund"]), actor=actor, now=clock.now()
    )
    return "It is the refund: the books had it already."


def _set_aside_form(line: BankLine, **more: Any) -> SetAsideForm:
    return SetAsideForm(**more)


def _set_aside(line: BankLine, form: SetAsideForm, actor: str) -> str:
    bank_lines.set_aside(line_id=line.pk, reason=form.cleaned_data["reason"], actor=actor, now=clock.now())
    return "Set aside: it stands in the books as none of customers' business."


DEEDS = {
    "place": Deed("It was ours already", "Book it from there", _place_form, _place),
    "take-back": Deed("It took a payment back", "Reverse this payment", _take_back_form, _take_back),
    "refund": Deed("It paid a refund", "It is this refund", _refund_form, _is_refund),
    "set-aside": Deed("Set aside", "Set it aside", _set_aside_form, _set_aside),
}


class Choice(NamedTuple):
    """A deed with its form, as a waiting line offers it."""

    name: str
    deed: Deed
    form: forms.Form


class Waiting(NamedTuple):
    """A line that waits, with the forms of what can be done; the one that was sent has what was typed."""

    line: BankLine
    assign: forms.Form | None
    choices: list[Choice]
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
            payment = bank_lines.assign(
                line_id=line.pk, customer_id=found.customer.pk, remember=form.cleaned_data["remember"],
                is_another=form.cleaned_data["is_another"], actor=request.actor.key, now=clock.now(),
            )  # fmt: skip
        except Refused as refusal:
            return _too_late(request, line_id, "assign", form, refusal)
        amount = money(payment.amount_minor)
        messages.success(request, f"{amount} is {found.customer.name}'s, receipt {payment.receipt_number}.")
        return redirect(reverse("console:bank"))
    return _page(request, Tried(line_id, "assign", form, found.candidates))


@require_POST
@staff_required(Permission.CORRECT_MONEY)
def act(request: StaffRequest, line_id: int, deed: str) -> HttpResponse:
    """A line that is no customer's payment leaves the queue: it was ours, took a payment back, or is none of our business."""
    line, todo = _line_or_404(line_id), DEEDS.get(deed)
    if todo is None:
        raise Http404("Nothing of that name can be done to a line of the bank.")
    form = todo.make(line, data=request.POST, auto_id=_ids(deed, line_id))
    if form.is_valid():
        try:
            said = todo.do(line, form, request.actor.key)
        except Refused as refusal:
            return _too_late(request, line_id, deed, form, refusal)
        messages.success(request, said)
        return redirect(reverse("console:bank"))
    return _page(request, Tried(line_id, deed, form, []))


@require_POST
@staff_required(Permission.TAKE_PAYMENTS)
def whose(request: StaffRequest) -> HttpResponse:
    """Whose a pasted line is. Nothing is changed: it is sent by POST so that no address keeps a bank's words."""
    form = PasteForm(request.POST)
    pasted = None
    if form.is_valid():
        found = whose_is(form.cleaned_data["text"])
        customer = Customer.objects.filter(pk=found.customer_id).first() if found.customer_id else None
        url = links.customer(customer.account_code) if customer else ""
        pasted = Pasted(customer, found.certainty == Certainty.SURE, found.why, url)
    return _page(request, paste=form, pasted=pasted)


@require_GET
@staff_required(Permission.TAKE_PAYMENTS)
def learnt(request: StaffRequest) -> HttpResponse:
    """The words that mean a customer, or where money was before it came."""
    known = rules()
    names = who_did(one.actor for one in known)
    items = [(one, " ".join(one.words), _meaning(one), names[one.actor]) for one in known]
    context = {"items": items, "count": str(len(items)), "tabs": tabs("bank", request.actor)}
    return render(request, "console/paying/learnt.html", context)


def _meaning(rule: MatchRule) -> object:
    if rule.customer is None:
        return into(rule.account).subject
    code = rule.customer.account_code
    return link(f"{code} {rule.customer.name}", links.customer(code))


@require_POST
@staff_required(Permission.TAKE_PAYMENTS)
def forget(request: StaffRequest, rule_id: int) -> HttpResponse:
    known = MatchRule.objects.filter(pk=rule_id).first()
    if known is None:
        raise Http404(f"There are no learnt words {rule_id}.")
    if known.account and not request.actor.may(Permission.CORRECT_MONEY):
        return forbidden(
            request, "Where the provider's own money was is an accounts clerk's or a manager's to say."
        )
    try:
        rule = rules_of.end_rule(rule_id=rule_id, actor=request.actor.key, now=clock.now())
        meant_by = rule.customer.name if rule.customer else into(rule.account).subject
        messages.success(request, f"Forgotten: these words mean {meant_by} no more. What was booked stays.")
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
    may_correct = request.actor.may(Permission.CORRECT_MONEY)
    return render(
        request,
        "console/paying/bank.html",
        {
            "tabs": tabs("bank", request.actor),
            "items": [_waiting(line, tried, may_correct) for line in queue.lines],
            "count": queue.number,
            "words": f"{'line' if queue.number == 1 else 'lines'} of the bank that somebody has to say something to",
            "amount": money(queue.amount_minor),
            "is_cut": queue.number > len(queue.lines),
            "paste": paste or PasteForm(),
            "pasted": pasted,
        },
    )


def _waiting(line: BankLine, tried: Tried | None, may_correct: bool) -> Waiting:
    sent = tried if tried is not None and tried.line_id == line.pk else None
    is_in = line.amount_minor > 0
    assign = sent.form if sent and sent.deed == "assign" else AssignForm(auto_id=_ids("assign", line.pk))
    fitting = ("place", "set-aside") if is_in else ("take-back", "refund", "set-aside")
    names = fitting if may_correct else ()
    choices = [
        Choice(
            name, DEEDS[name],
            sent.form if sent and sent.deed == name else DEEDS[name].make(line, auto_id=_ids(name, line.pk)),
        )
        for name in names
    ]  # fmt: skip
    return Waiting(
        line, assign if is_in else None, choices, sent.candidates if sent else [], sent.deed if sent else ""
    )


def _ids(deed: str, line_id: int) -> str:
    return f"{deed}-{line_id}-%s"
