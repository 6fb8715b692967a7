"""Sets both sides up, runs every measurement, and prints what came out."""

import statistics
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from bench import product, provider, report, rival
from bench.backlog import wait_folded
from bench.load import Generator
from bench.scale import Scale
from bench.sides import Arena, Connection, Side
from bench.targets import MEASUREMENTS, Contest, Finding
from capstan.config.embedded.server import DATABASE, ROLE, Server
from capstan.values import clock

_OUT: Final = Path(__file__).with_name("out")
_STARTS_SECONDS: Final = 600
_FOLD_PATIENCE: Final = 600.0


def run(server: Server, folder: Path, *, scale: Scale, only: list[str] | None) -> None:
    """The whole benchmark; `only` restricts it to measurements of these names."""
    with ExitStack() as stack:
        contest = _set_up(stack, server, folder, scale)
        findings: list[Finding] = []
        for name, measurement in MEASUREMENTS:
            if only is None or name in only or (name == "crossing" and "order" in only):
                _say(f"measuring: {name}")
                findings.append(measurement(contest, _peak(contest)))
                _say(f"  {findings[-1].target}: {findings[-1].measured}")
        version = contest.ours.conn.execute("SHOW server_version").fetchone()
        assert version is not None
        shown = report.text(findings, contest.arena.cells, report.machine(version[0]))
        print(f"\n{shown}", flush=True)
        name = f"{datetime.now(tz=UTC):%Y%m%d-%H%M%S}"
        report.save(_OUT, name, shown=shown, findings=findings, cells=contest.arena.cells, scale=scale)


def _set_up(stack: ExitStack, server: Server, folder: Path, scale: Scale) -> Contest:
    conn = stack.enter_context(_connect(server, DATABASE))
    conn.execute(f"CREATE DATABASE {rival.DATABASE}")
    rival_conn = stack.enter_context(_connect(server, rival.DATABASE))
    _say(f"filling FreeRADIUS's tables: {scale.users:,} users")
    rival.fill(rival_conn, users=scale.users, sessions_each=scale.history)
    _say("filling the product's tables")
    provider.migrate()
    provider.fill(users=scale.users, crossers=scale.crossers, sessions_each=scale.history, now=clock.now())
    freeradius = stack.enter_context(rival.running(folder / "freeradius", socket=server.place.socket))
    running = stack.enter_context(product.running(folder))
    theirs = Side(
        name="rival",
        processes={"freeradius": freeradius.pid},
        conn=rival_conn,
        generator=Generator(auth_port=freeradius.auth_port, acct_port=freeradius.acct_port),
    )
    ours = Side(
        name="product",
        processes=running.processes,
        conn=conn,
        generator=Generator(
            auth_port=running.auth_port, acct_port=running.acct_port, classes=folder / "classes"
        ),
    )
    arena = Arena(postmaster=server.process.pid, folder=folder)
    return Contest(
        arena=arena,
        theirs=theirs,
        ours=ours,
        running=running,
        scale=scale,
        superuser=stack.enter_context(_connect(server, DATABASE, "postgres")),
        their_t0=_open_sessions(arena, theirs, scale),
        our_t0=_open_sessions(arena, ours, scale),
    )


def _open_sessions(arena: Arena, side: Side, scale: Scale) -> int:
    """A session of every user; returns when they began. The product's are logged in first, for their Class."""
    _say(f"opening {scale.users:,} sessions: {side.name}")
    if side.name == "product":
        load = arena.run(
            side, "logins and Starts", "open", A=True, w=64, n=scale.users, u=0, d=_STARTS_SECONDS
        ).load
        wait_folded(side.conn, seconds=_FOLD_PATIENCE)
    else:
        load = arena.run(side, "Starts", "start", w=64, n=scale.users, u=0, d=_STARTS_SECONDS).load
    if not load.clean or load.rejects:
        raise RuntimeError(
            f"{side.name}: {load.lost} lost, {load.bad_authenticators} forged, {load.rejects} rejected"
        )
    side.conn.execute("VACUUM ANALYZE")
    return load.t0


def _peak(contest: Contest) -> float:
    """Requests a second that the product sustains with 64 in flight; a guess as long as that was not measured."""
    rates = [
        cell.rate for cell in contest.arena.cells if cell.side == "product" and cell.what == "interim W=64"
    ]
    return statistics.median(rates) if rates else 2_000.0


def _connect(server: Server, database: str, role: str = ROLE) -> Connection:
    return psycopg.connect(
        host=str(server.place.socket), dbname=database, user=role, autocommit=True, application_name="bench"
    )


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {what}", flush=True)
