"""What somebody may mean by what he types into the one search box (J5). Free of storage."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from capstan.db.text import LONGEST, name_words
from capstan.services.rules import mac_of
from capstan.values.phone import normalise_phone
from capstan.values.refused import Refused

SHORTEST = 2
"""Letters that a beginning must have; fewer fit half of the customers."""

DIGITS_LEAST = 4
"""Digits that the end of a number must have."""

_PHONE_SIGNS = re.compile(r"[+\d][\d ()./\N{NO-BREAK SPACE}-]*\d")
_PHONE_DIGITS = 7
_WITH_PORT = re.compile(r"\[(?P<v6>[0-9a-f:.]+)\](?::\d+)?|(?P<v4>\d+\.\d+\.\d+\.\d+):\d+", re.IGNORECASE)


class Reading(NamedTuple):
    """The ways in which a text can be read; an empty one doesn't apply."""

    text: str
    username: str = ""  # or its beginning, in small letters
    code: str = ""  # an account code or its beginning
    phones: tuple[str, ...] = ()  # E.164
    digits: str = ""  # the end of a number
    email: str = ""  # or its beginning, in small letters
    address: IPv4Address | IPv6Network | None = None  # a single IPv6 address is a /128
    mac: str = ""
    name: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing to look for: too short."""
        return not any(self[1:])


def read(text: str, country: str) -> Reading:
    """Read a text in every way it allows. Numbers without a country code belong to `country` (ISO 3166)."""
    shown = " ".join(text.split())[:LONGEST]
    address, mac = _address(shown), mac_of(shown) or ""
    if address is not None:
        return Reading(shown, address=address)
    if len(shown) < SHORTEST:
        return Reading(shown)
    one_word = "" if " " in shown else shown
    is_digits = _PHONE_SIGNS.fullmatch(shown) is not None
    digits = re.sub(r"\D", "", shown) if is_digits else ""
    return Reading(
        shown,
        username=one_word.lower(),
        code=shown.replace(" ", "").upper() if len(shown) <= 40 and "@" not in shown else "",
        phones=_phones(shown, digits, country) if len(digits) >= _PHONE_DIGITS else (),
        digits=digits if len(digits) >= DIGITS_LEAST else "",
        email=one_word.lower() if "@" in one_word else "",
        mac=mac,
        name="" if is_digits or "@" in shown or mac or not name_words(shown) else shown,
    )


def looked_for(reading: Reading) -> list[str]:
    """In words what was looked for, for somebody who found nothing."""
    if isinstance(reading.address, IPv6Network):
        return [f"a line or live session with the IPv6 address or prefix {shown_address(reading.address)}"]
    if reading.address is not None:
        return [f"a line or live session with the IP address {reading.address}"]
    found = []
    if reading.mac:
        found.append(f"the MAC address {'-'.join(re.findall('..', reading.mac))} of a line or live session")
    if reading.phones:
        found.append(f"the telephone number {' or '.join(reading.phones)}")
    elif reading.digits:
        found.append(f"a telephone number ending in {reading.digits}")
    if reading.email:
        found.append("an e-mail address that begins so")
    if reading.username:
        found.append("a username that begins so")
    if reading.code:
        found.append("an account code that begins so")
    if reading.name:
        found.append("a customer, contact, listed person or authoriser of that name")
    return found


def shown_address(address: IPv4Address | IPv6Network) -> str:
    """As one writes it: a /128 is a single address."""
    if isinstance(address, IPv6Network) and address.prefixlen == address.max_prefixlen:
        return str(address.network_address)
    return str(address)


def _address(text: str) -> IPv4Address | IPv6Network | None:
    """The address in `192.0.2.1`, `192.0.2.1:4711`, `192.0.2.1/32`, `2001:db8::1`, `[2001:db8::1]:443`, `2001:db8::/56`."""
    ported = _WITH_PORT.fullmatch(text)
    bare = (ported["v6"] or ported["v4"]) if ported else text.partition("%")[0]
    try:
        if "/" not in bare:
            plain = ip_address(bare)
            if isinstance(plain, IPv6Address):
                return plain.ipv4_mapped or IPv6Network(plain)
            return plain
        network = ip_network(bare, strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network):
        return network
    return network.network_address if network.prefixlen == network.max_prefixlen else None


def _phones(text: str, digits: str, country: str) -> tuple[str, ...]:
    """The numbers it can be: as written, and, without its plus, with a country code."""
    plain = text.replace("(0)", "")
    found = []
    for written in (plain, "" if plain.startswith("+") else f"+{digits}"):
        try:
            number = normalise_phone(written, country) if written else ""
        except Refused:
            continue
        if number and number not in found:
            found.append(number)
    return tuple(found)
