"""Loading a provider file: all of it or nothing, and again after a change."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from capstan.audit.models import AuditEntry
from capstan.billing.actions import prepaid
from capstan.billing.models import BillingPolicy, PrepaidPeriod
from capstan.billing.rules.words import Timing
from capstan.caps.queries import standing
from capstan.catalog.models import Brand, Package, PackageVersion
from capstan.catalog.queries import offers_on_sale, terms, version_in_force
from capstan.metering.models import Nas, Peer
from capstan.operator.load.catalogue import Circumstances
from capstan.operator.load.entries import ProviderFile, read
from capstan.operator.load.run import Loaded, load, summary
from capstan.services.models import AccessDue, Service
from capstan.services.rules import MacLock
from capstan.values.data import Units
from capstan.values.refused import Refused

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
AT = Circumstances("cli:naledi", NOW, ZoneInfo("Africa/Johannesburg"), Units.DECIMAL, "ZAR")
DOCUMENT = Path(__file__).parents[2] / "docs" / "operating" / "provider-file.md"
GATEWAYS = DOCUMENT.with_name("gateways.md")


def example() -> str:
    """The example of the documentation: it must load."""
    found = re.search(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def parse(text: str, tmp_path: Path) -> ProviderFile:
    path = tmp_path / "provider.toml"
    path.write_text(text)
    return read(path)


def enter(text: str, tmp_path: Path, *, later: timedelta = timedelta(0)) -> Loaded:
    at = Circumstances(AT.actor, NOW + later, AT.zone, AT.units, AT.currency)
    return load(parse(text, tmp_path), at)


def test_the_documented_example(tmp_path: Path) -> None:
    loaded = enter(example(), tmp_path)
    kinds = (
        "brand",
        "tax_group",
        "payment_gateway",
        "debit_orders",
        "connection_type",
        "peer",
        "nas",
        "package",
        "offer",
        "customer",
        "service",
    )
    assert loaded.new == dict.fromkeys(kinds, 1) | {"gateway": 2}
    service = Service.objects.get()
    assert (service.mac_lock, service.ipv4_address) == (MacLock.LEARN, "198.51.100.7")
    assert service.reply_extra == [["Idle-Timeout", "3600"]]
    cap = standing(service.pk, now=NOW)
    assert (cap.total, cap.remaining) == (15 * 10**9, 15 * 10**9)
    assert cap.cycle_end == datetime(2026, 3, 31, 22, tzinfo=UTC)
    nas = Nas.objects.get()
    assert (nas.vendor_profile, nas.observe_only, nas.registered_at) == ("mikrotik", True, NOW)
    assert [offer.price_minor for offer in offers_on_sale(at=NOW)] == [3500]


def test_loaded_again_it_changes_nothing(tmp_path: Path) -> None:
    enter(example(), tmp_path)
    audited = AuditEntry.objects.count()
    due = AccessDue.objects.get().version
    again = enter(example(), tmp_path, later=timedelta(days=1))
    assert (again.new, again.changed, again.unchanged) == ({}, {}, 13)
    assert AuditEntry.objects.count() == audited
    assert AccessDue.objects.get().version == due
    assert summary(again, kept=True) == "13 as they were"


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ('secret = "change me"', 'secret = "changed"', {"peer 'core'": ["secret"]}),
        ('cost = "0.22"', 'cost = "0.25"', {"gateway 'carrier'": ["cost_minor"]}),
        ('password = "mail password"', 'password = "new"', {"gateway 'mail'": ["password"]}),
        ("observe_only = true", "observe_only = false", {"nas 'edge-1'": ["observe_only"]}),
        ("interim_seconds = 300", "interim_seconds = 600", {"nas 'edge-1'": ["interim_seconds"]}),
        ('price = "35.00"', 'price = "39.00"', {"offer 'topup-2'": ["price"]}),
        ('password = "correct horse"', 'password = "b"', {"service 'jenny@example.net'": ["password"]}),
        (
            "learn_mac = true",
            'mac_address = "aa:bb:cc:00:00:01"',
            {"service 'jenny@example.net'": ["device"]},
        ),
        (
            "learn_mac = true",
            "session_limit = 2",
            {"service 'jenny@example.net'": ["session limit", "device lock"]},
        ),
        ('ipv4_address = "198.51.100.7"', 'ipv4_pool = "p"', {"service 'jenny@example.net'": ["addresses"]}),
        ('"+27 21 555 0100"', '"+27 21 555 0101"', {"brand 'Example Net'": ["support_phone"]}),
        (
            'allowance = "15 GB"',
            'allowance = "20 GB"',
            {"package 'home-15'": ["allowance_bytes from 2026-03-11 12:00 UTC"]},
        ),
    ],
)
def test_what_changes_is_brought_to_the_file(
    old: str, new: str, changed: dict[str, list[str]], tmp_path: Path
) -> None:
    enter(example(), tmp_path)
    edited = example().replace(old, new)
    assert enter(edited, tmp_path, later=timedelta(days=1)).changed == changed
    assert enter(edited, tmp_path, later=timedelta(days=2)).changed == {}


def test_new_terms_hold_from_their_date(tmp_path: Path) -> None:
    enter(example(), tmp_path)
    edited = example().replace('allowance = "15 GB"', 'allowance = "20 GB"\nvalid_from = 2026-04-01T00:00:00')
    enter(edited, tmp_path)
    package = Package.objects.get()
    starts = datetime(2026, 3, 31, 22, tzinfo=UTC)  # midnight in Johannesburg
    assert terms(version_in_force(package.pk, starts)).allowance_bytes == 20 * 10**9
    assert terms(version_in_force(package.pk, starts - timedelta(seconds=1))).allowance_bytes == 15 * 10**9


def test_another_package_holds_from_now_on_and_the_cap_follows(tmp_path: Path) -> None:
    enter(example(), tmp_path)
    bigger = example() + '\n[[package]]\ncode = "free"\nname = "Free"\n'
    bigger = bigger.replace('package = "home-15"', 'package = "free"')
    loaded = enter(bigger, tmp_path, later=timedelta(days=1))
    assert loaded.changed == {"service 'jenny@example.net'": ["package"]}
    service = Service.objects.get()
    assert standing(service.pk, now=NOW + timedelta(days=1)).terms.allowance_bytes is None


def test_a_discovered_router_becomes_one_that_is_acted_upon(tmp_path: Path) -> None:
    peer = Peer.objects.create(name="core", network="192.0.2.0/24", secret="change me")
    seen = NOW - timedelta(days=3)
    Nas.objects.create(peer=peer, identifier="edge-1", name="edge-1", discovered=True, registered_at=seen)
    loaded = enter(example(), tmp_path)
    assert "discovered" in loaded.changed["nas 'edge-1'"]
    nas = Nas.objects.get()
    assert (nas.discovered, nas.registered_at) == (False, seen)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            'customer = "EX-0001"',
            'customer = "EX-0009"',
            "service 'jenny@example.net': There is no customer 'EX-0009'",
        ),
        (
            'package = "home-15"',
            'package = "none"',
            "service 'jenny@example.net': There is no package 'none'",
        ),
        ('peer = "core"', 'peer = "none"', "nas 'edge-1': There is no peer 'none'"),
        ('profile = "mikrotik"', 'profile = "acme"', "nas 'edge-1': there is no vendor profile 'acme'"),
        (
            'network = "192.0.2.0/24"',
            'network = "192.0.2.1/24"',
            "peer 'core': .* is not an address or network",
        ),
        ('allowance = "15 GB"', 'allowance = "15"', "package 'home-15': '15' is not an amount of data"),
        ('price = "35.00"', 'price = "R35"', "offer 'topup-2': “R35” is not an amount of money"),
        ('ref = "{reference}"', 'ref = "{ref}"', "gateway 'carrier': .*there is no {ref}"),
        ('cost = "0.22"', 'cost = "0.222"', "gateway 'carrier': .*more decimals than ZAR has"),
        ('host = "mail.example.net"', 'hots = "mail.example.net"', "gateway 'mail': .*'host' is missing"),
        ('"Idle-Timeout", "3600"', '"No-Such", "1"', "service .*there is no attribute 'No-Such'"),
        ('phone = "021 555 0123"', 'phone = "12"', "customer 'EX-0001': .*digits"),
    ],
)
def test_one_mistake_and_nothing_is_entered(old: str, new: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=why):
        enter(example().replace(old, new), tmp_path)
    assert not Brand.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[service]\n", "is not TOML"),
        ("[[subscriber]]\nname = 'x'\n", "is not a kind of entry"),
        ("[brand]\nname = 'x'\n", "Write it"),
        ("[[brand]]\nnmae = 'x'\n", "brand number 1: there is no key 'nmae'"),
        ("[[package]]\ncode = 'p'\n", "package 'p': 'name' is missing"),
        ("[[package]]\ncode = 'p'\nname = 'P'\ncycle = 'fortnight'\n", "package 'p': 'cycle': .*month"),
        ("[[service]]\nusername = 'u'\npassword = ['sesame']\n", "service 'u': 'password'"),
    ],
)
def test_a_file_that_makes_no_sense_says_where(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=why) as refusal:
        parse(text, tmp_path)
    assert "sesame" not in str(refusal.value)


def test_checking_enters_nothing(tmp_path: Path) -> None:
    loaded = load(parse(example(), tmp_path), AT, keep=False)
    assert loaded.new["service"] == 1
    assert not Service.objects.exists()
    assert not PackageVersion.objects.exists()
    assert "nothing was entered" in summary(loaded, kept=False)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="can't be read"):
        read(tmp_path / "nowhere.toml")


def test_secrets_stay_out_of_the_audit_trail(tmp_path: Path) -> None:
    enter(example(), tmp_path)
    enter(example().replace('secret = "change me"', 'secret = "open sesame"'), tmp_path)
    trail = str(list(AuditEntry.objects.values_list("details", flat=True)))
    assert "sesame" not in trail
    assert "change me" not in trail
    assert "correct horse" not in trail
    assert "mail password" not in trail


def test_the_documented_gateways(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", GATEWAYS.read_text(), re.DOTALL)
    assert len(examples) == 4
    assert enter("\n".join(examples), tmp_path).new == {"gateway": 3, "payment_gateway": 1}


def test_a_customer_who_is_billed_prepaid_gets_his_data_when_it_is_paid(tmp_path: Path) -> None:
    text = example().replace('billed = "advance" ', 'billed = "prepaid" ')
    enter(text, tmp_path)
    cap = standing(Service.objects.get().pk, now=NOW)
    assert (cap.waits, cap.total, cap.state) == (True, 0, "throttled")
    again = enter(text, tmp_path, later=timedelta(hours=1))
    assert not again.new
    assert prepaid.ask_for_new(now=NOW, limit=10) == 1
    assert PrepaidPeriod.objects.get().first == NOW.date()


def test_a_brand_that_is_prepaid_asks_who_comes(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^billed .*\n", "", example())
    customers = text.index("[[customer]]")
    enter(text[:customers], tmp_path)
    BillingPolicy.objects.create(brand=Brand.objects.get(), timing=Timing.PREPAID)
    enter(text, tmp_path)
    assert standing(Service.objects.get().pk, now=NOW).waits
