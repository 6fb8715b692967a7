"""What the demo provider sells: connection types, packages for each policy at the cap, and the seven top-ups A to G."""

from typing import NamedTuple

from capstan.catalog.rules import (
    AtCap,
    Counting,
    CycleAnchor,
    CycleKind,
    OvershootPolicy,
    Terms,
    parse_window,
)
from capstan.values.data import Units, parse_bytes

BRAND = "Sandpiper Net"
REALM = "sandpiper.example"
BRAND_DETAILS = {
    "sms_sender": "Sandpiper",
    "support_phone": "+27600000000",
    "support_email": "help@sandpiper.example",
    "website": "https://www.sandpiper.example",
}
DOCUMENTS = {
    "issuer": "Sandpiper Net (Pty) Ltd\n1 Example Street\nSandbaai",
    "company_number": "2015/000000/07",
    "vat_number": "4000000000",
    "bank_details": "Bank: Example Bank\nBranch code: 000000\nAccount: 0000000000",
    "accent": "#0b6e6e",
    "document_footer": "Thank you for being with Sandpiper Net.",
}
MONTHLY = {
    "wireless-15": 39_900, "wireless-taster": 9_900, "fibre-200": 69_900, "fibre-500": 99_900, "adsl-20": 34_900,
    "business": 149_900, "hotspot-day": 14_900, "harbour-week": 19_900,
}  # fmt: skip
"""What each package costs a month, VAT included."""

CONNECTION_TYPES = {
    "wireless": "Wireless",
    "fibre": "Fibre",
    "adsl": "ADSL",
    "hotspot": "Hotspot",
}


class PackageOnOffer(NamedTuple):
    code: str
    name: str
    terms: Terms


class TopUp(NamedTuple):
    letter: str
    size: str
    price_minor: int


TOP_UP_DAYS = 30
"""A top-up lasts so long, whenever its line's cycle ends: a hotspot's day does at midnight."""

TOP_UPS = (
    TopUp("A", "0.5 GB", 2_500),
    TopUp("B", "1 GB", 4_500),
    TopUp("C", "2 GB", 8_000),
    TopUp("D", "3 GB", 11_000),
    TopUp("E", "5 GB", 17_000),
    TopUp("F", "9 GB", 28_000),
    TopUp("G", "18 GB", 50_000),
)


def packages(units: Units) -> tuple[PackageOnOffer, ...]:
    """All packages, sizes in the provider's units."""
    return (*_wireless(units), *_wired(units), *_hotspots(units))


def _wireless(units: Units) -> tuple[PackageOnOffer, ...]:
    return (
        PackageOnOffer(
            "wireless-15",
            "Wireless 15 GB",
            Terms(
                allowance_bytes=parse_bytes("15 GB", units), rate_up_kbps=5_000, rate_down_kbps=20_000,
                at_cap=AtCap.BLOCK, rollover_allowance_cycles=1, rollover_topup_cycles=2,
            ),
        ),
        PackageOnOffer(
            "wireless-taster",
            "Wireless Taster 1 GB",
            Terms(
                allowance_bytes=parse_bytes("1 GB", units), rate_up_kbps=50_000, rate_down_kbps=150_000,
                at_cap=AtCap.THROTTLE, throttle_up_kbps=256, throttle_down_kbps=512,
            ),
        ),
    )  # fmt: skip


def _wired(units: Units) -> tuple[PackageOnOffer, ...]:
    return (
        PackageOnOffer(
            "fibre-200",
            "Fibre 200 GB, nights free",
            Terms(
                allowance_bytes=parse_bytes("200 GB", units), cycle_anchor=CycleAnchor.ANNIVERSARY,
                rate_up_kbps=50_000, rate_down_kbps=100_000, at_cap=AtCap.THROTTLE, throttle_up_kbps=1_000,
                throttle_down_kbps=2_000, free_windows=(parse_window("1234567 00:00-06:00"),),
                rollover_topup_cycles=2,
            ),
        ),
        PackageOnOffer(
            "fibre-500",
            "Fibre 500 GB, fair use by the week",
            Terms(
                allowance_bytes=parse_bytes("500 GB", units), week_limit_bytes=parse_bytes("150 GB", units),
                rate_up_kbps=200_000, rate_down_kbps=200_000, at_cap=AtCap.OPEN,
            ),
        ),
        PackageOnOffer(
            "adsl-20",
            "ADSL 20 GB, downloads counted",
            Terms(
                allowance_bytes=parse_bytes("20 GB", units), counting=Counting.DOWN, rate_up_kbps=1_000,
                rate_down_kbps=8_000, at_cap=AtCap.BLOCK, overshoot=OvershootPolicy.CARRY,
            ),
        ),
        PackageOnOffer(
            "business",
            "Business uncapped",
            Terms(rate_up_kbps=100_000, rate_down_kbps=100_000, at_cap=AtCap.OPEN),
        ),
    )  # fmt: skip


def _hotspots(units: Units) -> tuple[PackageOnOffer, ...]:
    return (
        PackageOnOffer(
            "hotspot-day",
            "Market Hotspot, 300 MB a day",
            Terms(
                allowance_bytes=parse_bytes("300 MB", units), cycle_kind=CycleKind.DAY, rate_up_kbps=10_000,
                rate_down_kbps=50_000, at_cap=AtCap.WALL,
            ),
        ),
        PackageOnOffer(
            "harbour-week",
            "Harbour WiFi, 5 GB a week",
            Terms(
                allowance_bytes=parse_bytes("5 GB", units), cycle_kind=CycleKind.WEEK,
                day_limit_bytes=parse_bytes("1.5 GB", units), rate_up_kbps=10_000, rate_down_kbps=80_000,
                at_cap=AtCap.WALL,
            ),
        ),
    )  # fmt: skip
