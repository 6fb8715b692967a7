"""A customer's lines as cards, and what to ask somebody who says he is the customer."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from capstan.caps.queries import Standing
from capstan.catalog.models import Package
from capstan.console import links
from capstan.console.line_now import meter_shown, standing_of
from capstan.customers.models import Customer
from capstan.metering.models import RadiusSession
from capstan.metering.rules.words import SessionState
from capstan.network.queries.state import states
from capstan.network.rules.line_state import LineState
from capstan.services.models import PackageChange, Service
from capstan.services.rules import ServiceStatus
from capstan.topups.models import Authoriser, Order
from capstan.topups.queries.rules_of import Account
from capstan.topups.rules.describe import CHANNEL_WORDS
from capstan.topups.rules.sale import STAFF_WORDS, LineFacts, hindrance
from capstan.topups.rules.words import ADDED, Channel
from capstan.ui.meter import Meter


class LineCard(NamedTuple):
    service: Service
    state: LineState
    meter: Meter | None
    hindrance: str  # why a top-up would not help
    package: str
    connection: str
    is_connected: bool
    waits: bool  # prepaid, and the cycle isn't paid
    url: str
    top_up_url: str


def line_cards(services: Sequence[Service], *, now: datetime) -> list[LineCard]:
    """Cards of these lines; their customers' connection types must have been read with them."""
    ids = [service.pk for service in services]
    state_of, online, packages = states(ids, now=now), _online(ids), packages_of(ids, now=now)
    cards = []
    for service in services:
        held = standing_of(service.pk, now)
        state = state_of[service.pk]
        cards.append(
            LineCard(
                service=service,
                state=state,
                meter=meter_shown(held, state, is_connected=service.pk in online, now=now) if held else None,
                hindrance=_hindrance(service, held, state),
                package=packages.get(service.pk, ""),
                connection=_connection(online.get(service.pk), now),
                is_connected=service.pk in online,
                waits=held is not None and held.waits,
                url=links.service(service.pk),
                top_up_url=links.add_top_up(service.pk),
            )
        )
    return cards


def _hindrance(service: Service, held: Standing | None, state: LineState) -> str:
    facts = LineFacts(
        has_ended=service.status == ServiceStatus.ENDED,
        is_suspended=service.status == ServiceStatus.SUSPENDED,
        is_wrong_device=state == LineState.WRONG_DEVICE,
        is_uncapped=held is not None and held.is_uncapped,
        is_metered=held is not None,
        owed_bytes=0,
    )
    found = hindrance(facts)
    return STAFF_WORDS[found] if found else ""


def packages_of(service_ids: Sequence[int], *, now: datetime) -> dict[int, str]:
    """The name of each line's package in force."""
    started = PackageChange.objects.filter(service_id__in=service_ids, starts_at__lte=now)
    newest = started.order_by("service_id", "-starts_at").distinct("service_id")
    held = dict(newest.values_list("service_id", "package_id"))
    names = dict(Package.objects.filter(pk__in=held.values()).values_list("pk", "name"))
    return {service_id: names[package_id] for service_id, package_id in held.items()}


def _online(service_ids: Sequence[int]) -> dict[int, RadiusSession]:
    found = RadiusSession.objects.filter(service_id__in=service_ids, state__lt=SessionState.CLOSED)
    return {one.service_id: one for one in found.select_related("nas").order_by("pk") if one.service_id}


def _connection(session: RadiusSession | None, now: datetime) -> str:
    if session is None:
        return "Nobody is connected"
    formats = settings.FORMATS
    stale = ", router silent" if session.state == SessionState.STALE else ""
    return f"Connected since {formats.moment_beside(session.started_at, now)} on {session.nas.name}{stale}"


# --- verifying the caller ----------------------------------------------------------------------------------


class Question(NamedTuple):
    """What to ask, and the answer that is right."""

    ask: str
    right: str


def questions(
    customer: Customer,
    cards: Sequence[LineCard],
    orders: Sequence[Order],
    authorisers: Sequence[Authoriser],
    account: Account,
) -> list[Question]:
    """What a caller who is the customer knows, and a stranger doesn't, besides the numbers and addresses of the contacts."""
    formats = settings.FORMATS
    asked = [Question("The account code, from an invoice", customer.account_code)]
    packages = dict.fromkeys(card.package for card in cards if card.package)
    if packages:
        asked.append(Question("The package of the line", ", ".join(packages)))
    last = next((one for one in orders if one.state in ADDED), None)
    if last is not None:
        how = CHANNEL_WORDS[Channel(last.channel)]
        asked.append(
            Question(
                "The last top-up",
                f"{formats.size(last.size_bytes)} on {formats.date(last.created_at)}, {how}",
            )
        )
    if account.needs_authorisation:
        who = ", ".join(f"{one.name} ({one.role})" for one in authorisers) or "nobody is listed"
        asked.append(Question("Who authorised a top-up", who))
    return asked
