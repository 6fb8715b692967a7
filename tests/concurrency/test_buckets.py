"""Grants, the fold and the turn of time at the same service at the same moment: the cap row's lock keeps them apart."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from threading import Barrier, Event, Thread

import pytest
from django.db import connections

from capstan.caps.actions.cap import grant, roll, void
from capstan.caps.actions.fold import fold_step
from capstan.caps.models import Bucket, Cap
from capstan.caps.rules.words import BucketKind
from capstan.catalog.rules import AtCap
from capstan.db.connection import connect
from capstan.metering.actions.packet_log import open_stream
from capstan.metering.models import Nas
from capstan.metering.records import Record, Texts, make_record, pack
from capstan.metering.rules.words import Status
from capstan.services.models import Service
from capstan.values import clock
from capstan.values.refused import Refused
from tests import truth
from tests.provider import MB, Provider

pytestmark = pytest.mark.django_db(transaction=True)
LINES, ROUNDS = 6, 60


def together(*works: Callable[[], None]) -> None:
    """Run these at the same time, each in a thread with its own connection; raise what one of them raised."""
    start, failures = Barrier(len(works)), []

    def run(work: Callable[[], None]) -> None:
        try:
            start.wait()
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"
    if failures:
        raise failures[0]


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def nas(provider: Provider) -> Nas:
    return provider.nas(provider.peer(), "nas-1")


def interim(nas: Nas, line: int, second: int, down: int) -> Record:
    texts = Texts(b"", f"line{line}@example.net".encode(), b"s%d" % line, b"", b"", b"", b"", b"")
    return make_record(
        status=Status.INTERIM, nas_id=nas.pk, seconds=second, bytes_up=0, bytes_down=down, texts=texts
    )


class Race:
    """Meter, tills and the turn of time at some lines, until the meter has folded all its rounds."""

    def __init__(self, services: list[Service], nas: Nas, seed: int) -> None:
        self.services, self.nas, self.seed = services, nas, seed
        self.over = Event()

    def meter(self) -> None:
        chance, down = Random(self.seed), [0] * LINES
        with connect() as log, connect() as conn:
            stream = open_stream(log, writer="test", now=clock.now())
            for second in range(1, ROUNDS + 1):
                down = [bytes_ + chance.randrange(MB // 2) for bytes_ in down]
                records = [interim(self.nas, line, second, down[line]) for line in range(LINES)]
                stream.append(pack(records), LINES, clock.now())
                fold_step(conn, now=clock.now())
        self.over.set()

    def till(self, number: int) -> None:
        """Grants, and now and then takes one back."""
        chance, count = Random(self.seed * 100 + number), 0
        while not self.over.is_set():
            count += 1
            made = grant(
                service_id=chance.choice(self.services).pk, kind=chance.choice([BucketKind.TOPUP, BucketKind.GOODWILL]),
                size_bytes=chance.randrange(1, 2 * MB), source="test", reference=f"{number}-{count}", actor="test",
                now=clock.now(),
            )  # fmt: skip
            if chance.random() < 0.2:
                with suppress(Refused):  # used up already
                    void(bucket_id=made.pk, actor="test", reason="a mistake", now=clock.now())

    def turn(self) -> None:
        chance = Random(self.seed)
        while not self.over.is_set():
            roll(chance.choice(self.services).pk, now=clock.now())


@pytest.mark.parametrize("seed", [1, 2])
def test_grants_race_with_fold_and_roll(provider: Provider, nas: Nas, seed: int) -> None:
    policies = (AtCap.THROTTLE, AtCap.BLOCK)
    services = [
        provider.service(f"line{n}@example.net", allowance_bytes=6 * MB, at_cap=policies[n % 2])
        for n in range(LINES)
    ]
    race = Race(services, nas, seed)
    together(race.meter, partial(race.till, 1), partial(race.till, 2), race.turn, race.turn)
    with connect() as conn:
        while fold_step(conn, now=clock.now()).records:
            pass
    for service in (
        services
    ):  # whoever waited for the lock has an older time than a bucket's beginning: its event is due now
        roll(service.pk, now=clock.now())
    truth.check_totals()
    for service in services:
        roll(service.pk, now=clock.now())
    truth.check_totals()
    assert Bucket.objects.filter(kind=BucketKind.TOPUP).count() > 10
    assert Cap.objects.filter(counted_bytes__gt=6 * MB).count() == LINES, "the load was to pass the allowance"


def test_two_grants_with_one_reference_make_one_bucket(provider: Provider) -> None:
    """Of one line, as when an order is repeated; ten at once, several times."""
    service = provider.service("line0@example.net")
    for round_ in range(5):
        given: list[int] = []

        def order(number: int = round_, given: list[int] = given) -> None:
            bucket = grant(
                service_id=service.pk, kind=BucketKind.TOPUP, size_bytes=MB, source="order",
                reference=f"order:{number}", actor="test", now=clock.now(),
            )  # fmt: skip
            given.append(bucket.pk)

        together(*[order] * 10)
        assert len(given) == 10
        assert len(set(given)) == 1
    assert Bucket.objects.filter(kind=BucketKind.TOPUP).count() == 5
    truth.check_totals()


def test_one_reference_for_two_lines_grants_once(provider: Provider) -> None:
    """A mistake of the caller's, whose locks are two: the second gets the first one's bucket or a refusal, never a bucket."""
    lines = [provider.service(f"line{n}@example.net").pk for n in range(2)]

    def order(service_id: int) -> Callable[[], None]:
        def work() -> None:
            grant(
                service_id=service_id, kind=BucketKind.TOPUP, size_bytes=MB, source="order", reference="order:1",
                actor="test", now=clock.now(),
            )  # fmt: skip

        return work

    try:
        together(order(lines[0]), order(lines[1]))
    except Exception as failure:
        print(f"the second was refused: {failure!r}")
    assert Bucket.objects.filter(kind=BucketKind.TOPUP).count() == 1
    truth.check_totals()
