"""Where the console leads to: jobs, search, the account. A page that doesn't exist has no entry."""

from collections.abc import Mapping
from typing import NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from capstan.identity.rules import Actor, Permission


class Entry(NamedTuple):
    label: str
    icon: str
    url: str
    is_current: bool = False
    waiting: int = 0


class Links(NamedTuple):
    """All of the console's frame; an empty address means there is no such page."""

    home: str
    search: str
    sign_out: str
    jobs: tuple[Entry, ...]
    account: tuple[Entry, ...]


# label, icon, name of the page's address
JOBS = (
    ("Customers", "users", "console:customers"),
    ("Needs a person", "hand-stop", "console:needs_person"),
    ("Waiting orders", "clock", "console:waiting_orders"),
    ("Orders", "bolt", "console:orders"),
    ("Messages", "message", "console:messages"),
    ("Network", "network", "console:network"),
    ("Billing", "file-invoice", "console:billing"),
    ("Helpdesk", "lifebuoy", "console:helpdesk"),
    ("Texts", "template", "console:templates"),
    ("Staff logins", "key", "console:logins"),
    ("Settings", "settings", "console:settings"),
)
NEEDS = {"console:logins": Permission.MANAGE_STAFF}
"""Entries that only some see."""
ALSO = {"console:customers": ("services/", "accounts/", "search/", "capped/", "money/")}
"""What belongs to an entry besides what lies below its address: addresses from the console's start."""
ACCOUNT = (
    ("Password", "lock", "account_change_password"),
    ("Two-step sign-in", "shield-check", "mfa_index"),
)


def console_links(request: HttpRequest | None, counts: Mapping[str, int]) -> Links:
    """The frame of a console page. `counts` says by address name how much waits there."""
    path = request.path if request is not None else ""
    return Links(
        address("console:home") or address("console:customers") or "/",
        address("console:search"),
        address("account_logout"),
        tuple(_entries(tuple(job for job in JOBS if _may_see(job[2], request)), path, counts)),
        tuple(_entries(ACCOUNT, path, counts)),
    )


def _may_see(name: str, request: HttpRequest | None) -> bool:
    needed = NEEDS.get(name)
    actor: Actor | None = getattr(request, "actor", None)
    return needed is None or bool(actor and actor.may(needed))


def address(name: str, *args: object) -> str:
    """The address of the page of this name; empty when there is none."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _entries(wanted: tuple[tuple[str, str, str], ...], path: str, counts: Mapping[str, int]) -> list[Entry]:
    """The longest address that the path begins with is where we are."""
    there = [(label, icon, url, name) for label, icon, name in wanted if (url := address(name))]
    home = address("console:home")
    places = {url: (url, *(home + more for more in ALSO.get(name, ()))) for _, _, url, name in there}
    fitting = [(len(place), url) for url, some in places.items() for place in some if path.startswith(place)]
    current = max(fitting, default=(0, ""))[1]
    return [Entry(label, icon, url, url == current, counts.get(name, 0)) for label, icon, url, name in there]
