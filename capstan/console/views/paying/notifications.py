"""What payment gateways told us: what became of it, as it came, and whose the money is that was for nothing of ours."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.console import links
from capstan.console.forms.payments import AssignUnknownForm, LookedAfterForm, NotificationsFilter
from capstan.console.payments_shown import (
    NOTIFICATION_COLUMNS,
    money,
    notification_badge,
    notification_row,
    payment_url,
    tabs,
    who_did,
)
from capstan.console.views.paying.who import Found, meant
from capstan.identity.rules import Permission
from capstan.payments.actions import notifications as actions
from capstan.payments.actions.looked_after import look_after
from capstan.payments.models import Notification
from capstan.payments.queries import desk
from capstan.payments.rules.words import NotificationState
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import link
from capstan.ui.tables import Empty, Table
from capstan.values import clock
from capstan.values.refused import Refused

_ROWS = 50
_BODY_SHOWN = 4000


@require_GET
@staff_required(Permission.TAKE_PAYMENTS)
def show(request: StaffRequest) -> HttpResponse:
    form = NotificationsFilter(request.GET)
    state, needs_person = form.state(), form.needs_person
    before = form.cleaned_data.get("before") if form.is_valid() else None
    found = desk.notifications(state, needs_person=needs_person, before=before, limit=_ROWS + 1)
    shown, more = found[:_ROWS], len(found) > _ROWS
    is_narrowed = state is not None or needs_person
    rows = tuple(map(notification_row, shown))
    return render(
        request,
        "console/paying/notifications.html",
        {
            "tabs": tabs("notifications", request.actor),
            "form": form,
            "table": Table("Notifications, the last first", NOTIFICATION_COLUMNS, rows, _empty(is_narrowed)),
            "waiting": desk.for_person().count(),
            "is_narrowed": is_narrowed,
            "older": shown[-1].pk if more else None,
        },
    )


@require_GET
@staff_required(Permission.TAKE_PAYMENTS)
def page(request: StaffRequest, notification_id: int) -> HttpResponse:
    return _page(request, _told_or_404(notification_id))


@require_POST
@staff_required(Permission.TAKE_PAYMENTS)
def assign(request: StaffRequest, notification_id: int) -> HttpResponse:
    """Money that was for nothing of ours becomes a customer's credit."""
    told = _told_or_404(notification_id)
    form, candidates = AssignUnknownForm(request.POST, auto_id="assign-%s"), list[Found]()
    if form.is_valid():
        customer, candidates = meant(form)
        if customer is not None:
            try:
                payment = actions.assign(
                    notification_id=told.pk, customer_id=customer.pk, reason=form.cleaned_data["reason"],
                    actor=request.actor.key, now=clock.now(),
                )  # fmt: skip
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, f"{money(payment.amount_minor)} is {customer.name}'s credit.")
                return redirect(payment_url(payment.pk))
    return _page(request, _told_or_404(notification_id), assign=form, candidates=candidates)


@require_POST
@staff_required(Permission.TAKE_PAYMENTS)
def looked_after(request: StaffRequest, notification_id: int) -> HttpResponse:
    """One that wasn't believed leaves the list of what needs a person."""
    told = _told_or_404(notification_id)
    form = LookedAfterForm(request.POST, auto_id="looked-%s")
    if form.is_valid():
        try:
            look_after(
                notification_id=told.pk,
                remark=form.cleaned_data["reason"],
                actor=request.actor.key,
                now=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Looked after: it is kept, and off the list.")
            return redirect(reverse("console:notifications"))
    return _page(request, _told_or_404(notification_id), looked=form)


def _told_or_404(notification_id: int) -> Notification:
    told = (
        Notification.objects.select_related("gateway", "checkout__customer", "payment__customer")
        .filter(pk=notification_id)
        .first()
    )
    if told is None:
        raise Http404(f"There is no notification {notification_id}.")
    return told


def _page(
    request: StaffRequest,
    told: Notification,
    *,
    assign: forms.Form | None = None,
    looked: forms.Form | None = None,
    candidates: list[Found] | None = None,
) -> HttpResponse:
    is_unknown = told.state == NotificationState.UNKNOWN and told.payment_id is None
    is_refused = told.state == NotificationState.REFUSED and not told.looked_after_by
    body = bytes(told.body).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return render(
        request,
        "console/paying/notification.html",
        {
            "told": told,
            "badge": notification_badge(told),
            "facts": _facts(told),
            "body": body[:_BODY_SHOWN],
            "is_cut": len(body) > _BODY_SHOWN,
            "size": len(bytes(told.body)),
            "amount": money(told.amount_minor) if told.amount_minor is not None else "",
            "assign": assign or (AssignUnknownForm(auto_id="assign-%s") if is_unknown else None),
            "looked": looked or (LookedAfterForm(auto_id="looked-%s") if is_refused else None),
            "candidates": candidates or [],
            "crumbs": [
                ("Notifications", reverse("console:notifications")),
                (f"Notification {told.pk}", None),
            ],
        },
    )


def _facts(told: Notification) -> list[tuple[str, object]]:
    formats = settings.FORMATS
    payment, checkout = told.payment, told.checkout
    facts: list[tuple[str, object]] = [
        ("State", notification_badge(told)),
        ("Why", told.why),
        ("Gateway", told.gateway.name),
        ("Came", formats.moment(told.received_at)),
        ("From", told.source or "we asked for it"),
        ("Its own number", told.event_key or ""),
        ("Tried", f"{told.attempts} times" if told.attempts else ""),
        ("Looked at again", formats.moment(told.due_at) if told.due_at and told.attempts else ""),
        (
            "Customer",
            link(checkout.customer.name, links.customer(checkout.customer.account_code)) if checkout else "",
        ),
        ("Asked for", f"{money(checkout.amount_minor)}, {checkout.item}" if checkout else ""),
        ("Payment", link(f"Receipt {payment.receipt_number}", payment_url(payment.pk)) if payment else ""),
        (
            "Looked after by",
            who_did([told.looked_after_by])[told.looked_after_by] if told.looked_after_by else "",
        ),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _empty(is_narrowed: bool) -> Empty:
    if is_narrowed:
        return Empty("None like that", "No notification fits this filter.", "Show all", "?")
    return Empty(
        "Nothing came yet", "When a customer pays by card, the gateway's word for it is kept here as it came."
    )
