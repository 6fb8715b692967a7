"""Finding what a command names."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from capstan.services.models import Service
from capstan.services.queries import by_username
from capstan.values.period import local_midnight
from capstan.values.refused import Refused


def service_named(username: str) -> Service:
    """The service with this username. Raises Refused if there is none."""
    service = by_username(username)
    if service is None:
        raise Refused(
            f"There is no service with the username {username!r}; see `capstan explain {username}`."
        )
    return service


def moment(text: str, zone: ZoneInfo, *, to_end: bool = False) -> datetime:
    """The instant meant by a date and time, or by a day: its beginning in the provider's zone, or its end.

    Raises Refused.
    """
    try:
        if len(text) == len("2026-12-31"):
            return local_midnight(zone, date.fromisoformat(text) + timedelta(days=int(to_end)))
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is not a day or time such as 2026-12-31 or 2026-12-31T18:00.") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
