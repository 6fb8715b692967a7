"""The hand-computed stories through the product's real door."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings

from capstan.db.connection import connect
from tests.simulation.compare import rows
from tests.simulation.life import Grant, Provider, Router, ServiceLife
from tests.simulation.naive.caps import Change
from tests.simulation.naive.metering import Nas, Packet
from tests.simulation.stories import (
    CAP_STORIES,
    LONG_AGO,
    METER_STORIES,
    NAS,
    TEN,
    CapStory,
    MeterStory,
    at,
    changes_of,
    packet,
    terms,
)
from tests.simulation.world import World

pytestmark = pytest.mark.django_db(transaction=True)
ZONE = "Africa/Johannesburg"


@pytest.fixture
def conn(transactional_db: None, settings: LazySettings) -> Iterator["psycopg.Connection[Any]"]:
    settings.PROVIDER_TIME_ZONE = ZONE
    with connect() as opened:
        yield opened


def world_of(
    conn: "psycopg.Connection[Any]",
    nas: Nas,
    changes: tuple[Change, ...],
    *,
    prepaid: bool = False,
    consents: bool = False,
) -> World:
    router = Router(nas, "router", echoes_class=False)
    life = ServiceLife("user", router, LONG_AGO, TEN, changes, prepaid, consents, 1, 0)
    packages = {f"package {number}": change.versions for number, change in enumerate(changes)}
    provider = Provider(0, ZONE, TEN, TEN + timedelta(days=30), packages, [router], [life])
    world = World(provider, conn)
    world.open(life, TEN)
    return world


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one step"])
@pytest.mark.parametrize("story", METER_STORIES, ids=lambda s: s.name)
def test_metering(story: MeterStory, together: bool, conn: "psycopg.Connection[Any]") -> None:
    world = world_of(conn, story.nas, (Change(LONG_AGO, (terms(None),)),))
    now = TEN
    for sent in story.sent:
        one = packet(sent, tells_time=story.tells_time)
        now = max(now, one.received_at)
        world.append([replace(one, received_at=now)])
        if not together:
            world.fold(now)
    world.fold(now)
    sessions = rows("SELECT * FROM metering_radiussession ORDER BY start_mark")
    found = [(row["bytes_up"] - row["base_up"], row["bytes_down"] - row["base_down"]) for row in sessions]
    assert found == story.bytes_of_sessions
    assert sum(row["state"] != 3 for row in sessions) == story.open_sessions
    faults = rows("SELECT packets FROM metering_fault WHERE kind IN ('counters-back', 'impossible-rate')")
    assert sum(row["packets"] for row in faults) == story.faults


@pytest.mark.parametrize("story", CAP_STORIES, ids=lambda s: s.name)
def test_caps(story: CapStory, conn: "psycopg.Connection[Any]") -> None:
    world = world_of(conn, NAS, changes_of(story), prepaid=story.prepaid, consents=story.consents)
    now = TEN
    for number, step in enumerate(story.steps):
        now = max(now, at(step[1]))
        _take(world, number, step, now)
    world.roll(now)
    world.settle(now)
    buckets = rows("SELECT drawn_bytes FROM caps_buckettally ORDER BY bucket_id")
    assert [row["drawn_bytes"] for row in buckets] == story.drawn
    beyond = dict.fromkeys(("overage", "overshoot"), 0)
    for row in rows("SELECT beyond, bytes FROM caps_drawdown WHERE bucket_id IS NULL"):
        beyond[row["beyond"]] += row["bytes"]
    assert (beyond["overage"], beyond["overshoot"]) == (story.overage, story.overshoot)
    assert [row["state"] for row in rows("SELECT state FROM caps_cap")] == [story.state]
    crossings = rows('SELECT "limit", percent, arming FROM caps_thresholdcrossing ORDER BY id')
    assert [(row["limit"], row["percent"], row["arming"]) for row in crossings] == list(story.crossings)


def _take(world: World, number: int, step: Any, now: datetime) -> None:
    match step:
        case ("use", minute, int(up), int(down)):
            event, delay = int(at(minute).timestamp()), int((now - at(minute)).total_seconds())
            stop = Packet("stop", 1, now, f"id{number}", "user", "", event, delay, 300, up, down)
            world.append([stop])
            world.fold(now)
        case ("grant", _, str(kind), int(size), int(until)):
            world.grant(Grant(now, "user", kind, size, None, at(until)), now)
        case ("turn", _):
            world.roll(now)
        case ("seal", _):
            world.roll(now)
            world.seal(now)
