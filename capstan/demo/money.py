"""What the demo provider charges, and three months of it: VAT, prices, a payment gateway, invoices, payments, late payers.

The past is billed by the product's own runs on the billing days of the past, and paid by its own actions.
"""

import os
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

import structlog
from django.conf import settings
from django.db import transaction

from capstan.billing.actions import run as runs
from capstan.billing.actions.dunning_holds import set_dunning_policy
from capstan.billing.models import BillingPolicy, BillingTerms, BillRun, DunningPolicy, Invoice
from capstan.billing.rules.dunning import DEFAULT_STEPS, Policy
from capstan.billing.rules.periods import next_billing_day, period_at
from capstan.billing.rules.words import InvoiceKind, ItemState, Method, RunState
from capstan.catalog.actions import change_brand, create_tax_group, set_package_price
from capstan.catalog.models import Brand, Package, TaxGroup
from capstan.catalog.queries import offers_on_sale
from capstan.customers.models import Customer
from capstan.demo import catalogue, debits
from capstan.demo.cards import keep_card
from capstan.demo.prepaid import enter_prepaid
from capstan.demo.provider import is_watched
from capstan.demo.roster import AGENT, accounts, secret_of
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.payments.actions.take import BANK, Received, receive, till
from capstan.payments.models import Gateway
from capstan.payments.rules.words import GatewayKind
from capstan.services.models import Service
from capstan.services.rules import LoginBy
from capstan.topups.actions.agreements import set_account_rule
from capstan.topups.actions.auto import Wish, agree
from capstan.topups.models import AccountRule, AutoTopUp
from capstan.topups.rules.words import Channel
from capstan.values.refused import Refused

log = structlog.get_logger("capstan.demo")

ACTOR = "demo"
GATEWAY = "Demo card payments"
MONTHS = 3
VAT_BP = 1500
_MERCHANT = {"merchant_id": "10000100", "merchant_key": "46f0cd694581a", "passphrase": "simulated-passphrase"}
_AT_ONCE = 50

# Of a hundred customers: who pays how. The rest pays some days after the invoice, by EFT.
_NEVER_LATELY = 3
_LATE = 12
_IN_PART = 5
_IN_CASH = 8


def gateway_port() -> int:
    """Next to the web server's."""
    return int(settings.OPTIONS.web_bind.rpartition(":")[2]) + 1


def start_gateway() -> "subprocess.Popen[bytes]":
    """The simulated gateway as a process of its own; it ends when we do."""
    state = Path(settings.OPTIONS.data_dir) / "gateway"
    state.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "capstan.demo.gateway",
        "--port",
        str(gateway_port()),
        "--state",
        str(state),
    ]
    return subprocess.Popen([*command, "--parent", str(os.getpid())])


def enter_money(*, now: datetime) -> None:
    """Enter whatever isn't there yet: VAT, prices, the gateway, a company that pays first."""
    since = now - timedelta(days=400)
    brand = Brand.objects.get(name=catalogue.BRAND)
    with transaction.atomic():
        if not TaxGroup.objects.exists():
            create_tax_group(
                code="standard", name="VAT", rate_bp=VAT_BP, valid_from=date(2018, 4, 1), is_default=True, actor=ACTOR,
                now=now,
            )  # fmt: skip
        change_brand(brand_id=brand.pk, actor=ACTOR, now=now, **catalogue.DOCUMENTS)
        for package in Package.objects.filter(prices=None):
            set_package_price(
                package_id=package.pk,
                price_minor=catalogue.MONTHLY[package.code],
                valid_from=since,
                actor=ACTOR,
                now=now,
            )
        BillingPolicy.objects.get_or_create(brand=brand)
        _enter_gateway(now)
        _enter_pays_first(now)
        debits.enter_debits(brand, now=_begins(now))


def _begins(now: datetime) -> datetime:
    """Before the first billing day of the past: mandates are older than what they pay."""
    first = _billing_days(settings.FORMATS.local(now).date())[0]
    return datetime.combine(first - timedelta(days=14), time(10), settings.FORMATS.zone)


def _enter_gateway(now: datetime) -> None:
    url = f"http://127.0.0.1:{gateway_port()}"
    where = {"web": url, "api": url, "sources": ["127.0.0.1", "::1"]}
    known = Gateway.objects.filter(name=GATEWAY).first()
    if known is None or known.settings != where:
        enter_gateway(
            name=GATEWAY, kind=GatewayKind.PAYFAST, settings=where, secrets=_MERCHANT,
            hook_token=secret_of("payment hook") * 2, actor=ACTOR, now=now,
        )  # fmt: skip


def _enter_pays_first(now: datetime) -> None:
    """A household that pays its top-ups first, so that the whole way can be walked."""
    if AccountRule.objects.filter(pays_first=True).exists():
        return
    ruled = AccountRule.objects.values("customer_id")
    first = Customer.objects.exclude(pk__in=ruled).filter(kind="individual").order_by("pk").first()
    if first is not None:
        set_account_rule(
            customer_id=first.pk, needs_authorisation=False, pays_first=True, actor=ACTOR, now=now
        )


def live_money(*, now: datetime) -> int:
    """Bill and pay the last three months, once; returns how many invoices there are."""
    brand = Brand.objects.get(name=catalogue.BRAND)
    today = settings.FORMATS.local(now).date()
    days = _billing_days(today)
    if not BillRun.objects.filter(brand=brand, billing_day=days[-1], state=RunState.ISSUED).exists():
        _put_back(brand, days[0], now)
        for day in days:
            _bill(brand, day)
            _pay(day, today)
        _collect(brand, days, today)
    if not DunningPolicy.objects.filter(brand=brand).exists():
        set_dunning_policy(brand_id=brand.pk, policy=Policy(DEFAULT_STEPS), actor=ACTOR, now=now)
    _enter_auto(brand, now)
    keep_card(now=now)
    enter_prepaid(brand, now=now)
    return Invoice.objects.filter(kind=InvoiceKind.INVOICE).count()


def _collect(brand: Brand, days: list[date], today: date) -> None:
    """The debit orders of these billing days; of last month's one came back."""
    due_days = BillingPolicy.objects.values_list("due_days", flat=True).get(pk=brand.pk)
    for day in days:
        debits.collect(brand, day + timedelta(days=due_days), today, comes_back=day == days[-2])


def _enter_auto(brand: Brand, now: datetime) -> None:
    """A line that gets data by itself when its cap is reached."""
    if AutoTopUp.objects.exists():
        return
    ruled = AccountRule.objects.values("customer_id")
    lines = Service.objects.filter(customer__kind="individual", login_by=LoginBy.PASSWORD).exclude(
        customer_id__in=ruled
    )
    watched = {
        one.line.username.lower() for account in accounts() for one in account.lines if is_watched(one)
    }
    line = next((one for one in lines.order_by("pk") if one.username not in watched), None)
    offer = next((one for one in offers_on_sale(at=now, brand_id=brand.pk) if one.letter == "B"), None)
    if line is not None and offer is not None:
        wish = Wish(line.pk, offer.id, 100, 3, 20_000, None, "the account's owner", Channel.AGENT)
        agree(wish, actor=f"staff:{AGENT[0]}", now=now)


def _billing_days(today: date) -> list[date]:
    days = [period_at(today, 1).first]
    while len(days) < MONTHS:
        days.insert(0, period_at(days[0] - timedelta(days=1), 1).first)
    return days


def _put_back(brand: Brand, first: date, now: datetime) -> None:
    """Everybody is billed from there on. Terms that a worker has given meanwhile are moved."""
    ids = list(Customer.objects.filter(brand=brand).values_list("pk", flat=True))
    BillingTerms.objects.bulk_create(
        (BillingTerms(customer_id=one, billing_day=1, bills_from=first, next_bill_on=first) for one in ids),
        ignore_conflicts=True,
    )
    fresh = BillingTerms.objects.filter(customer_id__in=ids, next_bill_on__gt=first)
    fresh.exclude(pk__in=Invoice.objects.values("customer_id")).update(bills_from=first, next_bill_on=first)


def _bill(brand: Brand, day: date) -> None:
    """The run of that day, as it would have been: the worker may be at it already."""
    when = datetime.combine(day, time(6), settings.FORMATS.zone)
    found = BillRun.objects.filter(brand=brand, billing_day=day)
    if not found.exists():
        try:
            runs.start(brand_id=brand.pk, billing_day=day, actor=ACTOR, now=when)
        except Refused as refusal:
            log.info("a billing day of the past is left out", day=day, why=str(refusal))
            return
    while found.get().state != RunState.ISSUED:
        if found.get().state == RunState.PREVIEWED:
            try:
                runs.release(run_id=found.get().pk, actor=ACTOR, now=when + timedelta(hours=2))
            except Refused:
                continue  # the worker was faster
        runs.work(now=when + timedelta(hours=2), limit=_AT_ONCE)
    failed = found.get().items.filter(state=ItemState.FAILED).count()
    log.info(
        "a billing day of the past is billed", day=day, customers=found.get().items.count(), failed=failed
    )


def _pay(day: date, today: date) -> None:
    """What customers paid until the next billing day."""
    next_day = next_billing_day(day, 1)
    unpaid = Invoice.objects.filter(issued_on=day, kind=InvoiceKind.INVOICE, open_minor__gt=0)
    for invoice in unpaid.exclude(customer_id__in=debits.payer_ids()).select_related("customer"):
        chance = Random(f"pays {invoice.customer.account_code}")
        kind = chance.randrange(100)
        month = Random(f"pays {invoice.customer.account_code} {day}")
        after = month.randrange(9, 26) if kind < _LATE else month.randrange(1, 7)
        paid_on = min(day + timedelta(days=after), next_day - timedelta(days=1))
        is_recent = day >= period_at(today, 1).first - timedelta(days=40)
        if paid_on > today or (kind < _NEVER_LATELY and is_recent):
            continue
        amount = invoice.open_minor // 2 if kind >= 100 - _IN_PART and is_recent else invoice.open_minor
        _paid(invoice, amount, paid_on, in_cash=_LATE <= kind < _LATE + _IN_CASH)


def _paid(invoice: Invoice, amount_minor: int, paid_on: date, *, in_cash: bool) -> None:
    now = datetime.combine(paid_on, time(10), settings.FORMATS.zone)
    agent = f"staff:{AGENT[0]}"
    receive(
        Received(
            invoice.customer_id, Method.CASH if in_cash else Method.EFT, amount_minor, paid_on, till(agent) if in_cash else BANK,
            "" if in_cash else f"EFT {invoice.customer.account_code}",
        ),
        actor=agent if in_cash else ACTOR, now=now,
    )  # fmt: skip
