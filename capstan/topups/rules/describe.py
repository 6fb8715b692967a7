"""Top-ups in words: on the invoice, on the page, in progress. Free of storage."""

from datetime import datetime
from typing import NamedTuple

from capstan.topups.rules.words import Channel, OrderState, Restore
from capstan.values.formats import Formats

CHANNEL_WORDS = {
    Channel.SMS: "by SMS",
    Channel.WEBSITE: "on the website",
    Channel.AGENT: "by the call centre",
    Channel.PORTAL: "in the portal",
    Channel.AUTO: "automatically",
    Channel.API: "through the API",
}

STATE_WORDS = {
    OrderState.REQUESTED: "Requested",
    OrderState.AWAITING_AUTHORISATION: "Waits for authorisation",
    OrderState.AWAITING_PAYMENT: "Waits for payment",
    OrderState.GRANTED: "Added",
    OrderState.CONFIRMED: "Added, line restored",
    OrderState.PROVED: "Added, line in use",
    OrderState.REFUSED: "Refused",
    OrderState.REVERSED: "Taken back",
    OrderState.EXPIRED: "Expired",
}

_SLOW_AFTER_SECONDS = 20


def invoice_line(
    size_bytes: int, username: str, channel: Channel, requested_by: str, actor_name: str, formats: Formats
) -> str:
    """The charge's text: what, for which line, who asked, and who did it if that was somebody else."""
    by = f", added by {actor_name}" if channel == Channel.AGENT else ""
    asked = f" for {requested_by}" if requested_by else ""
    return f"Top-up {formats.size(size_bytes)} on {username}, ordered {CHANNEL_WORDS[channel]}{asked}{by}"


class Step(NamedTuple):
    """One step of a top-up in progress; `state` is done, now, todo or failed."""

    word: str
    at: datetime | None
    state: str


class Progress(NamedTuple):
    """A top-up in progress: four steps, the answer in words, and what to do if it takes long."""

    steps: tuple[Step, ...]
    headline: str
    hint: str
    is_final: bool
    seconds: float | None


class Facts(NamedTuple):
    """What progress is told from."""

    state: OrderState
    restore: Restore | None
    created_at: datetime
    granted_at: datetime | None
    confirmed_at: datetime | None
    proved_at: datetime | None
    refused_because: str
    waits_until: datetime | None


def progress(facts: Facts, now: datetime, formats: Formats) -> Progress:
    """The four-step line of an order, as it stands now."""
    times = {
        "Ordered": facts.created_at,
        "Added": facts.granted_at,
        "Confirmed": facts.confirmed_at,
        "Proved": facts.proved_at,
    }
    is_open = facts.state not in (OrderState.REFUSED, OrderState.EXPIRED, OrderState.REVERSED)
    steps: list[Step] = []
    for word, at in times.items():
        first_missing = at is None and all(step.state == "done" for step in steps)
        state = "done" if at else ("now" if is_open else "failed") if first_missing else "todo"
        steps.append(Step(word, at, state))
    headline, hint = _words(facts, now, formats)
    seconds = _restored_in(facts)
    is_final = not is_open or facts.proved_at is not None
    return Progress(tuple(steps), headline, hint, is_final, seconds)


def _words(facts: Facts, now: datetime, formats: Formats) -> tuple[str, str]:
    """Headline and hint."""
    match facts.state:
        case OrderState.REFUSED:
            return "Nothing was added", facts.refused_because
        case OrderState.EXPIRED:
            return "Nothing was added", "The order waited too long and has expired. Please order again."
        case OrderState.REVERSED:
            return "This top-up was taken back", ""
        case OrderState.AWAITING_AUTHORISATION | OrderState.AWAITING_PAYMENT:
            until = f" It waits until {formats.moment(facts.waits_until)}." if facts.waits_until else ""
            if facts.state == OrderState.AWAITING_PAYMENT:
                return "Waiting for payment", f"The data is added as soon as it is paid.{until}"
            return "Waiting for authorisation", f"The data is added as soon as that is given.{until}"
        case OrderState.REQUESTED:
            return "Ordered", ""
    return _restoring(facts, now)


def _restoring(facts: Facts, now: datetime) -> tuple[str, str]:
    """The data is in: what of the line?"""
    if facts.restore == Restore.ALREADY_OPEN:
        return "Added – the line was online all along", ""
    if facts.confirmed_at is not None:
        if facts.restore == Restore.AT_LOGIN:
            return "Online again since its next login", ""
        return f"Back online – {_span(_restored_in(facts) or 0)}", ""
    if facts.restore == Restore.NEXT_LOGIN:
        return (
            "Added – the line comes up at its next login",
            "Nobody is connected at the moment: it works as soon as you connect again.",
        )
    assert facts.granted_at is not None
    if (now - facts.granted_at).total_seconds() < _SLOW_AFTER_SECONDS:
        return "Added – restoring the line", "The connection is briefly reset, then it is back."
    return (
        "Added – the line isn't back yet",
        "The router hasn't answered; the line is being reset. Switch the router off and on again.",
    )


def in_the_past(shown: Progress, restore: Restore | None, at: str) -> Progress:
    """The same of a line that came back at this time and has got another state since."""
    if shown.seconds is None or restore == Restore.ALREADY_OPEN:
        return shown
    if restore == Restore.AT_LOGIN:
        return shown._replace(headline=f"Was online again at {at}", hint="")
    return shown._replace(headline=f"Was back online at {at}, after {_span(shown.seconds)}", hint="")


def _restored_in(facts: Facts) -> float | None:
    """From the moment when the data was added: what an order waited for before isn't the line's time."""
    if facts.confirmed_at is None or facts.granted_at is None:
        return None
    return (facts.confirmed_at - facts.granted_at).total_seconds()


def _span(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
