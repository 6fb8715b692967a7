"""A brand as it bills: its policy, its numbers, its papers and its logo (S7, S9)."""

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions import policy as policies
from capstan.billing.actions.dunning_holds import set_dunning_policy
from capstan.billing.actions.numbering import set_series
from capstan.billing.actions.terms import policy_of
from capstan.billing.models import DunningPolicy, Series
from capstan.billing.rules.numbers import number
from capstan.billing.rules.words import SeriesKind
from capstan.catalog.actions import change_brand, set_logo
from capstan.catalog.models import Brand, BrandLogo
from capstan.console.forms.chasing import ChasingForm
from capstan.console.forms.debit_orders import DebitPolicyForm
from capstan.console.forms.invoices import LogoForm, PapersForm, PolicyForm, SeriesForm
from capstan.console.views.billing.found import billing_crumbs, brand_or_404, not_allowed
from capstan.console.views.billing.prices import policy_words
from capstan.documents.colour import check_accent
from capstan.identity.rules import Permission
from capstan.payments.actions.debit_orders.policy import set_debit_policy
from capstan.payments.models import DebitOrderPolicy
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused

_MIME = {"png": "image/png", "jpeg": "image/jpeg", "svg": "image/svg+xml"}
_SERIES_WORDS = {
    SeriesKind.INVOICE: "Invoices",
    SeriesKind.PROFORMA: "Payment requests",
    SeriesKind.CREDIT_NOTE: "Credit notes",
    SeriesKind.RECEIPT: "Receipts",
}
_LOGO_MOST = 10 * 2**20
"""More than any logo may be is not even read."""


def _policy(brand: Brand, form: forms.Form, actor: str, now: datetime) -> str:
    assert isinstance(form, PolicyForm)
    changed = policies.set_policy(brand_id=brand.pk, **form.policy(), actor=actor, now=now)
    return f"{brand.name} bills so from now on." if changed else "It was so already."


def _chasing(brand: Brand, form: forms.Form, actor: str, now: datetime) -> str:
    assert isinstance(form, ChasingForm)
    changed = set_dunning_policy(brand_id=brand.pk, policy=form.policy(), actor=actor, now=now)
    return f"Debts of {brand.name} are chased so from now on." if changed else "It was so already."


def _debit_orders(brand: Brand, form: forms.Form, actor: str, now: datetime) -> str:
    assert isinstance(form, DebitPolicyForm)
    changed = set_debit_policy(brand_id=brand.pk, **form.policy(), actor=actor, now=now)
    return f"{brand.name} collects by debit order so from now on." if changed else "It was so already."


def _series(brand: Brand, form: forms.Form, actor: str, now: datetime) -> str:
    given = form.cleaned_data
    made = set_series(
        brand_id=brand.pk, kind=SeriesKind(given["kind"]), prefix=given["letters"], next_number=given["next_number"],
        actor=actor, now=now,
    )  # fmt: skip
    words = _SERIES_WORDS[SeriesKind(made.kind)]
    return f"{words} go on with {number(made.prefix, made.next_number, made.width)}."


def _papers(brand: Brand, form: forms.Form, actor: str, now: datetime) -> str:
    given = {name: text.replace("\r\n", "\n").strip() for name, text in form.cleaned_data.items()}
    given["accent"] = check_accent(given["accent"])
    changed = change_brand(brand_id=brand.pk, actor=actor, now=now, **given)
    return "Documents say so from now on; those that were issued stay." if changed else "It was so already."


def _logo(brand: Brand, form: forms.Form, actor: str, now: datetime) -> str:
    sent = form.cleaned_data["logo"]
    if sent.size > _LOGO_MOST:
        raise Refused("This file is far too big for a logo. Please choose a smaller picture.")
    set_logo(brand_id=brand.pk, content=sent.read(), actor=actor, now=now)
    return "The logo is on every document from now on."


_DEEDS: dict[str, tuple[Callable[[Brand, forms.Form, str, datetime], str], Permission]] = {
    "policy": (_policy, Permission.RUN_BILLING),
    "chasing": (_chasing, Permission.RUN_BILLING),
    "debit-orders": (_debit_orders, Permission.SET_PRICES),
    "series": (_series, Permission.RUN_BILLING),
    "papers": (_papers, Permission.SET_PRICES),
    "logo": (_logo, Permission.SET_PRICES),
}


@require_GET
@staff_required()
def show(request: StaffRequest, brand_id: int) -> HttpResponse:
    return _page(request, brand_or_404(brand_id))


@require_POST
@staff_required()
def act(request: StaffRequest, brand_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    brand = brand_or_404(brand_id)
    if deed not in _DEEDS:
        raise Http404(f"Nothing called {deed} can be done to a brand.")
    todo, permission = _DEEDS[deed]
    if answer := not_allowed(request, permission):
        return answer
    form = _sent(request, deed)
    if form.is_valid():
        try:
            words = todo(brand, form, request.actor.key, clock.now())
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, words)
            return redirect(f"{reverse('console:billing_brand', args=[brand.pk])}#{deed}")
    return _page(request, brand_or_404(brand.pk), deed, form)


def _sent(request: StaffRequest, deed: str) -> forms.Form:
    if deed == "policy":
        return PolicyForm(request.POST, auto_id="policy-%s")
    if deed == "chasing":
        return ChasingForm(request.POST, auto_id="chasing-%s")
    if deed == "debit-orders":
        return DebitPolicyForm(request.POST, auto_id="debit-%s")
    if deed == "series":
        kind = request.POST.get("kind", "")
        slug = kind.replace(" ", "-") if kind in set(SeriesKind) else "series"
        return SeriesForm(request.POST, auto_id=f"{slug}-%s")
    if deed == "papers":
        return PapersForm(request.POST, auto_id="papers-%s")
    return LogoForm(request.POST, request.FILES, auto_id="logo-%s")


def _page(
    request: StaffRequest, brand: Brand, deed: str = "", form: forms.Form | None = None
) -> HttpResponse:
    own = policy_of(brand.pk)
    may_bill, may_set = (request.actor.may(one) for one in (Permission.RUN_BILLING, Permission.SET_PRICES))

    def shown(name: str, made: forms.Form, *, may: bool) -> forms.Form | None:
        if not may:
            return None
        return form if form is not None and deed == name else made

    papers = PapersForm(initial=PapersForm.given_by(brand), auto_id="papers-%s")
    policy = PolicyForm(initial=PolicyForm.given_by(own), auto_id="policy-%s")
    rule = DunningPolicy.objects.filter(pk=brand.pk).first()
    chasing = ChasingForm(initial=ChasingForm.given_by(rule), auto_id="chasing-%s")
    debit = DebitOrderPolicy.objects.filter(pk=brand.pk).first()
    collecting = DebitPolicyForm(initial=DebitPolicyForm.given_by(debit), auto_id="debit-%s")
    context = {
        "debit_form": shown("debit-orders", collecting, may=may_set), "is_collecting": debit is not None,
        "chasing_form": shown("chasing", chasing, may=may_bill), "is_chasing": rule is not None,
        "of": brand, "words": policy_words(own), "series": _shown_series(brand, deed, form, may=may_bill),
        "policy_form": shown("policy", policy, may=may_bill), "papers_form": shown("papers", papers, may=may_set),
        "logo_form": shown("logo", LogoForm(auto_id="logo-%s"), may=may_set), "logo": _logo_uri(brand),
        "papers": _papers_facts(brand), "open_deed": deed,
        "crumbs": billing_crumbs(("Prices", reverse("console:prices")), (brand.name, None)),
    }  # fmt: skip
    return render(request, "console/billing/brand.html", context)


def _shown_series(brand: Brand, deed: str, form: forms.Form | None, *, may: bool) -> list[dict[str, Any]]:
    known = {one.kind: one for one in Series.objects.filter(brand=brand)}
    found = []
    for kind in SeriesKind:
        row = known.get(kind.value)
        initial = {
            "kind": kind.value,
            "letters": row.prefix if row else "",
            "next_number": row.next_number if row else 1,
        }
        is_sent = deed == "series" and form is not None and form.data.get("kind") == kind.value
        own = form if is_sent else SeriesForm(initial=initial, auto_id=f"{kind.value.replace(' ', '-')}-%s")
        found.append(
            {
                "name": _SERIES_WORDS[kind], "form": own if may else None, "is_open": is_sent,
                "next": number(row.prefix, row.next_number, row.width) if row else "begins with the first one",
            }
        )  # fmt: skip
    return found


def _papers_facts(brand: Brand) -> list[tuple[str, object]]:
    facts = [
        ("Company number", brand.company_number),
        ("VAT number", brand.vat_number or "not registered for VAT"),
        ("Colour", brand.accent),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _logo_uri(brand: Brand) -> str:
    """The logo inside the page: checked when it was uploaded, and an image can't run anything."""
    logo = BrandLogo.objects.filter(brand=brand).first()
    if logo is None:
        return ""
    return f"data:{_MIME[logo.kind]};base64,{base64.b64encode(bytes(logo.content)).decode()}"
