"""From a cause to the CoA that follows: joins what the generator or we did with what the sink saw arrive."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.db import transaction

from capstan.topups.actions.order import Wanted, place
from capstan.topups.queries.sale import quote
from capstan.topups.rules.words import ADDED, Channel, OrderState
from capstan.values import clock

_PATIENCE_SECONDS: Final = 15.0
_TOPUP_BYTES: Final = 10_000_000_000


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all is not above; not a number when there is none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def crossing_delays(log: Path, sink_log: Path, *, expected: int) -> tuple[list[float], int]:
    """Milliseconds from sending each crossing packet to the first CoA for its session; and how many never came."""
    sent = {}
    for line in log.read_text().splitlines():
        session, at_us = map(int, line.split())
        sent[session] = at_us
    delays = _delays(sent, sink_log)
    return delays, expected - len(delays)


def order_delays(users: Sequence[int], sink_log: Path, *, a_second: float) -> tuple[list[float], int]:
    """Order a top-up for each user, so many a second; milliseconds from the commit to the CoA, and how many never came."""
    committed = {}
    began = time.monotonic()
    for number, user in enumerate(users):
        time.sleep(max(0.0, began + number / a_second - time.monotonic()))
        committed[user] = _order(user + 1)
    delays = _delays(committed, sink_log)
    return delays, len(users) - len(delays)


def _order(service_id: int) -> int:
    """Place an order as the call centre does; returns when it was committed, in microseconds, noted before all else that
    follows a commit. Raises RuntimeError when it isn't let through."""
    noted: list[int] = []
    now = clock.now()
    with transaction.atomic():
        transaction.on_commit(lambda: noted.append(time.time_ns() // 1000))
        wanted = Wanted(
            quote=quote(service_id, size_bytes=_TOPUP_BYTES, now=now),
            channel=Channel.AGENT,
            idempotency_key=f"bench:{service_id}",
            requested_by="Customer",
            actor="bench",
            actor_name="Bench",
        )
        order = place(wanted, now=now).order
    if OrderState(order.state) not in ADDED:
        raise RuntimeError(f"an order was not let through: {order.state}, {order.refused_because}")
    return noted[0]


def _delays(caused: dict[int, int], sink_log: Path) -> list[float]:
    """Milliseconds from each cause to the first CoA for its session after it; waits for late ones."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found = _first_after(caused, sink_log)
        if len(found) == len(caused) or time.monotonic() > until:
            return [(found[session] - at_us) / 1000 for session, at_us in caused.items() if session in found]
        time.sleep(0.5)


def _first_after(caused: dict[int, int], sink_log: Path) -> dict[int, int]:
    found: dict[int, int] = {}
    for line in sink_log.read_text().splitlines():
        parts = line.split()
        if (
            len(parts) != 3 or parts[2] == "0"
        ):  # a line still being written, or a request that was not genuine
            continue
        session, at_us = int(parts[0]), int(parts[1])
        if session in caused and at_us >= caused[session]:
            found.setdefault(session, at_us)
    return found
