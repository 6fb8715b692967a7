"""Instants as integer microseconds since 1970, exactly: a float timestamp would round."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _ONE


def from_micros(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
