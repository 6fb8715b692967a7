"""A debit order that comes back: data stays with who had it, and further top-ups are paid first (S6)."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from capstan.billing.actions import pay_by_debit
from capstan.billing.models import BillingPolicy, Invoice
from capstan.billing.rules.words import InvoiceKind, Method, TopUpInvoicing
from capstan.caps.models import Bucket
from capstan.payments.actions.debit_orders import batches, mandates
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.actions.debit_orders.mandates import Wanted
from capstan.payments.actions.debit_orders.policy import set_debit_policy
from capstan.payments.actions.debit_orders.results import take_results
from capstan.payments.models import DebitItem, Payment
from capstan.payments.queries.proposal import holidays_about
from capstan.payments.rules.debit_orders.calendar import Instruction, action_day
from capstan.payments.rules.debit_orders.mandates import AccountType
from capstan.topups.queries.pays_first import pays_first_because
from capstan.topups.rules.words import OrderState
from tests.topups.shop import Shop


def test_data_stays_and_the_next_top_up_is_paid_first(shop: Shop) -> None:
    BillingPolicy.objects.create(brand=shop.brand, top_ups=TopUpInvoicing.OWN, due_days=0)
    line = shop.line()
    order = shop.order(line, "C").order
    assert order.state == OrderState.GRANTED
    invoice = Invoice.objects.get(kind=InvoiceKind.INVOICE)
    on = action_day(
        settings.FORMATS.local(shop.now).date() + timedelta(days=7), holidays_about(invoice.due_on)
    )
    _mandate(line.customer_id, on.day if on.day <= 28 else 31, shop)
    batch = batches.propose(brand_id=shop.brand.pk, action_date=on, actor="test", now=shop.now)
    batches.make(batch_id=batch.pk, actor="test", now=shop.now)
    batches.mark_submitted(batch_id=batch.pk, actor="test", now=shop.now)
    shop.wait(days=8)
    assert book_due(now=shop.now, limit=9) == 1
    assert Payment.objects.get().method == Method.DEBIT_ORDER
    assert not pays_first_because(line.pk, now=shop.now)
    before = list(Bucket.objects.order_by("pk").values())
    item = DebitItem.objects.select_related("mandate").get()
    assert item.mandate is not None
    day = settings.FORMATS.local(shop.now).date()
    text = f"{day:%Y%m%d}\tDRU\t1\tUnpaid Code 02\t{item.amount_minor}\t-\t0\t{item.mandate.reference}\t\t\n"
    take_results(content=text.encode(), file_name="statement.txt", actor="test", now=shop.now)
    invoice.refresh_from_db()
    assert invoice.open_minor == 3500
    assert list(Bucket.objects.order_by("pk").values()) == before
    order.refresh_from_db()
    assert order.state == OrderState.GRANTED
    assert pays_first_because(line.pk, now=shop.now) == "a debit order came back unpaid"
    assert shop.order(line, "A").order.state == OrderState.AWAITING_PAYMENT
    with transaction.atomic():
        pay_by_debit.forgive_returned(
            line.customer_id, reason="the bank's mistake", actor="test", now=shop.now
        )
    assert not pays_first_because(line.pk, now=shop.now)


def _mandate(customer_id: int, day: int, shop: Shop) -> None:
    set_debit_policy(
        brand_id=shop.brand.pk, service_key="key", instruction=Instruction.TWO_DAY, action_day=day, fee_minor=0,
        again_after_days=5, actor="test", now=shop.now,
    )  # fmt: skip
    wanted = Wanted("J Smith", "632005", "4000000001", AccountType.CURRENT, day)
    made = mandates.draft(customer_id=customer_id, wanted=wanted, actor="test", now=shop.now)
    today = settings.FORMATS.local(shop.now).date()
    mandates.note_signed(mandate_id=made.pk, signed_on=today, signed_by="J Smith", actor="test", now=shop.now)
    mandates.approve(mandate_id=made.pk, actor="staff:naledi", now=shop.now)
