"""`/demo/handset/`: the customers' phones. What is sent to a number is on its screen, and what is typed there comes in."""

from datetime import datetime
from typing import NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from capstan.demo.sales import HANDSET_NUMBER
from capstan.messaging.actions.inbound import store
from capstan.messaging.models import Gateway, Message
from capstan.messaging.queries.messages import conversation, words_of
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.topups.models import ListEntry
from capstan.values import clock

_PHONES = 30


class Bubble(NamedTuple):
    """One SMS on the screen; links in it can be tapped."""

    at: datetime
    words: list[tuple[str, bool]]
    is_mine: bool


class Phone(NamedTuple):
    """A phone in the list of those that were written to."""

    number: str
    owner: str
    last: str
    at: datetime


@require_safe
def phones(request: HttpRequest) -> HttpResponse:
    """The phones that got an SMS, the newest on top."""
    return render(request, "demo/phones.html", {"phones": _newest()})


@require_safe
def phone_list(request: HttpRequest) -> HttpResponse:
    """The list alone, as the page asks for it again."""
    return render(request, "demo/phone_list.html", {"phones": _newest()})


@require_http_methods(["GET", "POST"])
def phone(request: HttpRequest, number: str) -> HttpResponse:
    """One phone: its messages, and a line to type an answer into."""
    context = _screen(number)
    if request.method == "POST":
        _send(str(context["address"]), request.POST.get("text", ""))
        return redirect("demo:phone", number=number)
    return render(request, "demo/phone.html", context)


@require_safe
def screen(request: HttpRequest, number: str) -> HttpResponse:
    """The messages alone, as the page asks for them again."""
    return render(request, "demo/screen.html", _screen(number))


def _screen(number: str) -> dict[str, object]:
    address = f"+{number}"
    if not number.isdigit() or len(number) > 15:
        raise Http404
    return {"number": number, "address": address, "owner": owner_of(address), "bubbles": _bubbles(address)}


def _newest() -> list[Phone]:
    newest: dict[str, Message] = {}
    sent = Message.objects.filter(medium=Medium.SMS).select_related("gateway")
    for message in sent.order_by("-queued_at", "-pk")[:400]:
        newest.setdefault(message.recipient, message)
    return [
        Phone(number.lstrip("+"), owner_of(number), words_of(message), message.queued_at)
        for number, message in list(newest.items())[:_PHONES]
    ]


def owner_of(address: str) -> str:
    """The name by which the provider knows this number."""
    entry = (
        ListEntry.objects.filter(address=address).select_related("service__customer").order_by("-pk").first()
    )
    return entry.service.customer.name if entry is not None else "Unknown"


def _send(address: str, text: str) -> None:
    gateway = Gateway.objects.filter(kind=GatewayKind.LOOPBACK, medium=Medium.SMS).first()
    if gateway is None or not text.strip():
        return
    now = clock.now()
    store(
        gateway,
        sender=address,
        recipient=HANDSET_NUMBER,
        text=text[:480],
        sent_at=now,
        carrier_id="",
        parent_carrier_id="",
        now=now,
    )


def _bubbles(address: str) -> list[Bubble]:
    """The newest first, as the screen's style sheet wants them."""
    found = []
    for entry in conversation(address, limit=30):
        if entry.message is not None:
            found.append(Bubble(entry.at, _linked(words_of(entry.message)), False))
        elif entry.inbound is not None:
            found.append(Bubble(entry.at, [(entry.inbound.text, False)], True))
    return found[::-1]


def _linked(words: str) -> list[tuple[str, bool]]:
    """The text cut into pieces, each with whether it is a link."""
    pieces: list[tuple[str, bool]] = []
    for line in words.splitlines():
        pieces += [(f"{word} ", word.startswith(("http://", "https://"))) for word in line.split(" ")]
        pieces.append(("\n", False))
    return pieces[:-1]
