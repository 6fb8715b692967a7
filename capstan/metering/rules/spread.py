"""Bytes spread evenly over a stretch of time, cut where something changes. The pieces add up exactly."""

from collections.abc import Iterable
from typing import NamedTuple

MICRO = 1_000_000
HOUR = 3600 * MICRO


def split_hours(since: int, until: int, up: int, down: int) -> list[tuple[int, int, int]]:
    """[(hour, up, down), …]: bytes spread evenly over [since, until], exact in sum (cumulative floor)."""
    first, last = since // HOUR, max(since, until - 1) // HOUR
    if first == last:
        return [(first, up, down)]
    edges = [hour * HOUR for hour in range(first + 1, last + 1)]
    return [(piece.since // HOUR, piece.up, piece.down) for piece in split_at(since, until, up, down, edges)]


class Piece(NamedTuple):
    since: int
    until: int
    up: int
    down: int


def split_at(since: int, until: int, up: int, down: int, edges: Iterable[int]) -> list[Piece]:
    """Cut usage spread evenly over [since, until] at the sorted `edges`; the pieces' bytes add up exactly."""
    length = until - since
    pieces: list[Piece] = []
    at, done_up, done_down = since, 0, 0
    for edge in edges:
        if not at < edge < until:
            continue
        to_up, to_down = up * (edge - since) // length, down * (edge - since) // length
        pieces.append(Piece(at, edge, to_up - done_up, to_down - done_down))
        at, done_up, done_down = edge, to_up, to_down
    pieces.append(Piece(at, until, up - done_up, down - done_down))
    return pieces
