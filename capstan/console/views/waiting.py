"""Orders that wait for authorisation or payment: what for, until when, who was asked, and acting on them (J6)."""

from collections import defaultdict
from typing import NamedTuple

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from capstan.console import links
from capstan.console.forms.order import AnswerForm, CancelForm, DeedForm, PaidForm
from capstan.console.shown import order_badge
from capstan.identity.rules import Permission
from capstan.topups.models import AuthorisationRequest, Order
from capstan.topups.queries.orders import requests_of_all, waiting
from capstan.topups.rules.describe import CHANNEL_WORDS
from capstan.topups.rules.words import Channel, OrderState
from capstan.ui.access import StaffRequest, staff_required

_SHOWN = 200


class Waiting(NamedTuple):
    """An order that waits, with the forms of what can be done."""

    order: Order
    url: str
    service_url: str
    badge: str
    how: str
    requests: list[AuthorisationRequest]
    answer: DeedForm | None
    paid: DeedForm | None
    cancel: DeedForm


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    orders = waiting(limit=_SHOWN)
    asked: defaultdict[int, list[AuthorisationRequest]] = defaultdict(list)
    for one in requests_of_all([order.pk for order in orders]):
        asked[one.order_id].append(one)
    items = [_item(request, order, asked[order.pk]) for order in orders]
    return render(
        request,
        "console/waiting/page.html",
        {
            "items": items,
            "count": f"{len(items)}{'+' if len(items) == _SHOWN else ''}",
            "note": _note(orders),
            "here": request.path,
            "orders_url": reverse("console:orders"),
            "is_cut": len(items) == _SHOWN,
        },
    )


def _note(orders: list[Order]) -> str:
    ends = next((one.expires_at for one in orders if one.expires_at), None)
    return f"The first of them lapses on {settings.FORMATS.moment(ends)}." if ends else ""


def _item(request: StaffRequest, order: Order, asked: list[AuthorisationRequest]) -> Waiting:
    wants_answer = order.state == OrderState.AWAITING_AUTHORISATION
    may_answer = request.actor.may(Permission.APPROVE_ORDERS)

    def form(kind: type[DeedForm], name: str) -> DeedForm:
        return kind(actor=request.actor, auto_id=f"{name}-{order.pk}-%s")

    return Waiting(
        order,
        links.order(order.pk),
        links.service(order.service_id),
        order_badge(order),
        f"{order.requested_by}, {CHANNEL_WORDS[Channel(order.channel)]}, {settings.FORMATS.moment(order.created_at)}",
        asked,
        form(AnswerForm, "answer") if wants_answer and may_answer else None,
        None if wants_answer else form(PaidForm, "paid"),
        form(CancelForm, "cancel"),
    )
