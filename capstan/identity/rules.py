"""Who acts, and what he may do; how guessing is slowed. Free of storage."""

import re
import secrets
import unicodedata
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from capstan.values.refused import Refused


class Role(StrEnum):
    """What somebody is to the provider."""

    AGENT = "agent"
    ACCOUNTS = "accounts clerk"
    MANAGER = "manager"
    CUSTOMER = "customer"


class Permission(StrEnum):
    """What only some of the staff may do; every deed that needs one is audited."""

    ARRANGE_PRICE = "arrange a price that differs from the catalogue"
    REVERSE_USED = "take back a top-up that was used"
    EXCEED_CEILING = "go beyond a spending ceiling"
    APPROVE_ORDERS = "approve an order in the customer's name"
    SEE_LINE_PASSWORD = "see a line's password"  # noqa: S105
    EDIT_TEMPLATES = "edit message templates"
    TEST_GATEWAYS = "send test messages"
    EDIT_LIMITS = "change ceilings and who may authorise"
    MANAGE_STAFF = "manage staff logins"
    TAKE_PAYMENTS = "book payments that customers made"
    CORRECT_MONEY = "credit, refund, reverse and write off"
    CHARGE_CARDS = "charge and remove stored cards"
    RUN_BILLING = "issue bill runs and set how customers are billed"
    SET_PRICES = "set prices, taxes and payment gateways"
    SEE_BOOKS = "see the ledger and export it"


_AGENT = frozenset({Permission.ARRANGE_PRICE, Permission.TAKE_PAYMENTS})
_ACCOUNTS = frozenset(
    {
        Permission.TAKE_PAYMENTS,
        Permission.CORRECT_MONEY,
        Permission.CHARGE_CARDS,
        Permission.RUN_BILLING,
        Permission.SEE_BOOKS,
    }
)
_PERMISSIONS = {
    Role.AGENT: _AGENT,
    Role.ACCOUNTS: _ACCOUNTS,
    Role.MANAGER: frozenset(Permission),
    Role.CUSTOMER: frozenset[Permission](),
}


def permissions_of(role: Role) -> frozenset[Permission]:
    return _PERMISSIONS[role]


class Actor(NamedTuple):
    """Somebody who acts, as pages and actions know him.

    `key` is what audit entries and orders record, such as `staff:thandi`; `name` is what people read. A customer's login
    has the ids of the customers whose data it may see; staff see all.
    """

    key: str
    name: str
    role: Role
    permissions: frozenset[Permission]
    customer_ids: frozenset[int] = frozenset()

    @property
    def is_staff(self) -> bool:
        return self.role != Role.CUSTOMER

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


# --- logins ----------------------------------------------------------------------------------------------

_USERNAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
_EASY_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another when it is read out
_PASSWORD_GROUPS, _GROUP_SIGNS = 4, 4


class MfaPolicy(StrEnum):
    """Whom the provider demands a second factor of; managers always need one."""

    OPTIONAL = "optional"
    REQUIRED = "required"


def normalise_staff_username(text: str) -> str:
    """The username as it is stored. Raises Refused: without an @, so that no username is another's e-mail address."""
    username = text.strip().lower()
    if not _USERNAME.fullmatch(username):
        raise Refused(
            "A username has 1 to 64 small letters, digits, dots, dashes or underscores,"
            f" and begins and ends with a letter or digit: {text!r} hasn't."
        )
    return username


def must_have_authenticator(role: Role, policy: MfaPolicy) -> bool:
    """Whether somebody of this role gets no further than to the set-up of an authenticator while he has none."""
    return role in (Role.MANAGER, Role.ACCOUNTS) or (policy == MfaPolicy.REQUIRED and role != Role.CUSTOMER)


def new_password() -> str:
    """A password to be read out once: 79 bits in four groups of four."""
    signs = [secrets.choice(_EASY_SIGNS) for _ in range(_PASSWORD_GROUPS * _GROUP_SIGNS)]
    return "-".join(
        "".join(signs[start : start + _GROUP_SIGNS]) for start in range(0, len(signs), _GROUP_SIGNS)
    )


# --- guessing --------------------------------------------------------------------------------------------

GUESSES_PER_PLACE = 5
"""Wrong passwords for one username from one place; then that pair is locked, and nobody else is."""
USERNAMES_PER_PLACE = 50
"""Usernames with a wrong password from one place within a lock's time; then the place is locked."""
LOCK_TIME = timedelta(minutes=15)
KNOWN_TIME = timedelta(days=30)
"""How long a place counts as the username's own after a right password."""

_FREE_GUESSES = 3
_FIRST_DELAY = timedelta(milliseconds=250)
_LONGEST_DELAY = timedelta(seconds=4)
_IPV6_PREFIX = 64


def answer_delay(failures: int) -> timedelta:
    """How slowly guesses at a username are answered after so many wrong ones, right ones and unknown names alike.

    Nothing for the first three, then 250 ms, doubled each time, up to 4 s.
    """
    if failures <= _FREE_GUESSES:
        return timedelta()
    doublings = min(failures - _FREE_GUESSES - 1, 10)
    return min(_FIRST_DELAY * (1 << doublings), _LONGEST_DELAY)


def place_of(address: str) -> str:
    """Where guesses from this address are counted: an IPv4 address, or the /64 that one IPv6 customer has for himself.

    Raises ValueError for what is no address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed.packed, _IPV6_PREFIX), strict=False))
    return str(parsed)


def guessed_name(text: str) -> str:
    """A username as guesses at it are counted, however it is typed."""
    return unicodedata.normalize("NFKC", text).strip().casefold()
