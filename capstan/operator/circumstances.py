"""Who types a command, and how this provider counts, prices and tells the time."""

import getpass
import os
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from capstan.operator.words import Saying
from capstan.values.data import Units


def actor() -> str:
    """The person at the keyboard, as audit entries name him: `cli:` and the system user, also behind sudo."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        name = str(os.getuid())
    return f"cli:{name}"


def units() -> Units:
    """Whether a GB of this provider has 10^9 or 2^30 bytes."""
    return Units.BINARY if settings.OPTIONS.binary_units else Units.DECIMAL


def zone() -> ZoneInfo:
    """The provider's time zone."""
    return ZoneInfo(settings.PROVIDER_TIME_ZONE)


def saying(now: datetime) -> Saying:
    """How this provider's times and sizes are said at this moment."""
    return Saying(zone(), units(), settings.OPTIONS.currency, now)
