"""Settle services: book what was counted and what is new, turn cycles, and work out what follows.

Everybody who changes a service's buckets or cap goes through `Settlement`: the meter for many services at once, a grant or
the worker for one. The caller's transaction holds the cap-row locks from `Settlement.__init__` to its commit.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from capstan.caps.actions import store
from capstan.caps.rules.cap import (
    CapRow,
    Crossing,
    Lot,
    Standpoint,
    add_to_cycle,
    beyond_kind,
    crossings,
    draw,
    draw_order,
    refresh,
    settle_pending,
    turn_limits,
    weights,
)
from capstan.caps.rules.edges import usage_edges
from capstan.caps.rules.turn import Closing, Contract, standpoint, turn
from capstan.caps.rules.words import Beyond, CapState
from capstan.metering.rules.spread import split_at
from capstan.metering.rules.state import CLOSED, Usage
from capstan.services.rules import Urgency
from capstan.values.micros import from_micros


class Settlement:
    """One settlement of some services, under their cap-row locks. Services without a cap row are left out: see `missing`."""

    def __init__(
        self,
        cursor: store.Cursor,
        service_ids: Sequence[int],
        *,
        zone: ZoneInfo,
        now: datetime,
        urgency: Urgency,
        skip_locked: bool = False,
    ) -> None:
        self.cursor = cursor
        self.zone = zone
        self.now = now
        self.urgency = urgency
        self.caps = {
            cap.service_id: cap for cap in store.lock_caps(cursor, service_ids, skip_locked=skip_locked)
        }
        self.missing = [service_id for service_id in service_ids if service_id not in self.caps]
        ids = list(self.caps)
        self.lots: dict[int, list[Lot]] = store.load_lots(cursor, ids) if ids else {}
        self.unsealed = store.load_unsealed(cursor, ids) if ids else {}
        self.contracts: dict[int, Contract] = store.load_contracts(cursor, ids) if ids else {}
        store.load_earlier(cursor, self.caps.values())
        self._earlier = {service_id: dict(cap.earlier) for service_id, cap in self.caps.items()}
        self.due: dict[int, str] = {}
        self._states: dict[int, CapState] = {service_id: cap.state for service_id, cap in self.caps.items()}
        self._tallies: dict[int, int] = {}
        self._drawdowns: dict[store.DrawdownKey, int] = {}
        self._late: dict[tuple[int, datetime], list[int]] = {}
        self._crossings: list[tuple[int, Crossing]] = []
        self._closings: list[tuple[int, Closing]] = []

    def run(self, usage: Mapping[int, Sequence[Usage]]) -> None:
        """Settle what is pending, turn what has passed its boundary, book new usage, refresh. `save` writes it."""
        self._settle(usage)
        self._turn()
        for service_id, items in usage.items():
            if service_id in self.caps:
                self._book(self.caps[service_id], sorted(items, key=lambda one: (one.until, one.since)))
        self.refresh()

    def refresh(self, only: int | None = None) -> None:
        """Work out again what follows from the buckets, after they have changed: those of one service, or all."""
        for service_id, cap in self.caps.items() if only is None else [(only, self.caps[only])]:
            found = refresh(cap, self.lots[service_id], self.point(cap), self.now)
            self._crossings += [(service_id, crossing) for crossing in found]
            if cap.state != self._states[service_id]:
                self.due.setdefault(service_id, f"cap: {self._states[service_id]} → {cap.state}")

    def save(self) -> None:
        """Write everything. The caller commits."""
        if self.caps:
            store.add_cycles(self.cursor, self._closings)
            store.add_to_cycles(self.cursor, self._late)
            store.add_to_tallies(self.cursor, self._tallies)
            store.add_drawdowns(self.cursor, self._drawdowns)
            store.add_crossings(self.cursor, self._crossings, self.now)
            store.save_caps(self.cursor, list(self.caps.values()))
            store.save_earlier(
                self.cursor,
                [
                    (service_id, limit, start, amount)
                    for service_id, cap in self.caps.items()
                    for (limit, start), amount in cap.earlier.items()
                    if self._earlier[service_id].get((limit, start)) != amount
                ],
            )
        store.raise_access_due(self.cursor, self.due, self.now, self.urgency)

    def point(self, cap: CapRow) -> Standpoint:
        return standpoint(
            self.contracts[cap.service_id], cap.version_id, cap.cycle_start, self.zone, self.now
        )

    def record(
        self, cap: CapRow, bucket: int | None, beyond: Beyond | None, session: int | None, amount: int
    ) -> None:
        """Note a draw-down of the running cycle; a negative amount takes back."""
        self._note(cap.service_id, bucket, beyond, session, cap.cycle_start, amount)

    def add_lot(self, service_id: int, lot: Lot) -> None:
        self.lots[service_id] = sorted([*self.lots[service_id], lot], key=draw_order)

    def _settle(self, usage: Mapping[int, Sequence[Usage]]) -> None:
        """Attribute the pending bytes of each service to its sink, session by session."""
        sessions = store.load_session_bytes(self.cursor, self.caps.values())
        marks: list[tuple[int, int, int, int]] = []
        for service_id, cap in self.caps.items():
            new = _by_session(usage.get(service_id, ()))
            touched = set(new)
            weight_up, weight_down = cap.weight_up, cap.weight_down
            pending, bucket, beyond = settle_pending(cap, self.lots[service_id], self.point(cap))
            for one in sessions.get(service_id, ()):
                up, down = new.pop(one.id, (0, 0))
                earlier = weight_up * (one.up - one.marked_up - up) + weight_down * (
                    one.down - one.marked_down - down
                )
                self._note(service_id, bucket, beyond, one.id, cap.cycle_start, earlier)
                pending -= earlier
                if (one.up, one.down) != (one.marked_up, one.marked_down) and one.id not in touched:
                    marks.append((one.id, service_id, one.up, one.down))
            if pending:
                raise AssertionError(f"service {service_id}: {pending} pending bytes belong to no session")
            mine = sessions.get(service_id, [])
            still_open = [one.id for one in mine if one.open]
            for session in {item.session.id: item.session for item in usage.get(service_id, ())}.values():
                marks.append((session.id, service_id, *session.counted()))
                if session.state != CLOSED:
                    still_open.append(session.id)
            cap.sessions_from = min(
                still_open, default=max((one.id + 1 for one in mine), default=cap.sessions_from)
            )
        store.save_marks(self.cursor, marks)

    def _turn(self) -> None:
        granted = []
        for service_id, cap in self.caps.items():
            if self.now < cap.changes_at:
                continue
            ended = cap.cycle_end <= self.now
            closings, allowances = turn(cap, self.contracts[service_id], self.zone, self.now)
            self._closings += [(service_id, closing) for closing in closings]
            self.unsealed.setdefault(service_id, []).extend(
                (one.start, one.end, one.version_id) for one in closings
            )
            granted += [(service_id, allowance) for allowance in allowances]
            self.due[service_id] = (
                "a new cycle began" if ended else "a boundary of its package or buckets passed"
            )
        for service_id, lot in store.grant_allowances(self.cursor, granted, self.now):
            self.add_lot(service_id, lot)

    def _book(self, cap: CapRow, items: Sequence[Usage]) -> None:
        """Draw down new usage, piece by piece between its boundaries, each by the terms of its own moment."""
        lots, contract = self.lots[cap.service_id], self.contracts[cap.service_id]
        unsealed = self.unsealed.get(cap.service_id, [])
        for item in items:
            edges = usage_edges(cap, lots, contract, unsealed, self.zone, item.since, item.until)
            for piece in split_at(item.since, item.until, item.up, item.down, edges):
                moment = from_micros(piece.since)
                cycle = None
                if moment < cap.cycle_start:
                    cycle = next((one for one in unsealed if one[0] <= moment < one[1]), None)
                    moment = moment if cycle else cap.cycle_start
                start = cycle[0] if cycle else cap.cycle_start
                version_id = cap.version_id if contract.is_simple else contract.version_at(start, moment)
                point = standpoint(contract, version_id, start, self.zone, moment)
                turn_limits(cap, point, moment)
                weight_up, weight_down = weights(point.terms, self.zone, moment)
                amount = weight_up * piece.up + weight_down * piece.down
                cap.counted += amount
                cap.settled += amount
                taken = draw(cap, lots, point, moment, amount)
                self._book_piece(cap, point, item.session.id, start, taken, is_late=cycle is not None)
                if cycle is None:
                    at = max(cap.cycle_start, min(from_micros(piece.until), self.now))
                    found = crossings(cap, lots, point, at=at, now=self.now)
                    self._crossings += [(cap.service_id, one) for one in found]

    def _book_piece(
        self,
        cap: CapRow,
        point: Standpoint,
        session_id: int,
        start: datetime,
        taken: Sequence[tuple[int | None, int]],
        *,
        is_late: bool,
    ) -> None:
        """Note what a piece took; it adds to the running cycle, or to one that has ended and isn't sealed yet."""
        kind = beyond_kind(point)
        if is_late:
            figures = self._late.setdefault((cap.service_id, start), [0, 0, 0])
            for bucket, part in taken:
                figures[0 if bucket else 1 if kind == Beyond.OVERSHOOT else 2] += part
        else:
            add_to_cycle(cap, point, taken)
        for bucket, part in taken:
            self._note(cap.service_id, bucket, None if bucket else kind, session_id, start, part)

    def _note(
        self,
        service_id: int,
        bucket: int | None,
        beyond: Beyond | None,
        session: int | None,
        cycle: datetime,
        amount: int,
    ) -> None:
        key = (service_id, session, bucket, beyond.value if beyond else "", cycle)
        self._drawdowns[key] = self._drawdowns.get(key, 0) + amount
        if bucket is not None:
            self._tallies[bucket] = self._tallies.get(bucket, 0) + amount


def _by_session(items: Sequence[Usage]) -> dict[int, tuple[int, int]]:
    """session -> (up, down) that this step added to it."""
    totals: dict[int, tuple[int, int]] = {}
    for item in items:
        up, down = totals.get(item.session.id, (0, 0))
        totals[item.session.id] = (up + item.up, down + item.down)
    return totals
