"""One payment: what it paid, what is left, where it came from, and what staff can do about it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions.documents import stored
from capstan.billing.models import Invoice
from capstan.billing.queries.owed import open_invoices
from capstan.console import links
from capstan.console.forms.payments import RefundForm, ReverseForm, SettleForm, SpendForm
from capstan.console.payments_shown import money, parts_table, payment_facts, payment_url, who_did
from capstan.console.views import once
from capstan.console.views.found import Crumbs
from capstan.identity.rules import Actor, Permission
from capstan.payments.actions import refunds, take
from capstan.payments.models import Payment
from capstan.payments.queries.desk import UNCERTAIN, came_by, paid_by, visible_to
from capstan.payments.queries.documents import receipt_document
from capstan.payments.rules.words import Payout
from capstan.ui.access import StaffRequest, forbidden, staff_required
from capstan.ui.navigation import address
from capstan.values import clock
from capstan.values.refused import Refused


class Deed(NamedTuple):
    """Something that can be done to a payment: by whom, with which form, and what is said afterwards."""

    make: Callable[..., forms.Form]
    do: Callable[[Payment, dict[str, Any], Actor, datetime], str]
    permission: Permission


def _reverse_form(payment: Payment, **more: Any) -> forms.Form:
    return ReverseForm(**more)


def _refund_form(payment: Payment, **more: Any) -> forms.Form:
    initial = {"amount": refunds.refundable(payment), "key": uuid4()}
    return RefundForm(has_gateway=payment.gateway_id is not None, initial=initial, **more)


def _spend_form(payment: Payment, **more: Any) -> forms.Form:
    return SpendForm(open_invoices=open_invoices(payment.customer_id), **more)


def _reverse(payment: Payment, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    opened = take.reverse(payment_id=payment.pk, reason=given["reason"], actor=actor.key, now=now)
    what = f"{money(opened)} of invoices is open again." if opened else "It had paid no invoice."
    return f"The payment is reversed. {what}"


def _refund(payment: Payment, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    made = refunds.refund(
        payment_id=payment.pk, amount_minor=given["amount"], how=Payout(given["how"]), reason=given["reason"],
        actor=actor.key, now=now,
    )  # fmt: skip
    amount = money(made.amount_minor)
    if made.state in UNCERTAIN:
        return f"{amount} is booked as given back, but the gateway didn't answer: look there whether it went out."
    if made.how == Payout.EFT:
        return f"{amount} is booked as given back: pay it out at the bank now."
    if made.how == Payout.AT_GATEWAY:
        return f"{amount} is booked as given back at the gateway. The gateway wasn't asked for anything."
    return (
        f"{amount} is given back." if made.how == Payout.SAME_WAY else f"Hand over {amount} from your till."
    )


def _settle_form(payment: Payment, **more: Any) -> forms.Form:
    return SettleForm(**more)


def _settle(payment: Payment, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    """The refund that is uncertain; of two, the older one."""
    made = payment.refunds.filter(state="uncertain").order_by("pk").first()
    if made is None:
        raise Refused("No refund of this payment is uncertain any more.")
    refunds.settle(
        refund_id=made.pk,
        went_out=given["went_out"] == "yes",
        reason=given["reason"],
        actor=actor.key,
        now=now,
    )
    amount = money(made.amount_minor)
    return (
        f"{amount} went out." if given["went_out"] == "yes" else f"{amount} is the customer's credit again."
    )


def _spend(payment: Payment, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    chosen: list[Invoice] = list(given["invoices"])
    went = take.spend_on(
        payment_id=payment.pk, invoice_ids=[one.pk for one in chosen], actor=actor.key, now=now
    )
    return f"{money(went)} went to {' and '.join(one.number for one in chosen)}."


DEEDS = {
    "spend": Deed(_spend_form, _spend, Permission.TAKE_PAYMENTS),
    "refund": Deed(_refund_form, _refund, Permission.CORRECT_MONEY),
    "settle": Deed(_settle_form, _settle, Permission.CORRECT_MONEY),
    "reverse": Deed(_reverse_form, _reverse, Permission.CORRECT_MONEY),
}


@require_GET
@staff_required()
def show(request: StaffRequest, payment_id: int) -> HttpResponse:
    return _page(request, payment_or_404(payment_id, request.actor))


@require_POST
@staff_required()
def act(request: StaffRequest, payment_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    payment, todo = payment_or_404(payment_id, request.actor), DEEDS.get(deed)
    if todo is None:
        raise Http404("Nothing of that name can be done to a payment.")
    if not request.actor.may(todo.permission):
        return forbidden(
            request, f"Your sign-in doesn't let you {todo.permission.value}. A manager can do it for you."
        )
    form = todo.make(payment, data=request.POST, auto_id=f"{deed}-%s")
    if form.is_valid():
        try:
            messages.success(request, _do_once(request, todo, payment, form.cleaned_data))
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(payment_url(payment.pk))
    return _page(request, payment_or_404(payment_id, request.actor), deed, form)


def _do_once(request: StaffRequest, todo: Deed, payment: Payment, given: dict[str, Any]) -> str:
    """Do it, and say so. A form with a key does it once; it may be sent again when it was refused."""
    key = str(given.get("key") or "")
    if key:
        with transaction.atomic():
            if once.remembered(request, key) is not None:
                return once.SENT_TWICE
            once.remember(request, key, payment.pk)
    try:
        return todo.do(payment, given, request.actor, clock.now())
    except Refused:
        if key:
            once.forget(request, key)
        raise


@require_GET
@staff_required()
def receipt(request: StaffRequest, payment_id: int) -> HttpResponse:
    payment = payment_or_404(payment_id, request.actor)
    context = {
        "payment": payment,
        "document": receipt_document(payment),
        "crumbs": _crumbs(payment, (f"Receipt {payment.receipt_number}", None)),
    }
    return render(request, "console/paying/receipt.html", context)


@require_GET
@staff_required()
def receipt_pdf(request: StaffRequest, payment_id: int) -> HttpResponse:
    """The receipt as it first left the house."""
    payment = payment_or_404(payment_id, request.actor)
    pdf = stored(f"receipt:{payment.pk}", receipt_document(payment), now=clock.now())
    return pdf_answer(pdf, f"{payment.receipt_number}.pdf")


def pdf_answer(pdf: bytes, name: str) -> HttpResponse:
    """Shown by the browser, saved under this name."""
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in name)
    return HttpResponse(
        pdf, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{kept}"'}
    )


def payment_or_404(payment_id: int, actor: Actor) -> Payment:
    payment = visible_to(actor).select_related("customer__brand").filter(pk=payment_id).first()
    if payment is None:
        raise Http404(f"There is no payment {payment_id}.")
    return payment


def _crumbs(payment: Payment, *here: tuple[str, str | None]) -> Crumbs:
    customer = payment.customer
    money_url = address("console:money", customer.pk)
    return [
        (customer.name, links.customer(customer.account_code)),
        *([("Money", money_url)] if money_url else []),
        (f"Payment {payment.receipt_number}", payment_url(payment.pk)),
        *here,
    ]


def _page(
    request: StaffRequest, payment: Payment, deed: str = "", form: forms.Form | None = None
) -> HttpResponse:
    shown = {
        name: form if name == deed and form else todo.make(payment, auto_id=f"{name}-%s")
        for name, todo in DEEDS.items()
        if request.actor.may(todo.permission) and _is_open(name, payment)
    }
    if form is not None and deed not in shown:
        shown[deed] = form  # it was refused: what was typed and why stays on the page
    made = list(payment.refunds.order_by("pk"))
    names = who_did(one.actor for one in made)
    return render(
        request,
        "console/paying/payment.html",
        {
            "payment": payment,
            "facts": payment_facts(payment, came_by(payment)),
            "parts": parts_table(paid_by(payment), is_reversed=payment.reversed_at is not None),
            "refunds": [(one, names[one.actor]) for one in made],
            "forms": shown,
            "has_open_invoice": _has_open_invoice(shown.get("spend")),
            "open_deed": deed,
            "refundable": money(refunds.refundable(payment)),
            "words": _words(payment),
            "crumbs": [*_crumbs(payment)[:-1], (f"Payment {payment.receipt_number}", None)],
        },
    )


def _has_open_invoice(form: forms.Form | None) -> bool:
    return form is not None and (form.is_bound or bool(form["invoices"].field.queryset))  # type: ignore[attr-defined]


def _is_open(deed: str, payment: Payment) -> bool:
    """Whether there is something to do: the deed itself looks again."""
    if deed == "settle":
        return payment.refunds.filter(state="uncertain").exists()
    if payment.reversed_at is not None:
        return False
    if deed == "reverse":
        return not payment.refunded_minor
    if deed == "refund":
        return refunds.refundable(payment) > 0
    return payment.credit.left_minor > 0 and not payment.credit.kept_for


def _words(payment: Payment) -> str:
    if payment.reversed_at is not None:
        return "was reversed: the money is gone again"
    left = payment.credit.left_minor
    if left == payment.amount_minor:
        return "received, and none of it used yet"
    return f"received, {money(left)} of it not used yet" if left else "received, and all of it used"
