"""Enters the demo provider: brand, catalogue, routers, some two hundred customers with their lines and three months of past.

Everything goes through the same actions as a person's entries, at the time at which it was entered. What is there already
is left as it is, so that it can be played with; a start that was cut off in the middle is completed by the next.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter

import structlog
from django.conf import settings
from django.db import connection, transaction

from capstan.caps.actions.cap import provider_zone
from capstan.catalog.actions import create_brand, create_offer, create_package
from capstan.catalog.models import Brand, Package, TopUpOffer
from capstan.catalog.queries import terms as terms_of
from capstan.catalog.queries import version_in_force
from capstan.catalog.rules import Terms
from capstan.customers.actions import add_contact, create_customer
from capstan.customers.models import Customer
from capstan.customers.rules import CustomerKind
from capstan.demo import catalogue
from capstan.demo.history.aside import aside, ensure_room
from capstan.demo.history.life import Life, Newcomer, Setting
from capstan.demo.history.packets import Place
from capstan.demo.history.plan import NEAR_CAP
from capstan.demo.roster import Account, Subscription, accounts, secret_of
from capstan.demo.routers.traffic import Habit
from capstan.demo.sites import INTERIM_SECONDS, SITES, Site, coa_port
from capstan.metering.actions.registry import enter_nas, enter_peer
from capstan.metering.models import Nas
from capstan.network.models import LoginFailure
from capstan.services.actions.device import set_mac_lock
from capstan.services.actions.line import set_addresses
from capstan.services.actions.start import create_connection_type, create_service
from capstan.services.models import ConnectionType, Service
from capstan.services.rules import Addresses, LoginBy
from capstan.values.data import Units, parse_bytes

ACTOR = "demo"
DAYS = 92
"""So long ago the provider moved to Capstan. Its lines are as old as the roster says."""

log = structlog.get_logger()


def enter_provider(
    *,
    now: datetime,
    days: int | None = None,
    which: Callable[[Subscription], bool] = lambda _: True,
    is_wanted: Callable[[], bool] = lambda: True,
) -> int:
    """Enter whatever of the demo provider isn't there yet, with so many days of past. Returns how many lines were new.

    `which` chooses among the lines. New ones appear all at once when their past has been lived, or not at all: once
    `is_wanted()` says no it ends with a RuntimeError.
    """
    days = DAYS if days is None else days
    since = now - timedelta(days=days)
    brand_id = _enter_catalogue(since)
    for site in SITES:
        _enter_router(site, coa_port(settings.OPTIONS.radius_acct_port), since, now)
    newcomers = _newcomers(missing(which), brand_id, since, now)
    if newcomers:
        ensure_room(since=since, now=now)
        strangers = not LoginFailure.objects.filter(service=None).exists()
        setting = Setting(since, now, provider_zone(), ACTOR, strangers)
        connection.ensure_connection()
        with aside(connection.connection):
            Life(connection.connection, setting).live(newcomers, is_wanted)
        log.info("demo customers are entered with their past", lines=len(newcomers), days=days)
    return len(newcomers)


def missing(which: Callable[[Subscription], bool] = lambda _: True) -> list[tuple[Account, Subscription]]:
    """The lines that aren't entered yet, and whose they are."""
    known = set(Service.objects.values_list("username", flat=True))
    lines = ((account, one) for account in accounts() for one in account.lines if which(one))
    return [(account, one) for account, one in lines if one.line.username.lower() not in known]


def is_watched(one: Subscription) -> bool:
    """Whether a newcomer looks at this line first: its user is about to need a top-up."""
    return one.line.habit == Habit.EAGER or one.line.username in NEAR_CAP


def _newcomers(
    lines: Sequence[tuple[Account, Subscription]], brand_id: int, since: datetime, now: datetime
) -> list[Newcomer]:
    """Enters their customers, as of when their first line began."""
    places = _Places(now)
    found = []
    for account, group in groupby(lines, key=itemgetter(0)):
        ages = {one: now - timedelta(days=one.days_old) for _, one in group}
        with transaction.atomic():
            customer_id = _enter_customer(account, brand_id, max(since, min(ages.values())))
        found += [
            Newcomer(max(since, began), partial(places.enter, one, customer_id, began))
            for one, began in ages.items()
        ]
    return found


class _Places:
    """Enters lines and says where they are plugged in."""

    def __init__(self, now: datetime) -> None:
        self._types = dict(ConnectionType.objects.values_list("code", "id"))
        self._packages = dict(Package.objects.values_list("code", "id"))
        self._terms = {
            code: terms_of(version_in_force(package_id, now)) for code, package_id in self._packages.items()
        }
        self._sites = {site.name: site for site in SITES}
        self._nases = {nas.identifier: nas for nas in Nas.objects.filter(identifier__in=self._sites)}
        self._numbers: dict[str, int] = {}
        taken: Counter[str] = Counter()
        for one in (one for account in accounts() for one in account.lines):
            taken[one.site] += 1
            self._numbers[one.line.username] = taken[one.site]

    def enter(
        self, one: Subscription, customer_id: int, activated_at: datetime, now: datetime
    ) -> tuple[Place, Terms]:
        type_id, package_id = self._types[one.connection_type], self._packages[one.package]
        service_id = _enter_line(one, customer_id, type_id, package_id, activated_at, now)
        site, nas = self._sites[one.site], self._nases[one.site]
        place = Place(site, nas.pk, self._numbers[one.line.username], one, service_id, nas.registered_at)
        return place, self._terms[one.package]


def _units() -> Units:
    return Units.BINARY if settings.OPTIONS.binary_units else Units.DECIMAL


@transaction.atomic
def _enter_catalogue(now: datetime) -> int:
    brand = Brand.objects.filter(name=catalogue.BRAND).first()
    if brand is None:
        brand = create_brand(name=catalogue.BRAND, actor=ACTOR, now=now, **catalogue.BRAND_DETAILS)
    for code, name in catalogue.CONNECTION_TYPES.items():
        if not ConnectionType.objects.filter(code=code).exists():
            create_connection_type(code=code, name=name, actor=ACTOR, now=now)
    for code, name, terms in catalogue.packages(_units()):
        if not Package.objects.filter(code=code).exists():
            create_package(
                code=code, name=name, brand_id=brand.pk, terms=terms, valid_from=now, actor=ACTOR, now=now
            )
    for offer in catalogue.TOP_UPS:
        code = f"topup-{offer.letter.lower()}"
        if not TopUpOffer.objects.filter(code=code).exists():
            create_offer(
                code=code,
                name=f"Top-up {offer.size}",
                brand_id=brand.pk,
                size_bytes=parse_bytes(offer.size, _units()),
                letter=offer.letter,
                price_minor=offer.price_minor,
                valid_days=catalogue.TOP_UP_DAYS,
                actor=ACTOR,
                now=now,
            )
    return brand.pk


def _enter_router(site: Site, port: int, since: datetime, now: datetime) -> None:
    """A router and its peer, as of `since`; one that is there is only told a new CoA port, now."""
    known = Nas.objects.filter(identifier=site.name, peer__name=site.name).first()
    if known is not None and known.coa_port == port:
        return
    at = since if known is None else now
    peer, _ = enter_peer(
        name=site.name, network=site.address, secret=secret_of(site.name), actor=ACTOR, now=at
    )
    enter_nas(
        peer_id=peer.pk,
        identifier=site.name,
        name=site.title,
        vendor_profile=site.profile,
        observe_only=site.observe_only if known is None else known.observe_only,
        interim_seconds=INTERIM_SECONDS,
        coa_port=port,
        actor=ACTOR,
        now=at,
    )


def _enter_customer(account: Account, brand_id: int, now: datetime) -> int:
    """The customer's id; entered with all contacts if it isn't there."""
    customer = Customer.objects.filter(account_code=account.code).first()
    if customer is None:
        customer = create_customer(
            account_code=account.code,
            name=account.name,
            brand_id=brand_id,
            kind=CustomerKind.COMPANY if account.is_company else CustomerKind.INDIVIDUAL,
            actor=ACTOR,
            now=now,
        )
        for person in account.people:
            add_contact(customer_id=customer.pk, **person._asdict(), actor=ACTOR, now=now)
    return customer.pk


def _enter_line(
    one: Subscription, customer_id: int, type_id: int, package_id: int, activated_at: datetime, now: datetime
) -> int:
    """The new line's id; its cap is not opened yet. It is entered as it was then: what befell it since is a deed."""
    service = create_service(
        customer_id=customer_id,
        connection_type_id=type_id,
        package_id=package_id,
        username=one.line.username,
        line_password=one.line.password,
        login_by=LoginBy.MAC if one.by_mac else LoginBy.PASSWORD,
        mac_address=one.locked_to if one.by_mac else "",
        activated_at=activated_at,
        actor=ACTOR,
        now=now,
    )
    addresses = Addresses(**one.addresses._asdict())
    if addresses != Addresses():
        set_addresses(service_id=service.pk, addresses=addresses, actor=ACTOR, now=now)
    if one.locked_to and not one.by_mac:
        set_mac_lock(service_id=service.pk, mac_address=one.locked_to, actor=ACTOR, now=now)
    return service.pk
