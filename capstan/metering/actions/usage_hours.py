"""The months that hourly usage is kept in: made ahead, dropped when old. Days (`UsageDay`) stay."""

from datetime import UTC, date, datetime, timedelta

from capstan.db.partitions import Connection, Series, drop_parts, ensure_parts

_MONTHS_AHEAD = timedelta(days=62)
_EPOCH = date(1970, 1, 1)

_HOURS = Series(
    "metering_usagehour",
    "hour",
    "month",
    lambda day: (day - _EPOCH).days * 24,
    rest="metering_usagehour_rest",
)


def ensure_months(conn: Connection, *, now: datetime) -> list[str]:
    """Make the parts for the last, the running and the coming two months. Returns the names of the new ones.

    Hours of a month without a part are kept aside and move into it when it is made.
    """
    today = now.astimezone(UTC).date()
    last_month = today.replace(day=1) - timedelta(days=1)
    return ensure_parts(conn, _HOURS, since=last_month, until=today + _MONTHS_AHEAD)


def drop_months(conn: Connection, *, now: datetime, keep_days: int) -> list[str]:
    """Drop the months that ended more than `keep_days` ago, and what was kept aside of them. Returns their names."""
    oldest_kept = now.astimezone(UTC).date() - timedelta(days=keep_days)
    conn.execute("DELETE FROM metering_usagehour_rest WHERE hour < %s", (_HOURS.bound(oldest_kept),))
    return drop_parts(conn, _HOURS, before=oldest_kept)
