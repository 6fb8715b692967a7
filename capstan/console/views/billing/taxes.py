"""Tax groups with their rates by date, what a change of rate would touch, and putting right what was issued (S9)."""

from datetime import date, datetime
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions.correct import correct_vat
from capstan.catalog.actions import set_tax_rate, withdraw_tax_rate
from capstan.catalog.models import TaxGroup, TaxRate
from capstan.console.forms.invoices import RateForm, ReasonForm, RehearsalForm, percent_text
from capstan.console.invoices_shown import invoice_url
from capstan.console.views.billing.found import billing_crumbs, group_or_404, local_day, not_allowed
from capstan.console.views.billing.rehearsal import Wrong, as_they_are, issued_lines, open_charges
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.values import clock
from capstan.values.refused import Refused

_A_CLICK = 200
_SHOWN = 50
_WHY = "VAT at the rate of the day of supply"


class Rate(NamedTuple):
    """A rate with its dates in words; the last of several can be withdrawn."""

    rate: TaxRate
    words: str
    badge: SafeString
    withdraw_url: str
    rehearse_url: str


class Group(NamedTuple):
    group: TaxGroup
    rates: list[Rate]
    form: forms.Form | None
    rehearsal_url: str


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    return _page(request)


@require_POST
@staff_required(Permission.SET_PRICES)
def add_rate(request: StaffRequest, group_id: int) -> HttpResponse:
    """A rate from a day of supply on."""
    group = group_or_404(group_id)
    form = RateForm(request.POST, auto_id=f"rate-{group.pk}-%s")
    if form.is_valid():
        given = form.cleaned_data
        try:
            rate = set_tax_rate(
                group_id=group.pk, rate_bp=given["percent"], valid_from=given["valid_from"], actor=request.actor.key,
                now=clock.now(),
            )  # fmt: skip
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            formats = settings.FORMATS
            begins = formats.day(rate.valid_from)
            words = f"{group.name} is {formats.percent(rate.rate_bp)} for what is supplied from {begins} on."
            messages.success(request, words)
            return redirect(_rehearsal_url(group, rate.valid_from))
    return _page(request, group.pk, form)


@require_POST
@staff_required(Permission.SET_PRICES)
def withdraw(request: StaffRequest, rate_id: int) -> HttpResponse:
    """The last rate of a group never was, or doesn't come."""
    rate = TaxRate.objects.select_related("group").filter(pk=rate_id).first()
    if rate is None:
        raise Http404(f"There is no tax rate {rate_id}.")
    try:
        withdraw_tax_rate(rate_id=rate.pk, actor=request.actor.key, now=clock.now())
    except Refused as refusal:
        return _page(request, rate.group_id, refusal=str(refusal))
    messages.success(
        request,
        f"The rate from {settings.FORMATS.day(rate.valid_from)} is withdrawn. What was invoiced at it is below.",
    )
    return redirect(_rehearsal_url(rate.group, rate.valid_from))


def _rehearsal_url(group: TaxGroup, since: date | None = None, rate_bp: int | None = None) -> str:
    asked = {}
    if since is not None:
        asked["since"] = since.isoformat()
    if rate_bp is not None:
        asked["percent"] = percent_text(rate_bp)
    page = reverse("console:tax_rehearsal", args=[group.pk])
    return f"{page}?{urlencode(asked)}" if asked else page


def _page(
    request: StaffRequest, group_id: int = 0, form: forms.Form | None = None, refusal: str = ""
) -> HttpResponse:
    today = local_day(clock.now())
    groups = list(TaxGroup.objects.prefetch_related("rates").order_by("-is_default", "name", "pk"))
    may = request.actor.may(Permission.SET_PRICES)
    shown = []
    for one in groups:
        own = form if form is not None and one.pk == group_id else RateForm(auto_id=f"rate-{one.pk}-%s")
        rates = sorted(one.rates.all(), key=lambda rate: rate.valid_from)
        shown.append(Group(one, _rates(one, rates, today), own if may else None, _rehearsal_url(one)))
    figure, words = _answer(groups, today)
    context = {
        "groups": shown, "figure": figure, "words": words, "may": may, "refusal": refusal,
        "open_group": group_id if form is not None else 0, "crumbs": billing_crumbs(("Taxes", None)),
    }  # fmt: skip
    return render(request, "console/billing/taxes.html", context)


def _rates(group: TaxGroup, rates: list[TaxRate], today: date) -> list[Rate]:
    """Latest first."""
    found = []
    current = max((one.valid_from for one in rates if one.valid_from <= today), default=None)
    for position, one in enumerate(rates):
        is_last = position == len(rates) - 1 and len(rates) > 1
        if one.valid_from == current:
            look = badge("In force", Tone.GOOD, "circle-check")
        elif one.valid_from > today:
            look = badge("To come", Tone.NEWS, "calendar")
        else:
            look = badge("Past", Tone.QUIET, "history")
        found.append(
            Rate(
                one, f"{settings.FORMATS.percent(one.rate_bp)} from {settings.FORMATS.day(one.valid_from)}", look,
                reverse("console:tax_withdraw", args=[one.pk]) if is_last else "",
                _rehearsal_url(group, one.valid_from, rates[position - 1].rate_bp) if is_last else "",
            )
        )  # fmt: skip
    return found[::-1]


def _answer(groups: list[TaxGroup], today: date) -> tuple[str, str]:
    default = next((one for one in groups if one.is_default), None)
    if default is None:
        return "", "No tax is set up"
    rates = [one for one in default.rates.all() if one.valid_from <= today]
    rate = max(rates, key=lambda one: one.valid_from).rate_bp if rates else 0
    return settings.FORMATS.percent(rate), f"{default.name} today, on everything that names no other group"


# --- the rehearsal ----------------------------------------------------------------------------------------------------


@require_GET
@staff_required()
def rehearsal(request: StaffRequest, group_id: int) -> HttpResponse:
    return _rehearsal(request, group_or_404(group_id), request.GET)


@require_POST
@staff_required()
def put_right(request: StaffRequest, group_id: int) -> HttpResponse:
    """Credit and issue again: one invoice, or as many as a click may."""
    group = group_or_404(group_id)
    if answer := not_allowed(request, Permission.CORRECT_MONEY):
        return answer
    asked, reason = RehearsalForm({"since": request.POST.get("since", "")}), ReasonForm(request.POST)
    if not (asked.is_valid() and reason.is_valid()):
        return _rehearsal(request, group, request.POST, reason=reason)
    since, now = asked.cleaned_data["since"], clock.now()
    wrong = issued_lines(group, since, as_they_are(group)).invoices
    chosen = request.POST.get("invoice", "")
    todo = [one for one in wrong if chosen == "all" or str(one.invoice_id) == chosen]
    done, refused = _put_right(todo[:_A_CLICK], since, reason.cleaned_data["reason"], request.actor.key, now)
    if refused:
        reason.add_error(None, refused)
        return _rehearsal(request, group, {"since": since.isoformat()}, reason=reason)
    left = len(issued_lines(group, since, as_they_are(group)).invoices)
    rest = f"{count(left, 'invoice')} left." if left else "None is left."
    messages.success(request, f"{count(done, 'invoice')} credited and issued again. {rest}")
    return redirect(_rehearsal_url(group, since))


def _put_right(todo: list[Wrong], since: date, reason: str, actor: str, now: datetime) -> tuple[int, str]:
    """How many were put right, and why not the others."""
    done, refused = 0, ""
    for one in todo:
        try:
            done += (
                correct_vat(invoice_id=one.invoice_id, since=since, reason=reason, actor=actor, now=now)
                is not None
            )
        except Refused as refusal:
            refused = f"{one.number}: {refusal}"
    return done, f"{refused} Put right: {count(done, 'invoice')}." if refused else ""


def _rehearsal(
    request: StaffRequest, group: TaxGroup, asked: Any, reason: forms.Form | None = None
) -> HttpResponse:
    form = RehearsalForm(asked if asked.get("since") else {"since": _since(group).isoformat()})
    context: dict[str, Any] = {
        "group": group, "form": form, "words": f"{group.name}: what would change",
        "crumbs": billing_crumbs(("Taxes", reverse("console:taxes")), (f"Rehearsal: {group.name}", None)),
    }  # fmt: skip
    if form.is_valid():
        since, rate_bp = form.cleaned_data["since"], form.cleaned_data["percent"]
        now = as_they_are(group)
        then = now if rate_bp is None else (lambda _day: rate_bp)
        charges, issued = open_charges(group, since, now, then), issued_lines(group, since, then)
        is_real = rate_bp is None
        difference = issued.vat_should_minor - issued.vat_was_minor
        context |= {
            "since": since, "since_words": settings.FORMATS.day(since), "is_real": is_real, "charges": charges,
            "issued": issued, "shown": [(one, invoice_url(one.invoice_id)) for one in issued.invoices[:_SHOWN]],
            "more": max(0, len(issued.invoices) - _SHOWN), "number": count(len(issued.invoices), "invoice"),
            "rate_words": settings.FORMATS.percent(rate_bp) if rate_bp is not None else "",
            "figure": str(len(issued.invoices)), "words": _words(issued.invoices, is_real=is_real),
            "difference": settings.FORMATS.money(difference), "a_click": _A_CLICK,
            "can_correct": is_real and request.actor.may(Permission.CORRECT_MONEY) and bool(issued.invoices),
            "reason_form": reason or ReasonForm(initial={"reason": _WHY}), **_to_set(request, group, since, rate_bp),
        }  # fmt: skip
    return render(request, "console/billing/rehearsal.html", context)


def _since(group: TaxGroup) -> date:
    """The last rate's first day."""
    last = group.rates.order_by("-valid_from").values_list("valid_from", flat=True).first()
    return last or local_day(clock.now())


def _words(invoices: list[Wrong], *, is_real: bool) -> str:
    one = len(invoices) == 1
    if is_real:
        return f"issued invoice{'' if one else 's'} at another rate than that of the day of supply"
    return f"issued invoice{'' if one else 's'} would be at another rate"


def _to_set(request: StaffRequest, group: TaxGroup, since: date, rate_bp: int | None) -> dict[str, object]:
    """The rehearsed rate as a form that sets it, where it can be set."""
    last = _since(group)
    if rate_bp is None or since <= last or not request.actor.may(Permission.SET_PRICES):
        return {}
    return {"to_set": {"percent": percent_text(rate_bp), "valid_from": since.isoformat()}}
