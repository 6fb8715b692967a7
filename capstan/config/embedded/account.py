"""The system account that runs the embedded PostgreSQL, which refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from capstan.config.errors import OperatorError

SYSTEM_NAMES = ("capstan", "postgres")


@dataclass(frozen=True)
class Account:
    """Who owns the data and runs the server. `is_self`: we are that user already."""

    name: str
    uid: int
    gid: int

    @property
    def is_self(self) -> bool:
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Hand `path` over to the account (nothing to do when it is us)."""
        if not self.is_self:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data: Path) -> Account:
    """The account for the PostgreSQL data in `data`: its owner if it exists, else whom we would choose today."""
    if data.exists():
        owner = data.stat().st_uid
        if owner not in (0, os.geteuid()) and os.geteuid() != 0:
            raise OperatorError(f"{data} belongs to user number {owner}; run capstan as that user or as root")
        if owner != 0:
            return _account(owner)
    return _system_account() if os.geteuid() == 0 else _account(os.geteuid())


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise OperatorError(
            f"user number {uid} has no entry in /etc/passwd, which PostgreSQL's peer authentication needs"
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _system_account() -> Account:
    for name in SYSTEM_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return _create(SYSTEM_NAMES[0])


def _create(name: str) -> Account:
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if useradd is None:
        raise OperatorError(
            f"PostgreSQL can't run as root and there is no useradd: create a system user named {name}"
        )
    made = subprocess.run(
        [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise OperatorError(f"PostgreSQL can't run as root and useradd {name} failed: {made.stderr.strip()}")
    entry = pwd.getpwnam(name)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
