"""`kill -9` of the worker in the middle of a bill run: it goes on, and nobody is billed twice or left out (I4, I5)."""

import time
from datetime import timedelta

from django.conf import settings

from capstan.billing.actions import run as runs
from capstan.billing.models import BillingTerms, BillRun, Invoice
from capstan.billing.rules.words import RunState
from capstan.catalog.actions import create_tax_group, set_package_price
from capstan.catalog.models import Package
from capstan.customers.models import Customer
from capstan.ledger.queries import trial_balance
from capstan.services.models import Service
from capstan.values import clock
from tests.product import eventually
from tests.scene import Scene

CUSTOMERS = 160
KILLS = 3


def settle(scene: Scene) -> int:
    """So many customers with a line each, billed from today on; returns the brand."""
    now = clock.now()
    today = settings.FORMATS.local(now).date()
    (name,) = scene.lines(1)
    pattern = Service.objects.get(username=name)
    brand_id = scene.provider.brand.pk
    create_tax_group(
        code="standard", name="VAT", rate_bp=1500, valid_from=today, is_default=True, actor="test", now=now
    )
    for package in Package.objects.all():
        set_package_price(
            package_id=package.pk,
            price_minor=31000,
            valid_from=now - timedelta(days=90),
            actor="test",
            now=now,
        )
    package_id = pattern.package_changes.get().package_id
    for place in range(CUSTOMERS):
        customer = Customer.objects.create(
            account_code=f"B{place:04}", name=f"Customer {place}", brand_id=brand_id, created_at=now
        )
        service = Service.objects.create(
            customer=customer, connection_type=pattern.connection_type, username=f"b{place}@example.net",
            line_password="x", nt_hash="", activated_at=now - timedelta(days=60),
        )  # fmt: skip
        service.package_changes.create(
            package_id=package_id, starts_at=now - timedelta(days=60), made_at=now, actor="test"
        )
        BillingTerms.objects.create(
            customer=customer, billing_day=min(today.day, 28), bills_from=today, next_bill_on=today
        )
    BillingTerms.objects.exclude(customer__account_code__startswith="B").update(is_paused=True)
    return int(brand_id)


def kill_while(scene: Scene, state: RunState) -> None:
    """As long as the run is in this state, the worker dies again and again."""
    for _ in range(KILLS):
        time.sleep(scene.chance.uniform(0.05, 0.6))
        if BillRun.objects.get().state != state:
            return
        scene.product.kill("worker")
        scene.product.start("worker")


def test_a_worker_that_is_killed_in_a_bill_run(scene: Scene) -> None:
    brand_id = settle(scene)
    now = clock.now()
    today = settings.FORMATS.local(now).date()
    if not BillRun.objects.exists():  # the worker may have begun by itself
        runs.start(brand_id=brand_id, billing_day=today, actor="test", now=now)
    kill_while(scene, RunState.PREVIEWING)
    eventually(lambda: BillRun.objects.get().state == RunState.PREVIEWED, 60, "the preview")
    assert not Invoice.objects.exists()
    runs.release(run_id=BillRun.objects.get().pk, actor="test", now=clock.now())
    kill_while(scene, RunState.ISSUING)
    eventually(lambda: BillRun.objects.get().state == RunState.ISSUED, 60, "the invoices")
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert numbers == [f"INV{number:07}" for number in range(1, CUSTOMERS + 1)]
    assert Invoice.objects.values("customer").distinct().count() == CUSTOMERS
    totals = trial_balance()
    assert sum(one.debits for one in totals) == sum(one.credits for one in totals)
