"""seeds/splynx-top-ups.txt, the money side of it: automatic, paid first, on which invoice, billed, chased (S4, S6, S7, S9)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from playwright.sync_api import Page, expect
from pytest_django import DjangoDbBlocker

from capstan.billing.actions import bill, dunning, terms
from capstan.billing.actions.charges import charge
from capstan.billing.actions.dunning_holds import set_dunning_policy
from capstan.billing.models import BillingPolicy, BillingTerms, BillRun, Charge, DunningState, Invoice
from capstan.billing.queries.runs import progress
from capstan.billing.rules.dunning import DEFAULT_STEPS, Policy
from capstan.billing.rules.periods import period_at
from capstan.billing.rules.words import ChargeKind, InvoiceKind, RunState, TopUpInvoicing
from capstan.caps.models import Bucket
from capstan.catalog.actions import create_tax_group
from capstan.catalog.models import Brand, TopUpOffer
from capstan.catalog.rules import AtCap
from capstan.config.embedded.server import Server
from capstan.customers.models import Contact
from capstan.demo.gateway.server import Gateway as Simulator
from capstan.identity.models import Login
from capstan.identity.rules import Role
from capstan.ledger.queries import trial_balance
from capstan.messaging.models import Message
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.payments.models import Payment
from capstan.payments.rules.words import GatewayKind
from capstan.services.models import Service
from capstan.topups.actions.agreements import set_account_rule
from capstan.topups.actions.auto import Wish, agree
from capstan.topups.models import Order
from capstan.topups.rules.words import Channel, OrderState
from capstan.values import clock
from tests.acceptance.town import Town, service_id, town
from tests.browser import Windows, check_page
from tests.product import Product, database, eventually
from tests.provider import GB
from tests.routers import Line, Router
from tests.scene import Scene
from tests.staff import PASSWORD, code_at, login

NBSP = "\N{NO-BREAK SPACE}"
SLOW = 512_000
HOOK = "a-token-of-the-card-gateway"
CONNECTION = "line-passw0rd"
GARDEN = "capstan-garden"
code_steps = count()
"""A code works once: each sign-in of this module takes the next one, which the server takes early."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[Simulator]:
    with Simulator(gaps=(0.1, 0.3, 1.0)) as running:
        yield running


@pytest.fixture(scope="module")
def provider(
    server: Server,
    gateway: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Town]:
    """A provider that bills, with a card gateway: router, listener, meter, worker and web server at work."""
    folder: Path = tmp_path_factory.mktemp("splynx")
    with django_db_blocker.unblock(), database(server) as url:
        product = Product(url, folder)
        product.environment["CAPSTAN_PUBLIC_URL"] = product.web_url
        scene = Scene(product, 11)
        try:
            with town(scene) as made:
                settle(gateway)
                product.start("radius", "meter", "worker", "web")
                yield made
        finally:
            scene.close()
            product.end()


def settle(gateway: Simulator) -> None:
    now = clock.now()
    today = settings.FORMATS.local(now).date()
    Brand.objects.update(vat_number="4000000000", issuer="Jenny Internet (Pty) Ltd\n1 Example Street")
    create_tax_group(
        code="standard", name="VAT", rate_bp=1500, valid_from=today, is_default=True, actor="test", now=now
    )
    account = gateway.account
    enter_gateway(
        name="cards", kind=GatewayKind.PAYFAST,
        settings={"web": gateway.url, "api": gateway.url, "sources": ["127.0.0.1"]},
        secrets={
            "merchant_id": account.merchant_id, "merchant_key": account.merchant_key, "passphrase": account.passphrase,
        },
        hook_token=HOOK, actor="test", now=now,
    )  # fmt: skip


@pytest.fixture(scope="module")
def router(provider: Town) -> Router:
    return provider.scene.router()


def capped(provider: Town, router: Router, username: str, number: str) -> Line:
    """A line with a number on its list."""
    return provider.line(router, username, number, name="Jan", at_cap=AtCap.THROTTLE)


def back_online(line: Line) -> None:
    eventually(lambda: line.told_down != SLOW, 15, f"the full speed of {line.username}")


def order_of(username: str) -> Order:
    return Order.objects.filter(service__username=username).latest("pk")


def test_s4_data_comes_by_itself_is_charged_and_told(provider: Town, router: Router) -> None:
    number = "+27600000011"
    line = capped(provider, router, "auto@jenny.example", number)
    offer = TopUpOffer.objects.get(letter="B")
    wish = Wish(service_id(line.username), offer.pk, 100, 2, None, None, "Jan Smith", Channel.AGENT)
    agree(wish, actor="staff:thandi", now=clock.now())
    provider.use(router, line, 15 * GB)
    provider.waits_for(number, "1GB added for R20")
    back_online(line)
    order = order_of(line.username)
    assert (order.channel, order.requested_by) == (Channel.AUTO, "Jan Smith")
    assert not [text for text in provider.phone(number) if "order top-up reply" in text]
    assert (
        "ordered automatically for Jan Smith" in Charge.objects.get(reference=f"order:{order.pk}").description
    )


def pay_on_the_hosted_page(page: Page, button: str) -> None:
    page.wait_for_url(re.compile("/eng/pay/"))
    page.get_by_role("button", name=button, exact=True).click()


def order_online(page: Page, provider: Town, username: str, label: str) -> None:
    page.goto(f"{provider.scene.product.web_url}/top-up/")
    page.get_by_label("Type of connection").select_option("Fibre")
    page.get_by_label("Username of the connection").fill(username)
    page.get_by_label("Password of the connection").fill(CONNECTION)
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Top-up", exact=True).select_option(label=label)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("you pay by card on the next page")).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Order").click()


def test_s6_paid_before_it_is_applied(provider: Town, router: Router, open_page: Windows) -> None:
    username = "first@jenny.example"
    line = capped(provider, router, username, "+27600000012")
    customer_id = Service.objects.get(username=username).customer_id
    set_account_rule(
        customer_id=customer_id, needs_authorisation=False, pays_first=True, actor="test", now=clock.now()
    )
    provider.use(router, line, 15 * GB)
    eventually(lambda: line.told_down == SLOW, 20, "the cap")
    page = open_page(390)
    try:
        order_online(page, provider, username, f"2{NBSP}GB – R{NBSP}35.00")
        page.get_by_role("link", name="by card").click()
        check_page(page)
        page.get_by_role("button", name="by card").click()
        pay_on_the_hosted_page(page, "Cancel")
        expect(page.get_by_role("heading", level=1)).to_have_text("It was not paid")
        check_page(page)
        assert order_of(username).state == OrderState.AWAITING_PAYMENT
        assert line.told_down == SLOW
        page.get_by_role("link", name="Try again").click()
        page.get_by_role("button", name="by card").click()
        pay_on_the_hosted_page(page, "Pay")
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Back online"), timeout=20_000)
        check_page(page)
    finally:
        set_account_rule(
            customer_id=customer_id,
            needs_authorisation=False,
            pays_first=False,
            actor="test",
            now=clock.now(),
        )
    back_online(line)
    order = order_of(username)
    invoice = Invoice.objects.get(kind=InvoiceKind.INVOICE, lines__charges__reference=f"order:{order.pk}")
    assert (invoice.total_minor, invoice.open_minor) == (3500, 0)
    assert Invoice.objects.get(reference=f"order:{order.pk}").fulfilled_by == invoice
    assert Bucket.objects.filter(source=f"order:{order.pk}").count() == 1


def test_s7_on_an_own_invoice_at_once_or_on_the_next(
    provider: Town, router: Router, open_page: Windows
) -> None:
    username = "own@jenny.example"
    number = "+27600000013"
    line = capped(provider, router, username, number)
    brand_id = provider.scene.provider.brand.pk
    BillingPolicy.objects.update_or_create(brand_id=brand_id, defaults={"top_ups": TopUpInvoicing.OWN})
    provider.use(router, line, 15 * GB)
    provider.waits_for(number, "Used 100%")
    eventually(lambda: line.told_down == SLOW, 15, f"the wall of {line.username}")
    provider.reply(number, "A")
    back_online(line)
    own = Invoice.objects.get(lines__charges__reference=f"order:{order_of(username).pk}")
    assert (own.total_minor, own.lines.count()) == (1200, 1)
    BillingPolicy.objects.filter(brand_id=brand_id).update(top_ups=TopUpInvoicing.NEXT)
    provider.reply(number, "MORE B")
    provider.waits_for(number, "1GB added for R20")
    assert Charge.objects.get(reference=f"order:{order_of(username).pk}").line is None


def sign_in(page: Page, provider: Town) -> None:
    """The accounts clerk."""
    if not Login.objects.filter(username="carla").exists():
        login("carla", Role.ACCOUNTS, authenticator=True)
    page.goto(f"{provider.scene.product.web_url}/staff/billing/runs/")
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill("carla")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
    page.get_by_label("Code").fill(code_at(clock.now(), steps=next(code_steps)))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile("/staff/billing/runs/$"))


def test_s9_the_clerk_previews_looks_and_issues(provider: Town, router: Router, open_page: Windows) -> None:
    today = settings.FORMATS.local(clock.now()).date()
    day = period_at(today, min(today.day, 28)).first
    BillingTerms.objects.update(billing_day=day.day, bills_from=day, next_bill_on=day)
    waiting = sum(Charge.objects.filter(line=None).values_list("amount_minor", flat=True))
    assert waiting
    page = open_page(1280)
    sign_in(page, provider)
    check_page(page)
    if BillRun.objects.exists():  # the worker was quicker
        page.get_by_role("link", name="To the run under way").click()
    else:
        page.locator("input[name=billing_day]").fill(day.isoformat())
        page.get_by_role("button", name="Preview this day").click()
    eventually(lambda: BillRun.objects.get().state == RunState.PREVIEWED, 30, "the preview")
    assert progress(BillRun.objects.get().pk).preview_minor == waiting
    page.reload()
    total = settings.FORMATS.money(waiting)
    expect(page.get_by_role("heading", level=1)).to_contain_text(total)
    expect(page.get_by_role("heading", name="Look at these first")).to_be_visible()
    expect(page.get_by_text("first invoice").first).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Issue the invoices").click()
    page.get_by_role("dialog").get_by_role("button", name="Issue the invoices").click()
    expect(page.get_by_text("this page says how far it is")).to_be_visible()
    eventually(lambda: BillRun.objects.get().state == RunState.ISSUED, 30, "the invoices")
    assert not Charge.objects.filter(line=None).exists()
    run = BillRun.objects.get()
    invoice = Invoice.objects.get(run=run)
    assert (invoice.total_minor, run.issued_by) == (waiting, "staff:carla")
    page.reload()
    page.locator("#list").get_by_role("link", name=total).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(total)
    check_page(page)
    address = page.get_by_role("link", name="PDF").get_attribute("href")
    paper = page.request.get(f"{provider.scene.product.web_url}{address}")
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.body().startswith(b"%PDF-")
    totals = trial_balance()
    assert sum(one.debits for one in totals) == sum(one.credits for one in totals)


def test_s9_a_late_payer_is_on_hold_and_back_when_he_has_paid(
    provider: Town, router: Router, open_page: Windows
) -> None:
    """The days until then have gone by: the last look is that of this morning, or of yesterday's."""
    number = "+27600000014"
    line = capped(provider, router, "late@jenny.example", number)
    customer = Service.objects.get(username=line.username).customer
    Contact.objects.create(customer=customer, name="Jan", role="owner", phone=number)
    now = clock.now()
    morning = settings.FORMATS.local(now).replace(hour=9, minute=0)
    look = morning if morning <= now else morning - timedelta(days=1)
    long_ago = look - timedelta(days=30)
    with transaction.atomic():
        charge(
            service_id=service_id(line.username), kind=ChargeKind.ONE_OFF, description="Call-out", amount_minor=59_900,
            reference="late", actor="test", now=long_ago,
        )  # fmt: skip
        locked = terms.lock_many([customer.pk], now=long_ago)
        bill.bill(locked, long_ago.date(), run_id=None, actor="test", now=long_ago)
    set_dunning_policy(
        brand_id=customer.brand_id, policy=Policy(DEFAULT_STEPS, skip_weekends=False, least_minor=1), actor="test",
        now=look - timedelta(days=30),
    )  # fmt: skip
    for days in (3, 0):  # the warning, then the suspension
        DunningState.objects.filter(pk=customer.pk).update(next_look_at=look - timedelta(days=days))
        dunning.look_due(now=look - timedelta(days=days), limit=10)
    eventually(lambda: line.told_filter == GARDEN, 20, "the hold to reach the router")
    page = open_page(1280)
    sign_in(page, provider)
    page.goto(f"{provider.scene.product.web_url}/staff/money/{customer.pk}/chasing/")
    expect(page.get_by_text("On hold for it")).to_be_visible()
    check_page(page)
    owed = sum(Invoice.objects.filter(customer=customer).values_list("open_minor", flat=True))
    page.goto(f"{provider.scene.product.web_url}/staff/money/{customer.pk}/pay/new/")
    page.get_by_label("Amount", exact=True).fill(f"{owed / 100:.2f}")
    page.get_by_role("button", name="Book it and make the receipt").click()
    page.wait_for_url(re.compile(r"/billing/payments/\d+/"))
    eventually(lambda: line.told_filter != GARDEN, 10, "the line to be back")
    assert not Invoice.objects.filter(customer=customer, open_minor__gt=0).exists()
    said = Message.objects.get(template="dunning.restored", medium="sms")
    paid_at = Payment.objects.filter(customer=customer).latest("pk").made_at
    assert said.queued_at - paid_at < timedelta(seconds=3), (
        "within a second, on a machine that does nothing else"
    )
