"""What may be tried only so often: one row per key, counted in one statement, so that many at once can't slip through."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils.crypto import salted_hmac

from capstan.identity.models import AttemptCount

# What is beyond the limit is not counted and prolongs nothing: whoever keeps trying is not held for ever.
_COUNT = """
INSERT INTO identity_attemptcount AS a (key, count, ends_at) VALUES (%(key)s, 1, %(ends_at)s)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN a.ends_at <= %(now)s THEN 1 ELSE least(a.count, %(limit)s) + 1 END,
  ends_at = CASE WHEN a.ends_at <= %(now)s OR (%(prolong)s AND a.count < %(limit)s) THEN excluded.ends_at
                 ELSE a.ends_at END
RETURNING count, ends_at
"""


class TooMany(NamedTuple):
    """It was tried too often; from `until` on it may be tried again."""

    until: datetime


class Counted(NamedTuple):
    """What a key stands at."""

    times: int
    ends_at: datetime


def attempt(key: str, *, limit: int, window: timedelta, now: datetime) -> TooMany | None:
    """Count one attempt; TooMany when more than `limit` were made in a window, which begins with its first attempt."""
    counted = count(key, limit=limit, window=window, now=now)
    return TooMany(counted.ends_at) if counted.times > limit else None


def count(key: str, *, limit: int, window: timedelta, now: datetime, prolong: bool = False) -> Counted:
    """Count one attempt, up to one beyond the limit. `prolong`: each within the limit makes the window begin anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {"key": _digest(key), "limit": limit, "ends_at": now + window, "now": now, "prolong": prolong},
        )
        return Counted(*cursor.fetchone())


def counted(key: str, *, now: datetime) -> Counted | None:
    """How often it was tried in the window that runs; None when none runs."""
    row = AttemptCount.objects.filter(key=_digest(key), ends_at__gt=now).first()
    return Counted(row.count, row.ends_at) if row else None


def take_back(key: str, *, times: int | None = None) -> int:
    """Uncount so many attempts, or all; how many there were."""
    with connection.cursor() as cursor:
        if times is None:
            cursor.execute("DELETE FROM identity_attemptcount WHERE key = %s RETURNING count", [_digest(key)])
        else:
            cursor.execute(
                "UPDATE identity_attemptcount a SET count = greatest(b.count - %s, 0)"
                " FROM (SELECT key, count FROM identity_attemptcount WHERE key = %s FOR UPDATE) b"
                " WHERE a.key = b.key RETURNING b.count",
                [times, _digest(key)],
            )
        row = cursor.fetchone()
    return row[0] if row else 0


def _digest(key: str) -> str:
    return salted_hmac("capstan.identity.attempts", key, algorithm="sha256").hexdigest()
