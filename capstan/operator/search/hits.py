"""Everything in which a reading is found, and how well: each a lookup in an index, in the app that owns the rows."""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from capstan.customers import queries as customers
from capstan.customers.models import Contact, Customer
from capstan.db.text import name_words
from capstan.metering.models import RadiusSession
from capstan.metering.queries.online import sessions_with_address, sessions_with_device
from capstan.operator.search.reading import Reading
from capstan.services import queries as services
from capstan.services.models import Service
from capstan.topups.models import Authoriser, ListEntry
from capstan.topups.queries import people

AT_MOST = 26
"""Hits of one kind that are read, one more than are listed: who gets more has to type more."""


OWN_CONTACT = "Own contact"
"""Why a customer is found by a contact of the same name."""


class Rank(IntEnum):
    """How well it fits, best first."""

    EXACT = 0
    WHOLE_NAME = 1
    USERNAME = 2
    CODE = 3
    EMAIL = 4
    NAME = 5
    NUMBER_END = 6


class Hit(NamedTuple):
    """A customer, or a line of his, and why it was found."""

    rank: Rank
    customer: Customer
    service_id: int | None
    why: str


class Stray(NamedTuple):
    """An open session of a user whom no line has."""

    session_id: int
    username: str
    router: str


def hits_of(reading: Reading, online: Iterable[RadiusSession]) -> Iterator[Hit]:
    """All hits, in no order, some of them about the same customer. `online` are the reading's open sessions."""
    if reading.address is not None:
        yield from _of_services(
            services.with_address(reading.address, limit=AT_MOST), "Fixed address or prefix"
        )
    if reading.mac:
        yield from _of_services(services.with_device(reading.mac, limit=AT_MOST), "Device of the line")
    for session in online:
        if session.service is not None:
            where = f"Online with it, on {session.nas.name}"
            yield Hit(Rank.EXACT, session.service.customer, session.service_id, where)
    if reading.username:
        for line in services.usernames_from(reading.username, limit=AT_MOST):
            rank = Rank.EXACT if line.username == reading.username else Rank.USERNAME
            yield Hit(rank, line.customer, line.pk, "Username")
    if reading.code:
        for customer in customers.codes_from(reading.code, limit=AT_MOST):
            rank = Rank.EXACT if customer.account_code == reading.code else Rank.CODE
            yield Hit(rank, customer, None, "Account code")
    yield from _by_number(reading)
    if reading.email:
        yield from _by_email(reading.email)
    if reading.name:
        yield from _by_name(reading.name)


def open_sessions(reading: Reading) -> list[RadiusSession]:
    """Open sessions with the address or device that was read."""
    found: list[RadiusSession] = []
    if reading.address is not None:
        found += sessions_with_address(reading.address, limit=AT_MOST)
    if reading.mac:
        found += sessions_with_device(reading.mac, limit=AT_MOST)
    return found


def strays_of(online: Iterable[RadiusSession]) -> list[Stray]:
    """Those of these sessions that belong to no line."""
    return [Stray(one.pk, one.username, one.nas.name) for one in online if one.service_id is None]


def _of_services(found: Iterable[Service], why: str) -> Iterator[Hit]:
    for line in found:
        yield Hit(Rank.EXACT, line.customer, line.pk, why)


def _by_number(reading: Reading) -> Iterator[Hit]:
    """By a whole number; by its end only where that finds nobody."""
    whole: list[Hit] = []
    for number in reading.phones:
        contacts = customers.contacts_by_phone(number)[:AT_MOST]
        whole += _of_contacts((one, Rank.EXACT) for one in contacts)
        whole += _of_entries((one, Rank.EXACT) for one in people.entries_at(number, limit=AT_MOST))
        whole += _of_authorisers((one, Rank.EXACT) for one in people.authorisers_at(number, limit=AT_MOST))
    yield from whole
    if whole or not reading.digits:
        return
    end = reading.digits
    contacts = customers.contacts_by_phone_end(end, limit=AT_MOST)
    yield from _of_contacts((one, Rank.NUMBER_END) for one in contacts)
    yield from _of_entries((one, Rank.NUMBER_END) for one in people.entries_by_end(end, limit=AT_MOST))
    found = people.authorisers_by_end(end, limit=AT_MOST)
    yield from _of_authorisers((one, Rank.NUMBER_END) for one in found)


def _by_email(start: str) -> Iterator[Hit]:
    def rank(address: str) -> Rank:
        return Rank.EXACT if address.lower() == start else Rank.EMAIL

    contacts = customers.contacts_by_email(start, limit=AT_MOST)
    yield from _of_contacts((one, rank(one.email)) for one in contacts)
    entries = people.entries_from(start, limit=AT_MOST)
    yield from _of_entries((one, rank(one.address)) for one in entries)


def _by_name(text: str) -> Iterator[Hit]:
    wanted = sorted(name_words(text))

    def rank(name: str) -> Rank:
        return Rank.WHOLE_NAME if sorted(name_words(name)) == wanted else Rank.NAME

    for customer in customers.customers_named(text, limit=AT_MOST):
        yield Hit(rank(customer.name), customer, None, "Name")
    contacts = customers.contacts_named(text, limit=AT_MOST)
    yield from _of_contacts((one, rank(one.name)) for one in contacts)
    entries = people.entries_named(text, limit=AT_MOST)
    yield from _of_entries((one, rank(one.name)) for one in entries)
    found = people.authorisers_named(text, limit=AT_MOST)
    yield from _of_authorisers((one, rank(one.name)) for one in found)


def _of_contacts(found: Iterable[tuple[Contact, Rank]]) -> Iterator[Hit]:
    for one, rank in found:
        role = f", {one.role}" if one.role else ""
        yield Hit(
            rank,
            one.customer,
            None,
            f"Contact {one.name}{role}" if one.name != one.customer.name else OWN_CONTACT,
        )


def _of_entries(found: Iterable[tuple[ListEntry, Rank]]) -> Iterator[Hit]:
    for one, rank in found:
        who = f" of {one.name}" if one.name else ""
        yield Hit(rank, one.service.customer, one.service_id, f"On the notification list{who}: {one.address}")


def _of_authorisers(found: Iterable[tuple[Authoriser, Rank]]) -> Iterator[Hit]:
    for one, rank in found:
        yield Hit(rank, one.customer, None, f"Authoriser {one.name}, {one.role}")
