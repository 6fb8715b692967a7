"""The public top-up pages: who, what, confirm, done. Each works without a script."""

import time
from datetime import datetime
from threading import BoundedSemaphore

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from capstan.billing.queries.prepaid import why_it_waits
from capstan.caps.queries import standing
from capstan.catalog.models import TopUpOffer
from capstan.identity.actions import links
from capstan.identity.actions.guesses import delay_before_answer, is_locked
from capstan.network.rules.line_state import STATE_WORDS
from capstan.portal.forms import LineLogin
from capstan.services.models import Service
from capstan.topups.actions.pay import pay_link, takes_cards
from capstan.topups.actions.website import TICKET, open_ticket, order_online
from capstan.topups.models import Order
from capstan.topups.queries.orders import progress_of
from capstan.topups.queries.pays_first import pays_first_because
from capstan.topups.queries.rules_of import account_rule
from capstan.topups.queries.sale import Quote, sale
from capstan.topups.rules.sale import CUSTOMER_WORDS
from capstan.topups.rules.words import ADDED, OrderState
from capstan.ui.proxies import caller_of
from capstan.ui.states import WAITS_WORD
from capstan.values import clock
from capstan.values.refused import Refused

_RECEIPT = "capstan.portal.receipt"
_slow_answers = BoundedSemaphore(2)


@require_http_methods(["GET", "POST"])
def identify(request: HttpRequest) -> HttpResponse:
    """Which line: the type of the connection, its username and password."""
    wished = {"connection_type": request.GET.get("type", ""), "username": request.GET.get("username", "")}
    form = LineLogin(request.POST or None, initial=wished)
    refusal = ""
    if request.method == "POST" and form.is_valid():
        try:
            token = _ticket(form.cleaned_data, caller_of(request).address, clock.now())
        except Refused as wrong:
            refusal = str(wrong)
        else:
            return redirect("portal:choose", token=token)
    return render(
        request, "portal/identify.html", {"form": form, "refusal": refusal}, status=422 if refusal else 200
    )


def _ticket(login: dict[str, str], address: str, now: datetime) -> str:
    """Guessing is slowed: an answer to a username that was guessed at comes later, whether it is right or wrong.

    An answer that is to come later holds a thread of the web server, and they are few: beyond some at once, and where
    guessing is locked, nothing is looked at and the answer comes now. Raises Refused.
    """
    wait = delay_before_answer(login["username"], address, now).total_seconds()
    must_wait = wait > 0 and not is_locked(login["username"], address, now)
    if must_wait and not _slow_answers.acquire(blocking=False):
        raise Refused("Too many people are trying at the moment. Please try again in a few seconds.")
    try:
        return open_ticket(
            connection_type=login["connection_type"],
            username=login["username"],
            password=login["password"],
            address=address,
            now=now,
        )
    finally:
        if must_wait:
            time.sleep(wait)
            _slow_answers.release()


@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest, token: str) -> HttpResponse:
    """Which top-up; then its total, to be confirmed. A link from a message leads here too."""
    now = clock.now()
    subject = links.look(token, TICKET, now)
    if subject is None:
        known = Order.objects.filter(idempotency_key=f"website:{token[:16]}").first()
        return _to_done(known, request.POST.get("offer", "")) if known else _too_old(request)
    on_sale = sale(int(subject), now=now)
    service = Service.objects.select_related("customer__brand").get(pk=subject)
    held = standing(int(subject), now=now) if on_sale.cycle_end else None
    context = {
        "token": token,
        "service": service,
        "account": account_rule(service.customer_id),
        "pays_first": bool(pays_first_because(int(subject), now=now)),
        "takes_cards": takes_cards(),
        "sale": on_sale,
        "state_word": WAITS_WORD
        if held is not None and held.waits and on_sale.is_out_of_data
        else STATE_WORDS[on_sale.state],
        "held": held,
        "waits_for": why_it_waits(int(subject), today=settings.FORMATS.local(now).date())
        if held is not None and held.waits
        else "",
        "hindrance": CUSTOMER_WORDS[on_sale.hindrance] if on_sale.hindrance else "",
    }
    chosen = _chosen(request.POST.get("offer", ""), on_sale.quotes)
    if request.method == "GET" or on_sale.hindrance or chosen is None:
        missed = request.method == "POST" and chosen is None
        return render(request, "portal/choose.html", {**context, "missed": missed})
    if request.POST.get("confirmed") != "yes":
        return render(request, "portal/confirm.html", {**context, "quote": chosen})
    try:
        shown = int(request.POST.get("price", ""))
        placed = order_online(token=token, offer_id=chosen.offer_id or 0, price_minor=shown, now=now)
    except (Refused, ValueError) as wrong:
        return render(
            request, "portal/confirm.html", {**context, "quote": chosen, "refusal": _words(wrong)}, status=422
        )
    if placed.order.state == OrderState.REFUSED:
        refusal = {"refusal": placed.order.refused_because}
        return render(request, "portal/choose.html", {**context, **refusal}, status=422)
    return _to_done(placed.order, str(chosen.offer_id))


def _chosen(offer: str, quotes: tuple[Quote, ...]) -> Quote | None:
    return next((one for one in quotes if str(one.offer_id) == offer), None)


def _words(wrong: Exception) -> str:
    return str(wrong) if isinstance(wrong, Refused) else "Please look at the total and confirm again."


def _too_old(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/too_old.html", status=410)


def done_url(order: Order) -> str:
    """The order's page, which only the customer knows."""
    return reverse("portal:done", kwargs={"receipt": signing.Signer(salt=_RECEIPT).sign(str(order.pk))})


def _to_done(order: Order, wanted: str = "") -> HttpResponse:
    """To the order's page; `wanted` is the offer that was asked for, which may be another one than was ordered before."""
    url = done_url(order)
    is_other = wanted.isdigit() and wanted != str(order.offer_id)
    return redirect(f"{url}?instead={wanted}" if is_other else url)


@require_safe
def done(request: HttpRequest, receipt: str) -> HttpResponse:
    """What becomes of the order. The page looks again by itself until the line is back; its address is known to the
    customer alone, and names no person."""
    try:
        order_id = signing.Signer(salt=_RECEIPT).unsign(receipt)
    except signing.BadSignature as wrong:
        raise Http404 from wrong
    now = clock.now()
    order = Order.objects.select_related("service__customer__brand", "bucket").get(pk=order_id)
    is_added = order.state in ADDED
    context = {
        "order": order,
        "service": order.service,
        "progress": progress_of(order, now=now),
        "left": standing(order.service_id, now=now).remaining if is_added else None,
        "is_added": is_added,
        "pay_url": pay_link(order) if order.state == OrderState.AWAITING_PAYMENT else "",
        "looks_again": _looks_again(order, now),
        "instead": _not_ordered(request.GET.get("instead", "")),
    }
    return render(request, "portal/done.html", context)


def _not_ordered(offer: str) -> int | None:
    """The size of an offer that was asked for with a link that had been used for another one before."""
    if not offer.isdigit() or len(offer) > 9:
        return None
    return TopUpOffer.objects.filter(pk=int(offer)).values_list("size_bytes", flat=True).first()


def _looks_again(order: Order, now: datetime) -> int:
    """In how many seconds the page looks again; 0: what it shows is the end of it."""
    if order.confirmed_at is not None or order.refused_because or order.reversed_at is not None:
        return 0
    age = (now - order.created_at).total_seconds()
    return 2 if age < 30 else 10 if age < 600 else 0
