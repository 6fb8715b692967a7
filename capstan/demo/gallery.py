"""`/demo/gallery`: every component in every state, on one day of a made-up month. Who changes how Capstan looks, looks here."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from capstan.catalog.rules import CycleAnchor, CycleKind
from capstan.demo.samples import Samples
from capstan.network.rules.line_state import LineState
from capstan.ui.meter import Meter, meter_of
from capstan.ui.parts import badge, moment, state_badge
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values.period import cycle_at

NOW = datetime(2026, 11, 22, 12, 2, 7, tzinfo=UTC)


class Progress(NamedTuple):
    """A top-up in progress, as `{% topup_steps %}` takes it."""

    steps: tuple[tuple[str, datetime | None, str], ...]
    headline: str
    hint: str = ""
    is_final: bool = False
    seconds: float | None = None


class TopUpForm(forms.Form):
    """Has a field of each kind."""

    username = forms.CharField(
        help_text="The one your router signs in with.",
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))
    connection = forms.ChoiceField(choices=[("fibre", "Fibre"), ("wireless", "Wireless"), ("adsl", "ADSL")])
    offer = forms.ChoiceField(
        choices=[("A", "0.5 GB for R12.00"), ("B", "1 GB for R20.00"), ("C", "2 GB for R35.00")],
        widget=forms.RadioSelect,
        label="How much data?",
    )
    mobile = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
        help_text="For the message that says you are back online.",
    )
    agreed = forms.BooleanField(label="Charge it to my account")


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Components in the console's frame."""
    messages.success(request, "2 GB added to thandi@sandpiper.example. The line is back online.")
    context = {
        "crumbs": [("Customers", reverse("demo:gallery")), ("Thandi Nkosi", reverse("demo:gallery")), ("Gallery", None)],
        "meters": [(sample.title, meter_of(sample.standing, sample.state, NOW, settings.FORMATS)) for sample in _samples().all()],
        "states": list(LineState),
        "tones": list(Tone),
        "progresses": _progresses(),
        "table": _table(),
        "empty": Table("Top-ups", (), (), Empty("No top-ups yet", "What is added to this line shows here.", "Add one", "#")),
        "facts": _facts(),
        "page": Paginator(range(130), 25).page(2),
        "now": NOW,
    }  # fmt: skip
    return render(request, "demo/gallery.html", context)


@require_safe
def show_page(request: HttpRequest) -> HttpResponse:
    """Components in the frame of public pages: a form with mistakes, the customer's meter, a top-up in progress."""
    right = TopUpForm(initial={"username": "thandi@sandpiper.example", "offer": "C"}, prefix="right")
    wrong = TopUpForm({"wrong-username": "", "wrong-offer": "C"}, prefix="wrong")
    wrong.add_error(None, "We don't know this username with this password. Check both, or ask for a link.")
    context = {"meter": _first_meter(), "progress": _progresses()[1], "forms": [right, wrong]}
    return render(request, "demo/gallery_page.html", context)


@require_safe
def show_live(request: HttpRequest) -> HttpResponse:
    """The part of the gallery that renews itself."""
    return render(request, "demo/gallery_live.html", {"meter": _first_meter()})


def _samples() -> Samples:
    month = cycle_at(CycleKind.MONTH, CycleAnchor.CALENDAR, NOW, settings.FORMATS.zone, NOW)
    return Samples(NOW, month)


def _first_meter() -> Meter:
    sample = next(_samples().all())
    return meter_of(sample.standing, sample.state, NOW, settings.FORMATS)


def _progresses() -> list[Progress]:
    def at(seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    ordered, added = ("Ordered", at(0), "done"), ("Added", at(0.2), "done")
    return [
        Progress(
            (ordered, ("Added", None, "now"), ("Confirmed", None, "todo"), ("Proved", None, "todo")),
            "Adding 2 GB …",
        ),
        Progress(
            (ordered, added, ("Confirmed", at(1.2), "done"), ("Proved", at(1.2), "done")),
            "You are back online – 1.2\N{NO-BREAK SPACE}s",
            is_final=True,
            seconds=1.2,
        ),
        Progress(
            (ordered, added, ("Confirmed", None, "now"), ("Proved", None, "todo")),
            "2 GB are on your line, your router has to follow",
            "Your router didn't answer, we are resetting the line. If nothing happens in a minute, switch it off and on.",
        ),
        Progress(
            (ordered, added, ("Confirmed", at(31), "failed"), ("Proved", None, "todo")),
            "2 GB are on your line, but we can't reach the router",
            "Switch your router off and on: it gets the new data when it signs in. A person here sees this too.",
            is_final=True,
        ),
    ]


def _table() -> Table:
    formats = settings.FORMATS
    columns = (
        Column("Top-up", Place.LEAD),
        Column("When", Place.NOTE),
        Column("By"),
        Column("Reference"),
        Column("Price, incl. VAT", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE),
    )
    lines = (
        ("2 GB, letter C", 0, "Thandi Nkosi", "by SMS from 060 000 0101", 3500, badge("Proved", "good", "circle-check")),
        ("5 GB", 3, "Sipho, call centre", "caller Anna Nkosi", 7500, badge("Waits for approval", "slow", "clock")),
        ("500 MB", 9, "Sipho, call centre", "goodwill: line was down", 0, badge("Taken back", "quiet", "arrow-back-up")),
        ("18 GB", 14, "Thandi Nkosi", "website", 19900, state_badge(LineState.SUSPENDED)),
    )  # fmt: skip
    rows = tuple(
        Row((what, moment(NOW - timedelta(days=days)), by, reference, formats.money(price), state), "#top")
        for what, days, by, reference, price, state in lines
    )  # fmt: skip
    return Table("Top-ups of this cycle", columns, rows, Empty("No top-ups yet", ""))


def _facts() -> list[tuple[str, object]]:
    return [
        ("Username", "thandi@sandpiper.example"),
        ("Package", "Home 15 GB"),
        ("State", state_badge(LineState.OPEN)),
        ("Address", "198.51.100.24"),
        ("Router", "Durbanville 2"),
    ]
