"""Actions → Add top-up (J5, S2, S3)."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from capstan.console import links
from capstan.console.forms.fields import plain_amount
from capstan.console.forms.top_up import OWN_SIZE, Choice, TopUpForm, adding, choice_of, size_read
from capstan.console.views.found import crumbs, service_or_404
from capstan.metering.queries.online import connected
from capstan.services.models import Service
from capstan.topups.actions.order import Placed, Wanted, place
from capstan.topups.models import Order
from capstan.topups.queries.orders import requests_of
from capstan.topups.queries.rules_of import account_rule, authorisers
from capstan.topups.queries.sale import Quote, Sale, quote, room, sale, unpriced
from capstan.topups.rules.sale import STAFF_WORDS
from capstan.topups.rules.words import WAITING, Channel, OrderState
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.money import read_money
from capstan.values.refused import Refused

_NOT_SOLD = "Sizes of one's own have no price in the catalogue: say the price and the reason."


@staff_required()
def show(request: StaffRequest, service_id: int) -> HttpResponse:
    """The form; sent, the order. What data would not help is said instead of a form."""
    service, now = service_or_404(service_id), clock.now()
    on_sale = sale(service.pk, now=now)
    if on_sale.hindrance is not None:
        return render(request, "console/top_up/hindered.html", _hindered(service, on_sale))
    offers = cheapest_first(on_sale)
    if request.method != "POST":
        return _render(
            request,
            service,
            on_sale,
            offers,
            _form(request, service, offers, initial=_initial(request, offers)),
        )
    if request.POST.get("do") == "price":
        asked = {**request.POST.dict(), "what": OWN_SIZE, "verified": request.POST.getlist("verified")}
        return _render(request, service, on_sale, offers, _form(request, service, offers, initial=asked))
    form = _form(request, service, offers, data=request.POST)
    placed = _attempt(request, form, service, now) if form.is_valid() else None
    if placed is not None and placed.order.state != OrderState.REFUSED:
        _say(request, placed)
        return redirect(links.after_top_up(placed.order))
    if placed is not None:
        form.add_error(None, f"Nothing was added. {placed.order.refused_because}")
        again = request.POST.copy()
        again["key"] = str(uuid4())  # that order is over; the next try is another one
        form.data = again
    return _render(request, service, on_sale, offers, form)


@staff_required()
def price(request: StaffRequest, service_id: int) -> HttpResponse:
    """How the size that is being typed is read, and what it costs."""
    service = service_or_404(service_id)
    read = _read(service.pk, request.GET.get("size", ""), request.GET.get("price", ""), clock.now())
    return render(request, "console/top_up/price.html", {"read": read})


def cheapest_first(on_sale: Sale) -> list[Choice]:
    return [
        choice_of(one) for one in sorted(on_sale.quotes, key=lambda one: (one.price_minor, one.size_bytes))
    ]


def _form(request: StaffRequest, service: Service, offers: list[Choice], **more: Any) -> TopUpForm:
    must_ask = account_rule(service.customer_id).needs_authorisation
    return TopUpForm(
        actor=request.actor,
        offers=offers,
        authorisers=authorisers(service.customer_id) if must_ask else None,
        **more,
    )


def _initial(request: HttpRequest, offers: list[Choice]) -> dict[str, object]:
    """An offer may have been chosen on the page before: `?offer=12`."""
    wanted = request.GET.get("offer", "")
    chosen = next((one.value for one in offers if str(one.quote.offer_id) == wanted), None)
    return {"key": uuid4(), "what": chosen, "validity": "cycle"}


def _render(
    request: StaffRequest,
    service: Service,
    on_sale: Sale,
    offers: list[Choice],
    form: TopUpForm,
) -> HttpResponse:
    read = _read(service.pk, _typed(form, "size"), _typed(form, "price"), clock.now())
    chosen = form["what"].value()
    return render(
        request,
        "console/top_up/form.html",
        {
            "service": service,
            "on_sale": on_sale,
            "offers": offers,
            "form": form,
            "read": read,
            "price_url": reverse("console:price_of_size", args=[service.pk]),
            "chosen": chosen,
            "deed": _deed(chosen, offers, read),
            "is_connected": service.pk in connected([service.pk]),
            "best": _best(offers),
            "room": room(service.pk),
            "account": account_rule(service.customer_id),
            "contacts": service.customer.contacts.order_by("name"),
            "customer_url": links.customer(service.customer.account_code),
            "service_url": links.service(service.pk),
            "crumbs": crumbs(service, ("Add top-up", None)),
        },
    )


def _best(offers: list[Choice]) -> str:
    """The offer with the lowest price per byte, if there is one that beats the others."""
    rates = sorted((one.quote.price_minor / one.quote.size_bytes, one.value) for one in offers)
    return rates[0][1] if len(rates) > 1 and rates[0][0] < rates[1][0] else ""


class Read(NamedTuple):
    """How a size that is being typed is read: in words, or why it can't be; the catalogue's price as one types it."""

    words: str = ""
    problem: str = ""
    price: str = ""
    deed: str = ""  # what the button will do


def _read(service_id: int, size: str, price: str, now: datetime) -> Read:
    """The size with the catalogue's price; the button has the price that was typed, if one was."""
    if not size.strip():
        return Read()
    try:
        size_bytes = size_read(size)
    except Refused as refusal:
        return Read(problem=str(refusal))
    formats, told = settings.FORMATS, _price_of(service_id, size_bytes, now)
    shown = formats.size(size_bytes)
    words = (
        f"{shown} costs {formats.money(told)}"
        if told is not None
        else f"{shown} has no price in the catalogue"
    )
    charged = _amount(price) if price.strip() else told
    deed = "" if charged is None else adding(size_bytes, charged)
    return Read(f"= {words}", price="" if told is None else plain_amount(told), deed=deed)


def _price_of(service_id: int, size_bytes: int, now: datetime) -> int | None:
    """The catalogue's price of a size; None where it has none."""
    try:
        return quote(service_id, size_bytes=size_bytes, now=now).price_minor
    except Refused:
        return None


def _amount(typed: str) -> int | None:
    try:
        return read_money(typed, settings.FORMATS.currency)
    except Refused:
        return None


def _deed(chosen: object, offers: list[Choice], read: Read) -> str:
    """What the button says when the page opens; the script keeps it true."""
    return read.deed if chosen == OWN_SIZE else next((one.deed for one in offers if one.value == chosen), "")


def _typed(form: TopUpForm, name: str) -> str:
    """What stands in a field as it was typed; nothing where the form hasn't got the field."""
    value = form[name].value() if name in form.fields else None
    return value if isinstance(value, str) else ""


def _attempt(request: StaffRequest, form: TopUpForm, service: Service, now: datetime) -> Placed | None:
    try:
        return place(_wanted(request, form, service, now), now=now)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return None


def _wanted(request: StaffRequest, form: TopUpForm, service: Service, now: datetime) -> Wanted:
    given = form.cleaned_data
    told = _quote(form, service.pk, now)
    return Wanted(
        quote=told,
        channel=Channel.AGENT,
        idempotency_key=form.key_text,
        requested_by=given["requested_by"],
        actor=request.actor.key,
        actor_name=request.actor.name,
        verified_how=form.verified_how,
        reason=given["reason"],
        arranged_minor=given.get("price") if form.is_own else None,
        authoriser_id=form.authoriser_id,
        beyond_ceiling=bool(given.get("beyond_ceiling")),
    )


def _quote(form: TopUpForm, service_id: int, now: datetime) -> Quote:
    given = form.cleaned_data
    if not form.is_own:
        return quote(service_id, offer_id=form.offer_id, now=now)
    try:
        own = quote(service_id, size_bytes=given["size"], now=now)
    except Refused:
        if given.get("price") is None or not given["reason"].strip():
            raise Refused(_NOT_SOLD) from None
        own = unpriced(service_id, given["size"], now=now)
    return form.with_validity(own)


def _say(request: HttpRequest, placed: Placed) -> None:
    order = placed.order
    what = f"{settings.FORMATS.size(order.size_bytes)} for {settings.FORMATS.money(order.price_minor)}"
    if not placed.is_new:
        messages.info(request, f"This form was sent before, so nothing was added twice. It ordered {what}.")
    elif order.state in WAITING:
        messages.info(request, f"{what} is ordered and waits. {waits_for(order)}")
    else:
        messages.success(
            request, f"{what} was added. It goes on the next invoice; below you see the line come back."
        )


def waits_for(order: Order) -> str:
    """What a waiting order waits for, in words for staff."""
    if order.state == OrderState.AWAITING_PAYMENT:
        return "It is added once its payment is noted."
    asked = [one.authoriser for one in requests_of(order.pk)]
    if not asked:
        return "Nobody is listed who may authorise this amount: it needs one of us."
    return "Asked by SMS: " + ", ".join(f"{one.name} ({one.role})" for one in asked) + "."


def _hindered(service: Service, on_sale: Sale) -> dict[str, object]:
    assert on_sale.hindrance is not None
    return {
        "service": service,
        "on_sale": on_sale,
        "is_connected": service.pk in connected([service.pk]),
        "words": STAFF_WORDS[on_sale.hindrance],
        "hindrance": on_sale.hindrance,
        "service_url": links.service(service.pk),
        "customer_url": links.customer(service.customer.account_code),
        "crumbs": crumbs(service, ("Add top-up", None)),
    }
