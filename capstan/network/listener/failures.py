"""Refused logins, counted until they are written."""

from datetime import datetime

from capstan.network.actions.login_failures import FailedLogin
from capstan.network.rules.login import Device

MANY = "many others"

_KINDS_MAX = 200  # between two writings; a guesser of usernames must not fill the table
_HOUR = 3600


class Failures:
    """Counts refusals by user, router, device and reason."""

    def __init__(self) -> None:
        self.refused = 0
        self._kinds: dict[tuple[str, int, str, str, int], FailedLogin] = {}

    def add(self, device: Device, service_id: int | None, reason: str, now: datetime) -> None:
        self.refused += 1
        username, calling, hour = device.username, device.calling_station, int(now.timestamp()) // _HOUR
        key = (username, device.nas_id, calling, reason, hour)
        known = self._kinds.get(key)
        if known is None and len(self._kinds) >= _KINDS_MAX:
            username, calling, service_id = MANY, "", None
            key = (username, device.nas_id, calling, reason, hour)
            known = self._kinds.get(key)
        if known is None:
            self._kinds[key] = FailedLogin(
                username, service_id, device.nas_id, calling, reason, hour, 1, now, now
            )
        else:
            self._kinds[key] = known._replace(times=known.times + 1, last_at=now)

    def take(self) -> list[FailedLogin]:
        """What has come since the last call."""
        taken = list(self._kinds.values())
        self._kinds.clear()
        return taken
