"""An explanation as a page of text:

the answer on top, then why, then the evidence. Every line says what happens next.
"""

from capstan.catalog.queries import Offer
from capstan.network.rules.line_state import STATE_WORDS, LineState
from capstan.network.rules.words import AccessKind, CommandKind, CommandState
from capstan.operator.explain.collect import HANDS_OFF, OTHER
from capstan.operator.explain.facts import (
    CommandFacts,
    Explanation,
    FailureFacts,
    FaultFacts,
    SessionFacts,
    UnknownLine,
)
from capstan.operator.layout import Page
from capstan.operator.meter import add_meter, headline
from capstan.operator.packets import PacketFacts
from capstan.operator.terminal import painted
from capstan.operator.words import (
    ACCESS_WORDS,
    COMMAND_WORDS,
    OUTCOME_WORDS,
    Saying,
    count,
    error_cause,
    lasting,
    speed,
    why_words,
)
from capstan.services.rules import LoginBy, MacLock

_SIGNS = {
    LineState.OPEN: ("\N{BLACK CIRCLE}", "green"),
    LineState.THROTTLED: ("\N{CIRCLE WITH LEFT HALF BLACK}", "amber"),
    LineState.WALLED: ("\N{BLACK UP-POINTING TRIANGLE}", "orange"),
    LineState.BLOCKED: ("\N{BLACK SQUARE}", "red"),
    LineState.WRONG_DEVICE: ("\N{BLACK SQUARE}", "red"),
    LineState.SUSPENDED: ("\N{BLACK DIAMOND}", "violet"),
    LineState.ENDED: ("\N{BLACK DIAMOND}", "grey"),
    LineState.UNKNOWN: ("\N{WHITE CIRCLE}", "grey"),
}

_NEXT_STEPS = {
    "none": "nothing is to be sent",
    "coa": "a CoA will bring it there",
    "disconnect": "a disconnect will bring it there at its next login",
    HANDS_OFF: "its router is only observed, so Capstan leaves it alone",
}


def page_of(explanation: Explanation, say: Saying) -> str:
    """The whole page."""
    page = Page()
    _top(page, explanation, say)
    _line(page, explanation, say)
    page.section("DATA")
    if explanation.cap is None:
        page.line(
            "Metering of this line hasn't begun: no cap row. `capstan load` opens one for the services it enters."
        )
    else:
        add_meter(page, explanation.cap, say)
        _offers(page, explanation.offers, say)
    _access(page, explanation, say)
    _commands(page, explanation.commands, say)
    _packets(page, explanation.packets, say)
    _failures(page, explanation.failures, say)
    _faults(page, explanation.faults, say)
    if explanation.quarantine:
        page.section("NOT ACCEPTED FROM ITS ROUTER'S ADDRESS")
        for row in explanation.quarantine:
            times = count(row.count, "packet")
            page.line(
                f"{row.reason} ({times} to the {row.port} port from {row.source}, last {say.moment(row.last_at)})"
            )
    return page.text()


def unknown_page(unknown: UnknownLine, say: Saying) -> str:
    """What there is about a username that no service has."""
    page = Page()
    page.lines.append(f"There is no service with the username {unknown.username!r}.")
    if unknown.similar:
        page.line(f"Perhaps you mean: {', '.join(unknown.similar)}")
    _failures(page, unknown.failures, say)
    if unknown.sessions:
        page.section("SESSIONS OF THIS NAME")
        for session in unknown.sessions:
            up, down = say.size(session.bytes_up), say.size(session.bytes_down)
            page.line(
                f"session {session.session_id} on {session.router}: {up} up, {down} down, kept but nobody's"
            )
        page.line("Give one to a service: capstan session assign ID USERNAME --reason …")
    _faults(page, unknown.faults, say)
    return page.text()


_AT_ITS_CAP = (LineState.THROTTLED, LineState.WALLED, LineState.BLOCKED)


def _top(page: Page, explanation: Explanation, say: Saying) -> None:
    sign, colour = _SIGNS[explanation.state]
    words = STATE_WORDS[explanation.state]
    if explanation.cap is not None and explanation.cap.waits and explanation.state in _AT_ITS_CAP:
        words = "Waits for payment"
    data = f" \N{EN DASH} {headline(explanation.cap, say)}" if explanation.cap else ""
    page.lines.append(f"{explanation.line.username}   as of {say.in_full(say.now)} {say.zone.key}")
    live = [session for session in explanation.sessions if session.state == "live"]
    if explanation.state == LineState.OPEN and not live:
        sign, colour, words = "\N{WHITE CIRCLE}", "grey", "Offline, will be online at its next login"
    page.lines.append(painted(f"{sign} {words}", colour) + data)


def _line(page: Page, explanation: Explanation, say: Saying) -> None:
    line = explanation.line
    page.section("LINE")
    page.pair("Customer", f"{line.account_code} {line.customer}")
    page.pair("Service", f"#{line.service_id}, {line.status}, {line.standing}, {line.connection_type}")
    page.pair("Package", f"{line.package}, active since {say.in_full(line.activated_at)}")
    if line.next_package_at:
        page.pair("", f"{line.next_package} from {say.in_full(line.next_package_at)}")
    page.pair("Device", device_words(line.login_by, line.mac_lock, line.mac_address))
    page.pair(
        "Sessions",
        "any number at once" if not line.session_limit else f"at most {line.session_limit} at once",
    )
    for name, held in line.addresses.items():
        page.pair(name.replace("_", " ").replace("ipv", "IPv"), held)


def _offers(page: Page, offers: list[Offer], say: Saying) -> None:
    """What the customer can buy, cheapest per byte first, as the menu of an SMS names it."""
    ranked = sorted(offers, key=lambda offer: (offer.price_minor / offer.size_bytes, offer.letter))
    menu = [f"{offer.letter} {say.size(offer.size_bytes)} {say.price(offer.price_minor)}" for offer in ranked]
    if menu:
        page.pair("Top-ups", " \N{MIDDLE DOT} ".join(menu) + ", VAT included")


def device_words(login_by: str, mac_lock: str, mac_address: str) -> str:
    """Which device may use the line."""
    mac_address = "-".join(mac_address[at : at + 2] for at in range(0, len(mac_address), 2))
    if login_by == LoginBy.MAC:
        return f"logs in by its MAC address {mac_address}, without a password"
    if mac_lock == MacLock.LOCKED:
        return f"only {mac_address} may use the line"
    return "the next one that logs in is learnt" if mac_lock == MacLock.LEARN else "any"


# --- access -----------------------------------------------------------------------------------------------


def _access(page: Page, explanation: Explanation, say: Saying) -> None:
    page.section("ACCESS")
    should = explanation.should
    if should is not None:
        rates = f"{speed(should.rate_down_kbps)} down, {speed(should.rate_up_kbps)} up"
        kind = ACCESS_WORDS[AccessKind(should.kind)]
        shown = kind if should.kind in (AccessKind.WALLED, AccessKind.BLOCKED) else f"{kind}, {rates}"
        until = say.moment(should.checkout_until) if should.checkout_until else ""
        waits = explanation.cap is not None and explanation.cap.waits
        why = why_words(should.reasons, until, waits=waits)
        page.pair("Should have", f"{shown}: {why}")
    for session in explanation.sessions:
        _session(page, session, say)
    if not explanation.sessions:
        ended = explanation.last_session_ended_at
        last = (
            f"the last one was heard of {say.moment(ended)} ({say.ago(ended)})"
            if ended
            else "there never was one"
        )
        page.pair("Sessions", f"none is open, {last}; it gets this access when it logs in")
    if due := explanation.due:
        tries = f", after {count(due.attempts, 'failed attempt')}" if due.attempts else ""
        held = due.held_until is not None and due.held_until > say.now
        when = f"will look at it {say.moment(due.due_at)} ({say.ago(due.due_at)})"
        if held:
            when = "is at it now"
        elif due.due_at <= say.now:
            when = f"due {say.ago(due.due_at)}: a worker does it within a second, see `capstan status`"
        page.pair("Enforcement", f"{when}{tries}; cause: {due.cause}")


def _session(page: Page, session: SessionFacts, say: Saying) -> None:
    page.line(f"Session {session.session_id} on {session.router} ({session.vendor})")
    heard = f"last packet {say.moment(session.last_seen_at)} ({say.ago(session.last_seen_at)})"
    silent = (
        "; STALE: its router has missed interims, the next packet revives it"
        if session.state == "stale"
        else ""
    )
    page.pair("  since", f"{say.moment(session.started_at)}, {heard}{silent}")
    moved = f"{say.size(session.bytes_down)} down, {say.size(session.bytes_up)} up"
    place = ", ".join(filter(None, (session.framed_ip, session.calling_station, session.port)))
    page.pair("  moved", f"{moved}" + (f" \N{MIDDLE DOT} {place}" if place else ""))
    page.pair("  has", has_words(session, say))
    page.pair("  next", next_words(session))


def has_words(session: SessionFacts, say: Saying) -> str:
    """The access that a session has, as far as we know."""
    if not session.has:
        return "unknown: its router told us nothing, which counts as different from what it should have"
    kind = "an access of earlier terms" if session.has == OTHER else ACCESS_WORDS[AccessKind(session.has)]
    limit = f", cut by the router at {say.size(session.limit_bytes)}" if session.limit_bytes else ""
    confirmed = f"confirmed {say.moment(session.confirmed_at)}" if session.confirmed_at else "not confirmed"
    proved = (
        f", proved by a packet {say.moment(session.proved_at)}" if session.proved_at else ", not proved yet"
    )
    return f"{kind}{limit}; {confirmed}{proved}"


def next_words(session: SessionFacts) -> str:
    """What is going to be sent for a session."""
    if session.state == "stale":
        return "nothing is sent to a session that isn't heard of"
    if session.next_step == "none":
        if session.has_right_access:
            return "nothing: it has what it should"
        return "nothing: it was disconnected, or its router refuses CoA and a drop isn't worth it"
    return _NEXT_STEPS[session.next_step]


# --- evidence ---------------------------------------------------------------------------------------------


def _commands(page: Page, commands: list[CommandFacts], say: Saying) -> None:
    page.section("LAST COMMANDS TO ROUTERS")
    if not commands:
        page.line("none was sent: what its logins brought was enough so far")
    for command in commands:
        aim = (
            ""
            if command.kind == CommandKind.DISCONNECT
            else f" to {ACCESS_WORDS[AccessKind(command.access)]}"
        )
        what = f"{COMMAND_WORDS[CommandKind(command.kind)]}{aim} for session {command.session_id} on {command.router}"
        page.line(
            f"{say.moment(command.sent_at)}  {what}: {outcome_of(command, say)}; cause: {command.cause}"
        )


def outcome_of(command: CommandFacts, say: Saying) -> str:
    """A command's outcome in words."""
    words = OUTCOME_WORDS[CommandState(command.state)]
    if command.state == CommandState.ACK and command.answered_at:
        words += f" after {lasting(command.answered_at - command.sent_at)}"
        if command.kind == CommandKind.COA:
            words += f", proved {say.moment(command.proved_at)}" if command.proved_at else ", not proved yet"
    why = error_cause(command.error_cause) or command.detail
    return f"{words}, {why}" if why and command.state == CommandState.NAK else words


def _packets(page: Page, packets: list[PacketFacts], say: Saying) -> None:
    page.section("LAST ACCOUNTING PACKETS")
    rows = [
        (
            say.moment(packet.received_at),
            packet.status,
            lasting_seconds(packet.seconds),
            say.size(packet.bytes_down),
            say.size(packet.bytes_up),
            dict(packet.attributes).get("Acct-Terminate-Cause", ""),
        )
        for packet in packets
    ]
    page.table(("received", "type", "session time", "down", "up", "cause"), rows, right=(2, 3, 4))
    if not rows:
        page.line("none in the packet log: the line hasn't been online since the log's oldest day")


def lasting_seconds(seconds: int) -> str:
    """A session time as `1:02:03`."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _failures(page: Page, failures: list[FailureFacts], say: Saying) -> None:
    page.section("LAST LOGIN FAILURES")
    for failure in failures:
        by = ", ".join(filter(None, (failure.router, failure.calling_station)))
        times = f", {failure.count} times in that hour" if failure.count > 1 else ""
        page.line(
            f"{say.moment(failure.last_at)}  {failure.reason}" + (f" ({by}{times})" if by or times else "")
        )
    if not failures:
        page.line("none")


def _faults(page: Page, faults: list[FaultFacts], say: Saying) -> None:
    if not faults:
        return
    page.section("USAGE HELD APART")
    for fault in faults:
        held = f"{say.size(fault.held_bytes)} held" if fault.held_bytes else "nothing held"
        times = count(fault.packets, "packet")
        page.line(
            f"fault {fault.fault_id}, {fault.kind}, last {say.moment(fault.last_at)}, {times}, {held}: {fault.detail}"
        )
    page.line(
        "Count it: capstan fault release ID --reason … \N{MIDDLE DOT} drop it: capstan fault dismiss ID --reason …"
    )
