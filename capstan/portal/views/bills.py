"""Paying invoices, and requests to pay ahead, by card, from the link that came with them. Names no person: who has the link may
see what is to be paid."""

from datetime import date, datetime

from django import forms
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from capstan.billing.actions.pay_links import Bill, bill_of, invoice_link
from capstan.billing.models import Invoice
from capstan.billing.queries.payable import Payable
from capstan.billing.queries.prepaid import waiting_of
from capstan.payments.actions import bills
from capstan.payments.actions.checkouts import gateway_for_checkouts
from capstan.payments.queries.collected import Collected, being_collected
from capstan.portal.going import KeepForm, on_to
from capstan.portal.limits import TooOftenError, count_going_to_pay
from capstan.portal.paid_ahead import asked_ahead
from capstan.values import clock
from capstan.values.money import read_money
from capstan.values.refused import Refused


class BillForm(forms.Form):
    """Which invoices, or how much instead."""

    invoice = forms.TypedMultipleChoiceField(coerce=int, required=False)
    amount = forms.CharField(
        required=False,
        max_length=20,
        label="Another amount",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(self, open_ones: list[Payable], given: object) -> None:
        super().__init__(given)  # type: ignore[arg-type]
        self.fields["invoice"].choices = [(one.document.pk, one.words) for one in open_ones]  # type: ignore[attr-defined]

    def amount_minor(self) -> int | None:
        """What was typed, in minor units. Raises Refused for what is no amount."""
        text = self.cleaned_data.get("amount", "").strip()
        return read_money(text, settings.FORMATS.currency) if text else None


@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what is open; POST goes to the gateway, by itself or by one more button without scripts."""
    bill = bill_of(token, now=clock.now())
    if bill is None:
        return render(request, "portal/too_old.html", {"is_bill": True}, status=410)
    open_ones = bills.to_pay(bill, today=_today())
    given = request.POST if request.method == "POST" else None
    form, keep = BillForm(open_ones, given), KeepForm(given)
    refusal, status = "", 200
    if given is not None:
        try:
            return _go(request, bill, form, keep)
        except TooOftenError as too_often:
            refusal, status = str(too_often), 429
        except Refused as refused:
            refusal, status = str(refused), 409
    return render(request, "portal/bill.html", _context(bill, open_ones, form, keep, refusal), status=status)


def _go(request: HttpRequest, bill: Bill, form: BillForm, keep: KeepForm) -> HttpResponse:
    if not form.is_valid():
        raise Refused("What you chose has been paid, or isn't there any more. Please look again.")
    now = clock.now()
    amount = form.amount_minor()
    subject = f"invoice:{bill.invoice.pk}" if bill.invoice else f"account:{bill.customer.pk}"
    count_going_to_pay(request, subject, now)
    going = bills.start(
        bill, invoice_ids=form.cleaned_data["invoice"], amount_minor=amount, consent=keep.consent(), now=now
    )
    return on_to(request, *going, brand=bill.customer.brand, back=request.path)


def _context(
    bill: Bill, open_ones: list[Payable], form: BillForm, keep: KeepForm, refusal: str
) -> dict[str, object]:
    asked = asked_ahead([bill.invoice.pk], today=_today()) if bill.invoice else []
    collected = being_collected(bill.customer.pk, {one.document.pk: one.left_minor for one in open_ones})
    to_ask = sum(one.left_minor for one in open_ones) - sum(one.amount_minor for one in collected.values())
    return {
        "brand": bill.customer.brand, "invoice": bill.invoice, "open_ones": open_ones, "form": form, "keep": keep,
        "total_minor": to_ask, "asks": to_ask > 0, "takes_cards": gateway_for_checkouts() is not None,
        "is_credited": bill.invoice is not None and _is_credited(bill.invoice), "refusal": refusal,
        "rows": [(one, _due(one), one.document.pk not in collected) for one in open_ones],
        "collected": [
            _collected(one, collected[one.document.pk]) for one in open_ones if one.document.pk in collected
        ], "ahead": asked[0] if asked else None,
        "reference": _reference(bill, open_ones), "instead": _instead(bill) if asked and asked[0].is_over else "",
    }  # fmt: skip


def _collected(one: Payable, part: Collected) -> str:
    amount = settings.FORMATS.money(part.amount_minor)
    what = f"your data for {one.days}" if one.ahead else f"invoice {one.document.number}"
    how = f"by debit order on {settings.FORMATS.day(part.on)}" if part.on else "from your card"
    return f"{amount} of {what} is being collected {how}: you don't have to pay it."


def _due(one: Payable) -> str:
    if one.ahead is not None and one.ahead.has_begun:
        return "waits for payment"
    due_on = one.document.due_on
    return f"{'was due' if due_on < _today() else 'due'} on {settings.FORMATS.day(due_on)}"


def _reference(bill: Bill, open_ones: list[Payable]) -> str:
    """What an EFT is known by: who pays ahead is known by his account."""
    if not open_ones:
        return ""
    return bill.customer.account_code if open_ones[0].ahead else open_ones[0].document.number


def _instead(bill: Bill) -> str:
    """Where the request is that took this one's place."""
    waiting = [one for one in waiting_of(bill.customer.pk, today=_today()) if one.left_minor]
    return invoice_link(waiting[0].period.request_id or 0, now=clock.now()) if waiting else ""


def _today() -> date:
    local: datetime = settings.FORMATS.local(clock.now())
    return local.date()


def _is_credited(invoice: Invoice) -> bool:
    """Nobody has to pay it: it was cancelled by credit notes."""
    notes = invoice.credit_notes.aggregate(total=Sum("total_minor", default=0))["total"]
    return bool(notes >= invoice.total_minor)
