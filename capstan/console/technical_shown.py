"""Technical support in tables: sessions, commands, refused logins, faults, packets that were not accepted."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.conf import settings
from django.utils.safestring import SafeString

from capstan.metering.models import RadiusSession
from capstan.metering.rules.state import CAUSE_DECIDED, CAUSE_SILENT
from capstan.network.radius.avp import Avp
from capstan.network.radius.dictionary import describe
from capstan.network.rules.words import AccessKind, CommandKind, CommandState
from capstan.operator.explain.facts import (
    AccessFacts,
    CommandFacts,
    DueFacts,
    FailureFacts,
    FaultFacts,
    LineFacts,
    QuarantineFacts,
    SessionFacts,
)
from capstan.operator.explain.view import device_words, has_words, next_words, outcome_of
from capstan.operator.words import ACCESS_WORDS, COMMAND_WORDS, Saying, count, lasting, speed, why_words
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table

_TERMINATE_CAUSE = 49  # Acct-Terminate-Cause (RFC 2866 §5.10)
_OUR_CAUSES = {
    0: "no cause given",
    CAUSE_SILENT: "went silent",
    CAUSE_DECIDED: "closed by staff, or unknown to its router",
}

_OUTCOMES = {
    CommandState.SENDING: (Tone.NEWS, "send"),
    CommandState.ACK: (Tone.GOOD, "check"),
    CommandState.NAK: (Tone.BAD, "x"),
    CommandState.TIMEOUT: (Tone.SLOW, "hourglass"),
    CommandState.UNCERTAIN: (Tone.SLOW, "user-question"),
}
_OUTCOME_BADGES = {
    CommandState.SENDING: "Sent",
    CommandState.ACK: "ACK",
    CommandState.NAK: "NAK",
    CommandState.TIMEOUT: "No answer",
    CommandState.UNCERTAIN: "Uncertain",
}


# --- access ----------------------------------------------------------------------------------------------


def should_words(should: AccessFacts | None, *, waits: bool = False) -> str:
    """What the line should have, and why."""
    if should is None:
        return "unknown: its metering hasn't begun"
    kind = ACCESS_WORDS[AccessKind(should.kind)]
    rates = f"{speed(should.rate_down_kbps)} down, {speed(should.rate_up_kbps)} up"
    shown = kind if should.kind in (AccessKind.WALLED, AccessKind.BLOCKED) else f"{kind}, {rates}"
    until = settings.FORMATS.clock(should.checkout_until) if should.checkout_until else ""
    why = why_words(should.reasons, until, waits=waits)
    return f"{shown}: {why}"


def due_words(due: DueFacts | None, say: Saying) -> str:
    """When enforcement looks at the line next."""
    if due is None:
        return "nothing is due: it is compared again with the next packet"
    tries = f", after {count(due.attempts, 'failed attempt')}" if due.attempts else ""
    if due.held_until is not None and due.held_until > say.now:
        return f"a worker is at it now{tries}; cause: {due.cause}"
    when = (
        f"due {say.ago(due.due_at)}: a worker does it within a second"
        if due.due_at <= say.now
        else f"will look at it {say.moment(due.due_at)} ({say.ago(due.due_at)})"
    )
    return f"{when}{tries}; cause: {due.cause}"


class SessionCard(NamedTuple):
    """An open session; `close_command` is what staff type to close it."""

    facts: SessionFacts
    badge: SafeString
    pairs: list[tuple[str, object]]
    close_command: str


def session_cards(sessions: Iterable[SessionFacts], say: Saying) -> list[SessionCard]:
    return [
        SessionCard(
            one,
            _match_badge(one),
            _session_pairs(one, say),
            f'capstan session close {one.session_id} --reason ""',
        )
        for one in sessions
    ]


def _match_badge(session: SessionFacts) -> SafeString:
    if session.state == "stale":
        return badge("Stale", Tone.SLOW, "clock")
    if session.has_right_access is None:
        return badge("Unknown access", Tone.QUIET, "circle-dashed")
    if session.has_right_access:
        return badge("Has what it should", Tone.GOOD, "circle-check")
    return badge("Differs", Tone.BAD, "alert-triangle")


def _session_pairs(session: SessionFacts, say: Saying) -> list[tuple[str, object]]:
    heard = f"{say.moment(session.last_seen_at)} ({say.ago(session.last_seen_at)})"
    pairs: list[tuple[str, object]] = [
        ("Since", f"{say.moment(session.started_at)} ({say.ago(session.started_at)})"),
        ("Last packet", heard + (": its router has missed interims" if session.state == "stale" else "")),
        ("Moved", f"{say.size(session.bytes_down)} down, {say.size(session.bytes_up)} up"),
        ("Address", session.framed_ip),
        ("Device", session.calling_station),
        ("Port", session.port),
        ("Has", has_words(session, say)),
        ("Next", next_words(session)),
    ]
    return [(term, fact) for term, fact in pairs if fact]


def line_facts(line: LineFacts, say: Saying) -> list[tuple[str, object]]:
    """How the line logs in and what it gets, as (term, fact)."""
    limit = "any number at once" if not line.session_limit else f"at most {line.session_limit} at once"
    pairs: list[tuple[str, object]] = [
        ("Status", f"{line.status}, {line.standing}, {line.connection_type}"),
        ("Active since", say.in_full(line.activated_at)),
        ("Device", device_words(line.login_by, line.mac_lock, line.mac_address)),
        ("Sessions", limit),
    ]
    pairs += [
        (name.replace("_", " ").replace("ipv", "IPv").capitalize().replace("Ipv", "IPv"), held)
        for name, held in line.addresses.items()
    ]
    return pairs


# --- sessions that are over ------------------------------------------------------------------------------

_PAST_COLUMNS = (
    Column("Began", Place.LEAD),
    Column("Lasted", Place.NOTE),
    Column("Router"),
    Column("Address"),
    Column("Device"),
    Column("Down", Place.AMOUNT, is_number=True),
    Column("Up", is_number=True),
    Column("Ended", Place.STATE),
)


def past_sessions(sessions: Sequence[RadiusSession], packets_url: str) -> Table:
    """Closed sessions; each leads to its packets."""
    nothing = Empty("No past sessions", "The line hasn't been online and gone again since sessions are kept.")
    rows = tuple(_past_row(one, packets_url) for one in sessions)
    return Table("Past sessions, the newest first", _PAST_COLUMNS, rows, nothing)


def _past_row(session: RadiusSession, packets_url: str) -> Row:
    formats = settings.FORMATS
    ended = session.stopped_at or session.last_seen_at
    cells = (
        formats.moment(session.started_at), lasting(ended - session.started_at), session.nas.name,
        session.framed_ip or session.framed_ipv6 or "–", session.calling_station or "–",
        formats.size(session.bytes_down), formats.size(session.bytes_up),
        ended_by(session.terminate_cause),
    )  # fmt: skip
    return Row(cells, f"{packets_url}?session={session.pk}#packets")


def ended_by(cause: int) -> str:
    """Why a session ended, in the dictionary's words."""
    return _OUR_CAUSES.get(cause) or describe(Avp(0, _TERMINATE_CAUSE, cause.to_bytes(4, "big")))[1]


# --- what was told to routers, and what was refused ---------------------------------------------------------

_COMMAND_COLUMNS = (
    Column("Command", Place.LEAD),
    Column("Sent", Place.NOTE),
    Column("Router, session"),
    Column("Cause"),
    Column("Outcome in words"),
    Column("Outcome", Place.STATE),
)


def commands_table(commands: Sequence[CommandFacts], say: Saying) -> Table:
    nothing = Empty("No commands", "None was sent: what its logins brought was enough so far.")
    rows = tuple(_command_row(one, say) for one in commands)
    return Table("Last commands to routers, the newest first", _COMMAND_COLUMNS, rows, nothing)


def _command_row(command: CommandFacts, say: Saying) -> Row:
    kind = COMMAND_WORDS[CommandKind(command.kind)]
    aim = "" if command.kind == CommandKind.DISCONNECT else f" to {ACCESS_WORDS[AccessKind(command.access)]}"
    state = CommandState(command.state)
    code = f" ({command.error_cause})" if command.error_cause is not None else ""
    cells = (
        f"{kind}{aim}", say.moment(command.sent_at), f"{command.router}, {command.session_id}", command.cause,
        outcome_of(command, say) + code, badge(_OUTCOME_BADGES[state], *_OUTCOMES[state]),
    )  # fmt: skip
    return Row(cells)


_FAILURE_COLUMNS = (
    Column("Why", Place.LEAD),
    Column("Last", Place.NOTE),
    Column("Router"),
    Column("Device"),
    Column("Times in that hour", Place.AMOUNT, is_number=True),
)


def failures_table(failures: Sequence[FailureFacts], say: Saying) -> Table:
    nothing = Empty("No refused logins", "Every login of this line was let in since refusals are kept.")
    rows = tuple(
        Row(
            (
                one.reason,
                say.moment(one.last_at),
                one.router or "–",
                one.calling_station or "–",
                str(one.count),
            )
        )
        for one in failures
    )
    return Table("Refused logins, the newest first", _FAILURE_COLUMNS, rows, nothing)


class FaultCard(NamedTuple):
    """Usage that is held apart, and the two commands that decide on it."""

    words: str
    release: str
    dismiss: str


def fault_cards(faults: Iterable[FaultFacts], say: Saying) -> list[FaultCard]:
    return [
        FaultCard(
            f"Fault {one.fault_id}, {one.kind}, last {say.moment(one.last_at)}, {count(one.packets, 'packet')}, "
            f"{say.size(one.held_bytes) + ' held' if one.held_bytes else 'nothing held'}: {one.detail}",
            f'capstan fault release {one.fault_id} --reason ""',
            f'capstan fault dismiss {one.fault_id} --reason ""',
        )
        for one in faults
    ]


_QUARANTINE_COLUMNS = (
    Column("Why", Place.LEAD),
    Column("Last", Place.NOTE),
    Column("From"),
    Column("Port"),
    Column("Packets", Place.AMOUNT, is_number=True),
)


def quarantine_table(rows: Sequence[QuarantineFacts], say: Saying) -> Table:
    nothing = Empty(
        "Nothing was turned away", "Every packet from its router's address was accepted within a day."
    )
    shown = tuple(
        Row((one.reason, say.moment(one.last_at), one.source, one.port, str(one.count))) for one in rows
    )
    return Table(
        "Packets from the address of the line's router that were not accepted",
        _QUARANTINE_COLUMNS,
        shown,
        nothing,
    )
