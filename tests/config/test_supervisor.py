"""`capstan up` with real processes: it restarts, stops in order, refuses a second, and survives any kill -9."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capstan.config.embedded import leftovers
from capstan.config.embedded.server import throwaway
from tests.config.running import Up, is_alive, wait_until

pytestmark = pytest.mark.xdist_group("processes")


ALL = ("meter", "worker", "radius", "web")


@pytest.fixture
def up() -> Iterator[Up]:
    """Not yet started; with the web server only, which is enough to see a child live and die."""
    folder = Path(tempfile.mkdtemp(prefix="capstan-test-"))
    folder.chmod(0o755)
    made = Up(folder, ["web"])
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    leftovers.clear(folder / "postgres" / "data", print)
    shutil.rmtree(folder)


def database(up: Up) -> list[int]:
    return leftovers.running_in(up.data_dir / "postgres" / "data")


def test_one_life(up: Up) -> None:
    """Start, a second start, a child and the database killed, a clean stop."""
    up.start().wait_healthy()

    second = up.run("up")
    assert second.returncode == 1
    assert f"capstan already runs on {up.data_dir} (process {up.process.pid})" in second.stderr

    first = up.child("web")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: up.heard("ended by itself: starting it again", child="web", how="killed by SIGKILL"))
    wait_until(lambda: len(up.heard("started", child="web")) == 2)
    up.wait_healthy()
    assert up.child("web") != first

    for pid in database(up):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: up.heard("the database ended by itself: starting it again"))
    up.wait_healthy()
    assert len(up.heard("started", child="web")) == 2, "the web server waits for the database, it doesn't die"

    web = up.child("web")
    assert up.stop() == 0
    assert not is_alive(web)
    assert database(up) == []
    order = [
        e["event"]
        for e in up.events
        if e["event"] in ("stopped", "stopping the database", "capstan has stopped")
    ]
    assert order == ["stopped", "stopping the database", "capstan has stopped"]
    assert not up.heard("did not stop in time: killing it")
    said = up.run("check-settings")
    assert said.returncode == 1
    assert f"the embedded database in {up.data_dir} isn't running: start `capstan up`" in said.stderr


def test_a_killed_supervisor_leaves_nothing_that_hinders(up: Up) -> None:
    up.start().wait_healthy()
    web, key = up.child("web"), (up.data_dir / "keys" / "field_key").read_text()
    up.process.kill()
    up.process.wait()
    again = up.start()
    again.wait_healthy()
    assert not is_alive(web)
    assert (up.data_dir / "keys" / "field_key").read_text() == key
    assert up.run("check-settings").returncode == 0
    assert again.stop(signal.SIGINT) == 0


def test_all_processes_come_up_and_stop_in_order(up: Up) -> None:
    up.processes = ALL
    up.start()
    wait_until(lambda: up.processes_alive() == dict.fromkeys(sorted([*ALL, "radius-logins"]), 1))
    assert up.run("status").returncode == 0
    assert up.stop() == 0
    stopped = [event["child"] for event in up.heard("stopped")]
    assert set(stopped[:3]) == {"radius", "radius-logins", "web"}
    assert stopped[3:] == ["worker", "meter"]
    assert not up.heard("ended by itself: starting it again")
    assert not up.heard("did not stop in time: killing it")


def test_with_a_database_of_ones_own_none_is_embedded(up: Up) -> None:
    with throwaway() as server:
        up.environment["DATABASE_URL"] = server.url()
        up.start()
        assert up.process.wait(60) == 1
        wait_until(lambda: any("CAPSTAN_SECRET_KEY must be given" in line for line in up.other_lines))
        up.environment |= {"CAPSTAN_SECRET_KEY": "s" * 40, "CAPSTAN_FIELD_KEY": "ab" * 32}
        up.start().wait_healthy()
        assert not (up.data_dir / "postgres").exists()
        assert up.stop() == 0
        assert server.process.poll() is None, "a database that isn't ours is left alone"


def test_a_taken_port_is_named_before_anything_starts(up: Up) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", up.web_port))
        taken.listen()
        up.start()
        assert up.process.wait(60) == 1
    wait_until(lambda: any("CAPSTAN_WEB_BIND" in line for line in up.other_lines))
    said = "".join(up.other_lines)
    assert f"TCP port {up.web_port} on 127.0.0.1 can't be used" in said
    assert "Traceback" not in said
    assert not (up.data_dir / "postgres").exists()


def test_a_child_that_keeps_failing_is_started_ever_later(up: Up) -> None:
    up.processes = ("no-such-verb",)
    up.start()
    wait_until(lambda: len(up.heard("ended by itself: starting it again")) >= 3)
    pauses = [e["in_seconds"] for e in up.heard("ended by itself: starting it again", how="exit status 2")]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert up.stop() == 0
