"""Lives a provider's months in the product and in the naive model side by side."""

from collections import defaultdict, deque
from datetime import datetime, timedelta
from random import Random
from typing import Any

import psycopg

from tests.simulation.compare import Difference, compare
from tests.simulation.life import Grant, Provider, ServiceLife
from tests.simulation.naive.metering import Packet
from tests.simulation.naive.whole import Whole
from tests.simulation.world import World, wipe

Event = tuple[datetime, str, Any]
JOURNAL = 60  # how much of a service's story is kept to be told


class Months:
    """One run. Every step is taken by the product and by the model, at the same simulated time."""

    def __init__(
        self, provider: Provider, conn: "psycopg.Connection[Any]", *, check_always: bool = False
    ) -> None:
        self.provider = provider
        self.check_always = check_always
        self.world = World(provider, conn)
        self.whole = Whole(provider)
        self.rng = Random(provider.seed * 7919 + 1)
        self.waiting: list[Packet] = []
        self.journal: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=JOURNAL))
        self.next_seal: datetime | None = None
        self.checks = 0

    def live(self) -> list[Difference]:
        """To the end, or to the first checkpoint at which anything differs."""
        for at, what, thing in self._events():
            while self.next_seal is not None and self.next_seal <= at:
                if found := self._seal(self.next_seal):
                    return found
            if found := self._take(at, what, thing):
                return found
            if what != "packet":
                self.next_seal = self.whole.next_seal()
        return []

    def _events(self) -> list[Event]:
        """What happens, in order; the meter's steps come at irregular times, some long after the packets."""
        provider = self.provider
        events: list[Event] = [(life.opens_at, "open", life) for life in provider.services]
        events += [(grant.at, "grant", grant) for grant in provider.grants]
        events += [(packet.received_at, "packet", packet) for packet in provider.packets]
        at = provider.begins
        while at < provider.ends:
            at += timedelta(
                seconds=self.rng.choice([1, self.rng.randrange(60, 1800), self.rng.randrange(1800, 20_000)])
            )
            events.append((min(at, provider.ends), "fold", None))
        day = provider.begins
        while day < provider.ends:
            day += timedelta(hours=self.rng.randrange(20, 150))
            events.append((min(day, provider.ends), "check", None))
        order = ["open", "packet", "grant", "fold", "check"]
        return sorted(events, key=lambda event: (event[0], order.index(event[1])))

    def _take(self, at: datetime, what: str, thing: Any) -> list[Difference]:
        if isinstance(thing, Packet):
            self.waiting.append(thing)
        elif isinstance(thing, ServiceLife):
            self._tell(thing.username, f"{at:%m-%d %H:%M:%S} opens")
            self.world.open(thing, at)
            self.whole.open(thing, at)
        elif isinstance(thing, Grant):
            self._tell(thing.username, f"{at:%m-%d %H:%M:%S} {thing}")
            self.world.grant(thing, at)
            self.whole.grant(thing, at)
        else:
            self._fold(at)
            if what == "check" or self.check_always:
                return self._check(at)
        return []

    def _fold(self, now: datetime) -> None:
        self.world.append(self.waiting)
        for packet in self.waiting:
            for user in [packet.user] if packet.user else self.world.services:
                self._tell(user, _told(packet))
        self.world.fold(now)
        self.whole.fold(self.waiting, now)
        if self.waiting:
            for user in {packet.user for packet in self.waiting if packet.user}:
                self._tell(user, f"{now:%m-%d %H:%M:%S} -- folded")
        self.waiting = []
        if self.rng.random() < 0.5:
            self.world.roll(now)
            self.whole.roll(now)
        if self.rng.random() < 0.1:
            self.world.silence(now)

    def _seal(self, now: datetime) -> list[Difference]:
        self._fold(now)
        self.world.roll(now)
        self.whole.roll(now)
        self.world.seal(now)
        self.whole.seal(now)
        self.next_seal = self.whole.next_seal()
        self._tell_all(f"{now:%m-%d %H:%M:%S} -- sealed what is due")
        return self._check(now) if self.check_always else []

    def _check(self, now: datetime) -> list[Difference]:
        self.checks += 1
        self.world.silence(now)
        self.world.roll(now)
        self.whole.roll(now)
        settled = self.rng.random() < 0.5
        if settled:
            self.world.settle(now)
        return compare(self.whole, self.world.services, now, settled=settled)

    def _tell(self, user: str, line: str) -> None:
        self.journal[user].append(line)

    def _tell_all(self, line: str) -> None:
        for user in self.world.services:
            self._tell(user, line)


def story_of(
    provider: Provider, conn: "psycopg.Connection[Any]", found: list[Difference], at_check: int
) -> str:
    """What differs, told on the smallest run that shows it: one service alone, looked at after every step."""
    user = found[0].user
    wipe(conn)
    alone = Months(only(provider, user), conn, check_always=True)
    smaller = alone.live() or found
    told = alone.journal[user] if smaller is not found else ["(alone, the service shows no difference)"]
    life = next(one for one in provider.services if one.username == user)
    return "\n".join(
        [
            f"seed {provider.seed}, checkpoint {at_check}: {len(found)} differences, first of",
            *(f"  {one}" for one in found[:8]),
            *_described(life),
            "Alone:",
            *(f"  {one}" for one in smaller[:8]),
            "What came before:",
            *(f"  {line}" for line in told),
        ]
    )


def _described(life: ServiceLife) -> list[str]:
    return [
        f"The service, activated {life.activated_at}, prepaid {life.prepaid}, consents {life.consents}, on {life.router.nas}:",
        *(f"  from {change.starts_at}: {terms}" for change in life.changes for terms in change.versions),
    ]


def only(provider: Provider, user: str) -> Provider:
    """The same life with this service alone."""
    return Provider(
        provider.seed,
        provider.zone,
        provider.begins,
        provider.ends,
        provider.packages,
        provider.routers,
        [life for life in provider.services if life.username == user],
        [packet for packet in provider.packets if packet.user in ("", user)],
        [grant for grant in provider.grants if grant.username == user],
    )


def _told(packet: Packet) -> str:
    return (
        f"{packet.received_at:%m-%d %H:%M:%S} {packet.status:7} nas {packet.nas} {packet.session_id}{packet.login}"
        f" at {packet.wall:%m-%d %H:%M:%S} seconds {packet.seconds} up {packet.up} down {packet.down}"
    )
