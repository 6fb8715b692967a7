"""Times, durations, speeds and network facts as an engineer reads them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capstan.network.rules.words import AccessKind, CommandKind, CommandState, Reason
from capstan.values.data import Units, format_bytes
from capstan.values.money import format_money

ACCESS_WORDS = {
    AccessKind.OPEN: "open",
    AccessKind.THROTTLED: "throttled",
    AccessKind.WALLED: "walled garden",
    AccessKind.BLOCKED: "blocked",
}

REASON_WORDS = {
    Reason.ENDED: "the service has ended",
    Reason.SUSPENDED: "the service is on hold",
    Reason.WRONG_DEVICE: "the device is not the one the line is locked to",
    Reason.CAPPED: "its data is used up",
    Reason.CHECKOUT: "open for ten minutes to pay",
}

WAITS_WORDS = "prepaid, and this cycle's data waits for payment"

COMMAND_WORDS = {CommandKind.COA: "CoA", CommandKind.DISCONNECT: "Disconnect"}

OUTCOME_WORDS = {
    CommandState.SENDING: "sent, no answer yet",
    CommandState.ACK: "acknowledged",
    CommandState.NAK: "refused",
    CommandState.TIMEOUT: "no answer: is the router reachable, its CoA port open, the CoA secret right?",
    CommandState.UNCERTAIN: "unknown: the worker that sent it went away; it is sent anew",
}

# RFC 5176 §3.5 in the words of somebody who has to mend it.
ERROR_CAUSES = {
    201: "the session was gone already",
    202: "an attribute was invalid",
    401: "it doesn't support an attribute we sent",
    402: "it misses an attribute that would tell the session",
    403: "it isn't the router we mean: check the NAS-Identifier",
    404: "it finds the request invalid",
    405: "it doesn't support this kind of request",
    406: "it doesn't support this extension",
    407: "it finds an attribute's value invalid",
    501: "we may not do that: check its list of CoA clients",
    502: "the request can't be routed to it",
    503: "it doesn't know the session: that is gone",
    504: "it can't remove the session",
    505: "a proxy on the way failed",
    506: "it is short of resources; we try again",
    507: "it has begun what was asked for",
    508: "it can't select several sessions at once",
}


def why_words(reasons: Sequence[str], until: str = "", *, waits: bool = False) -> str:
    """Why a line should have what it should; `until` is the clock at the end of its checkout window, and `waits` says that its
    data isn't used up but waits for payment."""
    words = {**REASON_WORDS, Reason.CAPPED: WAITS_WORDS} if waits else REASON_WORDS
    said = "; ".join(words[Reason(reason)] for reason in reasons) or "nothing holds it back"
    return f"{said}, until {until}" if until else said


def error_cause(code: int | None) -> str:
    """What an Error-Cause means; an empty text if there was none."""
    return "" if code is None else ERROR_CAUSES.get(code, f"Error-Cause {code}")


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A time in the provider's zone: only the clock if it is today, else with its date."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b %Y %H:%M}"


def in_full(at: datetime, zone: ZoneInfo) -> str:
    """A date and time, as in `1 Dec 2026 00:00`."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y %H:%M}"


def lasting(span: timedelta) -> str:
    """A length of time in its two largest units, as in `8 d 10 h`, `5 min 2 s`, `12 ms`."""
    seconds = span.total_seconds()
    if seconds < 0:
        return f"-{lasting(-span)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    parts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next(place for place, (amount, _) in enumerate(parts) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount)


def ago(at: datetime, now: datetime) -> str:
    """How long ago, or in how long, beside an absolute time."""
    return f"{lasting(now - at)} ago" if at <= now else f"in {lasting(at - now)}"


def speed(kbps: int | None) -> str:
    """A speed in the unit it is sold in."""
    if kbps is None:
        return "not limited"
    return f"{kbps / 1000:g} Mbit/s" if kbps >= 1000 else f"{kbps} kbit/s"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun, as in `1 session`, `2 sessions`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}".replace(",", "\N{NO-BREAK SPACE}")


class Saying(NamedTuple):
    """How things are said at one moment to one provider: zone, units, and what time it is."""

    zone: ZoneInfo
    units: Units
    currency: str
    now: datetime

    def size(self, size_bytes: int) -> str:
        return format_bytes(size_bytes, self.units)

    def price(self, amount_minor: int) -> str:
        return format_money(amount_minor, self.currency)

    def moment(self, at: datetime) -> str:
        return moment(at, self.zone, self.now)

    def in_full(self, at: datetime) -> str:
        return in_full(at, self.zone)

    def ago(self, at: datetime) -> str:
        return ago(at, self.now)
