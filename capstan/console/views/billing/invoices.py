"""All invoices, credit notes and payment requests; one of them, what paid it, and correcting it (H7)."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Sum
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions import correct
from capstan.billing.actions.documents import invoice_pdf
from capstan.billing.actions.dunning_tell import send_again
from capstan.billing.actions.pay_links import invoice_link
from capstan.billing.models import Allocation, Invoice, LineCredit
from capstan.billing.queries.documents import invoice_document
from capstan.billing.rules.words import InvoiceKind
from capstan.console.forms.invoices import Creditable, CreditForm, ReasonForm
from capstan.console.invoices_shown import (
    COLUMNS,
    KIND_WORDS,
    allocation_table,
    invoice_badge,
    invoice_row,
    invoice_url,
    money_url,
    notes_table,
    paper_of,
)
from capstan.console.people import name_of
from capstan.console.views import once
from capstan.console.views.billing.credits import behind
from capstan.console.views.billing.found import billing_crumbs, invoice_or_404, local_day, not_allowed
from capstan.console.views.billing.listing import FILTERS, listed, open_sum, read_spot
from capstan.identity.rules import Actor, Permission
from capstan.operator.words import count
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.tables import Empty, Table
from capstan.values import clock
from capstan.values.refused import Refused

_ROWS = 50


class SearchForm(forms.Form):
    q = forms.CharField(
        required=False,
        max_length=200,
        label="Number or customer",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    show = forms.ChoiceField(
        required=False, choices=[(key, one.label) for key, one in FILTERS.items()], widget=forms.HiddenInput
    )


@require_GET
@staff_required()
def show_all(request: StaffRequest) -> HttpResponse:
    today = local_day(clock.now())
    form = SearchForm(request.GET)
    form.is_valid()
    chosen, text = form.cleaned_data.get("show", ""), form.cleaned_data.get("q", "")
    piece = listed(FILTERS[chosen], text, read_spot(request.GET.get("after", "")), today=today, limit=_ROWS)
    sums = open_sum(today)
    rows = tuple(invoice_row(one, today) for one in piece.invoices)
    return render(
        request,
        "console/billing/invoices.html",
        {
            "form": form,
            "figure": settings.FORMATS.money(sums.open_minor),
            "words": f"open on {count(sums.open_count, 'invoice')}",
            "sums": sums,
            "overdue_words": count(sums.overdue_count, "invoice"),
            "table": Table("Invoices", COLUMNS, rows, _empty(chosen, text)),
            "filters": [(one.label, _address(key, text), key == chosen) for key, one in FILTERS.items()],
            "text": text,
            "further_url": _address(chosen, text, str(piece.goes_on)) if piece.goes_on else "",
            "crumbs": billing_crumbs(("Invoices", None)),
        },
    )


def _address(chosen: str, text: str, after: str = "") -> str:
    asked = {"show": chosen, "q": text, "after": after}
    given = {name: value for name, value in asked.items() if value}
    here = reverse("console:invoices")
    return f"{here}?{urlencode(given)}" if given else here


def _empty(chosen: str, text: str) -> Empty:
    everything = ("Show all invoices", reverse("console:invoices"))
    if text:
        return Empty(
            "Nothing fits", f"No document has the number “{text}”, and no customer that name.", *everything
        )
    if chosen in ("open", "overdue"):
        return Empty(f"Nothing is {chosen}", "Every invoice that matters here is paid.", *everything)
    if chosen:
        return Empty("None yet", "There is no document of this kind yet.", *everything)
    return Empty("No invoices yet", "A bill run makes them.", "To the bill runs", reverse("console:runs"))


# --- one document ---------------------------------------------------------------------------------------------


_Do = Callable[[Invoice, forms.Form, Actor, datetime], str]


def _credit(invoice: Invoice, form: forms.Form, actor: Actor, now: datetime) -> str:
    assert isinstance(form, CreditForm)
    note = correct.credit_note(
        invoice_id=invoice.pk,
        amounts=form.amounts(),
        reason=form.cleaned_data["reason"],
        actor=actor.key,
        now=now,
    )
    return f"Credit note {note.number} over {settings.FORMATS.money(note.total_minor)} is issued; it pays what is open."


def _write_off(invoice: Invoice, form: forms.Form, actor: Actor, now: datetime) -> str:
    amount = correct.write_off(
        invoice_id=invoice.pk, reason=form.cleaned_data["reason"], actor=actor.key, now=now
    )
    return f"{settings.FORMATS.money(amount)} is written off: nothing is open on {invoice.number} any more."


def _send(invoice: Invoice, form: forms.Form, actor: Actor, now: datetime) -> str:
    told = send_again(invoice_id=invoice.pk, actor=actor.key, now=now)
    return f"The invoice's amount and its link are on their way by e-mail, {count(told, 'message')}."


class _Deed(NamedTuple):
    """What can be done to an invoice, and by whom."""

    do: _Do
    permission: Permission


_DEEDS = {
    "credit": _Deed(_credit, Permission.CORRECT_MONEY),
    "write-off": _Deed(_write_off, Permission.CORRECT_MONEY),
    "send": _Deed(_send, Permission.TAKE_PAYMENTS),
}


class SendForm(forms.Form):
    """Nothing to say, and sent twice it is done once."""

    key = forms.UUIDField(widget=forms.HiddenInput, required=False)


@require_GET
@staff_required()
def show(request: StaffRequest, invoice_id: int) -> HttpResponse:
    return _page(request, invoice_or_404(invoice_id))


@require_GET
@staff_required()
def pdf(request: StaffRequest, invoice_id: int) -> HttpResponse:
    """The stored PDF: the same bytes whenever somebody asks."""
    invoice = invoice_or_404(invoice_id)
    answer = HttpResponse(invoice_pdf(invoice, now=clock.now()), content_type="application/pdf")
    name = "".join(sign if sign.isalnum() else "-" for sign in invoice.number)
    disposition = content_disposition_header(as_attachment=False, filename=f"{name}.pdf")
    answer.headers["Content-Disposition"] = disposition or "inline"
    return answer


@require_POST
@staff_required()
def act(request: StaffRequest, invoice_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    invoice, todo = invoice_or_404(invoice_id), _DEEDS.get(deed)
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to an invoice.")
    if answer := not_allowed(request, todo.permission):
        return answer
    form = _form(invoice, deed, request.POST)
    if form.is_valid():
        try:
            words = once.act_once(
                request, invoice.pk, lambda: todo.do(invoice, form, request.actor, clock.now())
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, words)
            return redirect(invoice_url(invoice.pk))
    elif once.made_by(request) is not None:  # what it credited isn't left any more
        messages.info(request, once.SENT_TWICE)
        return redirect(invoice_url(invoice.pk))
    return _page(request, invoice_or_404(invoice_id), deed, form)


def _form(invoice: Invoice, deed: str, given: Any = None) -> forms.Form:
    if deed == "write-off":
        return ReasonForm(given, auto_id="write-off-%s")
    if deed == "send":
        return SendForm(given, initial={"key": uuid4()}, auto_id="send-%s")
    lines, left = _creditable(invoice)
    return CreditForm(given, lines=lines, left_minor=left, initial={"key": uuid4()}, auto_id="credit-%s")


def _creditable(invoice: Invoice) -> tuple[list[Creditable], int]:
    """Each line with what is left of it, and what is left of the whole: discounts and earlier notes are off it."""
    credited = LineCredit.objects.filter(line__invoice=invoice).values_list("line_id")
    before = dict(credited.annotate(total=Sum("note_line__amount_minor")))
    notes = invoice.credit_notes.aggregate(total=Sum("total_minor"))["total"] or 0
    left = rest = max(0, invoice.total_minor - notes)
    lines = []
    for line in invoice.lines.order_by("position"):
        of_line = line.amount_minor - before.get(line.pk, 0)
        if of_line <= 0:
            continue
        proposed = min(of_line, rest)
        rest -= proposed
        lines.append(Creditable(line.pk, line.text, of_line, proposed))
    return lines, left


def _page(
    request: StaffRequest, invoice: Invoice, deed: str = "", form: forms.Form | None = None
) -> HttpResponse:
    today = local_day(clock.now())
    allocations = list(
        Allocation.objects.filter(invoice=invoice).select_related("credit").order_by("occurred_on", "pk")
    )
    notes = list(invoice.credit_notes.order_by("pk"))
    is_invoice = invoice.kind == InvoiceKind.INVOICE
    may = is_invoice and request.actor.may(Permission.CORRECT_MONEY)
    creditable = may and sum(one.total_minor for one in notes) < invoice.total_minor
    figure, words, tone = _answer(invoice, today)
    context = {
        "invoice": invoice, "figure": figure, "words": words, "tone": tone, "badge": invoice_badge(invoice, today),
        "paper": paper_of(invoice_document(invoice)), "is_invoice": is_invoice, "kind": KIND_WORDS[InvoiceKind(invoice.kind)],
        "issued_by": name_of(invoice.actor), "money_url": money_url(invoice.customer_id),
        "paid_by": allocation_table(allocations, *behind([one.credit for one in allocations])),
        "notes": notes_table(notes),
        "has_notes": bool(notes), "leads_to": _leads_to(invoice),
        "credit_form": _shown(invoice, "credit", deed, form) if creditable or deed == "credit" else None,
        "write_off_form": _shown(invoice, "write-off", deed, form)
        if (may and invoice.open_minor) or deed == "write-off"
        else None,
        "pay_link": invoice_link(invoice.pk, now=clock.now()) if is_invoice and invoice.open_minor else "",
        "send_form": _shown(invoice, "send", deed, form)
        if is_invoice and invoice.open_minor and request.actor.may(Permission.TAKE_PAYMENTS)
        else None,
        "open_deed": deed, "crumbs": billing_crumbs(("Invoices", reverse("console:invoices")), (invoice.number, None)),
    }  # fmt: skip
    return render(request, "console/billing/invoice.html", context)


def _shown(invoice: Invoice, name: str, sent: str, form: forms.Form | None) -> forms.Form:
    return form if form is not None and sent == name else _form(invoice, name)


def _leads_to(invoice: Invoice) -> tuple[str, str, str] | None:
    """The document that this one belongs to: what it is, its number, its address."""
    if invoice.credits is not None:
        return "It corrects invoice", invoice.credits.number, invoice_url(invoice.credits.pk)
    if invoice.fulfilled_by is not None:
        return "It became invoice", invoice.fulfilled_by.number, invoice_url(invoice.fulfilled_by.pk)
    return None


def _answer(invoice: Invoice, today: date) -> tuple[str, str, str]:
    """Figure, words and tone of the page's answer."""
    formats = settings.FORMATS
    total, due = formats.money(invoice.total_minor), formats.day(invoice.due_on)
    if invoice.kind == InvoiceKind.CREDIT_NOTE:
        return total, f"credited on {formats.day(invoice.issued_on)}", ""
    if invoice.kind == InvoiceKind.PROFORMA:
        return total, _request_words(invoice, due), ""
    if not invoice.open_minor:
        return total, "nothing is open on it", "good"
    figure = formats.money(invoice.open_minor)
    late = (today - invoice.due_on).days
    if late > 0:
        return figure, f"overdue for {count(late, 'day')}, since {due}", "bad"
    return figure, f"to pay by {due}", ""


def _request_words(invoice: Invoice, due: str) -> str:
    if invoice.fulfilled_by is not None:
        return "asked for, paid and invoiced"
    return (
        "asked for, and withdrawn: nobody has to pay it"
        if invoice.withdrawn_at
        else f"asked for, to pay by {due}"
    )
