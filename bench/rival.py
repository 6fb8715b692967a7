"""The rival: FreeRADIUS with rlm_sql and a tuned monthly counter, in a temporary folder, on the product's PostgreSQL.

What differs from Debian's stock configuration, and why, is in README.md.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import sql

from bench.people import NASES, SECRET, nas_address, username_sql
from bench.ports import free_udp_ports
from bench.sides import Connection

DATABASE: Final = "radius"
STOCK: Final = Path("/etc/freeradius/3.0")
_SQL: Final = STOCK / "mods-config/sql/main/postgresql"
_TEMPLATE: Final = Path(__file__).with_name("freeradius.conf")
_THREADS: Final = 16
_CAP_OCTETS: Final = 500_000_000_000

_DICTIONARY: Final = """$INCLUDE /usr/share/freeradius/dictionary
ATTRIBUTE Max-Monthly-Octets 3010 integer64
"""


@dataclass(frozen=True)
class Rival:
    """A running FreeRADIUS."""

    pid: int
    auth_port: int
    acct_port: int


def missing() -> str:
    """What must be installed or readable for the rival to run; empty when all is there."""
    if shutil.which("freeradius", path="/usr/sbin:/usr/bin") is None or not (_SQL.parent.parent).is_dir():
        return "apt-get install freeradius freeradius-postgresql (and run as root: its configuration is not public)"
    return ""


def fill(conn: Connection, *, users: int, sessions_each: int) -> None:
    """The stock schema, the counter's index, and customers with a password, a cap, an address and closed sessions."""
    conn.execute(sql.SQL((_SQL / "schema.sql").read_text()))
    conn.execute("CREATE INDEX radacct_user_start ON radacct (username, acctstarttime)")
    name = username_sql("n")
    everyone = f"generate_series(0, {users - 1}) n"
    for attribute, value in (
        ("Cleartext-Password", "'pass' || lpad(n::text, 6, '0')"),
        ("Max-Monthly-Octets", f"'{_CAP_OCTETS}'"),
    ):
        conn.execute(
            "INSERT INTO radcheck (username, attribute, op, value)"
            f" SELECT {name}, '{attribute}', ':=', {value} FROM {everyone}"
        )
    conn.execute(
        "INSERT INTO radreply (username, attribute, op, value)"
        f" SELECT {name}, 'Framed-IP-Address', ':=', host('100.64.0.0'::inet + n) FROM {everyone}"
    )
    add_history(conn, users=users, first=0, sessions_each=sessions_each)


def add_history(conn: Connection, *, users: int, first: int, sessions_each: int) -> None:
    """Closed sessions of this month for every user, numbered from `first`, in the order in which they began."""
    conn.execute(
        f"""
        INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype,
            acctstarttime, acctupdatetime, acctstoptime, acctinterval, acctsessiontime, acctauthentic,
            acctinputoctets, acctoutputoctets, calledstationid, callingstationid, acctterminatecause,
            servicetype, framedprotocol, framedipaddress, class)
        SELECT to_hex(n), md5(s || '/' || n), {username_sql("n")}, '198.51.100.0'::inet + mod(n, {NASES}), 'vlan-101',
            'Ethernet', began, began + interval '1 hour', began + interval '1 hour', 300, 3600, 'RADIUS',
            10000000 + n, 100000000 + n, 'pppoe-bench', '02:00:00:00:00:00', 'User-Request',
            'Framed-User', 'PPP', '100.64.0.0'::inet + n, ''
        FROM generate_series({first}, {first + sessions_each - 1}) s, generate_series(0, {users - 1}) n,
            LATERAL (SELECT date_trunc('month', clock.at) + (clock.at - date_trunc('month', clock.at))
                * ((s - {first} + 0.5) / {sessions_each}) AS began FROM (SELECT statement_timestamp() AS at) clock) b
        """
    )
    conn.execute("VACUUM ANALYZE")


@contextmanager
def running(folder: Path, *, socket: Path) -> Iterator[Rival]:
    """FreeRADIUS in `folder`, on the database `radius` behind the unix socket in `socket`."""
    folder.mkdir(parents=True, exist_ok=True)
    auth_port, acct_port = free_udp_ports(2)
    (folder / "empty").write_text("")
    (folder / "dictionary").write_text(_DICTIONARY)
    (folder / "radiusd.conf").write_text(
        _configuration(
            folder=folder,
            stock=STOCK,
            sql=_SQL,
            socket=socket,
            database=DATABASE,
            threads=_THREADS,
            clients="\n".join(_client(nas) for nas in range(NASES)),
            auth_port=auth_port,
            acct_port=acct_port,
        )
    )
    log = (folder / "radius.log").open("wb")
    process = subprocess.Popen(
        ["/usr/sbin/freeradius", "-f", "-l", "stdout", "-d", folder],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        _wait_ready(process, folder)
        yield Rival(process.pid, auth_port, acct_port)
    finally:
        process.terminate()
        process.wait(30)


def _configuration(**values: object) -> str:
    text = _TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def _client(nas: int) -> str:
    return f"client nas{nas} {{\n    ipaddr = {nas_address(nas)}\n    secret = {SECRET}\n}}"


def _wait_ready(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + 20
    log = folder / "radius.log"
    while "Ready to process requests" not in log.read_text():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"FreeRADIUS did not start:\n{log.read_text()}")
        time.sleep(0.1)


def session_bytes(conn: Connection) -> dict[str, tuple[int, int]]:
    """Acct-Session-Id -> (input, output) octets of the sessions that are open."""
    rows = conn.execute(
        "SELECT acctsessionid, acctinputoctets, acctoutputoctets FROM radacct WHERE acctstoptime IS NULL"
    )
    return {session: (octets_in, octets_out) for session, octets_in, octets_out in rows}
