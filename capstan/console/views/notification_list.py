"""A line's notification list: who is told, who may order, and how one comes on it and off it (J1)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from capstan.console.forms.list_entry import ChangeForm, CodeForm, EntryForm
from capstan.console.list_shown import Shown, gone_words, shown
from capstan.console.people import names_of
from capstan.console.views.found import crumbs, service_or_404
from capstan.identity.rules import Actor
from capstan.services.models import Service
from capstan.topups.actions import notification_list
from capstan.topups.models import ListEntry
from capstan.topups.queries.entries import entries_of, entry_of, removed_since
from capstan.topups.rules.words import EntryState, RemovedBecause
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused

_REMEMBERED = timedelta(days=365)


class _NoForm(forms.Form):
    """For what needs nothing but a click."""


class Deed(NamedTuple):
    do: Callable[[ListEntry, dict[str, Any], Actor, datetime], str]
    form: type[forms.Form] = _NoForm


def _change(entry: ListEntry, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    notification_list.change(
        entry_id=entry.pk, name=given["name"], language=given["language"], from_percent=given["from_percent"],
        may_order=bool(given.get("may_order")), order_limit_minor=given.get("order_limit"), actor=actor.key, now=now,
    )  # fmt: skip
    return f"Kept. It holds for {entry.address} from the next message on."


def _remove(entry: ListEntry, _given: dict[str, Any], actor: Actor, now: datetime) -> str:
    was_told = entry.state == EntryState.CONFIRMED
    notification_list.remove(entry_id=entry.pk, because=RemovedBecause.STAFF, actor=actor.key, now=now)
    return f"{entry.address} is off the list{', and is told so' if was_told else ''}."


def _pause(entry: ListEntry, _given: dict[str, Any], actor: Actor, now: datetime) -> str:
    notification_list.pause(entry_id=entry.pk, is_paused=True, actor=actor.key, now=now)
    return f"{entry.address} gets no notices of this line until you or START resume them."


def _resume(entry: ListEntry, _given: dict[str, Any], actor: Actor, now: datetime) -> str:
    notification_list.pause(entry_id=entry.pk, is_paused=False, actor=actor.key, now=now)
    return f"{entry.address} gets notices of this line again."


def _send_code(entry: ListEntry, _given: dict[str, Any], actor: Actor, now: datetime) -> str:
    notification_list.ask_for_code(entry_id=entry.pk, actor=actor.key, now=now)
    return f"A code is on its way to {entry.address}. It can be read out to you, or answered by SMS."


def _confirm(entry: ListEntry, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    notification_list.confirm_with_code(entry_id=entry.pk, code=given["code"], actor=actor.key, now=now)
    return f"{entry.address} is confirmed, and is told what it gets."


def _vouch(entry: ListEntry, _given: dict[str, Any], actor: Actor, now: datetime) -> str:
    notification_list.confirm_by_staff(entry_id=entry.pk, actor=actor.key, now=now)
    return f"{entry.address} is confirmed by you, and is told what it gets."


def _how_to(entry: ListEntry, _given: dict[str, Any], actor: Actor, now: datetime) -> str:
    notification_list.tell_how_to(entry_id=entry.pk, actor=actor.key, now=now)
    return f"{entry.address} is told how to top up oneself."


DEEDS = {
    "change": Deed(_change, ChangeForm),
    "confirm": Deed(_confirm, CodeForm),
    "remove": Deed(_remove),
    "pause": Deed(_pause),
    "resume": Deed(_resume),
    "send-code": Deed(_send_code),
    "vouch": Deed(_vouch),
    "how-to": Deed(_how_to),
}


class Item(NamedTuple):
    """An entry with its forms; `is_open` where what was typed was refused."""

    shown: Shown
    change: forms.Form
    code: forms.Form
    problem: str
    is_open: bool


@require_GET
@staff_required()
def show(request: StaffRequest, service_id: int) -> HttpResponse:
    return _page(request, service_or_404(service_id))


@require_GET
@staff_required()
def section(request: StaffRequest, service_id: int) -> HttpResponse:
    """The list alone, as other pages include it: nothing in it can be changed there."""
    service = service_or_404(service_id)
    return render(request, "console/notification_list/section.html", section_context(service.pk, clock.now()))


@require_POST
@staff_required()
def add(request: StaffRequest, service_id: int) -> HttpResponse:
    """Somebody new; told at once if staff confirm him, else he gets a code first."""
    service, form = service_or_404(service_id), EntryForm(request.POST)
    if form.is_valid():
        try:
            entry = notification_list.add(
                form.entry(service.pk),
                confirmed_by_staff=form.by_staff,
                actor=request.actor.key,
                now=clock.now(),
            )
        except Refused as refusal:
            form.add_error("address", str(refusal))
        else:
            follows = (
                "and is told so"
                if form.by_staff
                else "and has a code sent: type it in here, or let it be answered"
            )
            messages.success(request, f"{entry.address} is on the list {follows}.")
            return redirect(f"{_url(service)}#entry-{entry.pk}")
    return _page(request, service, adding=form)


@require_POST
@staff_required()
def act(request: StaffRequest, service_id: int, entry_id: int, deed: str) -> HttpResponse:
    """Do something about an entry, or show the page again with what was typed and why it can't be done."""
    service, todo = service_or_404(service_id), DEEDS.get(deed)
    entry = entry_of(service.pk, entry_id)
    if todo is None or entry is None:
        raise Http404("There is no such entry on this line's list.")
    form = (
        ChangeForm(request.POST, entry=entry, auto_id=_ids(entry))
        if deed == "change"
        else todo.form(request.POST)
    )
    problem = ""
    if form.is_valid():
        try:
            messages.success(request, todo.do(entry, form.cleaned_data, request.actor, clock.now()))
            return redirect(f"{_url(service)}#entry-{entry.pk}")
        except Refused as refusal:
            problem = str(refusal)
    return _page(request, service, refused=(entry, deed, form, problem))


def section_context(service_id: int, now: datetime) -> dict[str, object]:
    """What the section needs."""
    entries = entries_of(service_id)
    names = names_of(one.confirmed_by for one in entries if one.confirmed_by)
    return {
        "entries": [shown(one, names, now) for one in entries],
        "list_url": reverse("console:notification_list", args=[service_id]),
    }


def _url(service: Service) -> str:
    return reverse("console:notification_list", args=[service.pk])


def _ids(entry: ListEntry) -> str:
    return f"entry-{entry.pk}-%s"


def _page(
    request: StaffRequest,
    service: Service,
    adding: EntryForm | None = None,
    refused: tuple[ListEntry, str, forms.Form, str] | None = None,
) -> HttpResponse:
    now = clock.now()
    entries = entries_of(service.pk)
    gone = removed_since(service.pk, now - _REMEMBERED)
    names = names_of(one.confirmed_by for one in entries if one.confirmed_by)
    items = [_item(shown(one, names, now), one, refused) for one in entries]
    may_order = sum(one.shown.may_order_now for one in items)
    return render(
        request,
        "console/notification_list/page.html",
        {
            "service": service,
            "items": items,
            "figure": str(len(items)),
            "words": f"on the list, {may_order or 'none'} may order by SMS",
            "gone": [gone_words(one) for one in gone],
            "stray": refused[3] if refused and refused[0].state == EntryState.REMOVED else "",
            "adding": adding or EntryForm(),
            "is_adding": adding is not None or not entries,
            "add_url": reverse("console:list_add", args=[service.pk]),
            "crumbs": crumbs(service, ("Notification list", None)),
        },
    )


def _item(one: Shown, entry: ListEntry, refused: tuple[ListEntry, str, forms.Form, str] | None) -> Item:
    change: forms.Form = ChangeForm(entry=entry, auto_id=_ids(entry))
    code: forms.Form = CodeForm(auto_id=_ids(entry))
    if refused is None or refused[0].pk != entry.pk:
        return Item(one, change, code, "", False)
    _, deed, form, problem = refused
    return Item(
        one,
        form if deed == "change" else change,
        form if deed == "confirm" else code,
        problem,
        deed == "change",
    )
