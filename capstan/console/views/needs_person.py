"""Everything that needs a person, and what can be done about it on the spot."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.console import links, needs_person
from capstan.console.forms.messages import NoteForm, ReplyForm
from capstan.console.forms.order import LookedAfterForm
from capstan.console.messages_shown import inbound_url
from capstan.console.needs_person import Item
from capstan.console.views.messages import inbound_page
from capstan.messaging.actions.budget import put_away
from capstan.messaging.actions.people import handle_inbound, handled, send_again
from capstan.messaging.models import BudgetAlarm, Inbound, Message
from capstan.topups.actions.staff_reply import reply as reply_to
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused


class Shown(NamedTuple):
    """An item with its forms; the one that was sent has what was typed and why it was refused."""

    item: Item
    reply: forms.Form | None
    note: forms.Form | None


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    return _page(request)


@require_POST
@staff_required()
def reply(request: StaffRequest, inbound_id: int) -> HttpResponse:
    """Answer an SMS from the page; with that it is dealt with."""
    if not Inbound.objects.filter(pk=inbound_id).exists():
        raise Http404(f"There is no SMS {inbound_id}.")
    form = ReplyForm(request.POST, auto_id=_ids("inbound", inbound_id))
    if form.is_valid():
        given = form.cleaned_data
        try:
            message = reply_to(
                inbound_id=inbound_id,
                text=given["text"],
                key=str(given["key"]),
                actor=request.actor.key,
                now=clock.now(),
            )
        except Refused as refusal:
            form.add_error("text", str(refusal))
        else:
            messages.success(request, f"The answer is on its way to {message.recipient}.")
            return redirect(links.back(request) or reverse("console:needs_person"))
    if links.back(request) == inbound_url(inbound_id):
        return inbound_page(request, inbound_id, form)
    return _page(request, inbound_id, form)


@require_POST
@staff_required()
def inbound_done(request: StaffRequest, inbound_id: int) -> HttpResponse:
    """An SMS is dealt with otherwise, or needs nothing."""
    if not Inbound.objects.filter(pk=inbound_id).exists():
        raise Http404(f"There is no SMS {inbound_id}.")
    did = handle_inbound(inbound_id=inbound_id, note=_note(request), actor=request.actor.key, now=clock.now())
    return _said(request, "It is done." if did else "Somebody had dealt with it already.")


@require_POST
@staff_required()
def message_seen(request: StaffRequest, message_id: int) -> HttpResponse:
    """That a message was lost has been seen."""
    return _about_message(
        request, message_id,
        lambda: "Seen: it is off the list."
        if handled(message_id=message_id, note=_note(request), actor=request.actor.key, now=clock.now())
        else "Somebody had seen it already.",
    )  # fmt: skip


@require_POST
@staff_required()
def message_again(request: StaffRequest, message_id: int) -> HttpResponse:
    """The same words once more."""

    def again() -> str:
        new = send_again(message_id=message_id, actor=request.actor.key, now=clock.now())
        return f"Sent again to {new.recipient}: it leaves at once."

    return _about_message(request, message_id, again)


@require_POST
@staff_required()
def alarm_seen(request: StaffRequest, alarm_id: int) -> HttpResponse:
    """The alarm of the SMS budget is put away; the next share of it raises another."""
    if not BudgetAlarm.objects.filter(pk=alarm_id).exists():
        raise Http404(f"There is no alarm {alarm_id}.")
    did = put_away(alarm_id=alarm_id, actor=request.actor.key, now=clock.now())
    return _said(request, "Put away." if did else "Somebody had put it away already.")


def _about_message(request: StaffRequest, message_id: int, do: Callable[[], str]) -> HttpResponse:
    if not Message.objects.filter(pk=message_id).exists():
        raise Http404(f"There is no message {message_id}.")
    try:
        return _said(request, do())
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(links.back(request) or reverse("console:needs_person"))


def _said(request: StaffRequest, words: str) -> HttpResponse:
    messages.success(request, words)
    return redirect(links.back(request) or reverse("console:needs_person"))


def _note(request: StaffRequest) -> str:
    form = NoteForm(request.POST)
    return str(form.cleaned_data.get("note", "")) if form.is_valid() else ""


def _page(request: StaffRequest, sent: int | None = None, form: forms.Form | None = None) -> HttpResponse:
    found = needs_person.items(now=clock.now())
    if sent is not None and not any(item.inbound and item.inbound.pk == sent for item in found):
        messages.error(request, "Somebody has dealt with this SMS meanwhile: your answer was not sent.")
    items = [_with_forms(request, item, sent, form) for item in found]
    return render(
        request,
        "console/needs_person/page.html",
        {
            "items": items,
            "count": str(len(items)),
            "words": "need a person" if len(items) > 1 else "needs a person",
            "here": reverse("console:needs_person"),
            "messages_url": reverse("console:messages"),
        },
    )


def _with_forms(request: StaffRequest, item: Item, sent: int | None, form: forms.Form | None) -> Shown:
    if item.inbound is not None:
        pk = item.inbound.pk
        fresh = ReplyForm(initial={"key": uuid4()}, auto_id=_ids("inbound", pk))
        return Shown(
            item, form if pk == sent and form is not None else fresh, NoteForm(auto_id=_ids("done", pk))
        )
    if item.message is not None and item.may_be_seen:
        return Shown(item, None, NoteForm(auto_id=_ids("message", item.message.pk)))
    if item.order is not None:
        return Shown(item, None, LookedAfterForm(actor=request.actor, auto_id=_ids("order", item.order.pk)))
    return Shown(item, None, None)


def _ids(kind: str, pk: int) -> str:
    return f"{kind}-{pk}-%s"
