"""All orders, and how long lines took to come back (G1)."""

from datetime import datetime, time, timedelta

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from capstan.console.proof_chart import chart_of, span_words, table_of
from capstan.console.shown import COLUMNS, order_row
from capstan.topups.queries.listing import Wanted, listed, proof_days
from capstan.topups.rules.describe import CHANNEL_WORDS
from capstan.topups.rules.words import ADDED, WAITING, Channel, OrderState
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.tables import Empty, Table
from capstan.values import clock

_ROWS = 50
_CHART_DAYS = 14

_GROUPS: dict[str, tuple[str, frozenset[OrderState] | None]] = {
    "": ("All states", None),
    "waiting": ("Waiting", WAITING),
    "added": ("Added", ADDED),
    "not-back": ("Added, line not confirmed", frozenset({OrderState.GRANTED})),
    "reversed": ("Taken back", frozenset({OrderState.REVERSED})),
    "refused": ("Refused or expired", frozenset({OrderState.REFUSED, OrderState.EXPIRED})),
}


class FilterForm(forms.Form):
    state = forms.ChoiceField(
        choices=[(key, words) for key, (words, _) in _GROUPS.items()], required=False, label="State"
    )
    channel = forms.ChoiceField(
        choices=[
            ("", "All ways"),
            *((one.value, words.capitalize()) for one, words in CHANNEL_WORDS.items()),
        ],
        required=False,
        label="Ordered",
    )
    day = forms.DateField(required=False, label="Day", widget=forms.DateInput(attrs={"type": "date"}))
    before = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def wanted(self) -> Wanted:
        """What was chosen; what makes no sense narrows nothing."""
        self.is_valid()
        given = self.cleaned_data
        channel = given.get("channel")
        return Wanted(
            given.get("before"),
            _GROUPS[given.get("state") or ""][1],
            Channel(channel) if channel else None,
            given.get("day"),
        )


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    now, zone = clock.now(), settings.FORMATS.zone
    form = FilterForm(request.GET)
    wanted = form.wanted()
    found = list(listed(request.actor, wanted, zone)[: _ROWS + 1])
    orders, more = found[:_ROWS], len(found) > _ROWS
    is_narrowed = wanted != Wanted()
    today = settings.FORMATS.local(now).date()
    first = datetime.combine(today - timedelta(days=_CHART_DAYS - 1), time(), zone)
    days = proof_days(since=first, zone=zone)
    shown = next((one for one in days if one.day == today), None)
    return render(
        request,
        "console/orders/page.html",
        {
            "form": form,
            "table": Table(
                "Orders, newest first", COLUMNS, tuple(map(order_row, orders)), _empty(is_narrowed)
            ),
            "is_narrowed": is_narrowed,
            "older": orders[-1].pk if more else None,
            "chart": chart_of(days, last=today, span=_CHART_DAYS),
            "proof_table": table_of(days),
            "today": shown,
            "today_half": span_words(shown.confirmed_half)
            if shown and shown.confirmed_half is not None
            else "",
            "chart_days": _CHART_DAYS,
        },
    )


def _empty(is_narrowed: bool) -> Empty:
    if is_narrowed:
        return Empty("No order like that", "Nothing fits these filters.", "Show all orders", "?")
    return Empty("No orders yet", "When somebody tops up by SMS, on the website or by a call, it shows here.")
