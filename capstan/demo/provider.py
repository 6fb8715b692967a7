"""Enters the demo provider: brand, catalogue, routers, some two hundred customers with their lines.

Everything goes through the same actions as a person's entries. What is there already is left as it is, so that it can be
played with; a start that was cut off in the middle is completed by the next.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from capstan.caps.actions.cap import grant, open_cap
from capstan.caps.rules.words import BucketKind
from capstan.catalog.actions import create_brand, create_offer, create_package
from capstan.catalog.models import Brand, Package, TopUpOffer
from capstan.customers.actions import add_contact, create_customer
from capstan.customers.models import Customer
from capstan.customers.rules import CustomerKind
from capstan.demo import catalogue
from capstan.demo.roster import Account, Subscription, accounts, secret_of
from capstan.demo.sites import INTERIM_SECONDS, SITES, Site, coa_port
from capstan.metering.actions.registry import enter_nas, enter_peer
from capstan.metering.models import Nas
from capstan.services.actions.device import clear_mac, set_mac_lock
from capstan.services.actions.line import set_addresses
from capstan.services.actions.start import create_connection_type, create_service
from capstan.services.actions.status import suspend
from capstan.services.models import ConnectionType, Service
from capstan.services.rules import Addresses, LoginBy
from capstan.values.data import Units, parse_bytes

ACTOR = "demo"

log = structlog.get_logger()


def enter_provider(*, now: datetime) -> int:
    """Enter whatever of the demo provider isn't there yet. Returns how many lines were new."""
    brand_id = _enter_catalogue(now)
    for site in SITES:
        _enter_router(site, coa_port(settings.OPTIONS.radius_acct_port), now)
    types = dict(ConnectionType.objects.values_list("code", "id"))
    packages = dict(Package.objects.values_list("code", "id"))
    known = set(Service.objects.values_list("username", flat=True))
    entered = 0
    for account in accounts():
        missing = [one for one in account.lines if one.line.username.lower() not in known]
        if missing:
            with transaction.atomic():
                customer_id = _enter_customer(account, brand_id, now)
                for one in missing:
                    _enter_line(one, customer_id, types[one.connection_type], packages[one.package], now)
            entered += len(missing)
    if entered:
        log.info("the demo provider's customers are entered", lines=entered)
    return entered


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
                actor=ACTOR,
                now=now,
            )
    return brand.pk


def _enter_router(site: Site, port: int, now: datetime) -> None:
    """A router and its peer; one that is there is only told a new CoA port."""
    known = Nas.objects.filter(identifier=site.name, peer__name=site.name).first()
    if known is not None and known.coa_port == port:
        return
    peer, _ = enter_peer(
        name=site.name, network=site.address, secret=secret_of(site.name), actor=ACTOR, now=now
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
        now=now,
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


def _enter_line(one: Subscription, customer_id: int, type_id: int, package_id: int, now: datetime) -> None:
    service = create_service(
        customer_id=customer_id,
        connection_type_id=type_id,
        package_id=package_id,
        username=one.line.username,
        line_password=one.entered_password,
        login_by=LoginBy.MAC if one.by_mac else LoginBy.PASSWORD,
        mac_address=one.locked_to if one.by_mac else "",
        activated_at=now - timedelta(days=one.days_old),
        actor=ACTOR,
        now=now,
    )
    addresses = Addresses(**one.addresses._asdict())
    if addresses != Addresses():
        set_addresses(service_id=service.pk, addresses=addresses, actor=ACTOR, now=now)
    if one.locked_to and not one.by_mac:
        set_mac_lock(service_id=service.pk, mac_address=one.locked_to, actor=ACTOR, now=now)
    elif one.learns_device:
        clear_mac(service_id=service.pk, learn=True, actor=ACTOR, now=now)
    open_cap(service.pk, now=now)
    if one.top_up:
        grant(
            service_id=service.pk,
            kind=BucketKind.TOPUP,
            size_bytes=parse_bytes(one.top_up, _units()),
            source="staff",
            reference=f"demo:{service.username}",
            actor=ACTOR,
            reason="Bought earlier in this cycle",
            now=now,
        )
    if one.suspended:
        suspend(service_id=service.pk, reason=one.suspended, actor=ACTOR, now=now)
