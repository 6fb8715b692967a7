"""Brands, connection types, packages and offers of a provider file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from capstan.catalog import actions
from capstan.catalog.models import Brand, Package, PackageVersion, TopUpOffer
from capstan.catalog.queries import offers_on_sale, terms
from capstan.catalog.rules import Terms, parse_window
from capstan.operator.load.entries import BrandEntry, ConnectionTypeEntry, OfferEntry, PackageEntry
from capstan.services.actions.start import create_connection_type
from capstan.services.models import ConnectionType
from capstan.values.data import Units, parse_bytes
from capstan.values.money import parse_money
from capstan.values.refused import Refused


@dataclass(frozen=True)
class Circumstances:
    """Who loads the file, when, and how this provider counts."""

    actor: str
    now: datetime
    zone: ZoneInfo
    units: Units
    currency: str

    def instant(self, given: datetime | None) -> datetime | None:
        """A time of the file as an instant; one without an offset is the provider's local time."""
        if given is None:
            return None
        return (given if given.tzinfo else given.replace(tzinfo=self.zone)).astimezone(UTC)


def enter_brand(entry: BrandEntry, at: Circumstances) -> list[str]:
    """Enter what isn't there yet; returns what changed, `["new"]` for a new row. So do all the others."""
    brand = Brand.objects.filter(name=entry.name).first()
    if brand is None:
        actions.create_brand(**entry.model_dump(exclude_none=True), actor=at.actor, now=at.now)
        return ["new"]
    return actions.change_brand(
        brand_id=brand.pk, actor=at.actor, now=at.now, **entry.model_dump(exclude={"name"}, exclude_none=True)
    )


def enter_connection_type(entry: ConnectionTypeEntry, at: Circumstances) -> list[str]:
    if ConnectionType.objects.filter(code=entry.code).exists():
        return []
    create_connection_type(code=entry.code, name=entry.name, actor=at.actor, now=at.now)
    return ["new"]


def enter_package(entry: PackageEntry, at: Circumstances) -> list[str]:
    """A new package, or a new version from `valid_from` (else now) if the terms differ from the last version's."""
    wanted = _terms(entry, at.units)
    valid_from = at.instant(entry.valid_from)
    package = Package.objects.filter(code=entry.code).first()
    if package is None:
        actions.create_package(
            code=entry.code,
            name=entry.name,
            brand_id=brand_id(entry.brand),
            terms=wanted,
            valid_from=valid_from or at.now,
            actor=at.actor,
            now=at.now,
        )
        return ["new"]
    last = PackageVersion.objects.filter(package=package).latest("valid_from")
    if terms(last.pk) == wanted:
        return []
    begins = valid_from if valid_from and valid_from > at.now else at.now
    actions.add_version(package_id=package.pk, terms=wanted, valid_from=begins, actor=at.actor, now=at.now)
    changed = [
        name for name, old, new in zip(Terms._fields, terms(last.pk), wanted, strict=True) if old != new
    ]
    return [f"{name} from {begins:%Y-%m-%d %H:%M} UTC" for name in changed]


def enter_offer(entry: OfferEntry, at: Circumstances) -> list[str]:
    """A new offer, or a new price from now on.

    Another size or letter needs another offer, as people have the old menu.
    """
    size_bytes, price = parse_bytes(entry.size, at.units), parse_money(entry.price, at.currency)
    offer = TopUpOffer.objects.filter(code=entry.code).first()
    if offer is None:
        actions.create_offer(
            code=entry.code,
            name=entry.name,
            brand_id=brand_id(entry.brand),
            size_bytes=size_bytes,
            letter=entry.letter,
            price_minor=price,
            valid_days=entry.valid_days,
            never_expires=entry.never_expires,
            actor=at.actor,
            now=at.now,
        )
        return ["new"]
    if not offer.on_sale:
        raise Refused("This offer was withdrawn; give the new one another code.")
    has = (offer.size_bytes, offer.letter, offer.valid_days, offer.never_expires)
    if has != (size_bytes, entry.letter.upper(), entry.valid_days, entry.never_expires):
        raise Refused("An offer keeps its size, letter and validity; give the new one another code.")
    in_force = {one.id: one.price_minor for one in offers_on_sale(at=at.now)}
    if in_force.get(offer.pk) == price:
        return []
    actions.set_price(offer_id=offer.pk, price_minor=price, valid_from=at.now, actor=at.actor, now=at.now)
    return ["price"]


def brand_id(name: str) -> int:
    """The brand of this name; a provider with a single one may leave it out. Raises Refused."""
    found = list(Brand.objects.filter(name=name) if name else Brand.objects.all()[:2])
    if len(found) == 1:
        return found[0].pk
    raise Refused(f"There is no brand {name!r}." if name else "Name the brand: there isn't exactly one.")


def _terms(entry: PackageEntry, units: Units) -> Terms:
    def size(text: str | None) -> int | None:
        return None if text is None else parse_bytes(text, units)

    return Terms(
        allowance_bytes=size(entry.allowance),
        cycle_kind=entry.cycle,
        cycle_anchor=entry.anchor,
        day_limit_bytes=size(entry.day_limit),
        week_limit_bytes=size(entry.week_limit),
        counting=entry.counting,
        rate_up_kbps=entry.rate_up_kbps,
        rate_down_kbps=entry.rate_down_kbps,
        at_cap=entry.at_cap,
        throttle_up_kbps=entry.throttle_up_kbps,
        throttle_down_kbps=entry.throttle_down_kbps,
        overshoot=entry.overshoot,
        free_windows=tuple(parse_window(text) for text in entry.free_windows),
        rollover_allowance_cycles=entry.rollover_allowance_cycles,
        rollover_topup_cycles=entry.rollover_topup_cycles,
        thresholds=entry.thresholds,
    )
