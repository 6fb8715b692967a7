"""Putting packages and offers on sale, changing them by dated rows, and taking them off sale."""

from datetime import date, datetime
from typing import Any

from django.db import transaction

from capstan.audit.actions import record
from capstan.catalog.models import (
    Brand,
    BrandLogo,
    DataPrice,
    OfferPrice,
    Package,
    PackagePrice,
    PackageVersion,
    TaxGroup,
    TaxRate,
    TopUpOffer,
)
from capstan.catalog.rules import Terms, check_terms, format_window
from capstan.documents.logo import check_logo
from capstan.values.refused import Refused


@transaction.atomic
def create_brand(*, name: str, actor: str, now: datetime, **details: str) -> Brand:
    """A name to trade under.

    `details` are fields of `Brand`. Raises Refused if the name is taken or empty.
    """
    _require(name=name)
    if Brand.objects.filter(name=name).exists():
        raise Refused(f"There is a brand called {name!r} already.")
    brand = Brand.objects.create(name=name, **details)
    record(
        actor=actor,
        action="catalog.create_brand",
        subject=f"brand:{brand.pk}",
        now=now,
        details={"name": name},
    )
    return brand


@transaction.atomic
def change_brand(*, brand_id: int, actor: str, now: datetime, **details: str) -> list[str]:
    """Bring these fields of a brand to these values; returns which ones changed."""
    brand = Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    changed = {field: text for field, text in details.items() if getattr(brand, field) != text}
    if changed:
        Brand.objects.filter(pk=brand_id).update(**changed)
        subject = f"brand:{brand_id}"
        record(actor=actor, action="catalog.change_brand", subject=subject, now=now, details=changed)
    return list(changed)


@transaction.atomic
def create_package(
    *, code: str, name: str, brand_id: int, terms: Terms, valid_from: datetime, actor: str, now: datetime
) -> Package:
    """A package with its first version.

    Raises Refused for a code that is taken and for terms that can't be sold.
    """
    _require(code=code, name=name)
    if Package.objects.filter(code=code).exists():
        raise Refused(
            f"There is a package with the code {code!r} already; add a version to change its terms."
        )
    package = Package.objects.create(code=code, name=name, brand_id=brand_id)
    subject = f"package:{package.pk}"
    record(actor=actor, action="catalog.create_package", subject=subject, now=now, details={"code": code})
    add_version(package_id=package.pk, terms=terms, valid_from=valid_from, actor=actor, now=now)
    return package


@transaction.atomic
def add_version(
    *, package_id: int, terms: Terms, valid_from: datetime, actor: str, now: datetime
) -> PackageVersion:
    """New terms of a package from `valid_from`; a service's running cycle keeps those that it began with.

    Raises Refused for terms that can't be sold, and for a date that isn't after the last version's and, but
    for the first version, not in the past: what customers have had can't be rewritten.
    """
    if wrong := check_terms(terms):
        raise Refused(" ".join(wrong))
    Package.objects.select_for_update(no_key=True).get(pk=package_id)
    last = PackageVersion.objects.filter(package_id=package_id).order_by("-valid_from").first()
    if last and valid_from < now:
        raise Refused("New terms can't begin in the past: customers have used data under the old ones.")
    if last and valid_from <= last.valid_from:
        raise Refused(
            f"The last version begins on {last.valid_from:%Y-%m-%d %H:%M} UTC; a new one must begin later."
        )
    version = PackageVersion.objects.create(package_id=package_id, valid_from=valid_from, **_columns(terms))
    record(
        actor=actor,
        action="catalog.add_version",
        subject=f"package:{package_id}",
        now=now,
        details={"version": version.pk, "valid_from": valid_from.isoformat()},
    )
    return version


def _columns(terms: Terms) -> dict[str, Any]:
    lists = {
        "free_windows": [format_window(window) for window in terms.free_windows],
        "thresholds": list(terms.thresholds),
    }
    return terms._asdict() | lists


@transaction.atomic
def withdraw_package(*, package_id: int, actor: str, now: datetime) -> None:
    """No new service gets this package; those that have it keep it."""
    Package.objects.filter(pk=package_id).update(on_sale=False)
    record(actor=actor, action="catalog.withdraw_package", subject=f"package:{package_id}", now=now)


@transaction.atomic
def create_offer(
    *,
    code: str,
    name: str,
    brand_id: int,
    size_bytes: int,
    letter: str,
    price_minor: int,
    valid_days: int | None = None,
    never_expires: bool = False,
    actor: str,
    now: datetime,
) -> TopUpOffer:
    """A top-up for sale from now on at this price.

    `letter` is A to Z and free among the brand's offers on sale; `valid_days` counts from purchase, None is
    to the end of the cycle, or for ever if it `never_expires`. Raises Refused.
    """
    _require(code=code, name=name)
    letter = letter.strip().upper()
    if len(letter) != 1 or not ("A" <= letter <= "Z"):
        raise Refused(f"{letter!r} can't be an offer's letter: a customer replies with one of A to Z.")
    if size_bytes < 1:
        raise Refused("A top-up must hold some data.")
    if valid_days is not None and not 1 <= valid_days <= 3660:
        raise Refused("A top-up is valid for 1 to 3660 days; leave it out for the end of the cycle.")
    if never_expires and valid_days is not None:
        raise Refused("A top-up that never expires has no number of days.")
    if TopUpOffer.objects.filter(code=code).exists():
        raise Refused(f"There is an offer with the code {code!r} already.")
    taken = TopUpOffer.objects.filter(brand_id=brand_id, letter=letter, on_sale=True).first()
    if taken:
        raise Refused(
            f"The letter {letter} stands for {taken.name!r}; withdraw that offer or take another letter."
        )
    offer = TopUpOffer.objects.create(
        code=code, name=name, brand_id=brand_id, size_bytes=size_bytes, letter=letter, valid_days=valid_days,
        never_expires=never_expires,
    )  # fmt: skip
    record(
        actor=actor,
        action="catalog.create_offer",
        subject=f"offer:{offer.pk}",
        now=now,
        details={"code": code},
    )
    set_price(offer_id=offer.pk, price_minor=price_minor, valid_from=now, actor=actor, now=now)
    return offer


@transaction.atomic
def set_price(
    *, offer_id: int, price_minor: int, valid_from: datetime, actor: str, now: datetime
) -> OfferPrice:
    """The offer's price from `valid_from` on, in minor units with VAT.

    Raises Refused for the past or a second price at once.
    """
    if price_minor < 0:
        raise Refused("A price can't be less than nothing.")
    if valid_from < now:
        raise Refused("A price can't begin in the past: customers have bought at the old one.")
    TopUpOffer.objects.select_for_update(no_key=True).get(pk=offer_id)
    if OfferPrice.objects.filter(offer_id=offer_id, valid_from=valid_from).exists():
        raise Refused("This offer has a price from that very moment already.")
    price = OfferPrice.objects.create(offer_id=offer_id, valid_from=valid_from, price_minor=price_minor)
    details = {"price_minor": price_minor, "valid_from": valid_from.isoformat()}
    record(actor=actor, action="catalog.set_price", subject=f"offer:{offer_id}", now=now, details=details)
    return price


@transaction.atomic
def set_data_price(
    *, brand_id: int, per_gb_minor: int, valid_from: datetime, actor: str, now: datetime
) -> DataPrice:
    """What a GB of any size costs from `valid_from` on, in minor units with VAT. Raises Refused."""
    if per_gb_minor < 0:
        raise Refused("A price can't be less than nothing.")
    if valid_from < now:
        raise Refused("A price can't begin in the past: customers have bought at the old one.")
    Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    if DataPrice.objects.filter(brand_id=brand_id, valid_from=valid_from).exists():
        raise Refused("There is a price per GB from that very moment already.")
    price = DataPrice.objects.create(brand_id=brand_id, valid_from=valid_from, per_gb_minor=per_gb_minor)
    details = {"per_gb_minor": per_gb_minor, "valid_from": valid_from.isoformat()}
    record(
        actor=actor, action="catalog.set_data_price", subject=f"brand:{brand_id}", now=now, details=details
    )
    return price


@transaction.atomic
def withdraw_offer(*, offer_id: int, actor: str, now: datetime) -> None:
    """Take an offer off the menu; its letter is free again. What was bought stays bought."""
    TopUpOffer.objects.filter(pk=offer_id).update(on_sale=False)
    record(actor=actor, action="catalog.withdraw_offer", subject=f"offer:{offer_id}", now=now)


def _require(**texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise Refused(f"The {name} is missing.")


@transaction.atomic
def set_package_price(
    *, package_id: int, price_minor: int, valid_from: datetime, actor: str, now: datetime
) -> PackagePrice:
    """What a package costs a month from `valid_from` on, VAT included; a period that has begun keeps its price.

    Raises Refused for a price below nothing, for a date in the past unless it is the first price, and for one that isn't
    after the last.
    """
    if price_minor < 0:
        raise Refused("A price can't be less than nothing.")
    Package.objects.select_for_update(no_key=True).get(pk=package_id)
    last = PackagePrice.objects.filter(package_id=package_id).order_by("-valid_from").first()
    if last and valid_from < now:
        raise Refused("A price can't change in the past: customers were billed by it.")
    if last and valid_from <= last.valid_from:
        raise Refused(f"The last price begins on {last.valid_from:%Y-%m-%d}; a new one must begin later.")
    price = PackagePrice.objects.create(package_id=package_id, valid_from=valid_from, price_minor=price_minor)
    record(
        actor=actor, action="catalog.set_package_price", subject=f"package:{package_id}", now=now,
        details={"price_minor": price_minor, "valid_from": valid_from.isoformat()},
    )  # fmt: skip
    return price


@transaction.atomic
def create_tax_group(
    *,
    code: str,
    name: str,
    rate_bp: int,
    valid_from: date,
    is_default: bool = False,
    actor: str,
    now: datetime,
) -> TaxGroup:
    """What is taxed alike, with its first rate in hundredths of a percent. Raises Refused for a code that is taken."""
    _require(code=code, name=name)
    if TaxGroup.objects.filter(code=code).exists():
        raise Refused(f"There is a tax group {code!r} already.")
    if is_default:
        TaxGroup.objects.filter(is_default=True).update(is_default=False)
    group = TaxGroup.objects.create(code=code, name=name, is_default=is_default)
    record(
        actor=actor,
        action="catalog.create_tax_group",
        subject=f"taxgroup:{group.pk}",
        now=now,
        details={"code": code},
    )
    set_tax_rate(group_id=group.pk, rate_bp=rate_bp, valid_from=valid_from, actor=actor, now=now)
    return group


@transaction.atomic
def set_tax_rate(*, group_id: int, rate_bp: int, valid_from: date, actor: str, now: datetime) -> TaxRate:
    """The rate of what is supplied from `valid_from` on. What was invoiced before keeps its rate.

    Raises Refused for a rate that is none, and for a date that has a rate of its own or comes before the last one's.
    """
    if not 0 <= rate_bp <= 10_000:
        raise Refused("A rate is from 0 to 100 percent.")
    TaxGroup.objects.select_for_update(no_key=True).get(pk=group_id)
    last = TaxRate.objects.filter(group_id=group_id).order_by("-valid_from").first()
    if last and valid_from <= last.valid_from:
        raise Refused(
            f"The last rate begins on {last.valid_from}: a new one begins later, or withdraw that one first."
        )
    rate = TaxRate.objects.create(group_id=group_id, valid_from=valid_from, rate_bp=rate_bp)
    record(
        actor=actor, action="catalog.set_tax_rate", subject=f"taxgroup:{group_id}", now=now,
        details={"rate_bp": rate_bp, "valid_from": valid_from},
    )  # fmt: skip
    return rate


@transaction.atomic
def withdraw_tax_rate(*, rate_id: int, actor: str, now: datetime) -> TaxRate:
    """The last rate of a group doesn't come after all, or should never have: the one before it goes on.

    What was invoiced at it stays as it is until credit notes correct it. Raises Refused for a rate that isn't the last, and
    for a group's only one.
    """
    rate = TaxRate.objects.select_related("group").get(pk=rate_id)
    rates = list(TaxRate.objects.select_for_update().filter(group=rate.group).order_by("-valid_from"))
    if rates[0].pk != rate.pk or len(rates) == 1:
        raise Refused("Only a group's last rate can be withdrawn, and not the only one.")
    rate.delete()
    record(
        actor=actor, action="catalog.withdraw_tax_rate", subject=f"taxgroup:{rate.group_id}", now=now,
        details={"rate_bp": rate.rate_bp, "valid_from": rate.valid_from},
    )  # fmt: skip
    return rates[0]


@transaction.atomic
def set_logo(*, brand_id: int, content: bytes, actor: str, now: datetime) -> BrandLogo:
    """The picture on a brand's documents from now on; those that were stored keep theirs. Raises Refused for what is no image."""
    kind = check_logo(content)
    logo, _ = BrandLogo.objects.update_or_create(
        brand_id=brand_id, defaults={"content": content, "kind": kind, "set_at": now}
    )
    record(
        actor=actor, action="catalog.set_logo", subject=f"brand:{brand_id}", now=now,
        details={"kind": kind, "bytes": len(content)},
    )  # fmt: skip
    return logo


@transaction.atomic
def change_package_sale(
    *, package_id: int, tax_group_id: int | None, pays_first: bool, actor: str, now: datetime
) -> list[str]:
    """How a package is taxed, and whether its lines' top-ups are paid first; returns what changed."""
    package = Package.objects.select_for_update(no_key=True).get(pk=package_id)
    wanted = {"tax_group_id": tax_group_id, "pays_first": pays_first}
    changed = {field: value for field, value in wanted.items() if getattr(package, field) != value}
    if changed:
        Package.objects.filter(pk=package_id).update(**changed)
        subject = f"package:{package_id}"
        record(actor=actor, action="catalog.change_package_sale", subject=subject, now=now, details=changed)
    return list(changed)
