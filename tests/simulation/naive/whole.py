"""The naive model of a whole provider: one meter, one line per service."""

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.simulation.life import Grant, Provider, ServiceLife
from tests.simulation.naive.caps import Line
from tests.simulation.naive.metering import Delta, Meter, Packet


class Whole:
    """Takes the same steps as the product, at the same times."""

    def __init__(self, provider: Provider) -> None:
        self.zone = ZoneInfo(provider.zone)
        self.meter = Meter([router.nas for router in provider.routers])
        self.lines: dict[str, Line] = {}

    def open(self, life: ServiceLife, now: datetime) -> None:
        line = Line(self.zone, life.activated_at, list(life.changes), life.prepaid, life.consents)
        line.open(now)
        self.lines[life.username] = line

    def fold(self, packets: list[Packet], now: datetime) -> None:
        by_user: dict[str, list[Delta]] = {}
        for delta in self.meter.fold(packets):
            by_user.setdefault(delta.session.user, []).append(delta)
        for user, deltas in by_user.items():
            self.lines[user].book(deltas, now)

    def roll(self, now: datetime) -> None:
        for line in self.lines.values():
            line.advance(now)
            line.watch(now)

    def seal(self, now: datetime) -> None:
        for line in self.lines.values():
            line.seal(now)

    def next_seal(self) -> datetime | None:
        return min((line.next_seal() for line in self.lines.values()), default=None)

    def grant(self, grant: Grant, now: datetime) -> None:
        self.lines[grant.username].grant(grant.kind, grant.size, now, grant.starts_at, grant.expires_at)
