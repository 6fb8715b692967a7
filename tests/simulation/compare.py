"""What the product says against what the naive model says, and the product against its own invariants."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from capstan.metering.rules.state import CAUSE_SILENT
from capstan.metering.rules.token import decode_token
from capstan.metering.rules.words import SessionState
from tests.simulation.naive.calendar import local_day, monday_of
from tests.simulation.naive.caps import Bucket, Crossing, Line
from tests.simulation.naive.metering import Session
from tests.simulation.naive.whole import Whole


@dataclass(frozen=True)
class Difference:
    user: str
    what: str
    product: object
    model: object

    def __str__(self) -> str:
        return f"{self.user}: {self.what}: the product says {self.product}, the model {self.model}"


Rows = list[dict[str, Any]]


def rows(query: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def by(key: str, found: Rows) -> dict[Any, Rows]:
    groups: dict[Any, Rows] = defaultdict(list)
    for row in found:
        groups[row[key]].append(row)
    return groups


def compare(whole: Whole, services: dict[str, int], now: datetime, *, settled: bool) -> list[Difference]:
    """All differences. `settled`: everything counted has been booked, so figures may not lag."""
    found = _sessions(whole, now)
    figures = Figures(settled)
    for user, line in whole.lines.items():
        found += figures.of_line(user, services[user], line, now)
    return found


# Sessions


def session_rows() -> dict[tuple[int, str, str, str], Rows]:
    """The product's sessions by what tells them apart, each list in the order of their starts."""
    groups: dict[tuple[int, str, str, str], Rows] = defaultdict(list)
    for row in rows("SELECT * FROM metering_radiussession ORDER BY start_mark, id"):
        token = decode_token(bytes(row["class_token"]))
        login = token.login.hex() if token else ""
        key = (row["nas_id"], bytes(row["acct_session_id"]).decode(), row["username"], login)
        groups[key].append(row)
    return groups


def _sessions(whole: Whole, now: datetime) -> list[Difference]:
    ours = session_rows()
    found = []
    for key, theirs in whole.meter.by_key.items():
        mine = ours.pop(key, [])
        if len(mine) != len(theirs):
            found.append(Difference(key[2], f"number of sessions {key}", len(mine), len(theirs)))
            continue
        for row, session in zip(mine, sorted(theirs, key=lambda s: s.start_mark), strict=True):
            found += _session(row, session, is_stale=whole.meter.is_stale(session, now))
    found += [Difference(key[2], f"session {key}", "it exists", "it does not") for key in ours]
    return found


def _session(row: dict[str, Any], session: Session, *, is_stale: bool) -> list[Difference]:
    """A stale session may be closed after a while; a packet revives it all the same."""
    state = SessionState(row["state"])
    expected = (
        SessionState.CLOSED if session.closed else SessionState.STALE if is_stale else SessionState.LIVE
    )
    if is_stale and row["terminate_cause"] == CAUSE_SILENT:
        expected = SessionState.CLOSED
    mine = {
        "bytes up": row["bytes_up"] - row["base_up"],
        "bytes down": row["bytes_down"] - row["base_down"],
        "state": state.name,
    }
    theirs = {"bytes up": session.up, "bytes down": session.down, "state": expected.name}
    where = f"session {session.key[1]} of NAS {session.key[0]} begun {session.begun_at:%m-%d %H:%M:%S}"
    return differences(session.user, mine, theirs, where)


def differences(
    user: str, mine: Mapping[Any, object], theirs: Mapping[Any, object], where: str = ""
) -> list[Difference]:
    return [
        Difference(user, f"{where} {name}".strip(), mine.get(name), theirs.get(name))
        for name in [*mine, *(theirs.keys() - mine.keys())]
        if mine.get(name) != theirs.get(name)
    ]


# Services


class Figures:
    """The product's rows about caps and usage, read once for all services."""

    def __init__(self, settled: bool) -> None:
        self.settled = settled
        self.sessions = by("service_id", rows("SELECT * FROM metering_radiussession"))
        self.hours = by("service_id", rows("SELECT * FROM metering_usagehour"))
        self.caps = by("service_id", rows("SELECT * FROM caps_cap"))
        self.cycles = by("service_id", rows("SELECT * FROM caps_cycle ORDER BY start"))
        self.draws = by("service_id", rows("SELECT * FROM caps_drawdown"))
        self.crossings = by("service_id", rows("SELECT * FROM caps_thresholdcrossing"))
        self.buckets = by(
            "service_id",
            rows("SELECT * FROM caps_bucket b LEFT JOIN caps_buckettally t ON t.bucket_id = b.id"),
        )

    def of_line(self, user: str, service: int, line: Line, now: datetime) -> list[Difference]:
        (cap,) = self.caps[service]
        found = differences(user, self._totals(service, cap), _totals_of(line))
        found += [
            replace(one, what=f"hour {_hour_name(int(one.what))}")
            for one in differences(user, self._hours(service), _hours_of(line))
        ]
        found += self._compare_buckets(user, service, cap, line)
        found += self._compare_beyond(user, service, cap, line)
        found += differences(user, _standing(cap), _standing_of(line, now))
        if self.settled:
            found += _compare_limits(user, cap, line, now)
        found += self._compare_crossings(user, service, line)
        found += self._compare_cycles(user, service, line)
        return found + self._invariants(user, service, cap)

    def _totals(self, service: int, cap: dict[str, Any]) -> dict[str, int]:
        sessions = self.sessions[service]
        return {
            "total up": sum(row["bytes_up"] - row["base_up"] for row in sessions),
            "total down": sum(row["bytes_down"] - row["base_down"] for row in sessions),
            "counted": cap["counted_bytes"],
        }

    def _hours(self, service: int) -> dict[int, tuple[int, int]]:
        """Bytes by hour: the flushed hours and the running ones of the sessions."""
        hours: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for row in self.hours[service]:
            hours[row["hour"]][0] += row["bytes_up"]
            hours[row["hour"]][1] += row["bytes_down"]
        for row in self.sessions[service]:
            hours[row["hour"]][0] += row["hour_up"]
            hours[row["hour"]][1] += row["hour_down"]
        return {hour: (up, down) for hour, (up, down) in hours.items() if (up, down) != (0, 0)}

    def _drawn(self, row: dict[str, Any], cap: dict[str, Any]) -> int:
        """What was drawn from a bucket, with what its service counted and has not yet booked."""
        unbooked = cap["counted_bytes"] - cap["settled_bytes"] if cap["sink_bucket_id"] == row["id"] else 0
        return int(row["drawn_bytes"]) + unbooked

    def _compare_buckets(self, user: str, service: int, cap: dict[str, Any], line: Line) -> list[Difference]:
        mine: Rows = sorted(
            self.buckets[service],
            key=lambda r: (
                r["starts_at"],
                r["expires_at"],
                r["kind"],
                r["size_bytes"],
                r["granted_at"],
                r["id"],
            ),
        )
        theirs = sorted(
            line.buckets, key=lambda b: (b.starts_at, b.expires_at, b.kind, b.size, b.granted_at, b.number)
        )
        named = [(r["kind"], r["starts_at"], r["expires_at"], r["size_bytes"]) for r in mine]
        naming = [(b.kind, b.starts_at, b.expires_at, b.size) for b in theirs]
        if named != naming:
            return [
                *(Difference(user, "bucket", _lot(lot), None) for lot in named if lot not in naming),
                *(Difference(user, "bucket", None, _lot(lot)) for lot in naming if lot not in named),
            ]
        found = []
        for row, bucket in zip(mine, theirs, strict=True):
            figures = {
                "drawn": self._drawn(row, cap),
                "expired": row["expired_bytes"],
                "moved": row["moved_bytes"],
                "voided": row["voided_bytes"],
                "rollover left": row["rollover_left"],
            }
            found += differences(
                user, figures, _figures_of(bucket), f"bucket {bucket.kind} from {bucket.starts_at}"
            )
        return found

    def _compare_beyond(self, user: str, service: int, cap: dict[str, Any], line: Line) -> list[Difference]:
        beyond = {"overage": 0, "overshoot": 0}
        for row in self.draws[service]:
            if row["bucket_id"] is None:
                beyond[row["beyond"]] += row["bytes"]
        if self.settled:
            return differences(user, beyond, {"overage": line.overage, "overshoot": line.overshoot})
        unbooked = cap["counted_bytes"] - cap["settled_bytes"] if cap["sink_bucket_id"] is None else 0
        return differences(
            user,
            {"beyond every bucket": sum(beyond.values()) + unbooked},
            {"beyond every bucket": line.overage + line.overshoot},
        )

    def _compare_crossings(self, user: str, service: int, line: Line) -> list[Difference]:
        """Those that late usage would have reached in its time may be there or not."""
        mine = {
            (row["limit"], row["period_start"], row["percent"], row["arming"])
            for row in self.crossings[service]
        }
        needed = {_key(crossing) for crossing in line.crossings}
        allowed = needed | {_key(crossing) for crossing in line.may_have_crossed}
        return [
            *(Difference(user, "crossing", None, _crossing(one)) for one in sorted(needed - mine)),
            *(Difference(user, "crossing", _crossing(one), None) for one in sorted(mine - allowed)),
        ]

    def _compare_cycles(self, user: str, service: int, line: Line) -> list[Difference]:
        """The closing figures of every cycle that has been sealed."""
        mine = {row["start"]: row for row in self.cycles[service]}
        found = []
        for cycle in line.cycles:
            if cycle.sealed_at is None:
                continue
            row = mine.get(cycle.start)
            if row is None:
                found.append(Difference(user, f"cycle from {cycle.start}", None, "it has ended"))
                continue
            figures = {
                "end": row["end"],
                "sealed": row["sealed_at"] is not None,
                "drawn": row["drawn_bytes"],
                "overage": row["overage_bytes"],
                "overshoot": row["overshoot_bytes"],
            }
            theirs = {
                "end": cycle.end,
                "sealed": True,
                "drawn": cycle.drawn,
                "overage": cycle.overage,
                "overshoot": cycle.overshoot,
            }
            found += differences(user, figures, theirs, f"cycle from {cycle.start}")
        return found

    def _invariants(self, user: str, service: int, cap: dict[str, Any]) -> list[Difference]:
        """I3 on the product's own figures, and its draw-downs against its tallies."""
        found = []
        by_bucket: dict[int, int] = defaultdict(int)
        for row in self.draws[service]:
            by_bucket[row["bucket_id"]] += row["bytes"]
        for row in self.buckets[service]:
            ended = row["expired_bytes"] + row["moved_bytes"] + row["voided_bytes"]
            remaining = row["size_bytes"] - self._drawn(row, cap) - ended
            if remaining < 0 or (not row["is_open"] and remaining != 0):
                found.append(
                    Difference(
                        user, f"I3: remaining of bucket {row['id']}", remaining, "0 or more, 0 once closed"
                    )
                )
            if by_bucket[row["id"]] != row["drawn_bytes"]:
                found.append(
                    Difference(
                        user,
                        f"I3: draw-downs of bucket {row['id']}",
                        by_bucket[row["id"]],
                        row["drawn_bytes"],
                    )
                )
        booked = sum(row["bytes"] for row in self.draws[service])
        if booked != cap["settled_bytes"]:
            found.append(Difference(user, "I3: draw-downs + beyond = settled", booked, cap["settled_bytes"]))
        if self.settled and cap["settled_bytes"] != cap["counted_bytes"]:
            found.append(Difference(user, "settled = counted", cap["settled_bytes"], cap["counted_bytes"]))
        return found


def _totals_of(line: Line) -> dict[str, int]:
    return {"total up": line.up, "total down": line.down, "counted": line.counted}


def _hour_name(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3600, tz=UTC).strftime("%Y-%m-%d %H")


def _hours_of(line: Line) -> dict[int, tuple[int, int]]:
    return {
        int(hour.timestamp()) // 3600: (up, down)
        for hour, (up, down) in line.hours.items()
        if (up, down) != (0, 0)
    }


def _figures_of(bucket: Bucket) -> dict[str, int]:
    return {
        "drawn": bucket.drawn,
        "expired": bucket.expired,
        "moved": bucket.moved,
        "voided": 0,
        "rollover left": bucket.rollover_left,
    }


def _standing(cap: dict[str, Any]) -> dict[str, object]:
    return {
        "state": cap["state"],
        "cycle start": cap["cycle_start"],
        "cycle end": cap["cycle_end"],
        "arming": cap["arming"],
    }


def _standing_of(line: Line, now: datetime) -> dict[str, object]:
    cycle = line.cycles[-1]
    return {
        "state": line.state(now),
        "cycle start": cycle.start,
        "cycle end": cycle.end,
        "arming": line.arming,
    }


def _compare_limits(user: str, cap: dict[str, Any], line: Line, now: datetime) -> list[Difference]:
    """What the running day and week have drawn, where the terms limit it."""
    day = local_day(now, line.zone)
    mine, theirs = {}, {}
    if line.terms(now).day_limit is not None:
        mine["drawn this day"], theirs["drawn this day"] = cap["day_bytes"], line.days[day]
    if line.terms(now).week_limit is not None:
        mine["drawn this week"], theirs["drawn this week"] = cap["week_bytes"], line.weeks[monday_of(day)]
    return differences(user, mine, theirs)


def _lot(lot: tuple[str, datetime, datetime, int]) -> str:
    kind, starts_at, expires_at, size = lot
    return f"{kind} of {size} from {starts_at} to {expires_at}"


def _key(crossing: Crossing) -> tuple[str, datetime, int, int]:
    return (crossing.limit, crossing.period_start, crossing.percent, crossing.arming)


def _crossing(crossing: tuple[str, datetime, int, int]) -> str:
    limit, start, percent, arming = crossing
    return f"{percent} % of the {limit} from {start}, arming {arming}"
