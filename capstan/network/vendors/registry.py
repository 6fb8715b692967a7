"""The vendor profiles there are, by the name that `Nas.vendor_profile` holds."""

from capstan.network.rules.quota import Quota
from capstan.network.vendors.cisco import CISCO
from capstan.network.vendors.coova import COOVA
from capstan.network.vendors.huawei import HUAWEI
from capstan.network.vendors.juniper import JUNIPER
from capstan.network.vendors.mikrotik import MIKROTIK
from capstan.network.vendors.ocserv import OCSERV
from capstan.network.vendors.profile import Profile
from capstan.network.vendors.wispr import GENERIC, WISPR

__all__ = ["PROFILES", "Profile", "Quota", "UnknownProfileError", "is_known", "profile"]

PROFILES = (GENERIC, WISPR, MIKROTIK, COOVA, OCSERV, CISCO, JUNIPER, HUAWEI)

_BY_NAME = {one.name: one for one in PROFILES}


class UnknownProfileError(ValueError):
    """A router was entered with a profile that doesn't exist."""


def profile(name: str) -> Profile:
    """The profile of that name.

    Raises UnknownProfileError, which names the ones there are.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        known = ", ".join(sorted(_BY_NAME))
        raise UnknownProfileError(f"there is no vendor profile {name!r}; there are {known}") from None


def is_known(name: str) -> bool:
    return name in _BY_NAME
