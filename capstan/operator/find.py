"""Finding what a command names."""

from capstan.services.models import Service
from capstan.services.queries import by_username
from capstan.values.refused import Refused


def service_named(username: str) -> Service:
    """The service with this username. Raises Refused if there is none."""
    service = by_username(username)
    if service is None:
        raise Refused(
            f"There is no service with the username {username!r}; see `capstan explain {username}`."
        )
    return service
