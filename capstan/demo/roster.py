"""Who the demo provider's customers are and where their lines are plugged in: the same list in every run.

The seeding enters it into the database, and the simulated routers dial in with it, as a lab operator would who has the
list on paper. Passwords and secrets follow from names: they guard nothing but the demo.
"""

from base64 import b32encode
from functools import cache
from hashlib import sha256
from random import Random
from typing import NamedTuple
from unicodedata import normalize

from capstan.demo.catalogue import REALM
from capstan.demo.names import COMPANIES, GIVEN_NAMES, SURNAMES
from capstan.demo.routers.packets import Line
from capstan.demo.routers.traffic import Habit
from capstan.demo.sites import MAC_PASSWORD, SITES, Plot, Site

AGENT = ("thandi", "Thandi Mokoena")
"""The call centre: her login's name and her own."""

_SEED = 2026
_OLDEST_DAYS = 900
_SUSPENDED = {23: "Invoice overdue since 60 days", 77: "Debit order returned twice", 140: "Invoice overdue"}
_MISTYPED_PASSWORD = 31
_WRONG_DEVICE = 45


class Person(NamedTuple):
    """A contact of a customer."""

    name: str
    role: str
    phone: str
    email: str
    language: str


class Addresses(NamedTuple):
    """What the provider gives a line beside a passing address from the router's own pool (fields as on a service)."""

    ipv4_address: str | None = None
    ipv4_pool: str = ""
    ipv4_routes: tuple[str, ...] = ()
    ipv6_pool: str = ""
    ipv6_delegated_prefix: str = ""
    ipv6_delegated_pool: str = ""


class Subscription(NamedTuple):
    """A line: what its customer uses, and what the provider entered for it."""

    line: Line
    site: str
    connection_type: str
    package: str
    days_old: int
    by_mac: bool
    entered_password: str
    locked_to: str  # MAC address; empty: any device
    learns_device: bool
    suspended: str  # why, or empty
    top_up: str  # size of one that he bought earlier in this cycle, or empty
    addresses: Addresses


class Account(NamedTuple):
    """A customer with people and lines."""

    code: str
    name: str
    is_company: bool
    people: tuple[Person, ...]
    lines: tuple[Subscription, ...]


def secret_of(name: str) -> str:
    """The password or shared secret that follows from a name."""
    return b32encode(sha256(b"capstan demo: " + name.encode()).digest())[:12].decode().lower()


def strangers() -> dict[str, tuple[Line, ...]]:
    """Lines that try to log in and that the provider doesn't know, by site: a customer who left, a router never set up."""
    unknown = (
        Line(f"left.long.ago@{REALM}", "letmein", _mac(9001), Habit.LIGHT, 9001, 10_000_000),
        Line("admin", "admin", _mac(9002), Habit.LIGHT, 9002, 10_000_000),
    )
    return {SITES[0].name: unknown}


@cache
def accounts() -> tuple[Account, ...]:
    """All customers: some two hundred, with the same lines whenever it is called."""
    chance = Random(_SEED)
    people = [(given, surname) for given in GIVEN_NAMES for surname in SURNAMES]
    chance.shuffle(people)
    found: list[Account] = []
    of_companies: list[Subscription] = []
    number = 0
    for site in SITES:
        for plot in site.plots:
            for place in range(plot.lines):
                number += 1
                (given, language), surname = people[number]
                owner = f"{given} {surname}"
                if plot.of_companies:
                    owner = COMPANIES[len(of_companies) % len(COMPANIES)]
                subscription = _subscription(number, owner, site, plot, place, chance)
                if plot.of_companies:
                    of_companies.append(subscription)
                else:
                    person = _person(number, owner, "owner", language)
                    found.append(Account(f"SP{1000 + number}", owner, False, (person,), (subscription,)))
    return (*found, *_companies(of_companies, people[number + 1 :]))


def _companies(lines: list[Subscription], people: list[tuple[tuple[str, str], str]]) -> tuple[Account, ...]:
    """The firms, each with its share of the lines and three people who may be called."""
    firms = []
    for place, name in enumerate(COMPANIES):
        roles = ("director", "manager", "accounts")
        staff = tuple(
            _person(500 + 3 * place + nth, f"{given} {surname}", role, language)
            for nth, (role, ((given, language), surname)) in enumerate(
                zip(roles, people[3 * place :], strict=False)
            )
        )
        own = tuple(lines[place :: len(COMPANIES)])
        firms.append(Account(f"SP{2001 + place}", name, True, staff, own))
    return tuple(firms)


def _person(number: int, name: str, role: str, language: str) -> Person:
    return Person(
        name, role, phone=f"+2760000{number:04d}", email=f"{_plain(name)}@example.net", language=language
    )


def _subscription(
    number: int, owner: str, site: Site, plot: Plot, place: int, chance: Random
) -> Subscription:
    mac = _mac(number)
    username = mac.hex("-") if plot.by_mac else f"{_plain(owner)}@{REALM}"
    password = MAC_PASSWORD if plot.by_mac else secret_of(username)
    line = Line(
        username=username.upper() if plot.by_mac else username,
        password=password,
        mac=mac,
        habit=plot.habits[place % len(plot.habits)],
        seed=number,
        line_bps=plot.line_bps,
        chap=not plot.by_mac and number % 2 == 0,
        stay_seconds=plot.stay_seconds,
    )
    plain = plot.habits != (Habit.EAGER,) and not plot.by_mac
    return Subscription(
        line=line,
        site=site.name,
        connection_type=site.connection_type,
        package=plot.package,
        days_old=chance.randrange(1, _OLDEST_DAYS),
        by_mac=plot.by_mac,
        entered_password=password if number != _MISTYPED_PASSWORD else secret_of("mistyped"),
        locked_to=_locked_to(number, mac, plot) if plain or plot.by_mac else "",
        learns_device=plain and number % 17 == 0,
        suspended=_SUSPENDED.get(number, ""),
        top_up=("1 GB", "2 GB", "5 GB")[number % 3] if plain and number % 13 == 0 else "",
        addresses=_addresses(number, site, plot),
    )


def _locked_to(number: int, mac: bytes, plot: Plot) -> str:
    if number == _WRONG_DEVICE:
        return _mac(9003).hex(":")
    return mac.hex(":") if plot.by_mac or number % 23 == 0 else ""


def _addresses(number: int, site: Site, plot: Plot) -> Addresses:
    """Fibre has something of everything (G13), the hill has IPv6; the rest takes what the router's pool gives."""
    if plot.of_companies and not plot.by_mac:
        routes = (f"198.51.100.{128 + 8 * (number % 16)}/29 203.0.113.{number} 1",) if number % 4 == 0 else ()
        return Addresses(
            ipv4_address=f"203.0.113.{number}",
            ipv4_routes=routes,
            ipv6_delegated_prefix=f"2001:db8:{number:x}::/48",
        )
    if site.connection_type == "fibre":
        return Addresses(
            ipv4_address=f"203.0.113.{number}" if number % 6 == 0 else None,
            ipv4_pool="public" if number % 6 == 1 else "",
            ipv6_pool="link6",
            ipv6_delegated_pool="home6",
        )
    if ":" in site.address:
        return Addresses(
            ipv6_pool="link6", ipv6_delegated_prefix=f"2001:db8:{0xA000 + number:x}:{number % 256:x}00::/56"
        )
    return Addresses()


def _mac(number: int) -> bytes:
    """An address of the locally administered kind, which no maker gives out."""
    return bytes.fromhex("02005e") + number.to_bytes(3, "big")


def _plain(name: str) -> str:
    """`Étienne van der Merwe` as it stands in a username: `etienne.vandermerwe`."""
    given, _, surname = normalize("NFKD", name).encode("ascii", "ignore").decode().lower().partition(" ")
    return f"{given}.{surname.replace(' ', '')}".replace("'", "")
