"""Arrays for `unnest` as PostgreSQL's own text form: several times cheaper to make than psycopg's array of adapted items."""

from collections.abc import Iterable


def int_array(values: Iterable[int | None]) -> str:
    """For a `%s::bigint[]` (or int, smallint) parameter."""
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"


def bytes_array(values: Iterable[bytes]) -> str:
    """For a `%s::bytea[]` parameter."""
    return "{" + ",".join(['"\\\\x' + value.hex() + '"' for value in values]) + "}"
