"""Warnings that reach nobody, promises kept and broken, lines that come later, hours of the day."""

from datetime import date

import pytest

from capstan.billing.actions import dunning
from capstan.billing.actions import dunning_holds as holds
from capstan.billing.actions.dunning_tell import notify_issued
from capstan.billing.models import DunningHold, Invoice, InvoiceNotice
from capstan.billing.queries.dunning import not_warned
from capstan.billing.rules.dunning import DEFAULT_STEPS, Policy
from capstan.messaging.models import Message
from capstan.messaging.rules.words import MessageState
from capstan.payments.actions.take import reverse
from capstan.services.models import ServiceHold
from capstan.services.rules import ServiceStatus
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at
from tests.billing.test_dunning import SUSPENDED_ON, Chase, chase, work

__all__ = ["chase"]


def all_fail(but: str = "") -> None:
    """What the gateways say in the end of every warning that is under way."""
    rows = Message.objects.filter(template="dunning.warning", state=MessageState.QUEUED)
    rows.exclude(recipient=but).update(state=MessageState.FAILED)


def test_a_warning_that_failed_is_sent_again_to_everybody_and_then_needs_a_person(chase: Chase) -> None:
    chase.contact("Guest", "technical", "+27600000003", "guest@example.net")
    chase.days("2026-01-01", "2026-01-16")
    all_fail()
    chase.days("2026-01-17", "2026-01-17")
    again = Message.objects.filter(cause__endswith=":again").values_list("recipient", flat=True)
    assert set(again) == {"jenny@example.net", "+27600000001", "guest@example.net", "+27600000003"}
    assert not not_warned().exists()
    all_fail()
    chase.days("2026-01-18", "2026-02-20")
    assert chase.status() == ServiceStatus.ACTIVE
    assert [one.pk for one in not_warned()] == [chase.customer.pk]
    assert Message.objects.filter(template="dunning.warning").count() == 6, "it isn't tried for ever"
    with pytest.raises(Refused, match="how he was told"):
        holds.warned_by_hand(customer_id=chase.customer.pk, how=" ", actor=ACTOR, now=at("2026-02-21"))
    holds.warned_by_hand(customer_id=chase.customer.pk, how="by phone", actor=ACTOR, now=at("2026-02-21"))
    with pytest.raises(Refused, match="No warning"):
        holds.warned_by_hand(customer_id=chase.customer.pk, how="by phone", actor=ACTOR, now=at("2026-02-21"))
    assert not not_warned().exists()
    chase.days("2026-02-21", "2026-02-22")
    assert chase.status() == ServiceStatus.ACTIVE, "two days after the warning, and no Sunday"
    chase.days("2026-02-23", "2026-02-23")
    assert chase.status() == ServiceStatus.SUSPENDED


def test_one_way_that_works_is_enough(chase: Chase) -> None:
    chase.days("2026-01-01", "2026-01-16")
    all_fail(but="+27600000001")
    chase.days("2026-01-17", SUSPENDED_ON)
    assert chase.status() == ServiceStatus.SUSPENDED
    assert not Message.objects.filter(cause__endswith=":again").exists()


def test_the_second_warning_counts_from_its_own_day(chase: Chase) -> None:
    chase.days("2026-01-01", "2026-01-19")
    all_fail()
    chase.days(SUSPENDED_ON, SUSPENDED_ON)
    assert (chase.status(), chase.state().warned_on) == (ServiceStatus.ACTIVE, date(2026, 1, 20))
    chase.days("2026-01-21", "2026-01-22")
    assert chase.status() == ServiceStatus.SUSPENDED


@pytest.mark.parametrize(
    ("promised", "paid", "back", "is_kept"),
    [(30_000, 30_000, False, True), (30_000, 29_999, False, False), (30_000, 30_000, True, False), (None, 30_000, False, False)],
)  # fmt: skip
def test_a_promise_is_measured_by_what_was_paid(
    chase: Chase, promised: int | None, paid: int, back: bool, is_kept: bool
) -> None:
    chase.days("2026-01-01", "2026-01-13")
    chase.pay(5_000, "2026-01-13")
    given = holds.promise(
        customer_id=chase.customer.pk, until=date(2026, 1, 20), amount_minor=promised, actor=ACTOR, now=at("2026-01-14")
    )  # fmt: skip
    payment = chase.pay(paid, "2026-01-19")
    if back:
        reverse(payment_id=payment, reason="unpaid", actor=ACTOR, now=at("2026-01-20"))
    chase.days("2026-01-19", "2026-01-21")
    given.refresh_from_db()
    assert (given.is_kept, given.paid_minor) == (is_kept, 0 if back else paid)
    assert given.ended_because == "its last day is over"


def test_a_promise_is_kept_at_once_when_nothing_is_left(chase: Chase) -> None:
    chase.days("2026-01-01", "2026-01-13")
    chase.promise("2026-01-20", "2026-01-14")
    chase.pay(59_900, "2026-01-15")
    work(at("2026-01-15"))
    given = DunningHold.objects.get()
    assert (given.is_kept, given.paid_minor, given.ended_because) == (True, 59_900, "nothing overdue is left")


def test_a_line_that_is_added_to_an_account_on_hold_is_on_hold_too(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    assert dunning.hold_new_lines(now=at("2026-01-21", 22), limit=10) == 0
    new = chase.desk.line(chase.customer, chase.desk.package(10_000), "2026-01-21")
    assert dunning.hold_new_lines(now=at("2026-01-21", 22), limit=10) == 1
    assert dunning.hold_new_lines(now=at("2026-01-21", 22), limit=10) == 0
    assert ServiceHold.objects.filter(service=new, kind="unpaid").count() == 1
    chase.pay(59_900, "2026-01-22")
    work(at("2026-01-22"))
    new.refresh_from_db()
    assert (chase.status(), new.status) == (ServiceStatus.ACTIVE, ServiceStatus.ACTIVE)


def test_a_line_added_while_a_promise_stands_works_until_its_day_is_over(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    chase.promise("2026-01-27", "2026-01-21")
    work(at("2026-01-21"))
    new = chase.desk.line(chase.customer, chase.desk.package(10_000), "2026-01-22")
    assert dunning.hold_new_lines(now=at("2026-01-22"), limit=10) == 0
    chase.days("2026-01-28", "2026-01-28")
    new.refresh_from_db()
    assert new.status == ServiceStatus.SUSPENDED


def test_what_may_wait_does_not_leave_at_night(chase: Chase) -> None:
    for hour, due in ((3, at("2026-01-01", 8)), (21, at("2026-01-02", 8)), (9, at("2026-01-01", 9))):
        Message.objects.all().delete()
        chase.invoice.refresh_from_db()
        InvoiceNotice.objects.all().delete()
        notify_issued(now=at("2026-01-01", hour), limit=10)
        assert Message.objects.get().due_at == due
    chase.days("2026-01-02", SUSPENDED_ON)
    chase.pay(59_900, "2026-01-21")
    dunning.lift_due(now=at("2026-01-21", 23), limit=10)
    said = Message.objects.filter(template="dunning.restored")
    assert set(said.values_list("state", "due_at")) == {(MessageState.QUEUED, at("2026-01-21", 23))}


def test_invoices_from_before_the_policy_are_chased_though_they_were_not_announced(desk: Desk) -> None:
    chase = Chase(desk, policy=None)
    chase.days("2026-01-01", "2026-01-12")
    holds.set_dunning_policy(
        brand_id=desk.brand.pk, policy=Policy(DEFAULT_STEPS), actor=ACTOR, now=at("2026-01-13")
    )
    chase.days("2026-01-13", SUSPENDED_ON)
    assert chase.status() == ServiceStatus.SUSPENDED
    templates = list(Message.objects.order_by("pk").values_list("template", flat=True).distinct())
    assert "invoice.issued" not in templates
    assert templates[0] == "dunning.overdue_again"
    assert Invoice.objects.count() == 1
