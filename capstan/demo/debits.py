"""Who pays by debit order in the demo: one whose debit orders are paid, one whose last one came back."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from django.conf import settings

from capstan.billing.models import BillingPolicy
from capstan.catalog.models import Brand
from capstan.customers.models import Customer
from capstan.demo.roster import AGENT
from capstan.payments.actions.debit_orders import batches, mandates
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.actions.debit_orders.mandates import Wanted
from capstan.payments.actions.debit_orders.policy import set_debit_policy
from capstan.payments.actions.debit_orders.results import take_results
from capstan.payments.models import DebitBatch, DebitItem, DebitOrderPolicy, Mandate
from capstan.payments.queries.proposal import holidays_about
from capstan.payments.rules.debit_orders.calendar import Instruction, action_day
from capstan.payments.rules.debit_orders.mandates import AccountType
from capstan.payments.rules.words import BatchState, DebitState
from capstan.topups.models import AccountRule

ACTOR = "demo"
_FEE_MINOR, _AGAIN_DAYS = 4500, 5
_ACCOUNTS = (("632005", "4000000001"), ("250655", "62000000001"))
_BACK_AFTER = timedelta(days=2)


def enter_debits(brand: Brand, *, now: datetime) -> None:
    """How the brand collects, and two mandates, once."""
    if DebitOrderPolicy.objects.filter(pk=brand.pk).exists():
        return
    due_days = BillingPolicy.objects.values_list("due_days", flat=True).get(pk=brand.pk)
    set_debit_policy(
        brand_id=brand.pk, service_key="simulated-service-key", instruction=Instruction.TWO_DAY, action_day=1 + due_days,
        fee_minor=_FEE_MINOR, again_after_days=_AGAIN_DAYS, actor=ACTOR, now=now,
    )  # fmt: skip
    for customer, (branch, number) in zip(_payers(brand), _ACCOUNTS, strict=False):
        _mandate(customer, branch, number, 1 + due_days, now)


def _payers(brand: Brand) -> Sequence[Customer]:
    """Two households, far from those that other scenes are about."""
    ruled = AccountRule.objects.values("customer_id")
    found = Customer.objects.filter(brand=brand, kind="individual").exclude(pk__in=ruled)
    return list(found.order_by("-pk")[: len(_ACCOUNTS)])


def _mandate(customer: Customer, branch: str, number: str, day: int, now: datetime) -> None:
    """Entered by the agent, approved by somebody else."""
    agent = f"staff:{AGENT[0]}"
    wanted = Wanted(customer.name, branch, number, AccountType.CURRENT, day, is_sure=True)
    made = mandates.draft(customer_id=customer.pk, wanted=wanted, actor=agent, now=now)
    today = settings.FORMATS.local(now).date()
    mandates.note_signed(mandate_id=made.pk, signed_on=today, signed_by=customer.name, actor=agent, now=now)
    mandates.approve(mandate_id=made.pk, actor=ACTOR, now=now)


def payer_ids() -> set[int]:
    """Who doesn't pay by himself."""
    return set(Mandate.objects.values_list("customer_id", flat=True))


def collect(brand: Brand, due_on: date, today: date, *, comes_back: bool) -> None:
    """The batch for what was due on that day, if its action date is over; goes on where it was broken off.

    With `comes_back` the last customer's debit order is returned for lack of money.
    """
    on = action_day(due_on, holidays_about(due_on))
    if on + _BACK_AFTER > today:
        return
    before = _at(on - timedelta(days=6))
    batch = DebitBatch.objects.filter(brand=brand, action_date=on).exclude(state=BatchState.DROPPED).first()
    batch = batch or batches.propose(brand_id=brand.pk, action_date=on, actor=ACTOR, now=before)
    if batch.state == BatchState.PROPOSED:
        batch = batches.make(batch_id=batch.pk, actor=ACTOR, now=before)
    if batch.state == BatchState.MADE:
        batches.mark_submitted(batch_id=batch.pk, actor=ACTOR, now=before)
    book_due(now=_at(on), limit=len(_ACCOUNTS))
    last = (
        batch.items.filter(state=DebitState.BOOKED).select_related("mandate").order_by("customer_id").first()
    )
    if comes_back and last is not None:
        _return(last, on + _BACK_AFTER)


def _return(item: DebitItem, on: date) -> None:
    assert item.mandate is not None
    line = f"{on:%Y%m%d}\tDRU\t1\tUnpaid Code 02\t{item.amount_minor}\t-\t0\t{item.mandate.reference}\t\t\n"
    take_results(content=line.encode(), file_name=f"netcash-{on}.txt", actor=ACTOR, now=_at(on))


def _at(day: date) -> datetime:
    return datetime.combine(day, time(9), settings.FORMATS.zone)
