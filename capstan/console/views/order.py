"""One order: how its line comes back, its story, and what staff can do about it (S2, J6, G1)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.rules.amounts import share_of
from capstan.caps.queries import standing
from capstan.console import links
from capstan.console.forms.order import (
    AnswerForm,
    CallerForm,
    CancelForm,
    DeedForm,
    LookedAfterForm,
    MoveForm,
    PaidForm,
    ReverseForm,
)
from capstan.console.line_now import meter_shown, shown_progress, standing_of
from capstan.console.shown import order_facts, story_of
from capstan.console.views.found import crumbs, order_or_404
from capstan.identity.rules import Actor, Permission
from capstan.messaging.rules.words import Medium
from capstan.metering.queries.online import connected
from capstan.network.queries.state import states
from capstan.operator.search.find import FoundLine, search
from capstan.topups.actions import authorise, notification_list, take_back, waiting
from capstan.topups.actions.notification_list import NewEntry
from capstan.topups.models import Order
from capstan.topups.queries.orders import buckets_of, number_of_caller, progress_of, requests_of
from capstan.topups.queries.rules_of import authorisers
from capstan.topups.queries.sale import hindrance_of
from capstan.topups.rules.words import ADDED, WAITING, Channel, OrderState
from capstan.ui.access import StaffRequest, forbidden, staff_required
from capstan.values import clock
from capstan.values.refused import Refused

_LINES_SHOWN = 8
_OVER = (OrderState.REFUSED, OrderState.EXPIRED)


class Deed(NamedTuple):
    """Something that can be done to an order: when, by whom, with which form, and what is said afterwards."""

    form: type[DeedForm]
    is_open: Callable[[Order], bool]
    do: Callable[[Order, dict[str, Any], Actor, datetime], str]
    permission: Permission | None = None


def _reverse(order: Order, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    done = take_back.reverse(
        order_id=order.pk,
        in_full=bool(given.get("in_full")),
        reason=given["reason"],
        actor=actor.key,
        now=now,
    )
    formats = settings.FORMATS
    return (
        f"{formats.size(done.reversed_bytes)} was taken back and {formats.money(done.reversed_minor)} given back:"
        " it comes off the next invoice."
    )


def _move(order: Order, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    moved = take_back.move(
        order_id=order.pk, to_service_id=given["to_service"], reason=given["reason"], actor=actor.key,
        actor_name=actor.name, now=now,
    )  # fmt: skip
    size = settings.FORMATS.size(moved.size_bytes)
    return f"{size} was moved to {moved.service.username}. The wrong line pays nothing."


def _answer(order: Order, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    answered = authorise.answer_for(
        order.pk, approve=given["approve"], who=given["who"], why=given["why"], actor=actor.key, now=now
    )
    return _after_waiting(answered)


def _paid(order: Order, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    return _after_waiting(
        waiting.mark_paid(order_id=order.pk, reference=given["reference"], actor=actor.key, now=now)
    )


def _cancel(order: Order, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    waiting.cancel(order_id=order.pk, reason=given["reason"], actor=actor.key, now=now)
    told = (
        "Whoever ordered it is told so."
        if order.reply_to
        else "Nobody is told by us: it was not ordered by SMS."
    )
    return f"The order is cancelled; nothing was added. {told}"


def _looked_after(order: Order, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    waiting.seen_by_person(order_id=order.pk, remark=given["remark"], actor=actor.key, now=now)
    return "Noted. It is off the list of what needs a person."


def _caller(order: Order, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    new = NewEntry(
        order.service_id, Medium.SMS, given["number"], name=order.requested_by, may_order=given["may_order"]
    )
    entry = notification_list.add_caller(new, actor=actor.key, now=now)
    return f"{entry.address} is on the line's list, and an SMS says how to top up oneself."


def _after_waiting(order: Order) -> str:
    if order.state == OrderState.AWAITING_PAYMENT:
        return "Authorised. The account pays first: it is added once its payment is noted."
    if order.state == OrderState.REFUSED:
        return f"Nothing was added. {order.refused_because}"
    return f"{settings.FORMATS.size(order.size_bytes)} was added; below you see the line come back."


DEEDS = {
    "reverse": Deed(ReverseForm, lambda order: order.state in ADDED, _reverse),
    "move": Deed(MoveForm, lambda order: order.state in ADDED, _move),
    "answer": Deed(
        AnswerForm,
        lambda order: order.state == OrderState.AWAITING_AUTHORISATION,
        _answer,
        Permission.APPROVE_ORDERS,
    ),
    "paid": Deed(
        PaidForm, lambda order: order.state == OrderState.AWAITING_PAYMENT, _paid, Permission.TAKE_PAYMENTS
    ),
    "cancel": Deed(CancelForm, lambda order: order.state in WAITING, _cancel),
    "looked-after": Deed(LookedAfterForm, lambda order: bool(order.needs_person), _looked_after),
    "caller": Deed(
        CallerForm, lambda order: order.channel == Channel.AGENT and order.state in ADDED, _caller
    ),
}


class Unused(NamedTuple):
    """What would be taken and given back now."""

    size_bytes: int
    amount_minor: int


@require_GET
@staff_required()
def show(request: StaffRequest, order_id: int) -> HttpResponse:
    return _page(request, order_or_404(order_id, request.actor))


@require_GET
@staff_required()
def progress(request: StaffRequest, order_id: int) -> HttpResponse:
    """The part of the page that renews itself until the line is back."""
    order = order_or_404(order_id, request.actor)
    return render(request, "console/order/progress.html", progress_context(order, clock.now()))


@require_GET
@staff_required()
def facts(request: StaffRequest, order_id: int) -> HttpResponse:
    """What was ordered and its story, renewed for as long as something is under way."""
    order, now = order_or_404(order_id, request.actor), clock.now()
    context = {
        "order": order,
        "progress": progress_of(order, now=now),
        **facts_context(order, unused_of(order, now), now),
    }
    return render(request, "console/order/facts.html", context)


@require_POST
@staff_required()
def act(request: StaffRequest, order_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    order, todo = order_or_404(order_id, request.actor), DEEDS.get(deed)
    if todo is None:
        raise Http404("Nothing of that name can be done to an order.")
    if todo.permission is not None and not request.actor.may(todo.permission):
        return forbidden(
            request, f"Your sign-in doesn't let you {todo.permission.value}. A manager can do it for you."
        )
    form = todo.form(request.POST, actor=request.actor, auto_id=_ids(deed))
    if form.is_valid():
        try:
            words = todo.do(order, form.cleaned_data, request.actor, clock.now())
        except Refused as refusal:
            order = order_or_404(order_id, request.actor)
            deed, form = _instead(request, order, deed, form, str(refusal))
        else:
            messages.success(request, words)
            return redirect(links.back(request) or links.order(_where(order)))
    return _page(request, order, deed, form)


def _instead(
    request: StaffRequest, order: Order, deed: str, form: DeedForm, why: str
) -> tuple[str, DeedForm]:
    """The form with why it can't be done; who cancels too late gets the one that takes the top-up back."""
    if deed == "cancel" and order.state in ADDED:
        deed, at = "reverse", order.granted_at
        form = ReverseForm({"reason": form.data.get("reason", "")}, actor=request.actor, auto_id=_ids(deed))
        added = f" at {settings.FORMATS.clock(at)}" if at else ""
        why = f"It is too late to cancel it: it was added{added}. You can take it back here."
    form.add_error(None, why)
    return deed, form


def _where(order: Order) -> int:
    """A top-up that was moved is seen on its new line."""
    moved = Order.objects.filter(moved_from=order).values_list("pk", flat=True).first()
    return moved or order.pk


def progress_context(order: Order, now: datetime) -> dict[str, object]:
    state = states([order.service_id], now=now)[order.service_id]
    is_connected = order.service_id in connected([order.service_id])
    held = standing_of(order.service_id, now)
    return {
        "order": order,
        "progress": shown_progress(order, state, is_connected=is_connected, now=now),
        "version": _version(order),
        "seconds": 10 if order.state in WAITING else _pace(order, now),
        "meter": meter_shown(held, state, is_connected=is_connected, now=now) if held else None,
        "state": state,
        "is_connected": is_connected,
        "waits": held is not None and held.waits,
        "service_url": links.service(order.service_id),
    }


def facts_context(order: Order, unused: Unused | None, now: datetime) -> dict[str, object]:
    return {
        "pairs": order_facts(order, unused.size_bytes if unused else None),
        "events": story_of(order),
        "requests": requests_of(order.pk),
        "side_seconds": max(5, _pace(order, now)),
    }


def _pace(order: Order, now: datetime) -> int:
    """How often to look: every second while somebody holds the telephone."""
    return 1 if order.granted_at is None or (now - order.granted_at).total_seconds() < 120 else 5


def _page(request: StaffRequest, order: Order, deed: str = "", form: DeedForm | None = None) -> HttpResponse:
    now, service = clock.now(), order.service
    found = (request.GET.get("line") or request.POST.get("line") or "").strip()
    unused = unused_of(order, now)
    forms = {name.replace("-", "_"): one for name, one in _forms(request, order, deed, form).items()}
    return render(
        request,
        "console/order/page.html",
        {
            **progress_context(order, now),
            "service": service,
            **_headline(order),
            "hindrance": hindrance_of(service.pk, None, now=now) if order.state in _OVER else None,
            **facts_context(order, unused, now),
            "forms": forms,
            "open_deed": deed,
            "unused": unused,
            "authorisers": authorisers(service.customer_id) if "answer" in forms else [],
            "found_for": found,
            "lines": _lines(found, order, now) if found and "move" in forms else [],
            "customer_url": links.customer(service.customer.account_code),
            "crumbs": crumbs(service, (f"Top-up {order.pk}", None)),
        },
    )


def _headline(order: Order) -> dict[str, str]:
    """The page's answer: what was ordered and at what price, or what became of it."""
    size, formats = settings.FORMATS.size(order.size_bytes), settings.FORMATS
    if order.state == OrderState.REVERSED:
        charged, back = order.price_minor, order.reversed_minor
        sums = f"{formats.money(charged)} was charged, {formats.money(back)} given back"
        rest = "nothing is to pay" if charged == back else f"{formats.money(charged - back)} remains"
        return {"figure": "Taken back", "words": f"top-up of {size}", "note": f"{sums}: {rest}"}
    if order.state in _OVER:
        return {"figure": size, "words": "was not added", "note": "Nothing is charged"}
    return {"figure": size, "words": f"top-up for {formats.money(order.price_minor)}"}


def _version(order: Order) -> str:
    """What the page offers hangs on it: when the live part comes with another one, the rest is drawn anew."""
    state = "added" if order.state in ADDED else str(order.state)
    return f"{state}{'!' if order.needs_person else ''}"


def _forms(request: StaffRequest, order: Order, deed: str, form: DeedForm | None) -> dict[str, DeedForm]:
    """The forms of what can be done now, the one that was sent with what was typed."""
    open_ones = {
        name: todo
        for name, todo in DEEDS.items()
        if todo.is_open(order) and (todo.permission is None or request.actor.may(todo.permission))
    }
    first = {"caller": {"number": number_of_caller(order)}} if "caller" in open_ones else {}
    forms = {
        name: todo.form(actor=request.actor, initial=first.get(name), auto_id=_ids(name))
        for name, todo in open_ones.items()
    }
    if form is not None:
        forms[deed] = form
    return forms


def _ids(deed: str) -> str:
    """Several forms of the page have a field for the reason; its id tells them apart."""
    return f"{deed}-%s"


class OtherLine(NamedTuple):
    """A line that the top-up may have been meant for."""

    line: FoundLine
    customer: str


def _lines(text: str, order: Order, now: datetime) -> list[OtherLine]:
    results = search(text, now=now).results
    found = [OtherLine(line, one.customer.name) for one in results for line in one.lines]
    return [one for one in found if one.line.service_id != order.service_id][:_LINES_SHOWN]


def unused_of(order: Order, now: datetime) -> Unused | None:
    if order.state not in ADDED:
        return None
    ours = buckets_of(order)
    left = sum(one.left for one in standing(order.service_id, now=now).buckets if one.id in ours)
    return Unused(left, share_of(order.price_minor, left, order.size_bytes))
