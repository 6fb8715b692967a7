"""The demo's money: everything is there once, whatever the number of starts, and the books are in order."""

import pytest

from capstan.billing.models import BillingTerms, BillRun, DunningPolicy, Invoice
from capstan.billing.rules.words import ItemState, RunState
from capstan.caps.queries import standing
from capstan.customers.models import Customer
from capstan.demo.money import MONTHS, enter_money, live_money
from capstan.demo.prepaid import HOUSEHOLDS
from capstan.demo.provider import enter_provider
from capstan.demo.roster import Subscription
from capstan.demo.sales import enter_sales
from capstan.ledger.queries import trial_balance
from capstan.payments.models import DebitBatch, DebitItem, Gateway, Mandate, Payment
from capstan.payments.rules.words import BatchState, DebitState, MandateState
from capstan.services.models import Service
from capstan.topups.models import AccountRule, AutoTopUp
from capstan.values import clock


def some(one: Subscription) -> bool:
    """A dozen lines are enough."""
    return one.line.seed % 17 == 0


@pytest.mark.timeout(300)
def test_three_months_are_billed_and_paid_once(transactional_db: None) -> None:
    now = clock.now()
    enter_provider(now=now, days=1, which=some)
    enter_sales(now=now)
    for _ in range(2):
        enter_money(now=now)
        invoices = live_money(now=now)
    customers = Customer.objects.exclude(account_code__in=[one.account_code for one in HOUSEHOLDS]).count()
    assert BillRun.objects.filter(state=RunState.ISSUED).count() == MONTHS
    assert not BillRun.objects.filter(items__state=ItemState.FAILED).exists()
    assert customers < invoices <= MONTHS * customers
    assert Payment.objects.exists()
    assert Gateway.objects.count() == DunningPolicy.objects.count() == AutoTopUp.objects.count() == 1
    assert AccountRule.objects.filter(pays_first=True).count() == 1
    assert not BillingTerms.objects.filter(next_bill_on__lte=now).exists()
    numbers = sorted(Invoice.objects.filter(kind="invoice").values_list("number", flat=True))
    assert numbers == [f"INV{number:07}" for number in range(1, invoices + 1)]
    assert DebitBatch.objects.filter(state=BatchState.BOOKED).count() >= MONTHS - 1
    assert Mandate.objects.filter(state=MandateState.ACTIVE).count() == 2
    assert DebitItem.objects.filter(state=DebitState.UNPAID).count() == 1
    assert BillingTerms.objects.filter(debit_returned_on__isnull=False).count() == 1
    paid, waits = (
        standing(Service.objects.get(username=one.username).pk, now=clock.now()) for one in HOUSEHOLDS
    )
    assert (paid.waits, paid.state, waits.waits, waits.percent) == (False, "open", True, 0)
    totals = trial_balance()
    assert sum(one.debits for one in totals) == sum(one.credits for one in totals)
