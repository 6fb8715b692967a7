"""The provider file: what may stand in it, and what is missing or misspelt, said by entry and line.

See docs/operating/provider-file.md for an example of everything.
"""

import tomllib
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from capstan.billing.rules.words import Timing
from capstan.catalog.rules import AtCap, Counting, CycleAnchor, CycleKind, OvershootPolicy
from capstan.customers.rules import CustomerKind
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.metering.rules.words import RequireMessageAuthenticator
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.words import GatewayKind as PaymentGatewayKind
from capstan.services.rules import LoginBy
from capstan.values.refused import Refused

Text = Annotated[str, StringConstraints(min_length=1)]


class Entry(BaseModel):
    """One `[[…]]` table of the file. A key that isn't known is an error: it is a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BrandEntry(Entry):
    name: Text
    sms_sender: str = ""
    support_phone: str = ""
    support_email: str = ""
    website: str = ""
    # on its papers; left out, they stay as they are
    issuer: str | None = None
    company_number: str | None = None
    vat_number: str | None = None
    bank_details: str | None = None
    accent: str | None = None
    document_footer: str | None = None


class TaxGroupEntry(Entry):
    """`rate` is in percent, from `valid_from` on; another rate later is another entry's, or the console's."""

    code: Text
    name: Text
    rate: Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
    valid_from: date
    is_default: bool = False


class PaymentGatewayEntry(Entry):
    """`settings` and `secrets` are those of its kind: docs/operating/billing.md."""

    name: Text
    kind: PaymentGatewayKind
    settings: dict[str, Any] = {}
    secrets: dict[str, str]
    hook_token: Text
    active: bool = True
    priority: int = 10


class DebitOrdersEntry(Entry):
    """How a brand collects by debit order, through Netcash: docs/operating/debit-orders.md."""

    brand: Text
    service_key: Text
    vendor_key: str = ""  # empty: the one of everybody who is no registered vendor
    instruction: Instruction = Instruction.TWO_DAY
    action_day: int = 1
    fee: Text = "0"
    again_after_days: int | None = None


class ConnectionTypeEntry(Entry):
    code: Text
    name: Text


class PeerEntry(Entry):
    name: Text
    network: Text
    secret: Text
    require_message_authenticator: RequireMessageAuthenticator = RequireMessageAuthenticator.AUTO
    is_proxy: bool = False


class NasEntry(Entry):
    peer: Text
    identifier: Text
    name: Text
    profile: str = "generic"
    coa_address: str | None = None
    coa_port: int = 3799
    coa_secret: Text | None = None
    observe_only: bool = False
    lacks_gigawords: bool = False
    interim_seconds: int = 300
    max_rate_mbps: int = 10_000
    coa_per_second: int = 50


class PackageEntry(Entry):
    """Sizes as people write them (`15 GB`), speeds in kbit/s. Without `allowance` the package is uncapped."""

    code: Text
    name: Text
    brand: str = ""
    price: str | None = None  # a month, VAT included
    tax_group: str | None = None
    pays_first: bool = False
    valid_from: datetime | None = None
    allowance: str | None = None
    cycle: CycleKind = CycleKind.MONTH
    anchor: CycleAnchor = CycleAnchor.CALENDAR
    day_limit: str | None = None
    week_limit: str | None = None
    counting: Counting = Counting.BOTH
    rate_up_kbps: int | None = None
    rate_down_kbps: int | None = None
    at_cap: AtCap = AtCap.BLOCK
    throttle_up_kbps: int = 256
    throttle_down_kbps: int = 512
    overshoot: OvershootPolicy = OvershootPolicy.FORGIVE
    free_windows: tuple[str, ...] = ()
    rollover_allowance_cycles: int = 0
    rollover_topup_cycles: int = 0
    thresholds: tuple[int, ...] = (50, 80, 90, 100)


class OfferEntry(Entry):
    code: Text
    name: Text
    brand: str = ""
    size: Text
    letter: Text
    price: Text
    valid_days: int | None = None
    never_expires: bool = False


class GatewayEntry(Entry):
    """`settings` are those of its kind: docs/operating/gateways.md."""

    name: Text
    kind: GatewayKind
    medium: Medium = Medium.SMS
    settings: dict[str, Any] = {}
    password: str = ""
    hook_token: str = ""
    hook_key: str = ""
    sender: str = ""
    two_way: bool = False
    per_second: int = 10
    parallel: int = 4
    cost: Text = "0"
    priority: int = 10
    active: bool = True


class ContactEntry(Entry):
    name: Text
    phone: str = ""
    email: str = ""
    role: str = ""
    language: str = "en"


class CustomerEntry(Entry):
    account_code: Text
    name: Text
    brand: str = ""
    kind: CustomerKind = CustomerKind.INDIVIDUAL
    # on his invoices; left out, they stay as they are
    physical_address: str | None = None
    postal_address: str | None = None
    company_number: str | None = None
    vat_number: str | None = None
    billed: Timing | None = None  # advance, arrears, prepaid; left out, as it was or as the brand bills
    contacts: tuple[ContactEntry, ...] = ()


class ServiceEntry(Entry):
    username: Text
    password: Text
    customer: Text
    connection_type: Text
    package: Text
    login_by: LoginBy = LoginBy.PASSWORD
    activated_at: datetime | None = None
    mac_address: str = ""
    learn_mac: bool = False
    session_limit: int = 1
    ipv4_address: str | None = None
    ipv4_pool: str = ""
    ipv4_routes: tuple[str, ...] = ()
    ipv6_prefix: str = ""
    ipv6_pool: str = ""
    ipv6_delegated_prefix: str = ""
    ipv6_delegated_pool: str = ""
    reply_extra: tuple[tuple[str, str], ...] = ()


class ProviderFile(Entry):
    """The whole file, in the order in which it is entered: what others point to comes first."""

    brand: tuple[BrandEntry, ...] = ()
    tax_group: tuple[TaxGroupEntry, ...] = ()
    gateway: tuple[GatewayEntry, ...] = ()
    payment_gateway: tuple[PaymentGatewayEntry, ...] = ()
    debit_orders: tuple[DebitOrdersEntry, ...] = ()
    connection_type: tuple[ConnectionTypeEntry, ...] = ()
    peer: tuple[PeerEntry, ...] = ()
    nas: tuple[NasEntry, ...] = ()
    package: tuple[PackageEntry, ...] = ()
    offer: tuple[OfferEntry, ...] = ()
    customer: tuple[CustomerEntry, ...] = ()
    service: tuple[ServiceEntry, ...] = ()


# The key by which people know an entry of each kind.
KEYS = {
    "brand": "name",
    "tax_group": "code",
    "gateway": "name",
    "payment_gateway": "name",
    "debit_orders": "brand",
    "connection_type": "code",
    "peer": "name",
    "nas": "identifier",
    "package": "code",
    "offer": "code",
    "customer": "account_code",
    "service": "username",
}


def read(path: Path) -> ProviderFile:
    """The file's entries. Raises Refused with every mistake, one a line; passwords and secrets are never repeated."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is not TOML: {error}.") from error
    try:
        return ProviderFile.model_validate(tables)
    except ValidationError as error:
        raise Refused("\n".join(_sentence(tables, mistake) for mistake in error.errors())) from None


def _sentence(tables: dict[str, Any], mistake: Any) -> str:
    kind, *rest = mistake["loc"]
    if not rest:
        known = ", ".join(KEYS)
        return (
            f"[[{kind}]] is not a kind of entry; there are {known}."
            if kind not in KEYS
            else f"Write it [[{kind}]]."
        )
    number, *fields = rest
    entry = tables[kind][number]
    name = entry.get(KEYS[kind]) if isinstance(entry, dict) else None
    at = f"{kind} {name!r}" if name else f"{kind} number {number + 1}"
    field = ".".join(map(str, fields))
    if mistake["type"] == "extra_forbidden":
        return f"{at}: there is no key {field!r}."
    if mistake["type"] == "missing":
        return f"{at}: {field!r} is missing."
    return f"{at}: {field!r}: {mistake['msg']}."
