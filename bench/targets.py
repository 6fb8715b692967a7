"""The design's first five targets, measured."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import product, provider, rival
from bench.backlog import BacklogWatch, wait_folded
from bench.load import acknowledged
from bench.pages import ASKED, page_times
from bench.people import session_id
from bench.scale import Scale
from bench.sides import Arena, Cell, Connection, Side
from bench.stopwatch import crossing_delays, order_delays, percentile
from capstan.caps.models import Cap
from capstan.values import clock

WARM_UP = 1
_FOLD_PATIENCE = 300.0
_PAGE_MS = 250


@dataclass(kw_only=True)
class Finding:
    """A target and what was measured against it."""

    target: str
    wanted: str
    measured: str
    holds: bool
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Everything that the measurements need."""

    arena: Arena
    theirs: Side
    ours: Side
    running: product.Product
    scale: Scale
    superuser: Connection
    their_t0: int
    our_t0: int

    @property
    def steady_users(self) -> int:
        """Those whose sessions send Interims all the time: all but the crossers."""
        return self.scale.users - self.scale.crossers

    @property
    def folder(self) -> Path:
        return self.arena.folder


def interim(contest: Contest, window: int) -> Finding:
    """Target 1: Interim-Updates acknowledged and folded, against FreeRADIUS with rlm_sql."""
    ours: list[Cell] = []
    theirs: list[Cell] = []
    for _ in range(contest.scale.rounds):
        theirs.append(_rival_interim(contest, window))
        # Anew each time: the machine's own speed moves within minutes. First without a limit, then with the one found.
        seconds = contest.scale.calibration_seconds
        limit = _balanced(_product_interim(contest, window, "calibration", seconds))
        limit = _balanced(_product_interim(contest, window, "calibration", seconds, L=round(limit)))
        ours.append(
            _product_interim(contest, window, "interim", contest.scale.product_seconds, L=round(limit))
        )
    ratio = _ratio(ours, theirs)
    remarks = [
        f"wrong counters: {cell.side} {cell.notes['wrong']:.0f}"
        for cell in [*theirs, *ours]
        if cell.notes["wrong"]
    ]
    remarks += [
        f"backlog of {cell.notes['backlog_end']:.0f} records after {cell.load.seconds:.0f} s,"
        f" folded {cell.notes['drain_s']:.1f} s later; acknowledged {cell.load.rps:,.0f}/s"
        for cell in ours
    ]
    return Finding(
        target=f"Interim-Updates, durable and folded, {window} in flight",
        wanted="≥ 6 ×",
        measured=f"{ratio:.1f} × ({_span(ours)} against {_span(theirs)})",
        holds=ratio >= 6 and all(cell.load.clean and not cell.notes["wrong"] for cell in ours),
        remarks=remarks,
    )


def _ratio(ours: Sequence[Cell], theirs: Sequence[Cell]) -> float:
    """The median of the ratios of neighbours in time."""
    return statistics.median(mine.rate / other.rate for mine, other in zip(ours, theirs, strict=True))


def burst(contest: Contest) -> Finding:
    """Target 1, second half: a burst may outrun the meter, which then catches up."""
    theirs = [cell for cell in contest.arena.cells if cell.side == "rival" and cell.what == "interim W=256"]
    ours = []
    for _ in range(contest.scale.rounds):
        cell = contest.arena.run(
            contest.ours, "burst W=256", "interim", w=256, n=contest.steady_users, T=contest.our_t0,
            u=0, d=contest.scale.burst_seconds,
        )  # fmt: skip
        cell.notes["drain_s"] = wait_folded(contest.ours.conn, seconds=_FOLD_PATIENCE)
        ours.append(cell)
    ratio = _median(ours) / _median(theirs)
    drains = [cell.notes["drain_s"] for cell in ours]
    return Finding(
        target=f"Interim-Updates, burst of {contest.scale.burst_seconds} s, 256 in flight",
        wanted="10 ×, then drains",
        measured=f"{ratio:.1f} × ({_span(ours)}), folded {min(drains):.1f}–{max(drains):.1f} s after",
        holds=ratio >= 10 and all(cell.load.clean for cell in ours),
    )


def access(contest: Contest) -> Finding:
    """Target 2: logins with the cap checked, against rlm_sql with the tuned counter; and with ten times the history."""
    scale = contest.scale

    def logins(side: Side, what: str) -> Cell:
        return contest.arena.run(
            side, what, "pap", A=True, w=64, n=scale.users, u=WARM_UP, d=scale.access_seconds
        )

    theirs, ours = [], []
    for _ in range(scale.rounds):
        theirs.append(logins(contest.theirs, "access W=64"))
        ours.append(logins(contest.ours, "access W=64"))
    more = scale.history * (scale.history_growth - 1)
    provider.add_history(users=scale.users, first=scale.history, sessions_each=more, now=clock.now())
    contest.superuser.execute(
        "CHECKPOINT"
    )  # what was just filled in is not written while others are measured
    grown = [
        logins(contest.ours, f"access W=64, history × {scale.history_growth}") for _ in range(scale.rounds)
    ]
    ratio, flatness = _ratio(ours, theirs), _median(grown) / _median(ours)
    return Finding(
        target="Access-Requests, cap checked, Message-Authenticator, 64 in flight",
        wanted="≥ 8 ×, flat",
        measured=f"{ratio:.1f} × ({_span(ours)} against {_span(theirs)});"
        f" with {scale.history_growth} × the history {flatness:.2f} of that",
        holds=ratio >= 8 and flatness >= 0.9 and all(cell.load.clean for cell in [*ours, *grown]),
        remarks=[
            f"{cell.load.rejects} rejected ({cell.side})" for cell in [*ours, *theirs] if cell.load.rejects
        ],
    )


def crossing(contest: Contest, peak: float) -> Finding:
    """Target 3: from the packet that reaches the cap to the CoA on the wire, at half the peak."""
    scale = contest.scale
    log = contest.folder / "crossings.log"
    first = contest.steady_users
    contest.arena.run(
        contest.ours, "cap reached, half peak", "cross", r=round(peak / 2), n=first, T=contest.our_t0,
        u=WARM_UP, d=scale.crossers / scale.crossings_a_second + 2, l=log,
        x=f"{first}:{scale.crossers}:{provider.CROSSING_BYTES}:{scale.crossings_a_second}",
    )  # fmt: skip
    delays, missing = crossing_delays(log, contest.running.sink_log, expected=scale.crossers)
    finding = _delay_finding(
        "packet that reaches the cap → CoA, at half peak", delays, missing, wanted_ms=500
    )
    return _with_commands(finding, contest)


def order(contest: Contest, peak: float) -> Finding:
    """Target 4: from the commit of an order to the CoA on the wire, at a tenth of the peak, for those just capped."""
    scale = contest.scale
    users = range(contest.steady_users, scale.users)
    seconds = len(users) / scale.orders_a_second + 4
    background = threading.Thread(
        target=contest.arena.run, args=(contest.ours, "orders, a tenth of peak", "interim"),
        kwargs={"r": round(peak / 10), "n": contest.steady_users, "T": contest.our_t0, "u": WARM_UP, "d": seconds},
    )  # fmt: skip
    background.start()
    time.sleep(WARM_UP + 1)
    delays, missing = order_delays(users, contest.running.sink_log, a_second=scale.orders_a_second)
    background.join()
    finding = _delay_finding("order committed → CoA, at a tenth of peak", delays, missing, wanted_ms=100)
    return _with_commands(finding, contest)


def pages(contest: Contest) -> Finding:
    """Target 6: what an agent waits for with a caller on the line, with all customers there and nothing else going on."""
    wait_folded(contest.ours.conn, seconds=_FOLD_PATIENCE)
    found = list(page_times(contest.scale.users))
    worst = max(found, key=lambda one: one.p99)
    return Finding(
        target=f"pages and search at {contest.scale.users:,} lines, {ASKED} times each",
        wanted=f"p99 < {_PAGE_MS} ms server time",
        measured=f"worst p99 {worst.p99:.1f} ms ({worst.name}), most queries {max(one.queries for one in found)}",
        holds=worst.p99 < _PAGE_MS,
        remarks=[
            f"{one.name}: p50 {one.p50:.1f} ms, p99 {one.p99:.1f} ms, {one.queries} queries" for one in found
        ],
    )


def storm(contest: Contest) -> Finding:
    """Target 5: power returns to everybody at once."""
    scale = contest.scale
    wait_folded(contest.ours.conn, seconds=_FOLD_PATIENCE)
    before = _capped()
    cell = contest.arena.run(
        contest.ours, "power returns", "storm", A=True, tag=0xB2, n=scale.storm_users,
        r=scale.storm_users / scale.storm_seconds, u=0, d=2 * scale.storm_seconds,
    )  # fmt: skip
    wait_folded(contest.ours.conn, seconds=_FOLD_PATIENCE)
    falsely = len(_capped() - before)
    load = cell.load
    return Finding(
        target=f"power returns: {scale.storm_users:,} logins, Accounting-On, Starts in {scale.storm_seconds} s",
        wanted="p99 < 300 ms, nobody falsely capped",
        measured=f"p99 {load.p99_ms:.1f} ms (max {load.max_ms:.0f}); {falsely} falsely capped, {load.rejects} refused",
        holds=load.p99_ms < 300 and falsely == 0 and load.rejects == 0 and load.clean,
    )


def _rival_interim(contest: Contest, window: int) -> Cell:
    file = contest.folder / "rival-acknowledged"
    cell = contest.arena.run(
        contest.theirs, f"interim W={window}", "interim", w=window, n=contest.steady_users, T=contest.their_t0,
        u=WARM_UP, d=contest.scale.rival_seconds, o=file,
    )  # fmt: skip
    cell.notes["wrong"] = _wrong(file, rival.session_bytes(contest.theirs.conn))
    return cell


def _product_interim(contest: Contest, window: int, what: str, seconds: int, **limit: int) -> Cell:
    file = contest.folder / "product-acknowledged"
    conn = contest.ours.conn
    wait_folded(conn, seconds=_FOLD_PATIENCE)
    with BacklogWatch() as watch:
        cell = contest.arena.run(
            contest.ours, f"{what} W={window}", "interim", w=window, n=contest.steady_users, T=contest.our_t0,
            u=WARM_UP, d=seconds, o=file, **limit,
        )  # fmt: skip
    start = cell.load.began + WARM_UP
    end = start + cell.load.seconds
    cell.rate = min(cell.load.rps, cell.load.rps - (watch.at(end) - watch.at(start)) / cell.load.seconds)
    cell.notes["backlog_end"] = watch.at(end)
    cell.notes["drain_s"] = wait_folded(conn, seconds=_FOLD_PATIENCE)
    cell.notes["wrong"] = _wrong(file, product.session_bytes(conn))
    return cell


def _balanced(cell: Cell) -> float:
    """The rate at which listener and meter would both keep up, from a run in which the listener outran the meter.

    Unlimited, a closed loop gives the listener all the CPU that it can use, which the meter then lacks. Both together
    spent so much CPU: it is shared out so that what is acknowledged is also folded.
    """
    folding = sum(us for name, us in cell.cpu_us.items() if name in ("meter", "postgres capstan meter"))
    other = sum(cell.cpu_us.values()) - folding
    return (folding + other) / (other / cell.load.rps + folding / cell.rate)


def _wrong(file: Path, stored: dict[str, tuple[int, int]]) -> int:
    """Sessions whose stored counters are not those of the last packet that was acknowledged."""
    return sum(stored.get(session_id(user)) != figures for user, figures in acknowledged(file).items())


def _capped() -> set[int]:
    return set(Cap.objects.exclude(state="open").values_list("service_id", flat=True))


def _delay_finding(target: str, delays: Sequence[float], missing: int, *, wanted_ms: float) -> Finding:
    p99 = percentile(delays, 0.99)
    return Finding(
        target=target,
        wanted=f"p99 < {wanted_ms:.0f} ms",
        measured=f"p99 {p99:.1f} ms, p50 {percentile(delays, 0.5):.1f} ms, n = {len(delays):,}, {missing} never came",
        holds=bool(delays) and p99 < wanted_ms and missing == 0,
    )


def _with_commands(finding: Finding, contest: Contest) -> Finding:
    """Says what the crossers' lines were told so far, and how that went."""
    rows = contest.ours.conn.execute(
        "SELECT access_kind, kind, state, count(*) FROM network_command WHERE service_id > %s GROUP BY 1, 2, 3 ORDER BY 1",
        [contest.steady_users],
    )
    told = [f"{count:,} × {kind} to {access}: {state}" for access, kind, state, count in rows]
    finding.remarks.append("so far these lines were told: " + (", ".join(told) or "nothing"))
    return finding


def _median(cells: Sequence[Cell]) -> float:
    return statistics.median(cell.rate for cell in cells)


def _span(cells: Sequence[Cell]) -> str:
    rates = [cell.rate for cell in cells]
    return f"{statistics.median(rates):,.0f}/s ({min(rates):,.0f}–{max(rates):,.0f})"


MEASUREMENTS: Sequence[tuple[str, Callable[[Contest, float], Finding]]] = (
    ("interim", lambda contest, _: interim(contest, 64)),
    ("interim", lambda contest, _: interim(contest, 256)),
    ("burst", lambda contest, _: burst(contest)),
    ("access", lambda contest, _: access(contest)),
    ("crossing", crossing),
    ("order", order),
    ("pages", lambda contest, _: pages(contest)),
    ("storm", lambda contest, _: storm(contest)),
)
