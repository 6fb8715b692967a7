"""Paying invoices by card, from the link that came with them. Names no person: who has the link may see what is to be paid."""

from django import forms
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from capstan.billing.actions.pay_links import Bill, bill_of
from capstan.billing.models import Invoice
from capstan.payments.actions import bills
from capstan.payments.actions.checkouts import gateway_for_checkouts
from capstan.portal.going import KeepForm, on_to
from capstan.portal.limits import TooOftenError, count_going_to_pay
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

    def __init__(self, open_ones: list[Invoice], given: object) -> None:
        super().__init__(given)  # type: ignore[arg-type]
        self.fields["invoice"].choices = [(one.pk, one.number) for one in open_ones]  # type: ignore[attr-defined]

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
    open_ones = bills.to_pay(bill)
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
    bill: Bill, open_ones: list[Invoice], form: BillForm, keep: KeepForm, refusal: str
) -> dict[str, object]:
    return {
        "brand": bill.customer.brand, "invoice": bill.invoice, "open_ones": open_ones, "form": form, "keep": keep,
        "total_minor": sum(one.open_minor for one in open_ones), "takes_cards": gateway_for_checkouts() is not None,
        "is_credited": bill.invoice is not None and _is_credited(bill.invoice), "refusal": refusal,
        "rows": [(one, _due(one)) for one in open_ones],
    }  # fmt: skip


def _due(invoice: Invoice) -> str:
    is_late = invoice.due_on < settings.FORMATS.local(clock.now()).date()
    return f"{'was due' if is_late else 'due'} on {settings.FORMATS.day(invoice.due_on)}"


def _is_credited(invoice: Invoice) -> bool:
    """Nobody has to pay it: it was cancelled by credit notes."""
    notes = invoice.credit_notes.aggregate(total=Sum("total_minor", default=0))["total"]
    return bool(notes >= invoice.total_minor)
