"""A provider that collects by debit order: mandates, batches, and what Netcash says of them. Days are texts."""

from datetime import date

from capstan.billing.models import Invoice
from capstan.customers.models import Contact, Customer
from capstan.payments.actions.debit_orders import batches, mandates, results
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.actions.debit_orders.mandates import Wanted
from capstan.payments.actions.debit_orders.policy import set_debit_policy
from capstan.payments.models import DebitBatch, DebitItem, DebitResults, Mandate
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.debit_orders.mandates import AccountType
from tests.billing.desk import ACTOR, Desk, at

SECOND = "staff:naledi"
ACCOUNT = "4000000001"
WANTED = Wanted("J Smith", "632005", ACCOUNT, AccountType.CURRENT, action_day=2)
TODAY, DAY = "2026-02-23", "2026-03-02"
"""A Monday, and the Monday after: two-day debit orders for it must be with Netcash by Thursday the 26th."""


def collects(desk: Desk, **more: object) -> None:
    given = {
        "fee_minor": 0,
        "again_after_days": 5,
        "action_day": 2,
        "instruction": Instruction.TWO_DAY,
        **more,
    }
    set_debit_policy(
        brand_id=desk.brand.pk, service_key="service-key", actor=ACTOR, now=desk.now, **given,  # type: ignore[arg-type]
    )  # fmt: skip


def mandated(customer: Customer, wanted: Wanted = WANTED, day: str = "2026-01-05") -> Mandate:
    """An active mandate of this customer, who can be written to."""
    if not Contact.objects.filter(customer=customer).exists():
        Contact.objects.create(
            customer=customer, name="J", email=f"c{customer.pk}@example.net", phone="+27600000001"
        )
    made = mandates.draft(customer_id=customer.pk, wanted=wanted, actor=ACTOR, now=at(day))
    mandates.send_out(mandate_id=made.pk, actor=ACTOR, now=at(day))
    on = date.fromisoformat(day)
    mandates.note_signed(mandate_id=made.pk, signed_on=on, signed_by="J Smith", actor=ACTOR, now=at(day))
    return mandates.approve(mandate_id=made.pk, actor=SECOND, now=at(day))


def owing(
    desk: Desk, amount_minor: int = 59900, day: str = "2026-02-01", customer: Customer | None = None
) -> Invoice:
    """An invoice, due a week after its day, of somebody with an active mandate."""
    customer = customer or desk.customer("Jenny Smith")
    if not Mandate.objects.filter(customer=customer).exists():
        mandated(customer)
    line = desk.line(customer, desk.package(None))
    desk.sell(line, amount_minor, day)
    (invoice,) = desk.bill(day, customer)
    return invoice


def proposed(desk: Desk, day: str = DAY, today: str = TODAY) -> DebitBatch:
    return batches.propose(
        brand_id=desk.brand.pk, action_date=date.fromisoformat(day), actor=ACTOR, now=at(today)
    )


def submitted(desk: Desk, day: str = DAY, today: str = TODAY) -> DebitBatch:
    batch = proposed(desk, day, today)
    batches.make(batch_id=batch.pk, actor=ACTOR, now=at(today))
    return batches.mark_submitted(batch_id=batch.pk, actor=ACTOR, now=at(today))


def collected(desk: Desk, day: str = DAY, today: str = TODAY) -> DebitBatch:
    """A batch whose day has come, and whose debit orders are booked."""
    batch = submitted(desk, day, today)
    book_due(now=at(day, 6), limit=100)
    batch.refresh_from_db()
    return batch


def line(
    item: DebitItem, code: str = "02", day: str = "2026-03-04", kind: str = "DRU", serial: int = 1
) -> str:
    """Netcash's line of this debit order; unpaid unless `kind` says paid."""
    assert item.mandate is not None
    what = f"Unpaid Code {code}" if code else "Debit order"
    compact = day.replace("-", "")
    return f"{compact}\t{kind}\t{serial}\t{what}\t{item.amount_minor}\t-\t0\t{item.mandate.reference}\titem-{item.pk}\t\n"


def results_of(*lines: str, day: str = "2026-03-04") -> DebitResults:
    return results.take_results(
        content="".join(lines).encode(), file_name="statement.txt", actor=ACTOR, now=at(day)
    )
