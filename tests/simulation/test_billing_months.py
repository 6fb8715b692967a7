"""Months of a provider's money, from one printed seed, in the product and in the naive books.

More seeds: SIMULATION_SEEDS=10-30; longer: SIMULATION_MONTHS=24.
"""

import os

import pytest

from capstan.billing.models import Invoice
from capstan.billing.rules.words import InvoiceKind
from tests.simulation.billing_life import BEGINS
from tests.simulation.billing_months import BillingMonths
from tests.simulation.test_months import seeds

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("seed", seeds("4"))
def test_months_of_billing(seed: int) -> None:
    months = BillingMonths(seed, months=int(os.environ.get("SIMULATION_MONTHS", "4")))
    try:
        months.live()
    except Exception as problem:
        print(f"seed {seed}, {months.today}:", *months.story(str(problem)), sep="\n  ")
        raise
    assert months.checks == (months.ends - BEGINS).days
    assert Invoice.objects.filter(kind=InvoiceKind.CREDIT_NOTE).exists()
    assert any(months.books.totals.values())
