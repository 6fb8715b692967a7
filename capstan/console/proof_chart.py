"""How long lines took to come back, drawn: a point for half of a day's lines, a bar up to nine of ten, on a log scale."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from babel.dates import format_date
from django.conf import settings

from capstan.topups.queries.listing import ProofDay
from capstan.ui.tables import Column, Empty, Place, Row, Table

HEIGHT = 220
_TOP, _BOTTOM = 24, 190
_LEFT = 14.0  # per cent of the width, for the words of the scale
_LEAST, _MOST = 0.1, 3600.0
_TICKS = ((0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"))


class Mark(NamedTuple):
    """A day's lines of one kind: a point at half of them, a bar up to nine of ten. `x` is per cent, `y` pixels."""

    kind: str  # confirmed, proved
    x: float
    y: float
    top: float
    words: str

    @property
    def height(self) -> float:
        return round(self.y - self.top, 1)


class Tick(NamedTuple):
    y: float
    words: str


class Label(NamedTuple):
    x: float
    words: str


class Chart(NamedTuple):
    """`label` is the whole of it in words, for those who don't see it."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    days: tuple[Label, ...]
    label: str
    height: int = HEIGHT
    bottom: int = _BOTTOM


def chart_of(days: Sequence[ProofDay], *, last: date, span: int) -> Chart:
    """The chart of so many days up to `last`; a day without top-ups leaves its place empty."""
    first = last - timedelta(days=span - 1)
    marks = []
    for one in days:
        place = (one.day - first).days
        for kind, half, most, shift in (
            ("confirmed", one.confirmed_half, one.confirmed_most, 0.35),
            ("proved", one.proved_half, one.proved_most, 0.65),
        ):
            if half is not None and most is not None and 0 <= place < span:
                words = f"{_day(one.day)}: half {kind} within {span_words(half)}, nine of ten within {span_words(most)}"
                marks.append(Mark(kind, _x(place + shift, span), _y(half), _y(most), words))
    ticks = tuple(Tick(_y(seconds), words) for seconds, words in _TICKS)
    named = {0, span // 2, span - 1}
    labels = tuple(
        Label(_x(place + 0.5, span), _day(first + timedelta(days=place))) for place in sorted(named)
    )
    return Chart(tuple(marks), ticks, labels, ". ".join(mark.words for mark in marks) or "No top-ups to show")


def table_of(days: Sequence[ProofDay]) -> Table:
    """The same figures, the newest day first."""
    rows = tuple(
        Row((
            _day(one.day), one.added, f"{one.confirmed} / {one.proved}",
            _both(one.confirmed_half, one.confirmed_most), _both(one.proved_half, one.proved_most),
        ))
        for one in reversed(days)
    )  # fmt: skip
    return Table(
        "Times from the moment data was added, by day",
        (
            Column("Day", Place.LEAD),
            Column("Lines to bring back", is_number=True),
            Column("Confirmed / proved", Place.NOTE, is_number=True),
            Column("Confirmed: half / nine of ten", Place.AMOUNT, is_number=True),
            Column("Proved: half / nine of ten", Place.STATE, is_number=True),
        ),
        rows,
        Empty(
            "No line had to be brought back",
            "When a capped line gets a top-up, the time until its router confirms and proves it shows here.",
        ),
    )


def span_words(seconds: float) -> str:
    """`1.2 s`, `45 s`, `12 min`, `3.4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _both(half: float | None, most: float | None) -> str:
    return "–" if half is None or most is None else f"{span_words(half)} / {span_words(most)}"


def _x(place: float, span: int) -> float:
    return round(_LEFT + (100 - _LEFT) * place / span, 2)


def _y(seconds: float) -> float:
    share = math.log(min(max(seconds, _LEAST), _MOST) / _LEAST) / math.log(_MOST / _LEAST)
    return round(_BOTTOM - share * (_BOTTOM - _TOP), 1)


def _day(day: date) -> str:
    return str(format_date(day, "d MMM", locale=settings.FORMATS.locale))
