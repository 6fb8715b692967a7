"""Bars over time, drawn by the server: places in per cent, so that the drawing fits any width. A table stands beside it."""

from collections.abc import Sequence
from typing import NamedTuple

_STEPS = (1, 2, 5)
_LABELS_MOST = 8
_GAP = 0.22  # of a bar's room


class Bar(NamedTuple):
    """One bar of two parts, the lower one first: bytes."""

    label: str  # in full, for the table and whoever points at it
    short: str  # under the drawing, where there is room
    lower: int
    upper: int
    is_now: bool = False  # still growing
    key: str = ""  # for the address of what it is made of

    @property
    def total(self) -> int:
        return self.lower + self.upper


class Shape(NamedTuple):
    """A bar where it is drawn. Everything is per cent of the drawing; y counts from the top."""

    bar: Bar
    x: float
    width: float
    lower_y: float
    lower_height: float
    upper_y: float
    upper_height: float
    middle: float
    is_labelled: bool


class Line(NamedTuple):
    """A line across, with what it stands for."""

    y: float
    value: int


class Chart(NamedTuple):
    caption: str
    lower_name: str
    upper_name: str
    shapes: tuple[Shape, ...]
    lines: tuple[Line, ...]

    @property
    def is_empty(self) -> bool:
        return not any(shape.bar.total for shape in self.shapes)

    @property
    def total(self) -> int:
        return sum(shape.bar.total for shape in self.shapes)


def bars(caption: str, lower_name: str, upper_name: str, given: Sequence[Bar], unit: int = 1000) -> Chart:
    """The drawing of these bars, in their order. `unit` is how many bytes a kB has: the lines stand at whole ones."""
    top, step = _scale(max((bar.total for bar in given), default=0), unit)
    room = 100 / len(given) if given else 100.0
    every = -(-len(given) // _LABELS_MOST) or 1
    shapes = []
    for place, bar in enumerate(given):
        lower, upper = 100 * bar.lower / top, 100 * bar.upper / top
        shapes.append(
            Shape(
                bar=bar,
                x=round(place * room + room * _GAP / 2, 3),
                width=round(room * (1 - _GAP), 3),
                lower_y=round(100 - lower, 3),
                lower_height=round(lower, 3),
                upper_y=round(100 - lower - upper, 3),
                upper_height=round(upper, 3),
                middle=round((place + 0.5) * room, 3),
                is_labelled=place % every == 0,
            )
        )
    lines = tuple(Line(round(100 - 100 * value / top, 3), value) for value in range(step, top + 1, step))
    return Chart(caption, lower_name, upper_name, tuple(shapes), lines)


def _scale(most: int, unit: int) -> tuple[int, int]:
    """The top of the drawing and the distance of its lines: 1, 2 or 5 times a power of ten of a whole unit, 2 to 5 lines."""
    step = power = 1
    while most > power * unit:
        power *= unit
    while True:
        for factor in _STEPS:
            step = power * factor
            if step * 4 >= most:
                return max(step * -(-most // step), step), step
        power *= 10
