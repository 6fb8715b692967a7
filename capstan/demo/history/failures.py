"""Logins that were refused in the past, noted as the listener notes them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

from capstan.demo.history.line import PastLine, Refused
from capstan.demo.history.packets import Place, calling_station
from capstan.demo.roster import strangers
from capstan.network.actions.login_failures import FailedLogin
from capstan.network.rules.login import NO_SUCH_LINE, WRONG_PASSWORD, refusal_for

_HOUR = 3600
_SLIPS_A_DAY = 0.006  # somebody sets up his router anew and mistypes
_RETRY_SECONDS = 40


def of_line(line: PastLine, place: Place) -> list[FailedLogin]:
    """What has been refused since the last call: a router that is refused tries again all the time."""
    found = []
    for refused in line.refused:
        left = _HOUR - refused.at % _HOUR
        kind = WRONG_PASSWORD if refused.access is None else refusal_for(refused.access.reasons[0])
        found.append(_failed(place, refused, kind.reason, times=1 + left // _RETRY_SECONDS))
    line.refused.clear()
    return found


def slips(places: Iterable[Place], midnight: datetime) -> list[FailedLogin]:
    """Passwords that were mistyped on the day that began then."""
    found = []
    for place in places:
        chance = Random(f"slip {place.one.line.seed} {midnight:%Y%m%d}")
        if chance.random() < _SLIPS_A_DAY and not place.one.by_mac:
            at = int(midnight.timestamp()) + chance.randrange(8 * _HOUR, 21 * _HOUR)
            refused = Refused(at, place.one.line.mac, None)
            found.append(_failed(place, refused, WRONG_PASSWORD.reason, times=chance.randrange(1, 9)))
    return found


def of_strangers(places: Iterable[Place], midnight: datetime) -> list[FailedLogin]:
    """Those whom nobody knows, on these lines' routers on the day that began then."""
    sites = {place.site.name: place for place in places}
    found = []
    for site, line in (
        (site, line) for site, lines in strangers().items() for line in lines if site in sites
    ):
        chance = Random(f"stranger {line.username} {midnight:%Y%m%d}")
        refused = Refused(int(midnight.timestamp()) + chance.randrange(23 * _HOUR), line.mac, None)
        failed = _failed(sites[site], refused, NO_SUCH_LINE.reason, times=chance.randrange(1, 90))
        found.append(failed._replace(username=line.username, service_id=None))
    return found


def _failed(place: Place, refused: Refused, reason: str, *, times: int) -> FailedLogin:
    at = datetime.fromtimestamp(refused.at, tz=UTC)
    end = at.replace(minute=59, second=59)
    last = min(at + timedelta(seconds=_RETRY_SECONDS * (times - 1)), end)
    return FailedLogin(
        place.one.line.username.lower(), place.service_id, place.nas_id, calling_station(place, refused.mac), reason,
        refused.at // _HOUR, times, at, last,
    )  # fmt: skip
