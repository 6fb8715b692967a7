"""What the gateway remembers: payments, stored cards, notifications. With a folder it survives a restart.

The folder holds one file of JSON lines; each line is a record as it now is, and the last one of an id counts.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from capstan.values import clock

FILE = "gateway.jsonl"


@dataclass
class Payment:
    """`fields`: the checkout form, or the API call. `asked` and `gross`, what was really paid, are cents."""

    key: str
    fields: dict[str, str]
    asked: int
    pf_payment_id: str
    state: str = "open"  # open, COMPLETE, CANCELLED
    gross: int = 0
    refunded: int = 0
    token: str = ""
    at: str = ""  # ISO 8601, UTC, when it was paid


@dataclass
class Card:
    """A stored card. `fields` are those of the payment that stored it: later charges have no notify_url of their own."""

    key: str
    last_digits: str
    fields: dict[str, str]
    declines: bool = False


@dataclass
class Notice:
    """A notification. `attempts`: the HTTP status of each, 0 for no answer. `shown`: as it truly is, it was sent.

    `state`: waiting, delivered, lost. `fault` spoils its first attempt; `then` is sent when it is delivered.
    """

    key: str
    url: str
    pairs: list[tuple[str, str]]
    fault: str = ""
    delay: float = 0.0
    state: str = "waiting"
    shown: bool = False
    attempts: list[int] = field(default_factory=list)
    then: list[tuple[str, str]] = field(default_factory=list)


Record = Payment | Card | Notice


class Book:
    """All records by kind and key. Hold `changed` while several must agree; it is notified of every change."""

    def __init__(self, folder: Path | None) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.payments: dict[str, Payment] = {}
        self.cards: dict[str, Card] = {}
        self.notices: dict[str, Notice] = {}
        self._number = int(clock.now().timestamp() * 1000)  # so that no restart gives a number twice
        self._file: IO[str] | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._load(folder / FILE)
            self._file = (folder / FILE).open("a", encoding="utf-8")

    def number(self) -> str:
        """A number that was never given before."""
        with self.changed:
            self._number += 1
            return str(self._number)

    def put(self, record: Record) -> None:
        """Remember a record that is new or has changed."""
        with self.changed:
            self._place(record)
            if self._file is not None:
                line = {"kind": type(record).__name__, **asdict(record)}
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
            self.changed.notify_all()

    def paid(self, pf_payment_id: str) -> Payment | None:
        """The payment of that id, once it is complete."""
        with self.changed:
            found = (one for one in self.payments.values() if one.pf_payment_id == pf_payment_id)
            return next((one for one in found if one.state == "COMPLETE"), None)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Until it holds; False if it didn't in time."""
        until = time.monotonic() + seconds
        with self.changed:
            while not condition():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(left)
        return True

    def listed(self) -> dict[str, list[dict[str, Any]]]:
        """Everything, as JSON can hold it; the notifications under `itns`."""
        with self.changed:
            return {
                "payments": [asdict(one) for one in self.payments.values()],
                "cards": [asdict(one) for one in self.cards.values()],
                "itns": [{**asdict(one), "pairs": dict(one.pairs)} for one in self.notices.values()],
            }

    def close(self) -> None:
        with self.changed:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _place(self, record: Record) -> None:
        if isinstance(record, Payment):
            self.payments[record.key] = record
        elif isinstance(record, Card):
            self.cards[record.key] = record
        else:
            self.notices[record.key] = record

    def _load(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole, _, torn = text.rpartition("\n")
        if torn:  # it was killed in the middle of a line, which was therefore never acted upon
            path.write_text(f"{whole}\n" if whole else "", encoding="utf-8")
        for line in whole.splitlines():
            self._place(_record(json.loads(line)))


def _record(line: dict[str, Any]) -> Record:
    kind = line.pop("kind")
    if kind == "Notice":
        pairs = {name: [(one, other) for one, other in line[name]] for name in ("pairs", "then")}
        return Notice(**{**line, **pairs})
    return Payment(**line) if kind == "Payment" else Card(**line)
