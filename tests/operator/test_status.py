"""`capstan status`: what is up, what waits, what failed, and what needs a person."""

from datetime import timedelta

import pytest

from capstan.db.models import ProcessBeat
from capstan.metering.models import Nas, Quarantine
from capstan.metering.rules.words import Status as PacketStatus
from capstan.network.models import Command, LoginFailure
from capstan.operator.status.collect import status
from capstan.operator.status.facts import troubles
from capstan.operator.status.view import page_of
from capstan.services.actions.access_due import raise_access_due
from capstan.services.actions.status import suspend
from capstan.services.models import AccessDue
from tests.operator.conftest import Provider

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ("radius", "meter", "worker", "web")


def beat(provider: Provider, *kinds: str, seconds_ago: float = 1, **figures: float) -> None:
    at = provider.now - timedelta(seconds=seconds_ago)
    for kind in kinds:
        ProcessBeat.objects.update_or_create(
            kind=kind, host="core", pid=7, defaults={"started_at": at, "beat_at": at, "figures": figures}
        )


def page(provider: Provider) -> str:
    return page_of(status(now=provider.now), provider.say()).replace("\u00a0", " ")


def test_all_is_well(provider: Provider) -> None:
    provider.service()
    AccessDue.objects.all().delete()
    beat(provider, *KINDS)
    shown = page(provider)
    assert troubles(status(now=provider.now)) == []
    assert shown.startswith("● All is well – meter 0 s behind")
    assert "Services       1 active" in shown
    assert "none open" in shown


def test_nothing_runs(provider: Provider) -> None:
    found = troubles(status(now=provider.now))
    assert [sentence.split(":")[0] for sentence in found] == [
        f"No {kind} process is running" for kind in KINDS
    ]
    assert page(provider).startswith("■ 4 things need you")


def test_a_process_that_was_killed_is_shown(provider: Provider) -> None:
    beat(provider, *KINDS)
    beat(provider, "radius", seconds_ago=90)
    assert "radius  DEAD" in page(provider)
    assert "it didn't stop by itself" in page(provider)
    assert troubles(status(now=provider.now))[0].startswith("No radius process")


def test_a_second_meter_stands_by(provider: Provider) -> None:
    beat(provider, "meter", meter_active=0)
    assert "standing by for the other meter" in page(provider)


def test_the_meter_is_behind(provider: Provider) -> None:
    provider.service()
    beat(provider, *KINDS)
    provider.receive(provider.record(PacketStatus.START), provider.record(PacketStatus.INTERIM, 5))
    provider.wait(seconds=5)
    beat(provider, *KINDS)
    found = status(now=provider.now)
    assert (found.meter.waiting_records, found.meter.lag_seconds) == (2, 5.0)
    assert "2 records in the packet log, the oldest 5.0 s old" in page(provider)
    provider.wait(seconds=40)
    assert any("The meter is 45 s behind" in sentence for sentence in troubles(status(now=provider.now)))
    provider.fold()
    assert status(now=provider.now).meter.waiting_records == 0
    assert status(now=provider.now).sessions == {"live": 1, "stale": 0}


def test_what_waits_and_what_failed(provider: Provider) -> None:
    first, second = provider.service(), provider.service("other@example.net")
    AccessDue.objects.all().delete()
    raise_access_due([first.pk], cause="cap", now=provider.now)
    raise_access_due([second.pk], cause="cap", now=provider.now, due_at=provider.now + timedelta(minutes=8))
    AccessDue.objects.filter(service=second).update(attempts=3)
    suspend(service_id=second.pk, reason="unpaid", actor="t", now=provider.now)
    AccessDue.objects.filter(service=second).update(due_at=provider.now + timedelta(minutes=8), attempts=3)
    provider.wait(minutes=2)
    beat(provider, *KINDS, coa_routers_silent=1)
    hour = int(provider.now.timestamp()) // 3600
    for user, times in (("a", 3), ("b", 2)):
        LoginFailure.objects.create(
            username=user,
            reason="wrong password",
            hour=hour,
            count=times,
            first_at=provider.now,
            last_at=provider.now,
        )
    Quarantine.objects.create(
        source="203.0.113.9",
        port="authentication",
        reason="unknown peer: no peer has this address",
        count=12,
        first_at=provider.now,
        last_at=provider.now,
        sample=b"",
    )
    Nas.objects.create(
        peer=provider.nas.peer,
        name="edge-9",
        identifier="edge-9",
        discovered=True,
        registered_at=provider.now,
    )
    shown = page(provider)
    assert "Enforcement    1 line due, the oldest for 2 min; 1 later" in shown
    assert "1 line retried, 1 router left alone for not answering" in shown
    assert "5× wrong password (2 usernames" in shown
    assert "12× unknown peer: no peer has this address (203.0.113.9, authentication port" in shown
    assert "Services       1 active, 1 suspended" in shown
    found = "\n".join(troubles(status(now=provider.now)))
    assert "1 line due to be brought to its access, the oldest for 2 min" in found
    assert "Routers not entered yet, metered but never acted upon: edge-9" in found


def test_a_disconnect_of_a_session_that_had_ended_is_no_refusal(provider: Provider) -> None:
    service = provider.service()
    provider.use_up(1)
    for cause in (503, 503, 406):
        Command.objects.create(
            service=service, session=provider.session(), nas=provider.nas, kind="disconnect", state="nak",
            access_kind="closed", access_hash=b"12345678", cause="cap", raised_at=provider.now,
            sent_at=provider.now, error_cause=cause,
        )  # fmt: skip
    assert "1 refused, 2 for sessions that had ended in the last hour" in page(provider)


def test_a_fault_waits_for_a_decision_but_a_wrong_clock_does_not(provider: Provider) -> None:
    provider.service()
    beat(provider, *KINDS)
    provider.use_up(2)
    beat(provider, *KINDS)
    provider.interim(900, 0, 1)
    found = status(now=provider.now)
    assert found.faults == {"counters-back": 1}
    assert any("1 metering fault" in sentence for sentence in troubles(found))
