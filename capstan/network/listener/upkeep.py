"""What the listener does beside answering: keep its register fresh, write down what it counted, bring lines up to date.

Each is handed to `Chores`; what comes back is given to the two halves on the loop's own thread.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import InterfaceError, OperationalError

from capstan.caps.actions.cap import roll
from capstan.db.beat import Beat
from capstan.metering.actions.arrivals import (
    add_refusals,
    discover_nases,
    note_sources,
    save_samples,
)
from capstan.metering.actions.packet_log import ensure_partitions
from capstan.metering.queries.peers import load_peers, peers_version
from capstan.network.actions.login_failures import add_login_failures
from capstan.network.listener.accounting import Accounting
from capstan.network.listener.authentication import Authentication
from capstan.network.listener.chores import Chores, Connection, Finish
from capstan.network.listener.peers import Directory
from capstan.network.listener.quarantine import Quarantine
from capstan.services.actions.access_due import raise_access_due
from capstan.services.actions.device import learn_mac
from capstan.services.rules import Urgency

_ACTOR = "radius"

# A redial's new session must have reported itself before the old one is seen to be one too many.
_REPLACE_AFTER = timedelta(seconds=10)

_EVERY = {
    "register": 1.0,
    "counts": 1.0,
    "beat": 2.0,
    "samples": 3.0,
    "answers": 5.0,
    "partitions": 3600.0,
}

_LOOK_SECONDS = 0.05  # a busy loop turns thousands of times a second

log = structlog.get_logger()


class Upkeep:
    """Call `run` on every turn of the loop; it does what is due and returns at once. `kind` is that of its sign of life."""

    def __init__(
        self,
        kind: str,
        chores: Chores,
        accounting: Accounting,
        authentication: Authentication,
        quarantine: Quarantine,
        figures: Callable[[], dict[str, float]],
    ) -> None:
        self.is_ready = False  # the register has been read: packets may be judged
        self._chores = chores
        self._accounting = accounting
        self._authentication = authentication
        self._quarantine = quarantine
        self._figures = figures
        self._beat = Beat(kind)
        self._version: tuple[object, ...] | None = None
        self._due = dict.fromkeys(_EVERY, 0.0)
        self._look_at = 0.0

    def run(self, monotonic: float, now: datetime) -> None:
        """Start what is due. Lines and routers that packets wait for don't wait for the clock."""
        self._settle(now)
        if self._accounting.discovered or self._authentication.discovered:
            self._due["register"] = self._look_at = 0.0
        if monotonic < self._look_at:
            return
        self._look_at = monotonic + _LOOK_SECONDS
        for name, due in self._due.items():
            if monotonic >= due and self._chores.is_idle(name):
                self._due[name] = monotonic + _EVERY[name]
                self._start(name, now)

    def finish(self, now: datetime) -> None:
        """The last words, before the chores end."""
        for name in ("register", "counts", "samples"):
            self._start(name, now)
        self._chores.submit("end", lambda _conn: self._beat.stop())

    def _start(self, name: str, now: datetime) -> None:
        match name:
            case "register":
                self._register(now)
            case "counts":
                self._counts(now)
            case "beat":
                self._chores.submit(name, partial(self._tick, now, self._figures()))
            case "samples":
                samples, self._accounting.samples = self._accounting.samples, []
                if samples:
                    self._chores.submit(name, lambda conn: save_samples(conn, samples))
            case "answers":
                self._authentication.answers.turn()
            case "partitions":
                self._chores.submit(name, lambda conn: ignore(ensure_partitions(conn, now=now)))

    def _tick(self, now: datetime, figures: dict[str, float], _conn: Connection) -> None:
        self._beat.tick(now, figures)

    def _register(self, now: datetime) -> None:
        """Enter new routers, note moved ones, and read the register again when it has changed."""
        found = self._accounting.discovered | self._authentication.discovered
        sources, self._accounting.sources = self._accounting.sources, {}
        self._accounting.discovered, self._authentication.discovered = set(), set()

        def chore(conn: Connection) -> Finish | None:
            if found:
                discover_nases(conn, found, now=now)
            if sources:
                note_sources(conn, sources)
            version = peers_version(conn)
            if version == self._version:
                return None
            directory = Directory(load_peers(conn))
            return partial(self._swap, directory, version, now)

        self._chores.submit("register", chore)

    def _swap(self, directory: Directory, version: tuple[object, ...], now: datetime) -> None:
        self._version = version
        self._accounting.directory = self._authentication.directory = directory
        self.is_ready = True
        self._accounting.unpark()
        self._authentication.unpark(now)

    def _counts(self, now: datetime) -> None:
        refusals, failures = self._quarantine.take(), self._authentication.failures.take()
        replaced, self._authentication.replaced = self._authentication.replaced, set()
        if not (refusals or failures or replaced):
            return

        def chore(conn: Connection) -> None:
            with conn.transaction():
                add_refusals(conn, refusals)
                add_login_failures(conn, failures)
            if replaced:
                raise_access_due(
                    replaced,
                    cause="a redial took its place",
                    now=now,
                    due_at=now + _REPLACE_AFTER,
                    urgency=Urgency.USAGE,
                )

        self._chores.submit("counts", chore)

    def _settle(self, now: datetime) -> None:
        """Bring lines up to date, and let them learn their device, whose logins wait for it."""
        half = self._authentication
        if not (half.unsettled or half.learning) or not self._chores.is_idle("settle"):
            return
        unsettled, half.unsettled = half.unsettled, set()
        learning, half.learning = half.learning, {}

        def chore(_conn: Connection) -> Finish:
            for service_id in sorted(unsettled):
                attempt("bring up to date", service_id, partial(roll, service_id, now=now))
            for service_id, mac in sorted(learning.items()):
                learn = partial(learn_mac, service_id=service_id, mac_address=mac, actor=_ACTOR, now=now)
                attempt("learn its device", service_id, learn)
            return partial(half.settled, unsettled | learning.keys())

        self._chores.submit("settle", chore)


def attempt(what: str, service_id: int, do: Callable[[], object]) -> None:
    """Do it for one line; a line that it fails for is decided as it stands, and staff find why in the log.

    Raises Django's OperationalError and InterfaceError: a database that is away is waited for.
    """
    try:
        do()
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("a line can't be brought up to date for its login", what=what, service=service_id)


def ignore(_result: object) -> None:
    """A chore's result that the loop has no use for."""
