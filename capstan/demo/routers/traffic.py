"""What people do with their lines: habits, the shape of a day, and a clock that can run faster than life."""

from enum import Enum
from random import Random
from typing import NamedTuple

_DAY_SECONDS = 86_400
_SLOT_SECONDS = 300  # a burst or a lull lasts five minutes of the people's time


def _day(*weights: float) -> tuple[float, ...]:
    """Weights of the day's hours, scaled to a mean of 1."""
    mean = sum(weights) / len(weights)
    return tuple(weight / mean for weight in weights)


# Few at night, more in the day, most at about eight in the evening; an office keeps office hours.
_HOME = _day(7, 4, 3, 2, 2, 3, 5, 8, 9, 9, 9, 10, 10, 10, 10, 11, 13, 15, 18, 21, 22, 19, 13, 7)
_OFFICE = _day(1, 1, 1, 1, 1, 2, 6, 15, 23, 25, 24, 22, 17, 21, 23, 22, 17, 9, 4, 2, 1, 1, 1, 1)
_ALWAYS = (1.0,) * 24


class Demand(NamedTuple):
    """Bits per second that a line would move now if nothing limited it."""

    up_bps: int
    down_bps: int

    def within(self, bps: int) -> "Demand":
        """As much of it as fits a line of this speed; both directions shrink alike."""
        most = max(self)
        return self if most <= bps else Demand(self.up_bps * bps // most, self.down_bps * bps // most)


class _Shape(NamedTuple):
    bytes_a_day: int
    up_share: float
    hours: tuple[float, ...]
    busy_share: float  # of the five-minute slots, those with anything going on


class Habit(Enum):
    """A kind of user. `EAGER` is a download that never ends: it fills whatever speed the line has."""

    IDLE = _Shape(20_000_000, 0.5, _ALWAYS, 1.0)
    LIGHT = _Shape(600_000_000, 0.15, _HOME, 0.35)
    MEDIUM = _Shape(4_000_000_000, 0.12, _HOME, 0.55)
    HEAVY = _Shape(18_000_000_000, 0.08, _HOME, 0.8)
    OFFICE = _Shape(6_000_000_000, 0.35, _OFFICE, 0.7)
    EAGER = _Shape(20_000_000_000_000, 0.04, _ALWAYS, 1.0)


GARDEN = Demand(4_000, 40_000)
"""What a line in the walled garden moves: somebody looks at the top-up page."""

NOTHING = Demand(0, 0)


class DayClock(NamedTuple):
    """The people's clock: at `started` (loop time) it is `start_hour`, and it runs `speed` times as fast as life.

    Their traffic runs at the same speed: at 60 a line moves in a minute what it would in an hour, if its rate allows.
    """

    started: float
    speed: float = 1.0
    start_hour: float = 18.0

    def seconds(self, loop_time: float) -> float:
        """Seconds on the people's clock, since midnight of their first day."""
        return self.start_hour * 3600 + (loop_time - self.started) * self.speed


class Appetite:
    """One line's demand over time: the habit's day, with bursts and lulls that its seed decides."""

    def __init__(self, habit: Habit, seed: int) -> None:
        self._shape = habit.value
        self._seed = seed
        self._slot = -1
        self._burst = 0.0

    def at(self, seconds: float, speed: float = 1.0) -> Demand:
        """Demand at this time of the people's clock (`DayClock.seconds`), multiplied by the clock's speed."""
        shape = self._shape
        slot = int(seconds) // _SLOT_SECONDS
        if slot != self._slot:
            self._slot, self._burst = slot, self._draw(slot)
        hour = shape.hours[int(seconds % _DAY_SECONDS) // 3600]
        bps = shape.bytes_a_day * 8 / _DAY_SECONDS * hour * self._burst * speed
        return Demand(int(bps * shape.up_share), int(bps * (1 - shape.up_share)))

    def _draw(self, slot: int) -> float:
        """This slot's burst: 0 for a lull; mean 1 over many slots, so that the day's bytes come out right."""
        chance = Random(self._seed * 1_000_003 + slot)
        busy = self._shape.busy_share
        if chance.random() >= busy:
            return 0.0
        return (0.25 + 1.5 * chance.random()) / busy
