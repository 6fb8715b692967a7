"""Arrays for `unnest`, made several times cheaper than psycopg's array of adapted items.

For psycopg's own cursors, which bind values on the server; Django's cursors write them into the statement as text.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_INT8 = psycopg.adapters.types["int8"]
_INT8_BYTES = 8


class Int8Array:
    """A `bigint[]` without NULLs in PostgreSQL's binary form."""

    __slots__ = ("data",)

    def __init__(self, values: Sequence[int]) -> None:
        # Each element is its length and its value: array.c, array_recv.
        flat = [_INT8_BYTES] * (2 * len(values))
        flat[1::2] = values
        self.data = _layout(len(values)).pack(1, 0, _INT8.oid, len(values), 1, *flat)


@lru_cache(maxsize=64)
def _layout(count: int) -> Struct:
    return Struct(f">iiIii{'iq' * count}")


class _Int8ArrayDumper(Dumper):
    format = Format.BINARY
    oid = _INT8.array_oid

    def dump(self, obj: Int8Array) -> Buffer | None:
        return obj.data


psycopg.adapters.register_dumper(Int8Array, _Int8ArrayDumper)


def teach(conn: "psycopg.Connection[Any]") -> None:
    """Let a connection of Django's take `Int8Array`: it copies its adapters, perhaps before this module is imported."""
    conn.adapters.register_dumper(Int8Array, _Int8ArrayDumper)


def int_array(values: Iterable[int | None]) -> str:
    """For a `%s::bigint[]` (or int, smallint) parameter, NULLs included: the text form."""
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"


def bytes_array(values: Iterable[bytes]) -> str:
    """For a `%s::bytea[]` parameter: the text form."""
    return "{" + ",".join(['"\\\\x' + value.hex() + '"' for value in values]) + "}"
