"""The page of a line: its cap meter, what happens next, cap details, and what staff can do about it."""

from datetime import datetime

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.catalog.models import Package
from capstan.console import links
from capstan.console.cap_shown import buckets_table, granted_by_staff, rules_table, terms_facts, thresholds
from capstan.console.line_deeds import DEEDS, form_of, open_deeds, perform
from capstan.console.line_now import LineNow, line_now
from capstan.console.views.found import service_or_404
from capstan.console.views.notification_list import section_context
from capstan.identity.rules import Permission
from capstan.services.actions.line import see_line_password
from capstan.services.models import PackageChange, Service
from capstan.services.queries import package_in_force
from capstan.services.rules import LoginBy
from capstan.topups.queries.orders import of_service
from capstan.topups.queries.sale import KnownLine, Sale, hindrance_of, sale
from capstan.topups.rules.sale import STAFF_WORDS
from capstan.ui.access import StaffRequest, forbidden, staff_required
from capstan.values import clock

_ORDERS_SHOWN = 50
_OFFERS_SHOWN = 3


@require_GET
@staff_required()
def show(request: StaffRequest, service_id: int) -> HttpResponse:
    return _page(request, service_or_404(service_id), clock.now())


@require_GET
@staff_required()
def part(request: StaffRequest, service_id: int) -> HttpResponse:
    """The hero: the part of the page that renews itself."""
    service, now = service_or_404(service_id), clock.now()
    return render(request, "console/line/now.html", hero(service, line_now(service, now=now)))


@require_POST
@staff_required()
def act(request: StaffRequest, service_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    service, now, todo = service_or_404(service_id), clock.now(), DEEDS.get(deed)
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to a line.")
    if todo.permission is not None and not request.actor.may(todo.permission):
        return forbidden(
            request, f"Your sign-in doesn't let you {todo.permission.value}. A manager can do it for you."
        )
    form = form_of(deed, service, request.POST)
    done = perform(deed, service, form, request.actor, now=now)
    if done is None:
        return _page(request, service_or_404(service_id), now, deed, form)
    messages.success(request, done)
    return redirect(links.service(service_id))


@require_POST
@staff_required(Permission.SEE_LINE_PASSWORD)
def reveal(request: StaffRequest, service_id: int) -> HttpResponse:
    """The line's password in clear, once: who has seen it is audited."""
    service, now = service_or_404(service_id), clock.now()
    password = see_line_password(service_id=service.pk, actor=request.actor.key, now=now)
    if getattr(request, "htmx", False):
        context = {**_login(request, service), "password": password}
        return render(request, "console/line/login.html", context)
    return _page(request, service, now, password=password)


def frame(service: Service, here: str, now: datetime, on_sale: Sale | None = None) -> dict[str, object]:
    """What all pages of a line have: who it belongs to, and the way to the others. `on_sale` is what is known already."""
    tabs = [
        ("Cap details", reverse("console:service", args=[service.pk]), "cap"),
        ("Technical support", reverse("console:technical", args=[service.pk]), "technical"),
        ("Usage", reverse("console:usage", args=[service.pk]), "usage"),
        ("Explain", reverse("console:explain", args=[service.pk]), "explain"),
    ]
    customer = service.customer
    hindrance = on_sale.hindrance if on_sale is not None else hindrance_of(service.pk, None, now=now)
    return {
        "service": service,
        "customer_url": links.customer(customer.account_code),
        "tabs": [(label, url, name == here) for label, url, name in tabs],
        "crumbs": [(customer.name, links.customer(customer.account_code)), (service.username, None)],
        "add_top_up_url": links.add_top_up(service.pk),
        "why_no_top_up": STAFF_WORDS[hindrance] if hindrance else "",
    }


def hero(service: Service, line: LineNow) -> dict[str, object]:
    """The live part of the page."""
    return {"service": service, "line": line, "order_url": links.order(line.order.pk) if line.order else ""}


def _page(
    request: StaffRequest,
    service: Service,
    now: datetime,
    deed: str = "",
    form: forms.Form | None = None,
    password: str = "",
) -> HttpResponse:
    line = line_now(service, now=now)
    package, coming = _packages(service, now)
    offers = sale(service.pk, now=now, known=KnownLine(line.standing, line.state))
    cheapest = sorted(offers.quotes, key=lambda one: (one.price_minor, one.size_bytes))[:_OFFERS_SHOWN]
    context = {
        **frame(service, "cap", now, offers),
        **hero(service, line),
        **_login(request, service),
        "password": password,
        "hindrance": offers.hindrance,
        "offers": cheapest if offers.hindrance is None else [],
        "buckets": buckets_table(line.standing, now),
        "thresholds": thresholds(line.standing, service.pk),
        "rules": rules_table(
            of_service(service.pk, limit=_ORDERS_SHOWN), granted_by_staff(service.pk, limit=_ORDERS_SHOWN)
        ),
        "terms": terms_facts(service, line.standing, package, coming),
        "deeds": open_deeds(service, request.actor, deed, form, now=now),
        "open_deed": deed,
        **section_context(service.pk, now),
    }
    return render(request, "console/line/cap.html", context)


def _login(request: StaffRequest, service: Service) -> dict[str, object]:
    return {
        "service": service,
        "has_password": service.login_by == LoginBy.PASSWORD,
        "may_see_password": request.actor.may(Permission.SEE_LINE_PASSWORD),
    }


def _packages(service: Service, now: datetime) -> tuple[str, str]:
    """The package in force and the planned one, in words."""
    held = Package.objects.get(pk=package_in_force(service.pk, now))
    planned = PackageChange.objects.filter(service=service, starts_at__gt=now).select_related("package")
    coming = planned.order_by("starts_at").first()
    words = f"{coming.package.name} from {settings.FORMATS.moment(coming.starts_at)}" if coming else ""
    return f"{held.name} ({held.code})", words
