"""What the billing months are made of: brands that bill differently, packages, offers, customers of every kind."""

from dataclasses import dataclass
from datetime import date

RATE, LATER_RATE = 1_500, 1_550
PACKAGES = {"small": 29_900, "middle": 59_900, "large": 99_999, "free": 0}
OFFERS = ((10**9, 2_000), (2 * 10**9, 3_500), (5 * 10**9, 7_501))
TIMINGS = ("advance", "advance", "arrears")
TOP_UPS = ("next invoice", "own invoice", "proforma first")
BEGINS = date(2026, 1, 1)
# Of South Africa, in the months that a run may live through.
HOLIDAYS = {
    date(2026, 1, 1), date(2026, 3, 21), date(2026, 4, 3), date(2026, 4, 6), date(2026, 4, 27), date(2026, 5, 1),
    date(2026, 6, 16), date(2026, 8, 9), date(2026, 8, 10), date(2026, 9, 24), date(2026, 12, 16), date(2026, 12, 25),
    date(2026, 12, 26), date(2027, 1, 1),
}  # fmt: skip


@dataclass(frozen=True)
class BrandLife:
    name: str
    vat_number: str
    billing_day: int
    by_anniversary: bool
    due_days: int
    preview_days: int
    groups: bool


@dataclass(frozen=True)
class CustomerLife:
    code: str
    brand: str
    timing: str
    top_ups: str


BRANDS = [
    BrandLife("Coast", "4000000000", 1, False, 7, 3, False),
    BrandLife("Karoo", "4000000018", 1, True, 14, 0, True),
    BrandLife("Unregistered", "", 31, False, 3, 1, False),
]
