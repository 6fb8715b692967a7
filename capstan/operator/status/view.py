"""The state of the installation on one screen:

what needs a person on top, then what is up, waits, failed, and how much.
"""

from datetime import timedelta

from capstan.network.rules.words import CommandState
from capstan.operator.layout import Page
from capstan.operator.status.facts import GONE, DueFacts, RefusalFacts, Status, troubles
from capstan.operator.terminal import painted
from capstan.operator.words import Saying, count, lasting

_COMMAND_WORDS = {
    GONE: "for sessions that had ended",
    CommandState.ACK.value: "acknowledged",
    CommandState.NAK.value: "refused",
    CommandState.TIMEOUT.value: "unanswered",
    CommandState.SENDING.value: "on their way",
    CommandState.UNCERTAIN.value: "uncertain",
}


def page_of(status: Status, say: Saying) -> str:
    """The whole screen."""
    page = Page()
    _top(page, status, say)
    page.section("PROCESSES")
    rows = [
        (
            one.kind,
            "up" if one.is_up else "DEAD",
            f"{one.host}/{one.pid}",
            f"since {say.moment(one.started_at)}",
            one.note if one.is_up else f"last sign of life {say.ago(one.beat_at)}; it didn't stop by itself",
        )
        for one in status.processes
    ]
    page.table(("kind", "state", "host/pid", "", ""), rows)
    if not rows:
        page.line("none has run within the last hour")
    _waiting(page, status, say)
    _failed(page, status, say)
    _lines(page, status)
    return page.text()


def _top(page: Page, status: Status, say: Saying) -> None:
    found = troubles(status)
    lag = lasting(timedelta(seconds=status.meter.lag_seconds)) if status.meter.waiting_records else "0 s"
    word = count(len(found), "thing needs", "things need") + " you" if found else "All is well"
    sign = "\N{BLACK SQUARE}" if found else "\N{BLACK CIRCLE}"
    colour = "red" if found else "green"
    page.lines.append(
        f"{painted(f'{sign} {word}', colour)} \N{EN DASH} meter {lag} behind   as of {say.in_full(say.now)}"
    )
    page.lines += [f"  {number}. {sentence}" for number, sentence in enumerate(found, start=1)]


def _waiting(page: Page, status: Status, say: Saying) -> None:
    page.section("WAITS")
    records = count(status.meter.waiting_records, "record")
    page.pair("Meter", f"{records} in the packet log, the oldest {status.meter.lag_seconds:.1f} s old")
    page.pair("Enforcement", _due(status.access_due, "line", say))
    page.pair("Caps to roll", _due(status.rolls_due, "service", say))
    page.pair("Cycles to seal", _due(status.seals_due, "cycle", say))


def _due(facts: DueFacts, noun: str, say: Saying) -> str:
    oldest = f", the oldest for {lasting(say.now - facts.oldest_due_at)}" if facts.oldest_due_at else ""
    later = f"; {facts.later} later" if facts.later else ""
    return f"{count(facts.due, noun)} due{oldest}{later}"


def _failed(page: Page, status: Status, say: Saying) -> None:
    page.section("FAILED")
    words = ", ".join(f"{number} {_COMMAND_WORDS[state]}" for state, number in status.commands.items())
    page.pair("Commands", f"{words} in the last hour" if words else "none sent in the last hour")
    if status.failing_lines or status.silent_routers:
        lines, routers = count(status.failing_lines, "line"), count(status.silent_routers, "router")
        page.pair("", f"{lines} retried, {routers} left alone for not answering")
    faults = ", ".join(f"{number} {kind}" for kind, number in status.faults.items())
    page.pair("Faults", f"{faults} open: capstan fault list" if faults else "none open")
    _refusals(page, "Quarantine", status.quarantine, "nothing was refused in the last day", say)
    _refusals(page, "Logins", status.failures, "none refused in the last hour", say)


def _refusals(page: Page, label: str, refusals: list[RefusalFacts], none: str, say: Saying) -> None:
    if not refusals:
        page.pair(label, none)
    for place, one in enumerate(refusals):
        times = f"{one.count}\N{MULTIPLICATION SIGN}"
        page.pair(
            "" if place else label, f"{times} {one.reason} ({one.where}, last {say.moment(one.last_at)})"
        )


def _lines(page: Page, status: Status) -> None:
    page.section("LINES")
    services = ", ".join(f"{number} {word}" for word, number in status.services.items())
    page.pair("Services", services or "none yet: capstan load FILE enters them")
    caps = ", ".join(f"{number} {state}" for state, number in status.caps.items())
    page.pair("Caps", caps or "none opened yet")
    page.pair("Sessions", f"{status.sessions['live']} live, {status.sessions['stale']} stale")
    routers = count(status.routers, "router")
    page.pair(
        "Routers",
        f"{routers}, {status.observed_routers} only observed, {len(status.discovered)} not entered yet",
    )
