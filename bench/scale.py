"""How much is measured, and for how long."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Seconds are what is counted, after a second of warm-up."""

    users: int
    crossers: int  # of the users: their cap is passed by one packet; targets 3 and 4
    history: int  # closed sessions of each user this month
    history_growth: int
    rounds: int
    calibration_seconds: int
    rival_seconds: int
    product_seconds: int
    burst_seconds: int
    access_seconds: int
    crossings_a_second: int
    orders_a_second: int
    storm_users: int
    storm_seconds: int


FULL: Final = Scale(
    users=100_000,
    crossers=1_200,
    history=5,
    history_growth=10,
    rounds=3,
    calibration_seconds=10,
    rival_seconds=15,
    product_seconds=60,
    burst_seconds=10,
    access_seconds=8,
    crossings_a_second=60,
    orders_a_second=30,
    storm_users=20_000,
    storm_seconds=60,
)
QUICK: Final = Scale(
    users=4_000,
    crossers=200,
    history=5,
    history_growth=10,
    rounds=3,
    calibration_seconds=2,
    rival_seconds=2,
    product_seconds=4,
    burst_seconds=3,
    access_seconds=2,
    crossings_a_second=50,
    orders_a_second=50,
    storm_users=1_000,
    storm_seconds=3,
)
