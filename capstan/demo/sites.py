"""The demo provider's routers: where each stands, what it is, and what kinds of lines are plugged in."""

from typing import NamedTuple

from capstan.demo.routers.session import Area
from capstan.demo.routers.traffic import Habit
from capstan.demo.routers.vendors import COOVA, MIKROTIK, WISPR, Vendor

MAC_PASSWORD = "chilli"  # noqa: S105 - what a Chilli sends for every device it logs in by MAC address
INTERIM_SECONDS = 60

# What the operator set up on each router: the three filters of the vendor profiles, and pools by name.
AREAS = {"capstan-open": Area.INTERNET, "capstan-garden": Area.GARDEN, "capstan-drop": Area.NOWHERE}
POOLS = {
    "": "100.64.0.0/20",
    "public": "198.51.100.0/25",
    "link6": "2001:db8:6400::/48 64",
    "home6": "2001:db8:5600::/40 56",
}

_M = 1_000_000
_AT_HOME = (Habit.MEDIUM, Habit.LIGHT, Habit.MEDIUM, Habit.HEAVY, Habit.LIGHT, Habit.IDLE)
_PASSING_BY = (Habit.LIGHT, Habit.LIGHT, Habit.MEDIUM)


class Plot(NamedTuple):
    """A number of like lines on one router. Habits are dealt out in turn."""

    lines: int
    package: str
    habits: tuple[Habit, ...]
    line_bps: int
    of_companies: bool = False
    by_mac: bool = False
    stay_seconds: float = 0.0


class Site(NamedTuple):
    """A router. `profile` names the vendor profile under which the provider enters it."""

    name: str
    title: str
    vendor: Vendor
    profile: str
    address: str
    connection_type: str
    plots: tuple[Plot, ...]
    observe_only: bool = False


# The EAGER ones fill their line from the first minute: with these speeds some cross 90 % and some 100 % within two.
SITES = (
    Site(
        "karoo-pppoe-1", "Karoo high site", MIKROTIK, "mikrotik", "127.20.0.1", "wireless",
        (
            Plot(2, "wireless-taster", (Habit.EAGER,), 66 * _M),
            Plot(2, "wireless-taster", (Habit.EAGER,), 140 * _M),
            Plot(12, "wireless-taster", (Habit.LIGHT, Habit.IDLE), 50 * _M),
            Plot(44, "wireless-15", _AT_HOME, 25 * _M),
        ),
    ),
    Site(
        "bay-fibre-1", "Bay fibre exchange", MIKROTIK, "mikrotik", "127.20.0.2", "fibre",
        (
            Plot(36, "fibre-200", _AT_HOME, 1_000 * _M),
            Plot(12, "fibre-500", (Habit.HEAVY, Habit.MEDIUM), 1_000 * _M),
            Plot(12, "business", (Habit.OFFICE,), 1_000 * _M, of_companies=True),
        ),
    ),
    Site(
        "market-hotspot", "Market square hotspot", COOVA, "coova", "127.20.0.3", "hotspot",
        (
            Plot(3, "hotspot-day", (Habit.EAGER,), 41 * _M),
            Plot(23, "hotspot-day", _PASSING_BY, 30 * _M, stay_seconds=900.0),
            Plot(8, "hotspot-day", (Habit.IDLE, Habit.LIGHT), 30 * _M, of_companies=True, by_mac=True),
        ),
    ),
    Site(
        "harbour-wifi", "Harbour WiFi", WISPR, "wispr", "127.20.0.4", "hotspot",
        (
            Plot(2, "harbour-week", (Habit.EAGER,), 75 * _M),
            Plot(20, "harbour-week", _PASSING_BY, 40 * _M, stay_seconds=900.0),
        ),
    ),
    Site(
        "hill-pppoe-6", "Hill top, reached over IPv6", MIKROTIK, "mikrotik", "::1", "wireless",
        (
            Plot(1, "wireless-taster", (Habit.EAGER,), 100 * _M),
            Plot(21, "wireless-15", _AT_HOME, 25 * _M),
        ),
    ),
    Site(
        "old-adsl-1", "Old exchange, only watched", MIKROTIK, "mikrotik", "127.20.0.5", "adsl",
        (Plot(16, "adsl-20", _AT_HOME, 8 * _M),),
        observe_only=True,
    ),
)  # fmt: skip


def coa_port(acct_port: int) -> int:
    """The port on which the routers take CoA: 3799 beside 1813, and another beside another.

    So two demos on one machine, whose listeners can't share a port, don't share this one either.
    """
    least = 1024
    return least + (acct_port + 3799 - 1813 - least) % (65_536 - least)
