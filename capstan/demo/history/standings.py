"""How lines stand in their running cycles, read for all of them at once."""

from collections.abc import Collection

from capstan.caps.rules.words import CapState
from capstan.db import hot
from capstan.demo.history.line import Standing

_READ = """
    SELECT service_id, state, cycle_start, cycle_end,
        drawn_bytes + overage_bytes + overshoot_bytes + counted_bytes - settled_bytes,
        remaining_bytes - CASE WHEN sink_bucket_id IS NULL THEN 0 ELSE counted_bytes - settled_bytes END,
        weight_up, weight_down
    FROM caps_cap WHERE service_id = ANY(%s::bigint[])
"""


def standings(service_ids: Collection[int]) -> dict[int, Standing]:
    rows = hot.execute(_READ, [list(service_ids)]).fetchall()
    return {row[0]: Standing(CapState(row[1]), *row[2:]) for row in rows}
