"""Two workers at once, on real connections and real locks."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from capstan.network.actions.due import Due, Later, claim_due, let_go
from capstan.network.actions.enforce import Enforcer
from capstan.network.coa.client import CoaClient
from capstan.network.models import Command
from capstan.services.actions.access_due import raise_access_due
from capstan.services.models import AccessDue
from capstan.services.rules import Urgency
from capstan.values import clock
from tests.network.enforce.lab import OPEN, Provider

pytestmark = pytest.mark.django_db(transaction=True)
LINES = 60


@pytest.fixture
def provider(transactional_db: None) -> Iterator[Provider]:
    made = Provider()
    made.now = clock.now()
    yield made
    made.close()


def capped_lines(provider: Provider, count: int) -> None:
    nas = provider.router(coa_per_second=1_000)
    for number in range(count):
        service = provider.service(f"line{number}@example.net")
        provider.session(service, nas, got=OPEN)
        provider.cap(service, state="walled")


def test_two_workers_claim_disjoint_rows(provider: Provider) -> None:
    capped_lines(provider, LINES)
    claimed: list[list[Due]] = []
    together = Barrier(2)

    def work() -> None:
        try:
            together.wait()
            while mine := claim_due(now=provider.now, limit=7):
                claimed.append(mine)
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [one.service_id for batch in claimed for one in batch]
    assert len(ids) == len(set(ids)) == LINES


def test_two_workers_together_send_each_command_once(provider: Provider) -> None:
    capped_lines(provider, LINES)
    together = Barrier(2)

    def work() -> None:
        enforcer = Enforcer(CoaClient())
        try:
            together.wait()
            for _ in range(400):
                if not enforcer.step(now=clock.now()) and not AccessDue.objects.exists():
                    return
        finally:
            enforcer.client.close()
            connections.close_all()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    (port,) = provider.ports.values()
    while any(thread.is_alive() for thread in threads):
        port.serve()
        for thread in threads:
            thread.join(0.01)
    told = [request["Acct-Session-Id"][0] for request in port.heard]
    assert len(told) == len(set(told)) == LINES
    assert Command.objects.filter(state="ack").count() == Command.objects.count() == LINES
    assert not AccessDue.objects.exists()


def test_what_is_raised_again_while_it_is_held_is_not_cleared(provider: Provider) -> None:
    capped_lines(provider, 1)
    (held,) = claim_due(now=provider.now, limit=1)
    raise_access_due([held.service_id], cause="topup", now=provider.now)
    let_go(done=[held])
    row = AccessDue.objects.get()
    assert (row.cause, row.lease_until, row.version) == ("topup", None, held.version + 1)
    assert claim_due(now=provider.now, limit=1)[0].version == held.version + 1


def test_a_row_that_was_cleared_and_raised_anew_is_another_one(provider: Provider) -> None:
    """A worker that stood still beyond its lease must not clear what came after another one was done."""
    capped_lines(provider, 1)
    (stale,) = claim_due(now=provider.now, limit=1)
    AccessDue.objects.all().delete()
    raise_access_due([stale.service_id], cause="topup", now=provider.now + timedelta(minutes=1))
    assert AccessDue.objects.get().version == stale.version
    let_go(done=[stale])
    assert AccessDue.objects.get().cause == "topup"


def test_what_is_raised_again_while_it_is_held_is_not_put_off(provider: Provider) -> None:
    capped_lines(provider, 1)
    (held,) = claim_due(now=provider.now, limit=1)
    raise_access_due([held.service_id], cause="topup", now=provider.now)
    let_go(later=[Later(held, provider.now + timedelta(minutes=15), 9)])
    row = AccessDue.objects.get()
    assert (row.due_at <= provider.now, row.attempts) == (True, 0)


def test_a_line_that_somebody_waits_for_goes_before_a_crowd(provider: Provider) -> None:
    capped_lines(provider, 5)
    ids = list(AccessDue.objects.order_by("pk").values_list("pk", flat=True))
    AccessDue.objects.update(urgency=Urgency.CROWD)
    provider.now += timedelta(seconds=10)
    raise_access_due(ids[3:4], cause="topup", now=provider.now)
    assert [one.service_id for one in claim_due(now=provider.now, limit=1)] == ids[3:4]
    raise_access_due(ids[2:3], cause="cap", now=provider.now, urgency=Urgency.USAGE)
    assert [one.service_id for one in claim_due(now=provider.now, limit=9, at_least=Urgency.USAGE)] == ids[
        2:3
    ]
    assert len(claim_due(now=provider.now, limit=9)) == 3


def test_a_crowd_raises_nobody_down(provider: Provider) -> None:
    capped_lines(provider, 1)
    row = AccessDue.objects.get()
    raise_access_due([row.pk], cause="sweep", now=provider.now, urgency=Urgency.CROWD)
    assert AccessDue.objects.get().urgency == Urgency.AWAITED
