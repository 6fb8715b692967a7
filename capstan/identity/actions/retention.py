"""What guarded sign-ins, links and codes once and guards nothing any more."""

from datetime import datetime

from capstan.db.partitions import Connection


def drop_expired(conn: Connection, *, now: datetime) -> int:
    """Delete counts whose window is over, and links, codes and sessions that have expired."""
    return (
        conn.execute("DELETE FROM identity_attemptcount WHERE ends_at < %s", (now,)).rowcount
        + conn.execute("DELETE FROM identity_link WHERE expires_at < %s", (now,)).rowcount
        + conn.execute("DELETE FROM identity_code WHERE expires_at < %s", (now,)).rowcount
        + conn.execute("DELETE FROM django_session WHERE expire_date < %s", (now,)).rowcount
        + conn.execute("DELETE FROM db_cache WHERE expires < %s", (now,)).rowcount
    )
