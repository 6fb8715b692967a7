"""Outbox and inbox as one stream, a message's page, an SMS's page, and the month's figures."""

from typing import NamedTuple
from uuid import uuid4

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from capstan.console import links, messages_shown, needs_person
from capstan.console.forms.messages import NoteForm, ReplyForm
from capstan.console.messages_shown import LANE_WORDS, bubble, inbound_facts, message_facts
from capstan.console.people import names_of
from capstan.customers.rules import normalise_email
from capstan.messaging.models import Inbound, Message
from capstan.messaging.queries.budget import Budget, budget
from capstan.messaging.queries.messages import Entry, answered_message, conversation, visible_to, words_of
from capstan.messaging.queries.stream import Piece, Wanted, answers_to, read_cursor, replies_to, stream
from capstan.messaging.rules.words import InboundState, Lane, MessageState
from capstan.services.queries import by_username
from capstan.topups.models import Answer
from capstan.topups.queries.numbers import line_of
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.phone import normalise_phone
from capstan.values.refused import Refused

_ROWS = 50
_TALK = 20
_SHOWN_LETTERS = 80

_NONE_OUT, _NONE_IN = frozenset[MessageState](), frozenset[InboundState]()
_GROUPS: dict[str, tuple[str, frozenset[MessageState] | None, frozenset[InboundState] | None]] = {
    "": ("Everything", None, None),
    "out": ("Sent by us", None, _NONE_IN),
    "waiting": ("Waits to leave", frozenset({MessageState.QUEUED, MessageState.SENDING}), _NONE_IN),
    "sent": ("Sent or delivered", frozenset({MessageState.SENT, MessageState.DELIVERED}), _NONE_IN),
    "lost": ("Failed, or may have left", frozenset({MessageState.FAILED, MessageState.UNCERTAIN}), _NONE_IN),
    "superseded": ("Superseded", frozenset({MessageState.SUPERSEDED}), _NONE_IN),
    "in": ("Came in", _NONE_OUT, None),
    "person": ("Came in, needs a person", _NONE_OUT, frozenset({InboundState.NEEDS_PERSON})),
}


class FilterForm(forms.Form):
    state = forms.ChoiceField(
        choices=[(key, one[0]) for key, one in _GROUPS.items()], required=False, label="What"
    )
    lane = forms.ChoiceField(
        choices=[("", "All lanes"), *((str(int(lane)), words) for lane, words in LANE_WORDS.items())],
        required=False,
        label="Lane",
    )
    number = forms.CharField(required=False, max_length=254, label="Number or address")
    line = forms.CharField(required=False, max_length=253, label="Line's username")


class _Asked(NamedTuple):
    """The filters as they were read; None: they name something that can't be, so nothing fits."""

    wanted: Wanted | None
    is_narrowed: bool


def _asked(form: FilterForm) -> _Asked:
    form.is_valid()
    given = form.cleaned_data
    _, out, came = _GROUPS[given.get("state") or ""]
    lane = Lane(int(given["lane"])) if given.get("lane") else None
    number, line = given.get("number", "").strip(), given.get("line", "").strip()
    wanted = Wanted(out, came, lane)
    is_narrowed = wanted != Wanted() or bool(number or line)
    try:
        if number:
            known = (
                normalise_email(number)
                if "@" in number
                else normalise_phone(number, settings.OPTIONS.country)
            )
            wanted = wanted._replace(number=known)
        if line:
            service = by_username(line)
            if service is None:
                return _Asked(None, True)
            wanted = wanted._replace(subject=f"service:{service.pk}")
    except Refused:
        return _Asked(None, True)
    return _Asked(wanted, is_narrowed)


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    asked = _asked(form)
    before = read_cursor(request.GET.get("before", ""))
    piece = stream(asked.wanted, before=before, limit=_ROWS) if asked.wanted is not None else Piece((), None)
    state = budget(now=clock.now())
    return render(
        request,
        "console/messages/page.html",
        {
            "form": form,
            "table": _table(piece, asked.is_narrowed),
            "is_narrowed": asked.is_narrowed,
            "older": piece.goes_on.as_text() if piece.goes_on else "",
            "budget": state,
            "budget_words": f"More than {state.alarm} % of the budget is spent",
            "figure": str(state.spend.messages),
            "words": _month_words(state),
            "tabs": tabs("messages"),
        },
    )


@require_GET
@staff_required()
def message(request: StaffRequest, message_id: int) -> HttpResponse:
    """One message: its exact words, how it went, and what it belongs to."""
    found = (
        visible_to(request.actor)
        .select_related("gateway", "in_reply_to", "repeat_of")
        .filter(pk=message_id)
        .first()
    )
    if found is None:
        raise Http404(f"There is no message {message_id}.")
    is_lost = found.state in (MessageState.FAILED, MessageState.UNCERTAIN) and found.handled_at is None
    return render(
        request,
        "console/messages/message.html",
        {
            "message": found,
            "text": words_of(found),
            "badge": messages_shown.message_badge(found),
            "pairs": message_facts(found),
            "receipts": found.receipts.order_by("received_at", "pk"),
            "answered": found.in_reply_to,
            "answers": answers_to(found),
            "repeated": Message.objects.filter(repeat_of=found).order_by("pk").first(),
            "may_repeat": is_lost and needs_person.may_be_repeated(found),
            "note": NoteForm() if is_lost else None,
            "talk": [bubble(entry) for entry in conversation(found.recipient, limit=_TALK)],
            "line_url": needs_person.subject_url(found.subject),
            "handler": names_of([found.handled_by])[found.handled_by] if found.handled_by else "",
            "crumbs": [("Messages", reverse("console:messages")), (f"Message {found.pk}", None)],
        },
    )


@require_GET
@staff_required()
def inbound(request: StaffRequest, inbound_id: int) -> HttpResponse:
    """One SMS that came in: what it said, what was made of it, and what was answered."""
    return inbound_page(request, inbound_id)


def inbound_page(request: StaffRequest, inbound_id: int, form: forms.Form | None = None) -> HttpResponse:
    """The same with an answer that was refused."""
    found = Inbound.objects.select_related("gateway").filter(pk=inbound_id).first()
    if found is None:
        raise Http404(f"There is no SMS {inbound_id}.")
    line = line_of(found)
    return render(
        request,
        "console/messages/inbound.html",
        {
            "inbound": found,
            "badge": messages_shown.inbound_badge(found),
            "pairs": inbound_facts(found),
            "answer": Answer.objects.filter(inbound=found).select_related("order").first(),
            "answered": answered_message(found),
            "replies": replies_to(found),
            "talk": [bubble(entry) for entry in conversation(found.sender, limit=_TALK)],
            "line": line,
            "line_url": links.service(line.service_id) if line else "",
            "reply": None if found.is_automatic else form or ReplyForm(initial={"key": uuid4()}),
            "crumbs": [("Messages", reverse("console:messages")), (f"SMS {found.pk}", None)],
        },
    )


def tabs(here: str) -> list[tuple[str, str, bool]]:
    """The pages about messages: label, address, whether it is this one."""
    pages = (("Messages", "messages"), ("Texts", "templates"), ("Gateways", "gateways"))
    return [(label, reverse(f"console:{name}"), name == here) for label, name in pages]


def _month_words(state: Budget) -> str:
    formats = settings.FORMATS
    paid = f"{state.spend.segments} segment{'' if state.spend.segments == 1 else 's'}"
    spent = f"SMS this month: {paid} for {formats.money(state.spend.cost_minor)}"
    if state.limit_minor is None:
        return spent
    return f"{spent}, {state.percent} % of the budget of {formats.money(state.limit_minor)}"


def _table(piece: Piece, is_narrowed: bool) -> Table:
    columns = (
        Column("When"),
        Column("Number or address", Place.LEAD),
        Column("Words", Place.NOTE),
        Column("Segments", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE),
    )
    empty = (
        Empty("Nothing like that", "No message fits these filters.", "Show everything", "?")
        if is_narrowed
        else Empty("No messages yet", "Notices, codes, answers and what customers send show here.")
    )
    return Table("Messages, newest first", columns, tuple(map(_row, piece.entries)), empty)


def _row(entry: Entry) -> Row:
    shown = bubble(entry)
    way = "to" if shown.is_ours else "from"
    segments = entry.message.segments if entry.message is not None and entry.message.segments else ""
    cells = (
        settings.FORMATS.moment(shown.at),
        f"{way} {shown.who}",
        _short(shown.text),
        segments,
        shown.badge,
    )
    return Row(cells, shown.url)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_LETTERS else f"{line[: _SHOWN_LETTERS - 1]}…"
