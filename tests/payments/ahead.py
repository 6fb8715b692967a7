"""Households that pay ahead: billed in advance for January, asked on 27 January for February, which is 1–28 Feb 2026."""

from datetime import date

from capstan.billing.actions import prepaid, terms
from capstan.billing.actions import run as runs
from capstan.billing.models import BillingTerms, BillRun, PrepaidPeriod
from capstan.billing.rules.words import Method, RunState, Timing
from capstan.caps.actions.cap import open_cap, roll
from capstan.caps.queries import standing
from capstan.caps.rules.words import CapState
from capstan.customers.models import Contact
from capstan.payments.actions.take import BANK, Received, receive
from capstan.payments.models import Payment
from capstan.services.models import Service
from tests.billing.desk import ACTOR, Desk, at

PRICE = 50000
ASKED = "2026-01-27"


class Household:
    """One line, and somebody who can be written to. `method`: how he pays."""

    def __init__(self, desk: Desk, method: Method = Method.EFT) -> None:
        self.desk, self.customer = desk, desk.customer("Zoë Example")
        Contact.objects.create(
            customer=self.customer, name="Zoë", email="zoe@example.net", phone="+27600000001"
        )
        self.service: Service = desk.line(self.customer, desk.package(PRICE))
        open_cap(self.service.pk, now=at("2026-01-01", 1))
        desk.bill("2026-01-01", self.customer)
        self.pays(PRICE, "2026-01-02")
        terms.set_timing(
            customer_id=self.customer.pk, timing=Timing.PREPAID, actor=ACTOR, now=at("2026-01-10")
        )
        BillingTerms.objects.filter(pk=self.customer.pk).update(method=method)

    def pays(self, amount_minor: int, day: str) -> Payment:
        received = Received(self.customer.pk, Method.EFT, amount_minor, date.fromisoformat(day), BANK)
        return receive(received, actor=ACTOR, now=at(day))

    def asked(self) -> PrepaidPeriod:
        """What it was asked for last."""
        return PrepaidPeriod.objects.filter(customer=self.customer).latest("pk")

    def has_data(self, day: str) -> bool:
        roll(self.service.pk, now=at(day))
        now = standing(self.service.pk, now=at(day))
        return now.state == CapState.OPEN and not now.waits


def ask(desk: Desk, day: str = ASKED) -> None:
    """The bill run of that day."""
    run = runs.start(brand_id=desk.brand.pk, billing_day=date.fromisoformat(day), actor=ACTOR, now=at(day, 0))
    _work(day)
    runs.release(run_id=run.pk, actor=ACTOR, now=at(day))
    _work(day)


def _work(day: str) -> None:
    while BillRun.objects.filter(state__in=(RunState.PREVIEWING, RunState.ISSUING)).exists():
        runs.work(now=at(day), limit=2)


def look(day: str) -> None:
    """As the worker does each second."""
    prepaid.fulfil_due(now=at(day), limit=10)
    prepaid.release_due(now=at(day), limit=10)


def request_of(home: Household) -> int:
    """The id of the request that it was asked with last."""
    asked = home.asked().request_id
    assert asked is not None
    return asked
