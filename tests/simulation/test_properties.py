"""I2: totals are the same for any batching, duplication and arrival order, and for a replay from a checkpoint."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings

from capstan.db.connection import connect
from capstan.metering.actions.sessions import Memory
from tests.simulation.compare import rows, session_rows
from tests.simulation.life import Provider
from tests.simulation.naive.metering import Meter, Packet
from tests.simulation.provider import make_provider
from tests.simulation.world import World, wipe

pytestmark = pytest.mark.django_db(transaction=True)

DAYS = 3
LOG = ("metering_packetlog", "metering_stream")


@pytest.fixture
def conn(transactional_db: None) -> Iterator["psycopg.Connection[Any]"]:
    with connect() as opened:
        yield opened


@pytest.fixture(params=[11, 24])
def provider(request: pytest.FixtureRequest, settings: LazySettings) -> Provider:
    """A few days of lines on a router that numbers its sessions afresh; without those whose counters are doubtful.

    A doubtful counter is one that contradicts what arrived before it, so it is the one thing that order decides.
    """
    made = make_provider(request.param, services=16, days=DAYS)
    settings.PROVIDER_TIME_ZONE = made.zone
    meter = Meter([router.nas for router in made.routers])
    meter.fold(made.packets)
    doubtful = {session.key for session in meter.sessions if session.faults}
    services = [
        replace(life, changes=life.changes[:1]) for life in made.services if life.router.identifier == "core"
    ]
    users = {life.username for life in services}
    packets = [p for p in made.packets if p.key not in doubtful and (p.user in users or not p.user)]
    assert len(packets) > 100
    return replace(made, services=services, packets=packets, grants=[])


Totals = dict[Any, tuple[int, ...]]


def totals() -> Totals:
    """Bytes of every session and of every service."""
    found: Totals = {}
    for key, sessions in session_rows().items():
        for place, row in enumerate(sessions):
            found["session", key, place] = (
                row["bytes_up"] - row["base_up"],
                row["bytes_down"] - row["base_down"],
            )
    by_service = "SELECT service_id, sum(bytes_up) AS up, sum(bytes_down) AS down FROM ({}) s GROUP BY 1"
    both = (
        "SELECT service_id, bytes_up, bytes_down FROM metering_usagehour"
        " UNION ALL SELECT service_id, hour_up, hour_down FROM metering_radiussession"
    )
    for row in rows(by_service.format(both)):
        found["service", row["service_id"]] = (int(row["up"]), int(row["down"]))
    return found


def attribution() -> Totals:
    """What was counted and from where it was drawn."""
    found: Totals = {
        ("cap", row["service_id"]): (row["counted_bytes"],) for row in rows("SELECT * FROM caps_cap")
    }
    query = (
        "SELECT d.service_id, kind, starts_at, size_bytes, beyond, sum(bytes) AS drawn FROM caps_drawdown d"
        " LEFT JOIN caps_bucket b ON b.id = d.bucket_id GROUP BY 1, 2, 3, 4, 5"
    )
    for row in rows(query):
        *name, drawn = row.values()
        found["drawn", *name] = (int(drawn),)
    return found


def world_of(provider: Provider, conn: "psycopg.Connection[Any]") -> World:
    wipe(conn)
    conn.execute("ALTER SEQUENCE services_service_id_seq RESTART")
    world = World(provider, conn)
    for life in provider.services:
        world.open(life, life.opens_at)
    return world


def lived(
    provider: Provider,
    conn: "psycopg.Connection[Any]",
    packets: list[Packet],
    *,
    every: timedelta,
    limit: int = 5000,
) -> tuple[Totals, Totals]:
    """Totals and attribution after these packets, folded in steps of this length."""
    world = world_of(provider, conn)
    live(world, provider, packets, every=every, limit=limit)
    return totals(), attribution()


def live(
    world: World, provider: Provider, packets: list[Packet], *, every: timedelta, limit: int = 5000
) -> None:
    """Fold these packets step by step. Nothing is sealed: what is late still finds its own cycle."""
    now = packets[0].received_at
    waiting = list(packets)
    while waiting:
        now += every
        world.append([packet for packet in waiting if packet.received_at <= now])
        waiting = [packet for packet in waiting if packet.received_at > now]
        world.fold(now, limit=limit)
    world.settle(max(now, provider.ends + timedelta(hours=6)))


def by_arrival(packets: list[Packet]) -> list[Packet]:
    return sorted(packets, key=lambda packet: packet.received_at)


def later(packet: Packet, seconds: int) -> Packet:
    """The same packet, held back on its way; the router or a proxy says so in Acct-Delay-Time."""
    return replace(
        packet, received_at=packet.received_at + timedelta(seconds=seconds), delay=packet.delay + seconds
    )


def test_any_batching_gives_the_same_totals(provider: Provider, conn: "psycopg.Connection[Any]") -> None:
    expected, drawn = lived(provider, conn, provider.packets, every=timedelta(minutes=40))
    assert lived(provider, conn, provider.packets, every=timedelta(hours=15)) == (expected, drawn), (
        f"seed {provider.seed}"
    )
    # A backlog of days, and small steps that take turns between its streams, place usage otherwise: totals are promised.
    for every, limit in ((timedelta(days=DAYS + 1), 5000), (timedelta(hours=9), 7)):
        found, _ = lived(provider, conn, provider.packets, every=every, limit=limit)
        assert found == expected, f"seed {provider.seed}"


def test_duplicates_count_once(provider: Provider, conn: "psycopg.Connection[Any]") -> None:
    rng = Random(provider.seed)
    once = lived(provider, conn, provider.packets, every=timedelta(hours=3))
    twice = provider.packets + [later(p, rng.choice([0, 1, 300, 20_000])) for p in provider.packets]
    assert lived(provider, conn, by_arrival(twice), every=timedelta(hours=3)) == once, f"seed {provider.seed}"


def test_any_order_of_arrival_gives_the_same_totals(
    provider: Provider, conn: "psycopg.Connection[Any]"
) -> None:
    rng = Random(provider.seed)
    in_order, _ = lived(provider, conn, provider.packets, every=timedelta(hours=3))
    for held_back in (600, 20_000):
        shuffled = by_arrival([later(p, rng.randrange(held_back)) for p in provider.packets])
        assert shuffled != provider.packets
        found, _ = lived(provider, conn, shuffled, every=timedelta(hours=3))
        assert found == in_order, f"seed {provider.seed}, up to {held_back} s late"


def test_a_replay_from_a_checkpoint_gives_the_same(
    provider: Provider, conn: "psycopg.Connection[Any]"
) -> None:
    half = len(provider.packets) // 2
    world = world_of(provider, conn)
    live(world, provider, provider.packets[:half], every=timedelta(hours=3))
    kept = checkpoint(conn)
    live(world, provider, provider.packets[half:], every=timedelta(hours=3))
    first = totals(), attribution()
    restore(conn, kept)
    assert totals() != first[0]
    world.memory = Memory()
    now = provider.ends + timedelta(hours=6)
    world.fold(now, limit=50)
    world.settle(now)
    assert (totals(), attribution()) == first, f"seed {provider.seed}"


def checkpoint(conn: "psycopg.Connection[Any]") -> dict[str, bytes]:
    """Everything but the log."""
    kept = {}
    with conn.cursor() as cursor:
        for table in _tables(conn):
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT (FORMAT binary)') as copy:
                kept[table] = b"".join(bytes(block) for block in copy)
    return kept


def restore(conn: "psycopg.Connection[Any]", kept: dict[str, bytes]) -> None:
    """Back to the checkpoint; the log keeps what came since. Foreign keys are checked when the transaction ends."""
    with conn.transaction(), conn.cursor() as cursor:
        for table, content in kept.items():
            cursor.execute(f'DELETE FROM "{table}"')
            with cursor.copy(f'COPY "{table}" FROM STDIN (FORMAT binary)') as copy:
                copy.write(content)


def _tables(conn: "psycopg.Connection[Any]") -> list[str]:
    names = conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition"
    ).fetchall()
    return [name for (name,) in names if name not in LOG and not name.startswith("django_")]


def test_a_step_that_fails_changes_nothing(provider: Provider, conn: "psycopg.Connection[Any]") -> None:
    """A meter killed before its commit: the next one finds everything as it was."""
    expected = lived(provider, conn, provider.packets, every=timedelta(hours=3))
    world = world_of(provider, conn)
    now: datetime = provider.packets[0].received_at
    waiting = list(provider.packets)
    while waiting:
        now += timedelta(hours=3)
        world.append([packet for packet in waiting if packet.received_at <= now])
        waiting = [packet for packet in waiting if packet.received_at > now]
        kept, world.memory = world.memory, Memory()
        with conn.transaction(force_rollback=True):
            world.fold(now)
        world.memory = kept
        world.fold(now)
    world.settle(max(now, provider.ends + timedelta(hours=6)))
    assert (totals(), attribution()) == expected, f"seed {provider.seed}"
