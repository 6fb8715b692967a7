"""What is sold, and what a package said at a given time."""

from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from capstan.catalog.models import DataPrice, OfferPrice, PackageVersion, TaxGroup, TaxRate, TopUpOffer
from capstan.catalog.rules import (
    AtCap,
    Counting,
    CycleAnchor,
    CycleKind,
    Dated,
    OvershootPolicy,
    Terms,
    parse_window,
    version_at,
)


@cache
def terms(version_id: int) -> Terms:
    """What this package version says. Kept for ever, as versions never change.

    Raises PackageVersion.DoesNotExist.
    """
    row = PackageVersion.objects.get(pk=version_id)
    return Terms(
        allowance_bytes=row.allowance_bytes,
        cycle_kind=CycleKind(row.cycle_kind),
        cycle_anchor=CycleAnchor(row.cycle_anchor),
        day_limit_bytes=row.day_limit_bytes,
        week_limit_bytes=row.week_limit_bytes,
        counting=Counting(row.counting),
        rate_up_kbps=row.rate_up_kbps,
        rate_down_kbps=row.rate_down_kbps,
        at_cap=AtCap(row.at_cap),
        throttle_up_kbps=row.throttle_up_kbps,
        throttle_down_kbps=row.throttle_down_kbps,
        overshoot=OvershootPolicy(row.overshoot),
        free_windows=tuple(parse_window(text) for text in row.free_windows),
        rollover_allowance_cycles=row.rollover_allowance_cycles,
        rollover_topup_cycles=row.rollover_topup_cycles,
        thresholds=tuple(row.thresholds),
    )


def version_in_force(package_id: int, at: datetime) -> int:
    """The id of the package's version at this instant; before its first one, the first one.

    Raises ValueError for a package without versions, which `actions.create_package` never makes.
    """
    rows = PackageVersion.objects.filter(package_id=package_id).values_list("valid_from", "id")
    return version_at((Dated(*row) for row in rows), at)


class Offer(NamedTuple):
    """A top-up offer with its price at some instant: minor units of the provider's currency, VAT included."""

    id: int
    code: str
    name: str
    brand_id: int
    size_bytes: int
    letter: str
    valid_days: int | None
    never_expires: bool
    price_minor: int


def offers_on_sale(*, at: datetime, brand_id: int | None = None) -> list[Offer]:
    """The offers that can be bought at this instant, by letter; of one brand, or of all.

    An offer whose first price is still to come can't be bought.
    """
    in_force = OfferPrice.objects.filter(offer=OuterRef("pk"), valid_from__lte=at).order_by("-valid_from")
    offers = TopUpOffer.objects.filter(on_sale=True).annotate(
        price_minor=Subquery(in_force.values("price_minor")[:1])
    )
    if brand_id is not None:
        offers = offers.filter(brand_id=brand_id)
    rows = offers.filter(price_minor__isnull=False).order_by("brand_id", "letter").values_list(*Offer._fields)
    return [Offer._make(row) for row in rows]


def price_per_gb(brand_id: int, *, at: datetime) -> int | None:
    """What a GB costs at this instant, in minor units with VAT; None: sizes of one's own aren't sold."""
    prices = DataPrice.objects.filter(brand_id=brand_id, valid_from__lte=at).order_by("-valid_from")
    return prices.values_list("per_gb_minor", flat=True).first()


class RateTable:
    """Every tax group's rates by date, read once for many invoices."""

    def __init__(self) -> None:
        self._names = dict(TaxGroup.objects.values_list("id", "name"))
        self._default = TaxGroup.objects.filter(is_default=True).values_list("id", flat=True).first()
        self._rates: dict[int, list[tuple[date, int]]] = {}
        rows = TaxRate.objects.order_by("valid_from").values_list("group_id", "valid_from", "rate_bp")
        for group_id, valid_from, rate_bp in rows:
            self._rates.setdefault(group_id, []).append((valid_from, rate_bp))

    def at(self, group_id: int | None, supplied_on: date) -> tuple[int, str]:
        """The rate in hundredths of a percent on that day of supply, and the group's name; (0, "") where nothing is taxed."""
        group = group_id or self._default
        if group is None:
            return 0, ""
        in_force = [rate for valid_from, rate in self._rates.get(group, ()) if valid_from <= supplied_on]
        return (in_force[-1] if in_force else 0), self._names[group]
