"""What packages cost, now and from days to come, and the brands that bill (S9)."""

from collections import defaultdict
from datetime import datetime, time
from typing import NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions.terms import policies_of
from capstan.billing.models import BillingPolicy
from capstan.billing.rules.periods import LAST_DAY
from capstan.billing.rules.words import Timing
from capstan.catalog.actions import set_package_price
from capstan.catalog.models import Brand, Package, PackagePrice
from capstan.console.forms.invoices import TIMING_WORDS, PriceForm
from capstan.console.views.billing.found import billing_crumbs
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused


class Priced(NamedTuple):
    """A package with what it costs, and what it will."""

    package: Package
    price: str
    taxed: str
    since: str
    coming: list[str]
    form: forms.Form | None
    is_open: bool


class Biller(NamedTuple):
    """A brand, and how it bills in a sentence."""

    brand: Brand
    words: str
    url: str


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    return _page(request)


@require_POST
@staff_required(Permission.SET_PRICES)
def set_price(request: StaffRequest, package_id: int) -> HttpResponse:
    """What a package costs from a day on."""
    package = Package.objects.filter(pk=package_id).first()
    if package is None:
        raise Http404(f"There is no package {package_id}.")
    form, now, formats = (
        PriceForm(request.POST, auto_id=f"price-{package.pk}-%s"),
        clock.now(),
        settings.FORMATS,
    )
    if form.is_valid():
        given = form.cleaned_data
        begins = datetime.combine(given["valid_from"], time(), formats.zone)
        # From today on is from this moment on: midnight is past.
        valid_from = now if given["valid_from"] == formats.local(now).date() and begins < now else begins
        try:
            set_package_price(
                package_id=package.pk,
                price_minor=given["amount"],
                valid_from=valid_from,
                actor=request.actor.key,
                now=now,
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            words = f"{package.name} costs {formats.money(given['amount'])} from {formats.day(given['valid_from'])} on."
            messages.success(request, f"{words} Periods that have begun keep their price.")
            return redirect(f"{reverse('console:prices')}#package-{package.pk}")
    return _page(request, package.pk, form)


def _page(request: StaffRequest, package_id: int = 0, form: forms.Form | None = None) -> HttpResponse:
    now, may = clock.now(), request.actor.may(Permission.SET_PRICES)
    prices: dict[int, list[PackagePrice]] = defaultdict(list)
    for price in PackagePrice.objects.order_by("valid_from"):
        prices[price.package_id].append(price)
    packages = Package.objects.select_related("brand", "tax_group").order_by(
        "brand_id", "-on_sale", "name", "pk"
    )
    shown = []
    for one in packages:
        own = form if one.pk == package_id and form is not None else PriceForm(auto_id=f"price-{one.pk}-%s")
        shown.append(_priced(one, prices[one.pk], now, own if may else None, is_open=one.pk == package_id))
    unpriced = sum(one.package.on_sale and not one.price for one in shown)
    context = {
        "packages": shown, "figure": str(len(shown)), "may": may, "unpriced": count(unpriced, "package") if unpriced else "",
        "words": "package is priced" if len(shown) == 1 else "packages, and what they cost",
        "brands": _billers(), "crumbs": billing_crumbs(("Prices", None)),
    }  # fmt: skip
    return render(request, "console/billing/prices.html", context)


def _priced(
    package: Package, prices: list[PackagePrice], now: datetime, form: forms.Form | None, *, is_open: bool
) -> Priced:
    formats = settings.FORMATS
    past = [one for one in prices if one.valid_from <= now]
    coming = [
        f"{formats.money(one.price_minor)} from {formats.date(one.valid_from)}"
        for one in prices
        if one.valid_from > now
    ]
    return Priced(
        package, formats.money(past[-1].price_minor) if past else "",
        package.tax_group.name if package.tax_group else "the default tax",
        f"since {formats.date(past[-1].valid_from)}" if past else "no price yet: nothing is charged for it",
        coming, form, is_open,
    )  # fmt: skip


def _billers() -> list[Biller]:
    brands = list(Brand.objects.order_by("pk"))
    policies = policies_of(one.pk for one in brands)
    return [
        Biller(one, policy_words(policies[one.pk]), reverse("console:billing_brand", args=[one.pk]))
        for one in brands
    ]


def policy_words(policy: BillingPolicy) -> str:
    """How a brand bills, in a sentence."""
    day = (
        "the month's last day" if policy.billing_day == LAST_DAY else f"day {policy.billing_day} of the month"
    )
    when = "the day on which each became a customer" if policy.by_anniversary else day
    due = f"due after {count(policy.due_days, 'day')}" if policy.due_days else "due at once"
    issues = "issued by itself" if policy.issues_by_itself else "issued when somebody says so"
    return f"Billed {TIMING_WORDS[Timing(policy.timing)]} on {when}, {due}, {issues}."
