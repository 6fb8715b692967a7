"""The cap meter: what is left, of what, until when, and what happens next – as plain values that templates draw.

`meter_of` works all of it out from where a service stands; nothing here asks a database or a clock.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from capstan.caps.queries import BucketView, Standing
from capstan.caps.rules.cap import CAPPED_BELOW
from capstan.caps.rules.words import NO_EXPIRY, BucketKind
from capstan.catalog.rules import CycleKind
from capstan.network.rules.line_state import LineState
from capstan.ui.meter_words import Saying, effective_size, next_steps
from capstan.ui.states import CAPPED, NOT_CONNECTED, STATE_LOOKS, WAITS_WORD, Tone
from capstan.values.formats import Formats

_THINNEST = 0.7  # per cent of the bar: what exists is seen
_TAIL_SHORTEST, _TAIL_LONGEST = 1.5, 10.0
_OPEN = ("now", "waiting")
_TOO_EARLY = 0.03  # of a cycle: usage so far says nothing about its pace
_JUST_ADDED = timedelta(hours=1)  # since data was added: what was used before says nothing about what will be
_RECENT_ENOUGH = timedelta(minutes=30)  # a shorter look back says nothing
_RECENT_REACH = timedelta(days=1)  # nobody watches films for longer: beyond it the cycle's pace counts
_FAR = timedelta(days=366)

_CYCLE_NAMES = {
    CycleKind.DAY: "Daily data",
    CycleKind.WEEK: "Weekly data",
    CycleKind.DAYS_30: "30-day data",
    CycleKind.MONTH: "Monthly data",
    CycleKind.YEAR: "Yearly data",
}
_KIND_NAMES = {
    BucketKind.ROLLOVER: "Rolled over",
    BucketKind.BONUS: "Bonus",
    BucketKind.GOODWILL: "Goodwill",
    BucketKind.TOPUP: "Top-up",
}


class Piece(NamedTuple):
    """A part of the bar: `kind` is used, left or expired; `x` and `width` are per cent of the drawing."""

    kind: str
    x: float
    width: float


class Tail(NamedTuple):
    """Usage beyond the end of the bar."""

    x: float
    width: float


class Pace(NamedTuple):
    """Where the usage would stand if the cycle's data were used evenly, and what the pace so far leads to."""

    x: float
    words: str
    runs_out: bool

    @property
    def anchor(self) -> str:
        """How the word at the tick is set, so that it stays inside the drawing."""
        return "start" if self.x < 12 else "end" if self.x > 88 else "middle"


class Recent(NamedTuple):
    """What counted against the cap lately, and how long a time that was."""

    used: int
    span: timedelta


class Part(NamedTuple):
    """One bucket in words. `status` is now, waiting, used, coming or ended."""

    name: str
    left: str
    size: str
    until: str
    status: str
    percent_left: int
    is_next: bool  # it expires before others do

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN

    @property
    def words(self) -> str:
        return f"{self.name}: {self.left} left of {self.size}, {self.until}"


class Meter(NamedTuple):
    """Everything the meter says. `figure` is the big one, `words` go with it: `1.4 GB` `left of 17 GB until 1 Dec 2026`."""

    state: LineState
    state_word: str
    tone: Tone
    figure: str
    words: str
    pieces: tuple[Piece, ...]
    seams: tuple[float, ...]  # between buckets
    end: float  # of the bar; beyond it is the tail
    tail: Tail | None
    pace: Pace | None
    parts: tuple[Part, ...]
    next_steps: tuple[str, ...]

    @property
    def has_bar(self) -> bool:
        return bool(self.pieces)

    @property
    def label(self) -> str:
        """All of it as one text, for those who don't see the drawing."""
        return meter_text(self, between=". ")


def meter_of(
    standing: Standing,
    state: LineState,
    now: datetime,
    formats: Formats,
    *,
    is_connected: bool = True,
    recent: Recent | None = None,
    waits_for: str = "",
) -> Meter:
    """The meter of a service whose line is in this state; `recent` makes the forecast follow fast use, `waits_for` says what a
    prepaid line's data waits for."""
    is_idle = state == LineState.OPEN and not is_connected
    shown = [bucket for bucket in standing.buckets if bucket.starts_at <= now and effective_size(bucket)]
    tail = 0.0 if standing.is_uncapped else _tail_width(standing.overshoot, shown)
    end = 100.0 - tail
    pieces = tuple(_pieces(shown, end))
    said = Saying(standing, state, now, formats, waits_for)
    is_waiting = standing.waits and state in CAPPED
    return Meter(
        state=state,
        state_word=WAITS_WORD if is_waiting else (NOT_CONNECTED if is_idle else STATE_LOOKS[state]).word,
        tone=Tone.NEWS if state == LineState.OPEN else STATE_LOOKS[state].tone,
        figure=said.figure(),
        words=said.words(),
        pieces=pieces,
        seams=tuple(_seams(shown, pieces)),
        end=end,
        tail=Tail(end, tail) if tail else None,
        pace=_pace(said, pieces, recent),
        parts=tuple(_parts(said)),
        next_steps=tuple(next_steps(said)),
    )


def meter_text(meter: Meter, between: str = "\n") -> str:
    """The meter as text: the answer, the line's state, the pace, each bucket, and what happens next."""
    lines = [f"{meter.figure} {meter.words}", meter.state_word]
    lines += [meter.pace.words] if meter.pace else []
    lines += [part.words for part in meter.parts]
    return between.join(line.rstrip(".") for line in [*lines, *meter.next_steps])


# --- the drawing -----------------------------------------------------------------------------------------


def _tail_width(overshoot: int, shown: Sequence[BucketView]) -> float:
    total = sum(map(effective_size, shown))
    if not overshoot or not total:
        return 0.0
    return min(_TAIL_LONGEST, max(_TAIL_SHORTEST, 100 * overshoot / total))


def _pieces(shown: Sequence[BucketView], end: float) -> Iterator[Piece]:
    """The bar in draw order; what exists has a width that is seen, and together they fill it."""
    amounts = [
        (kind, amount)
        for bucket in shown
        for kind, amount in (("used", bucket.drawn), ("left", bucket.left), ("expired", bucket.expired))
        if amount > 0
    ]
    total = sum(amount for _, amount in amounts)
    widths = [max(_THINNEST, 100 * amount / total) for _, amount in amounts]
    scale = end / sum(widths) if widths else 0
    x = 0.0
    for (kind, _), width in zip(amounts, widths, strict=True):
        yield Piece(kind, round(x, 2), round(width * scale, 2))
        x += width * scale


def _seams(shown: Sequence[BucketView], pieces: Sequence[Piece]) -> Iterator[float]:
    """Where one bucket ends and the next begins."""
    place = 0
    for bucket in shown[:-1]:
        place += sum(amount > 0 for amount in (bucket.drawn, bucket.left, bucket.expired))
        if 0 < place < len(pieces):
            yield pieces[place].x


# --- pace and buckets ------------------------------------------------------------------------------------


def _pace(say: Saying, pieces: Sequence[Piece], recent: Recent | None) -> Pace | None:
    """None where nothing can run out, or it is too early to tell."""
    cap = say.cap
    elapsed = say.now - cap.cycle_start
    share = elapsed / (cap.cycle_end - cap.cycle_start)
    left = cap.remaining + say.held_back
    if cap.is_uncapped or say.state != LineState.OPEN or left < CAPPED_BELOW or not 0 <= share < 1:
        return None
    if any(
        one.kind != BucketKind.ALLOWANCE and say.now - one.granted_at < _JUST_ADDED for one in say.in_force
    ):
        return None
    x = _place(share * sum(piece.width for piece in pieces if piece.kind != "expired"), pieces)
    lately = _lately(say, recent)
    if lately is not None:
        return Pace(x, f"At the pace of the last hours it runs out about {_roughly(say, lately)}", True)
    if share < _TOO_EARLY:
        return None
    return _on_average(say, x, _lasts_until(say, (cap.drawn + cap.overage) / elapsed.total_seconds()))


def _lately(say: Saying, recent: Recent | None) -> datetime | None:
    """When it runs out if use goes on as in the last hours; None where that isn't soon, or isn't known."""
    if recent is None or recent.used < CAPPED_BELOW or recent.span < _RECENT_ENOUGH or say.cap.is_free_now:
        return None
    at = _lasts_until(say, recent.used / recent.span.total_seconds())
    return at if at < min(say.now + _RECENT_REACH, say.cap.cycle_end) else None


def _on_average(say: Saying, x: float, at: datetime) -> Pace:
    """What the cycle's pace leads to: out before the cycle ends, or lasting until the last of it expires."""
    end = say.cap.cycle_end
    last = max(one.expires_at for one in say.in_force if one.left)
    if at < min(end, last):
        return Pace(x, f"At this pace it runs out about {_roughly(say, at)}", True)
    if at - say.now >= _FAR:
        return Pace(x, f"On pace: it lasts well beyond {say.when(end)}", False)
    if at >= last:
        return Pace(x, f"On pace: it lasts until {say.when(last)}", False)
    return Pace(x, f"On pace: it lasts until about {_roughly(say, at)}", False)


def _lasts_until(say: Saying, rate: float) -> datetime:
    """When the buckets in force are empty at this rate, in bytes a second; what expires before it is used is lost."""
    at = say.now
    for bucket in say.in_force:
        if bucket.left and bucket.expires_at > at:
            room = (bucket.expires_at - at).total_seconds()
            at += timedelta(seconds=min(room, bucket.left / rate if rate else room))
    return at


def _roughly(say: Saying, at: datetime) -> str:
    """The date, or the time if it is today."""
    is_today = say.formats.local(at).date() == say.formats.local(say.now).date()
    return say.formats.time(at) if is_today else say.formats.date(at)


def _place(width: float, pieces: Sequence[Piece]) -> float:
    """Where on the bar so much of what doesn't expire lies before."""
    for piece in pieces:
        if piece.kind != "expired":
            if width <= piece.width:
                return round(piece.x + width, 2)
            width -= piece.width
    return round(pieces[-1].x + pieces[-1].width, 2) if pieces else 0.0


def _parts(say: Saying) -> list[Part]:
    """The buckets, next to expire first; then those used up, to come, and ended."""
    found = [(_status(bucket, say.now), bucket) for bucket in say.cap.buckets if effective_size(bucket)]
    ends = sorted({bucket.expires_at for status, bucket in found if status in _OPEN})
    first = ends[0] if len(ends) > 1 else None
    order = (*_OPEN, "used", "coming", "ended")
    found.sort(key=lambda pair: (max(1, order.index(pair[0])), pair[1].expires_at))
    return [
        Part(
            name=_KIND_NAMES.get(bucket.kind, _CYCLE_NAMES[say.cap.terms.cycle_kind]),
            left=say.size(bucket.left),
            size=say.size(effective_size(bucket)),
            until=_until(status, bucket, say),
            status=status,
            percent_left=100 * bucket.left // effective_size(bucket),
            is_next=status in _OPEN and bucket.expires_at == first,
        )
        for status, bucket in found
    ]


def _status(bucket: BucketView, now: datetime) -> str:
    if bucket.starts_at > now:
        return "coming"
    if not bucket.in_force:
        return "ended"
    if bucket.left == 0:
        return "used"
    return "now" if bucket.is_sink else "waiting"


def _until(status: str, bucket: BucketView, say: Saying) -> str:
    if status == "coming":
        return f"from {say.when(bucket.starts_at)}"
    if status == "ended":
        lost = f", {say.size(bucket.expired)} unused" if bucket.expired else ""
        return f"ended {say.formats.date(bucket.expires_at)}{lost}"
    if status == "used":
        return "used up"
    return "does not expire" if bucket.expires_at == NO_EXPIRY else f"until {say.when(bucket.expires_at)}"
