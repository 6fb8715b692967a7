"""What routers measure, and what the network then does to their packets: loses, doubles, delays and reorders them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from tests.simulation.life import Router, Sent, ServiceLife
from tests.simulation.naive.metering import Packet

BOOT = timedelta(seconds=60)


def connections(
    rng: Random, life: ServiceLife, login: int, ends: datetime, numbers: Iterator[int]
) -> list[Sent]:
    """Every packet that one login's connections would send if nothing went wrong on the way."""
    sent: list[Sent] = []
    reboots = life.router.reboots
    at = life.opens_at + timedelta(seconds=rng.randrange(7200))
    next_id, rebooted = 1, 0
    while at < ends:
        before = sum(reboot <= at for reboot in reboots)
        if before > rebooted and life.router.reuses_ids:
            next_id = 1
        rebooted = before
        length = rng.choice(
            [rng.randrange(30, 900), rng.randrange(900, 20_000), rng.randrange(20_000, 200_000)]
        )
        stop = at + timedelta(seconds=length)
        cut = min((reboot for reboot in reboots if at < reboot <= stop), default=None)
        token = f"{rng.randrange(1 << 48):012x}" if life.router.echoes_class else ""
        first = Sent(next(numbers), "start", at, 0, 0, 0, f"{login:x}{next_id:07x}", token)
        sent += _one_connection(rng, life, first, cut or stop, has_stop=cut is None)
        next_id += 1
        pause = timedelta(seconds=rng.choice([2, rng.randrange(90, 600), rng.randrange(600, 30_000)]))
        at = (stop if cut is None else cut + BOOT) + pause
    return sent


def _one_connection(
    rng: Random, life: ServiceLife, first: Sent, end: datetime, *, has_stop: bool
) -> list[Sent]:
    """Start, interims and, unless the router lost power, Stop. Now and then the router's counters go wrong."""
    sent = [first]
    up = down = 0
    at = first.at
    interval = timedelta(seconds=life.router.nas.interim_seconds)
    resets_after = (
        rng.randrange(2, 30) if rng.random() < 0.02 and not life.router.nas.lacks_gigawords else None
    )
    while at < end:
        step = min(interval, end - at)
        at += step
        pace = rng.choice([0.0, 0.3, 1.0, 1.0, 2.5])
        seconds = step // timedelta(seconds=1)
        down += int(seconds * life.bytes_per_second * pace * rng.uniform(0.5, 1.5))
        up += int(seconds * life.bytes_per_second * pace * rng.uniform(0.01, 0.4))
        if len(sent) == resets_after:
            up = down = 0
        if at == end and not has_stop:
            break
        status = "stop" if at == end else "interim"
        whole = (at - first.at) // timedelta(seconds=1)
        sent.append(replace(first, status=status, at=at, seconds=whole, up=up, down=down))
    return sent


def delivered(rng: Random, life: ServiceLife, sent: list[Sent]) -> list[Packet]:
    """The packets that reach us, with the time at which they do."""
    only_stop = {first.session for first in sent if first.status == "start" and rng.random() < 0.03}
    arrivals: list[tuple[datetime, int, Packet]] = []
    for one in sent:
        for delay in _delays(rng, life.router, one, is_alone=one.session in only_stop):
            packet = _packet(life, one, delay)
            if packet.received_at >= life.router.nas.registered_at:
                arrivals.append((packet.received_at, one.session, packet))
        if rng.random() < 0.002 and one.status == "interim" and not life.router.nas.lacks_gigawords:
            absurd = replace(one, down=one.down + 10**15)
            arrivals.append((one.at, one.session, _packet(life, absurd, 0)))
    return _in_a_tellable_order(arrivals)


def _delays(rng: Random, router: Router, one: Sent, *, is_alone: bool) -> list[int]:
    """After how many seconds each copy of the packet arrives; none when it is lost."""
    if router.reuses_ids and not router.tells_time and one.status == "start":
        return [0]  # without it nothing tells a new session with an old id from an old packet that came late
    outage = next((end for begin, end in router.outages if begin <= one.at < end), None)
    if is_alone and one.status != "stop":
        return []
    if outage is not None:
        late = int((outage - one.at).total_seconds())
        return [late + rng.randrange(1, 120)] if router.queues else []
    if rng.random() < {"start": 0.1, "interim": 0.04, "stop": 0.06}[one.status]:
        return []
    if router.clock_error:
        return [0, 0] if rng.random() < 0.05 else [0]
    delays = [0]
    if rng.random() < 0.04:
        delays = [rng.choice([rng.randrange(1, 60), rng.randrange(60, 3600), rng.randrange(3600, 18_000)])]
    if rng.random() < 0.04:
        delays.append(delays[0] + rng.choice([0, 1, rng.randrange(2, 4000)]))
    return delays


def _packet(life: ServiceLife, one: Sent, delay: int) -> Packet:
    router = life.router
    jitter = 0 if router.tells_time else one.seconds % 3  # on its way: in no field of the packet
    wrap = (1 << 32) - 1 if router.nas.lacks_gigawords else (1 << 64) - 1
    event = int(one.at.timestamp()) + router.clock_error if router.tells_time else None
    return Packet(
        one.status,
        router.nas.id,
        one.at + timedelta(seconds=delay + jitter),
        one.session_id,
        life.username,
        one.login,
        event,
        delay,
        one.seconds,
        one.up & wrap,
        one.down & wrap,
    )


def _in_a_tellable_order(arrivals: list[tuple[datetime, int, Packet]]) -> list[Packet]:
    """Without the packets of a connection that we first hear of after its id was used again.

    Nothing in such a packet tells it from one of the later connection.
    """
    newest: dict[tuple[int, str, str, str], int] = {}
    heard: set[int] = set()
    kept = []
    for _, session, packet in sorted(arrivals, key=lambda arrival: arrival[:2]):
        if session < newest.get(packet.key, 0) and session not in heard:
            continue
        heard.add(session)
        newest[packet.key] = max(session, newest.get(packet.key, 0))
        kept.append(packet)
    return kept


def announcements(rng: Random, router: Router) -> list[Packet]:
    """Accounting-On after a reboot, sometimes Accounting-Off before it, sometimes neither or late."""
    found = []
    for reboot in router.reboots:
        for status, at in (("off", reboot - timedelta(seconds=5)), ("on", reboot + timedelta(seconds=45))):
            if rng.random() < (0.6 if status == "off" else 0.25):
                continue
            delay = rng.choice([0, 0, 0, rng.randrange(1, 3000)]) if not router.clock_error else 0
            event = int(at.timestamp()) + router.clock_error if router.tells_time else None
            if at + timedelta(seconds=delay) >= router.nas.registered_at:
                found.append(
                    Packet(status, router.nas.id, at + timedelta(seconds=delay), event=event, delay=delay)
                )
    return found
