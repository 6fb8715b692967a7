"""The staff's pages and the search, asked for in this process as the web server asks: middleware, queries, templates.

What the network and a busy server add is left out; what is measured is what a change of ours can make slower.
"""

import gc
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from random import Random
from typing import Final, NamedTuple

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.people import password, phone, username
from bench.stopwatch import percentile
from capstan.identity.actions.staff import create_login
from capstan.identity.rules import Role
from capstan.values import clock

ASKED: Final = 100
"""How often each page is asked for, each time for another customer."""

_WARM_UP: Final = 5
_QUERIES_OF: Final = 3
_ADDRESSES = int(ip_address("100.64.0.0"))  # as in provider.add_history

_SEARCH = "/staff/search/?q="

PAGES: Final[tuple[tuple[str, Callable[[int], str]], ...]] = (
    ("search: username", lambda user: _SEARCH + username(user)),
    ("search: name", lambda user: f"{_SEARCH}customer {user}"),
    ("search: account code", lambda user: f"{_SEARCH}C{user:06d}"),
    ("search: telephone", lambda user: _SEARCH + phone(user).replace("+27", "0")),
    ("search: its last six digits", lambda user: _SEARCH + phone(user)[-6:]),
    ("search: IPv4 address", lambda user: _SEARCH + str(ip_address(_ADDRESSES + user))),
    ("search: e-mail", lambda user: f"{_SEARCH}user{user:06d}@example.org"),
    ("customer", lambda user: f"/staff/customers/C{user:06d}/"),
    ("line: cap details", lambda user: f"/staff/services/{user + 1}/"),
    ("line: what renews itself", lambda user: f"/staff/services/{user + 1}/now/"),
    ("line: technical support", lambda user: f"/staff/services/{user + 1}/technical/"),
    ("line: usage", lambda user: f"/staff/services/{user + 1}/usage/"),
    ("line: add top-up", lambda user: f"/staff/services/{user + 1}/top-up/"),
    ("start", lambda _: "/staff/"),
    ("customers", lambda _: "/staff/customers/"),
    ("orders", lambda _: "/staff/orders/"),
    ("messages", lambda _: "/staff/messages/"),
    ("website: top up", lambda _: "/top-up/"),
)


class PageTime(NamedTuple):
    """How long a page takes, in milliseconds, and the most queries that it asked."""

    name: str
    p50: float
    p99: float
    queries: int


def page_times(users: int) -> Iterator[PageTime]:
    """Ask for every page as an agent. Raises RuntimeError for one that isn't shown."""
    agent = create_login(
        username="bench", name="Bench", role=Role.AGENT, password=password(0), actor="bench", now=clock.now()
    )
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(agent)
    for name, address in PAGES:
        chance = Random(name)
        chosen = [chance.randrange(users) for _ in range(_WARM_UP + ASKED)]
        gc.collect()
        times = [_ask(client, address(user)) for user in chosen][_WARM_UP:]
        queries = max(_queries(client, address(user)) for user in chosen[:_QUERIES_OF])
        yield PageTime(name, percentile(times, 0.5), percentile(times, 0.99), queries)


def _ask(client: Client, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code not in (200, 302):  # who finds one customer alone is led to him
        raise RuntimeError(f"{path}: status {answer.status_code}")
    return took


def _queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        client.get(path)
    return len(asked)
