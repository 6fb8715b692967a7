"""How far a customer's debt is chased, and holding it off: a promise, a dispute, staff's own word (S8, S9)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions import dunning_holds
from capstan.billing.models import DunningHold, DunningPolicy, DunningState
from capstan.billing.queries.dunning import business_days, debt_of, not_warned, rules_of
from capstan.billing.queries.owed import open_invoices, owed
from capstan.billing.rules.dunning import HoldKind, needs_person, next_look, suspends_on
from capstan.console.forms.chasing import DisputeForm, EndHoldForm, HoldForm, PromiseForm, WarnedForm
from capstan.console.invoices_shown import money_url
from capstan.console.people import name_of
from capstan.console.views.billing.found import customer_or_404, local_day, money_crumbs, not_allowed
from capstan.customers.models import Customer
from capstan.identity.rules import Actor, Permission
from capstan.services.models import Service
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.values import clock
from capstan.values.refused import Refused

_PROMISES_SHOWN = 10
_KIND_WORDS = {
    HoldKind.PROMISE: "Promise to pay", HoldKind.DISPUTE: "Disputed", HoldKind.STAFF: "Not chased, staff's word",
    HoldKind.COLLECTION: "A debit order is on its way",
}  # fmt: skip
_STEP_WORDS = {
    "soon": "told that it is due soon", "first": "first reminder", "second": "second reminder",
    "warning": "warned that lines will be on hold", "suspension": "lines on hold",
}  # fmt: skip


def _promise(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    made = dunning_holds.promise(
        customer_id=customer.pk, until=given["until"], amount_minor=given["amount"], reason=given["reason"],
        by_manager=actor.may(Permission.CORRECT_MONEY), actor=actor.key, now=now,
    )  # fmt: skip
    assert made.until is not None
    return f"Nothing is chased until {settings.FORMATS.day(made.until)}; lines that were on hold for it come back."


def _dispute(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    made = dunning_holds.dispute(
        invoice_id=given["invoice"], reason=given["reason"], until=given["until"], actor=actor.key, now=now
    )
    assert made.invoice is not None
    return f"Invoice {made.invoice.number} isn't chased while it is disputed."


def _hold(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    dunning_holds.hold(
        customer_id=customer.pk, reason=given["reason"], until=given["until"], actor=actor.key, now=now
    )
    return "This customer isn't chased from now on."


def _end(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    if not DunningHold.objects.filter(pk=given["hold"], customer=customer).exists():
        raise Refused("This isn't one of this customer's.")
    dunning_holds.end_hold(hold_id=given["hold"], because=given["because"], actor=actor.key, now=now)
    return "It has ended: the debt is chased as before."


def _warned(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    dunning_holds.warned_by_hand(customer_id=customer.pk, how=given["how"], actor=actor.key, now=now)
    return "Noted: he was told today, and the next step may follow."


_DEEDS: dict[str, tuple[Callable[[Customer, dict[str, Any], Actor, datetime], str], Permission]] = {
    "promise": (_promise, Permission.TAKE_PAYMENTS),
    "dispute": (_dispute, Permission.TAKE_PAYMENTS),
    "hold": (_hold, Permission.RUN_BILLING),
    "end": (_end, Permission.TAKE_PAYMENTS),
    "warned": (_warned, Permission.TAKE_PAYMENTS),
}


_NOT_WARNED = "every message of the warning failed: tell him yourself, no line goes on hold before that"


class Held(NamedTuple):
    """A hold in words, with the form that ends it."""

    words: str
    detail: str
    form: forms.Form | None


@require_GET
@staff_required()
def show(request: StaffRequest, customer_id: int) -> HttpResponse:
    return _page(request, customer_or_404(customer_id), "", None)


@require_POST
@staff_required()
def act(request: StaffRequest, customer_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    customer = customer_or_404(customer_id)
    if deed not in _DEEDS:
        raise Http404(f"Nothing called {deed} can be done to a debt.")
    todo, permission = _DEEDS[deed]
    if answer := not_allowed(request, permission):
        return answer
    form = _form(deed, customer, request.POST)
    if form.is_valid():
        try:
            words = todo(customer, form.cleaned_data, request.actor, clock.now())
        except Refused as refusal:
            form.add_error(None, str(refusal))
            if not _is_wanted(deed, customer):  # its form is gone from the page
                messages.info(request, str(refusal))
        else:
            messages.success(request, words)
            return redirect(reverse("console:chasing", args=[customer.pk]))
    return _page(request, customer, deed, form)


def _form(deed: str, customer: Customer, given: Any = None) -> forms.Form:
    if deed == "dispute":
        money = settings.FORMATS.money
        invoices = [
            (one.pk, f"{one.number}, {money(one.open_minor)} open") for one in open_invoices(customer.pk)
        ]
        return DisputeForm(given, invoices=invoices, auto_id="dispute-%s")
    if deed == "end":
        return EndHoldForm(given, auto_id=f"end-{(given or {}).get('hold', '')}-%s")
    kinds = {"promise": PromiseForm, "hold": HoldForm, "warned": WarnedForm}
    return kinds[deed](given, auto_id=f"{deed}-%s")


def _page(request: StaffRequest, customer: Customer, deed: str, form: forms.Form | None) -> HttpResponse:
    now = clock.now()
    may = {name: request.actor.may(permission) for name, (_, permission) in _DEEDS.items()}
    forms_of = {
        name: form if name == deed and form is not None else _form(name, customer)
        for name in ("warned", "promise", "dispute", "hold")
        if may[name] and _is_wanted(name, customer)
    }
    context = {
        "customer": customer, "facts": _facts(customer, now), "forms": forms_of, "open_deed": deed,
        "overdue": owed(customer.pk, today=local_day(now)).overdue_minor,
        "held": [_held(one, form if deed == "end" else None, may=may["end"]) for one in _open_holds(customer)],
        "promises": _promises(customer), "needs_person": _is_wanted("warned", customer),
        "crumbs": money_crumbs(customer, ("Money", money_url(customer.pk)), ("Chasing", None)),
    }  # fmt: skip
    return render(request, "console/billing/chasing.html", context)


def _is_wanted(deed: str, customer: Customer) -> bool:
    if deed == "dispute":
        return bool(open_invoices(customer.pk))
    if deed == "warned":
        return not_warned().filter(pk=customer.pk).exists()
    return True


def _promises(customer: Customer) -> list[tuple[str, SafeString, str]]:
    """Those that are over, the last first: kept or broken, and what was paid by then."""
    formats = settings.FORMATS
    rows = DunningHold.objects.filter(customer=customer, kind=HoldKind.PROMISE, is_kept__isnull=False)
    found = []
    for one in rows.order_by("-pk")[:_PROMISES_SHOWN]:
        said = formats.money(one.amount_minor) if one.amount_minor else "all that was overdue"
        by = f" by {formats.day(one.until)}" if one.until else ""
        look = (
            badge("Kept", Tone.GOOD, "circle-check")
            if one.is_kept
            else badge("Broken", Tone.BAD, "alert-triangle")
        )
        paid = f"{formats.money(one.paid_minor or 0)} was paid by then"
        found.append((f"Promised {said}{by}", look, paid))
    return found


def _open_holds(customer: Customer) -> list[DunningHold]:
    rows = DunningHold.objects.filter(customer=customer, ended_at=None).select_related("invoice")
    return list(rows.order_by("pk"))


def _held(one: DunningHold, sent: forms.Form | None, *, may: bool) -> Held:
    formats = settings.FORMATS
    what = f" of invoice {one.invoice.number}" if one.invoice else ""
    until = f", until {formats.day(one.until)}" if one.until else ""
    amount = f", {formats.money(one.amount_minor)}" if one.amount_minor else ""
    detail = f"{name_of(one.actor)}, {formats.moment(one.made_at)}" + (
        f": {one.reason}" if one.reason else ""
    )
    own = sent if sent is not None and sent.data.get("hold") == str(one.pk) else None
    blank = EndHoldForm(initial={"hold": one.pk}, auto_id=f"end-{one.pk}-%s")
    return Held(
        f"{_KIND_WORDS[HoldKind(one.kind)]}{what}{amount}{until}", detail, (own or blank) if may else None
    )


def _facts(customer: Customer, now: datetime) -> list[tuple[str, str]]:
    """How far it is, and what comes next."""
    formats, today = settings.FORMATS, local_day(now)
    row = DunningPolicy.objects.filter(pk=customer.brand_id).first()
    if row is None:
        return [("Chasing", f"{customer.brand.name} chases nobody: its page at Prices says how it could.")]
    state = DunningState.objects.filter(pk=customer.pk).first() or DunningState(customer=customer)
    policy = rules_of(row)
    debt = debt_of(state, policy, today=today).debt
    on_hold = suspends_on(debt, policy, today, business_days(row)) if not state.suspended_services else None
    names = Service.objects.filter(pk__in=state.suspended_services).values_list("username", flat=True)
    then = next_look(debt, policy, today)
    facts = [
        ("Overdue since", formats.day(debt.oldest_due_on) if debt.oldest_due_on else ""),
        ("Last step", _last(state)),
        ("Needs a person", _NOT_WARNED if needs_person(debt) else ""),
        ("On hold for it", ", ".join(names)),
        ("Lines go on hold", formats.day(on_hold) if on_hold and debt.oldest_due_on else ""),
        ("Looked at again", formats.day(then) if then else ""),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _last(state: DunningState) -> str:
    if not state.last_step or state.last_step_on is None:
        return ""
    words = _STEP_WORDS.get(state.last_step, state.last_step)
    return f"{words}, {settings.FORMATS.day(state.last_step_on)}"
