"""Lists: on a phone rows of two lines – what and when on the left, amount and state on the right –, else a table."""

from enum import StrEnum
from typing import NamedTuple


class Place(StrEnum):
    """Where a column's cell stands on a phone."""

    LEAD = "lead"  # first line, left
    NOTE = "note"  # second line, left
    AMOUNT = "amount"  # first line, right
    STATE = "state"  # second line, right
    MORE = "more"  # only where there is room for a table


class Column(NamedTuple):
    title: str
    place: Place = Place.MORE
    is_number: bool = False


class Row(NamedTuple):
    """`cells` are texts or markup that parts.py made; with a `url` the whole row leads there."""

    cells: tuple[object, ...]
    url: str = ""
    anchor: str = ""


class Empty(NamedTuple):
    """Why a list is empty, and what to do next."""

    title: str
    why: str
    button: str = ""
    url: str = ""


class Table(NamedTuple):
    """`caption` says to screen readers what is listed."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: Empty

    @property
    def lines(self) -> list[tuple[Row, list[tuple[Column, object]]]]:
        """Each row with its cells beside their columns."""
        return [(row, list(zip(self.columns, row.cells, strict=True))) for row in self.rows]
