"""Granting, deciding and setting a line's status from the command line; and what a terminal gets."""

import io
import subprocess
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest

from capstan.audit.models import AuditEntry
from capstan.caps.actions.cap import roll, seal_due
from capstan.caps.models import Bucket, Cap
from capstan.caps.queries import standing
from capstan.caps.rules.words import NO_EXPIRY, CapState
from capstan.catalog.models import Package, PackageVersion
from capstan.metering.models import Fault, RadiusSession
from capstan.metering.rules.words import SessionState, Status
from capstan.operator.grant import Wanted, expiry, grant
from capstan.operator.layout import Page
from capstan.operator.meter import add_meter
from capstan.operator.terminal import painted, plain, say
from capstan.operator.words import lasting, speed
from capstan.services.actions import contract
from capstan.services.models import Service
from capstan.services.queries import package_in_force
from capstan.services.rules import MacLock, ServiceStatus
from capstan.values import clock
from capstan.values.refused import Refused
from tests.operator.conftest import Provider

pytestmark = pytest.mark.django_db(transaction=True)

GB = 10**9
ZONE = ZoneInfo("Africa/Johannesburg")


def run(capsys: pytest.CaptureFixture[str], verb: str, *words: str) -> str:
    """Run a verb as the command line does; what it printed."""
    module = import_module(f"capstan.operator.verbs.{verb}")
    parser = ArgumentParser(verb)
    module.add_arguments(parser)
    module.run(parser.parse_args(words))
    return capsys.readouterr().out.replace("\u00a0", " ")


def test_grant_says_what_it_did(provider: Provider) -> None:
    service = provider.service()
    provider.use_up(11)
    wanted = Wanted("THANDI@example.net", "2GB", "goodwill", None, "router was down")
    said = grant(wanted, reference="t-1", actor="cli:naledi", say=provider.say()).replace("\u00a0", " ")
    bucket = Bucket.objects.get(kind="goodwill")
    assert said == (
        f"Granted 2 GB (goodwill, bucket {bucket.pk}) to thandi@example.net, until 1 Apr 2026 00:00.\n"
        "2 GB left of 12 GB until 1 Apr 2026 00:00."
    )
    assert (bucket.service_id, bucket.reason, bucket.actor) == (service.pk, "router was down", "cli:naledi")
    again = grant(wanted, reference="t-1", actor="cli:naledi", say=provider.say())
    assert again == f"Nothing was granted: 't-1' stands for bucket {bucket.pk} already."
    assert Bucket.objects.filter(kind="goodwill").count() == 1


def test_data_that_was_used_up_in_an_earlier_cycle_is_not_shown(provider: Provider) -> None:
    service = provider.service()
    grant(Wanted(service.username, "2GB", "topup", "never", "sold"), actor="cli:naledi", say=provider.say())
    provider.use_up(13)
    assert [one.kind for one in standing(service.pk, now=provider.now).buckets] == ["allowance", "topup"]
    provider.wait(days=31)
    roll(service.pk, now=provider.now)
    assert [one.kind for one in standing(service.pk, now=provider.now).buckets] == ["allowance"]


def test_data_without_expiry_outlives_its_cycle(provider: Provider) -> None:
    service = provider.service()
    wanted = Wanted(service.username, "2GB", "topup", "never", "sold so")
    said = grant(wanted, actor="cli:naledi", say=provider.say()).replace("\u00a0", " ")
    assert "to thandi@example.net, without expiry." in said
    provider.wait(days=70)
    roll(service.pk, now=provider.now)
    while seal_due(now=provider.now):
        pass
    assert [bucket.kind for bucket in standing(service.pk, now=provider.now).buckets if bucket.in_force] == [
        "allowance",
        "topup",
    ]
    assert Cap.objects.get(service=service).remaining_bytes == 12 * GB


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted("nobody", "2GB", "topup", None, "why"), "no service"),
        (Wanted("thandi@example.net", "2", "topup", None, "why"), "amount of data"),
        (Wanted("thandi@example.net", "0GB", "topup", None, "why"), "positive"),
        (Wanted("thandi@example.net", "2GB", "topup", "2026-01-01", "why"), "before it starts"),
        (Wanted("thandi@example.net", "2GB", "topup", "soon", "why"), "not a day or time"),
        (Wanted("thandi@example.net", "2GB", "topup", None, " "), "Say why"),
    ],
)
def test_grant_refused(provider: Provider, wanted: Wanted, why: str) -> None:
    provider.service()
    with pytest.raises(Refused, match=why):
        grant(wanted, actor="cli:naledi", say=provider.say())
    assert not Bucket.objects.exclude(kind="allowance").exists()


def test_no_grant_to_a_line_that_it_would_not_open(provider: Provider) -> None:
    service = provider.service()
    Service.objects.filter(pk=service.pk).update(status=ServiceStatus.SUSPENDED)
    with pytest.raises(Refused, match="suspended: data would not open it"):
        grant(Wanted(service.username, "2GB", "topup", None, "why"), actor="cli:naledi", say=provider.say())


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-31", datetime(2026, 12, 31, 22, tzinfo=UTC)),  # to the end of that day in Johannesburg
        ("2026-12-31T18:00", datetime(2026, 12, 31, 16, tzinfo=UTC)),
        ("2026-12-31T18:00+00:00", datetime(2026, 12, 31, 18, tzinfo=UTC)),
        ("never", NO_EXPIRY),
    ],
)
def test_expiry(text: str, instant: datetime) -> None:
    assert expiry(text, ZONE) == instant


def test_service_verbs(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    service = provider.service()
    for deed, status, words in (
        ("suspend", ServiceStatus.SUSPENDED, "is on hold."),
        ("resume", ServiceStatus.ACTIVE, "is off hold."),
        ("end", ServiceStatus.ENDED, "has ended."),
        ("end", ServiceStatus.ENDED, "nothing was changed"),
    ):
        assert words in run(capsys, "service", deed, "Thandi@example.net", "--reason", "test")
        service.refresh_from_db()
        assert service.status == status
    assert AuditEntry.objects.filter(action="service.end_service").get().actor.startswith("cli:")


def test_a_package_is_planned_and_taken_back(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    service = provider.service()
    package = Package.objects.create(code="home-50", name="Home 50 GB", brand=provider.brand)
    PackageVersion.objects.create(package=package, valid_from=provider.now, allowance_bytes=50 * GB)
    said = run(capsys, "service", "package", service.username, "--to", "home-50", "--from", "2126-12-01")
    assert said.strip() == "thandi@example.net has Home 50 GB from 1 Dec 2126 00:00."
    assert service.package_changes.count() == 2
    assert "keeps its package" in run(capsys, "service", "package", service.username, "--cancel")
    assert service.package_changes.count() == 1
    with pytest.raises(Refused, match=r"No package change of thandi@example\.net is planned"):
        run(capsys, "service", "package", service.username, "--cancel")
    with pytest.raises(Refused, match=r"no package .home-60.\. There are: home-50"):
        run(capsys, "service", "package", service.username, "--to", "home-60")
    assert "from now on" in run(capsys, "service", "package", service.username, "--to", "home-50")
    assert package_in_force(service.pk, clock.now()) == package.pk


def test_what_the_next_cycle_brings_follows_a_planned_change(provider: Provider) -> None:
    service = provider.service()
    package = Package.objects.create(code="home-50", name="Home 50 GB", brand=provider.brand)
    PackageVersion.objects.create(package=package, valid_from=provider.now, allowance_bytes=50 * GB)
    found = standing(service.pk, now=provider.now)
    contract.change_package(
        service_id=service.pk, package_id=package.pk, starts_at=found.cycle_end, actor="t", now=provider.now
    )
    found = standing(service.pk, now=provider.now)
    assert (found.terms.allowance_bytes, found.next_terms.allowance_bytes) == (10 * GB, 50 * GB)
    page = Page()
    add_meter(page, found, provider.say())
    assert "a new cycle begins with 50 GB" in page.text().replace("\u00a0", " ")


def test_a_device_is_set_and_forgotten(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    service = provider.service()
    for words, mac, lock in (
        (("--set", "02:00:5e:00:00:01"), "02005E000001", MacLock.LOCKED),
        (("--learn",), "", MacLock.LEARN),
        (("--any",), "", MacLock.OFF),
    ):
        run(capsys, "service", "device", service.username, *words)
        service.refresh_from_db()
        assert (service.mac_address, service.mac_lock) == (mac, lock)


def test_consent_to_overage_is_recorded_and_withdrawn(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    service = provider.service(at_cap="overage")
    provider.use_up(11)
    assert Cap.objects.get(service=service).state == CapState.BLOCKED
    said = run(capsys, "service", "consent", service.username, "--by", "Thandi", "--channel", "phone")
    assert "Thandi agreed by phone" in said
    assert Cap.objects.get(service=service).state == CapState.OPEN
    assert "cut there" in run(capsys, "service", "consent", service.username, "--withdraw")
    service.refresh_from_db()
    assert service.overage_consent is None
    with pytest.raises(Refused, match="by which channel"):
        run(capsys, "service", "consent", service.username, "--by", "Thandi")


def test_session_verbs(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    service = provider.service()
    provider.receive(provider.record(Status.START, user="lost@example.net"))
    provider.fold()
    session = provider.session()
    assert "thandi@example.net's" in run(
        capsys, "session", "assign", str(session.pk), "thandi@example.net", "--reason", "renamed"
    )
    run(capsys, "session", "close", str(session.pk), "--reason", "router replaced")
    provider.now = clock.now()  # the verbs wrote at the real time
    provider.fold()
    session.refresh_from_db()
    assert (session.service_id, session.state) == (service.pk, SessionState.CLOSED)
    with pytest.raises(Refused, match="there is no session"):
        run(capsys, "session", "close", "987654", "--reason", "x")


def test_fault_verbs(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.service()
    assert "No fault is open" in run(capsys, "fault", "list")
    provider.use_up(2)
    provider.interim(900, 0, 1)
    fault = Fault.objects.get()
    listed = run(capsys, "fault", "list")
    assert (
        f"fault {fault.pk}  counters-back  thandi@example.net, n1, session {provider.session().pk}" in listed
    )
    assert "release counts the held bytes, dismiss drops them" in listed
    assert "dropped" in run(capsys, "fault", "dismiss", str(fault.pk), "--reason", "firmware bug")
    provider.now = clock.now()
    provider.fold()
    fault.refresh_from_db()
    assert fault.state == "dismissed"


def test_packets_explain_and_status_verbs(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.service()
    provider.use_up(1)
    assert "User-Name = thandi@example.net" in run(capsys, "packets", "thandi@example.net", "--last", "1")
    assert '"status": "Interim-Update"' in run(capsys, "packets", "thandi@example.net", "--json")
    assert "thandi@example.net   as of" in run(capsys, "explain", "thandi@example.net")
    assert '"username": "nobody"' in run(capsys, "explain", "nobody", "--json")
    assert "PROCESSES" in run(capsys, "status")
    assert '"waiting_records": 0' in run(capsys, "status", "--json")
    assert RadiusSession.objects.count() == 1


def test_a_terminal_without_utf8_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("● Online – 13.6\u00a0GB left [██░░] → 5× ж")
    sys.stdout.flush()
    assert raw.getvalue() == b"(o) Online - 13.6 GB left [##..] -> 5x ?\n"


def test_colour_only_where_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert painted("x", "red") == "x"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert painted("x", "red") == "\033[31mx\033[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted("x", "red") == "x"


def test_words() -> None:
    spans = (0.0123, 5.04, 62, 3_600, 90_061)
    assert [lasting(datetime.fromtimestamp(s, UTC) - datetime.fromtimestamp(0, UTC)) for s in spans] == [
        "12 ms",
        "5.0 s",
        "1 min 2 s",
        "1 h",
        "1 d 1 h",
    ]
    assert [speed(kbps) for kbps in (None, 512, 2_500)] == ["not limited", "512 kbit/s", "2.5 Mbit/s"]
    assert plain("…") == "..."


def test_the_real_command(provider: Provider, process_env: dict[str, str]) -> None:
    provider.service()

    def capstan(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "capstan.config.cli", *words]
        return subprocess.run(command, env=process_env, capture_output=True, text=True, timeout=60)

    status = capstan("status")
    assert status.returncode == 0, status.stderr
    assert "No meter process is running" in status.stdout
    granted = capstan("grant", "thandi@example.net", "1GB", "--reason", "test")
    assert "Granted 1\u00a0GB" in granted.stdout, granted.stderr
    refused = capstan("grant", "nobody@example.net", "1GB", "--reason", "test")
    assert refused.returncode == 1
    assert refused.stderr.startswith("capstan: There is no service")
