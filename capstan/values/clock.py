"""The only place that reads the wall clock.

Everything else takes `now` as an argument, so that a test can live through three months in a second.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(tz=UTC)
