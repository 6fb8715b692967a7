"""The listener as the process that `capstan radius` is."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from capstan.db.models import ProcessBeat
from capstan.metering.models import Stream
from tests.network.listener.client import Client, interim
from tests.network.listener.conftest import PASSWORD, Provider, logged, wait_for

CAPSTAN = str(Path(sys.executable).with_name("capstan"))


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def environment(process_env: dict[str, str]) -> dict[str, str]:
    ports = {"CAPSTAN_RADIUS_AUTH_PORT": str(free_port()), "CAPSTAN_RADIUS_ACCT_PORT": str(free_port())}
    return {**process_env, **ports, "CAPSTAN_RADIUS_HOSTS": "127.0.0.1"}


def test_it_answers_beats_and_ends_cleanly(provider: Provider, environment: dict[str, str]) -> None:
    auth, acct = (int(environment[f"CAPSTAN_RADIUS_{name}_PORT"]) for name in ("AUTH", "ACCT"))
    process = subprocess.Popen(
        [CAPSTAN, "radius"], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        client = Client("127.0.0.1", auth, acct)
        wait_for(lambda: client.ask(client.accounting(interim()), timeout=0.5), seconds=30)
        beat = wait_for(lambda: ProcessBeat.objects.filter(kind="radius", pid=process.pid).first())
        wait_for(
            lambda: ProcessBeat.objects.get(pk=beat.pk).figures.get("accounting_acknowledged_total", 0) >= 1
        )
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=15)
    finally:
        process.kill()
    assert process.returncode == 0, complaints.decode()
    assert b"Traceback" not in complaints
    assert logged()
    assert not Stream.objects.filter(closed_at=None).exists()
    assert not ProcessBeat.objects.filter(kind="radius").exists()


def test_an_address_that_is_not_ours_is_named(provider: Provider, environment: dict[str, str]) -> None:
    environment["CAPSTAN_RADIUS_HOSTS"] = "192.0.2.1"
    done = subprocess.run([CAPSTAN, "radius"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "192.0.2.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_process_shares_the_logins_and_leaves_accounting_alone(
    provider: Provider, environment: dict[str, str]
) -> None:
    provider.service()
    auth, acct = (int(environment[f"CAPSTAN_RADIUS_{name}_PORT"]) for name in ("AUTH", "ACCT"))
    processes = [
        subprocess.Popen([CAPSTAN, "radius", *words], env=environment, stderr=subprocess.DEVNULL)
        for words in ((), ("--logins-only",))
    ]
    try:
        wait_for(lambda: ProcessBeat.objects.count() == len(processes), seconds=30)
        kinds = dict(ProcessBeat.objects.values_list("kind", "pid"))
        assert kinds == {"radius": processes[0].pid, "radius-logins": processes[1].pid}
        # The kernel spreads the senders over both.
        for _ in range(16):
            assert (
                Client("127.0.0.1", auth, acct).login("thandi@example.net", PASSWORD, (32, b"n1")).code == 2
            )
        wait_for(
            lambda: all(
                figures.get("access_accepted_total", 0) > 0
                for figures in ProcessBeat.objects.values_list("figures", flat=True)
            )
        )
        processes[0].send_signal(signal.SIGTERM)
        assert processes[0].wait(15) == 0
        client = Client("127.0.0.1", auth, acct)
        assert client.login("thandi@example.net", PASSWORD, (32, b"n1")).code == 2
        assert client.ask(client.accounting(interim()), timeout=0.5) is None
    finally:
        for process in processes:
            process.kill()
