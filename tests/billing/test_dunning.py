"""A debt's life: announced, reminded of, warned of, the lines put on hold, paid, and back again."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from capstan.audit.models import AuditEntry
from capstan.billing.actions import correct, dunning, dunning_tell, terms
from capstan.billing.actions import dunning_holds as holds
from capstan.billing.actions.dunning_tell import notify_issued
from capstan.billing.models import (
    DunningHold,
    DunningPolicy,
    DunningState,
    Invoice,
    InvoiceNotice,
)
from capstan.billing.rules.dunning import DEFAULT_STEPS, Policy
from capstan.billing.rules.words import Method
from capstan.customers.models import Contact, Customer
from capstan.messaging.models import Message
from capstan.messaging.rules.words import Lane, Medium, MessageState
from capstan.payments.actions.take import BANK, Received, receive, reverse
from capstan.services.actions.status import end_service, resume, suspend
from capstan.services.models import AccessDue, Service
from capstan.services.rules import ServiceStatus
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at, day_after
from tests.concurrency.test_buckets import together

SUSPENDED_ON = "2026-01-20"
POLICY = Policy(DEFAULT_STEPS)


class Chase:
    """One customer with a line that costs 599.00, due on 8 January, and the worker's days."""

    def __init__(self, desk: Desk, *, policy: Policy | None = POLICY) -> None:
        self.desk = desk
        if policy:
            holds.set_dunning_policy(brand_id=desk.brand.pk, policy=policy, actor=ACTOR, now=desk.now)
        self.customer = desk.customer()
        self.line = desk.line(self.customer, desk.package(59900))
        self.contact("Jenny", "owner", "+27600000001", "jenny@example.net")
        (self.invoice,) = desk.bill("2026-01-01")

    def contact(self, name: str, role: str, phone: str, email: str, language: str = "en") -> Contact:
        return Contact.objects.create(
            customer=self.customer, name=name, role=role, phone=phone, email=email, language=language
        )

    def days(self, first: str, last: str, hour: int = 9) -> None:
        """The worker on each day from `first` to `last`."""
        day = first
        while day <= last:
            work(at(day, hour))
            day = day_after(day, 1)

    def pay(self, amount_minor: int, day: str) -> int:
        on = date.fromisoformat(day)
        received = Received(self.customer.pk, Method.EFT, amount_minor, on, BANK)
        return receive(received, actor=ACTOR, now=at(day)).pk

    def state(self) -> DunningState:
        return DunningState.objects.get(pk=self.customer.pk)

    def status(self) -> str:
        return Service.objects.get(pk=self.line.pk).status

    def promise(self, until: str, day: str, *, by_manager: bool = False) -> DunningHold:
        return holds.promise(
            customer_id=self.customer.pk, until=date.fromisoformat(until), by_manager=by_manager, actor=ACTOR, now=at(day)
        )  # fmt: skip


def work(now: datetime) -> None:
    """As the worker's steps do."""
    notify_issued(now=now, limit=50)
    dunning.look_due(now=now, limit=50)
    dunning.lift_due(now=now, limit=50)


def told(customer: Customer) -> list[tuple[str, str, str]]:
    """Day, medium and template of each message, in order."""
    rows = Message.objects.filter(subject=f"customer:{customer.pk}").order_by("queued_at", "pk")
    return [(one.queued_at.date().isoformat()[5:], one.medium, one.template) for one in rows]


@pytest.fixture
def chase(desk: Desk) -> Chase:
    return Chase(desk)


def test_the_whole_life(chase: Chase) -> None:
    chase.days("2026-01-01", "2026-01-19")
    assert chase.status() == ServiceStatus.ACTIVE
    chase.days(SUSPENDED_ON, "2026-01-25")
    assert chase.status() == ServiceStatus.SUSPENDED
    assert AccessDue.objects.get(pk=chase.line.pk).cause == "service suspended"
    chase.pay(59900, "2026-01-26")
    assert chase.status() == ServiceStatus.SUSPENDED, "not within the payment's transaction"
    assert dunning.lift_due(now=at("2026-01-26"), limit=10) == 1
    assert chase.status() == ServiceStatus.ACTIVE
    chase.days("2026-01-27", "2026-01-31")
    assert told(chase.customer) == [
        ("01-01", "email", "invoice.issued"),
        ("01-05", "email", "dunning.soon"),
        ("01-09", "email", "dunning.overdue"),
        ("01-13", "email", "dunning.overdue_again"),
        ("01-16", "email", "dunning.warning"),
        ("01-16", "sms", "dunning.warning"),
        ("01-20", "email", "dunning.suspended"),
        ("01-20", "sms", "dunning.suspended"),
        ("01-26", "email", "dunning.restored"),
        ("01-26", "sms", "dunning.restored"),
    ]
    state = chase.state()
    assert (state.episode_since, state.last_step, state.suspended_services) == (None, "", [])
    assert state.next_look_at is None
    deeds = AuditEntry.objects.filter(action__startswith="billing.dunning.").order_by("pk")
    assert [one.action.rpartition(".")[2] for one in deeds] == [
        "policy", "remind", "remind", "remind", "warn", "suspend", "lift",
    ]  # fmt: skip
    chase.desk.check()


def test_what_it_says(chase: Chase) -> None:
    chase.contact("Sipho", "accounts", "+27600000002", "sipho@example.net", "af")
    chase.contact("Guest", "technical", "+27600000003", "guest@example.net")
    chase.days("2026-01-01", SUSPENDED_ON)
    said = Message.objects.filter(subject=f"customer:{chase.customer.pk}")
    assert set(said.values_list("lane", flat=True)) == {Lane.BILLING}
    assert set(said.values_list("recipient", flat=True)) == {
        "jenny@example.net", "sipho@example.net", "+27600000001", "+27600000002",
    }  # fmt: skip
    issued = said.get(template="invoice.issued", language="en")
    assert issued.title.replace("\xa0", " ") == "Invoice INV0000001: R 599.00 by 8 Jan 2026"
    assert chase.customer.account_code in issued.text
    assert "Bank: Example Bank" in issued.text
    warned = said.get(template="dunning.warning", recipient="+27600000001").text
    assert "on hold on 20 Jan 2026" in warned.replace("\xa0", " ")
    assert "stop op 20 Jan 2026" in said.get(template="dunning.warning", recipient="+27600000002").text
    assert "Pay R" in said.get(template="dunning.suspended", recipient="+27600000001").text


def test_a_step_that_left_the_queue_is_overtaken_by_the_next(chase: Chase) -> None:
    chase.days("2026-01-01", "2026-01-13")
    states = dict(Message.objects.filter(template__startswith="dunning.").values_list("template", "state"))
    assert states == {
        "dunning.soon": MessageState.SUPERSEDED, "dunning.overdue": MessageState.SUPERSEDED,
        "dunning.overdue_again": MessageState.QUEUED,
    }  # fmt: skip


def test_nobody_looked_for_a_month(chase: Chase) -> None:
    chase.days("2026-02-10", "2026-02-11")
    assert chase.state().last_step == "warning"
    assert chase.status() == ServiceStatus.ACTIVE
    chase.days("2026-02-12", "2026-02-12")
    assert chase.status() == ServiceStatus.SUSPENDED
    templates = {template for _, _, template in told(chase.customer)}
    assert templates == {"dunning.warning", "dunning.suspended"}, "the invoice is too old to announce"


def test_at_night_nothing_is_said_or_done_but_a_payment_counts(chase: Chase) -> None:
    for hour in (3, 7, 18, 22):
        dunning.look_due(now=at("2026-01-09", hour), limit=10)
    assert told(chase.customer) == []
    chase.days("2026-01-10", SUSPENDED_ON)
    chase.days("2026-01-21", "2026-01-23")
    assert chase.status() == ServiceStatus.SUSPENDED
    chase.pay(59900, "2026-01-24")
    dunning.lift_due(now=at("2026-01-24", 23), limit=10)
    assert chase.status() == ServiceStatus.ACTIVE


def test_the_same_moment_again_changes_nothing(chase: Chase) -> None:
    for day in ("2026-01-01", "2026-01-05", "2026-01-09", "2026-01-16", SUSPENDED_ON):
        for minute in (0, 1, 2):
            DunningState.objects.update(next_look_at=at(day, 9))
            work(at(day, 9) + timedelta(minutes=minute))
    once = [(one, how, template) for one, how, template in told(chase.customer) if how == Medium.EMAIL]
    assert len(once) == len(set(once)) == 5


def test_killed_between_the_steps_of_a_look_it_is_done_again_whole(
    chase: Chase, monkeypatch: pytest.MonkeyPatch
) -> None:
    chase.days("2026-01-01", "2026-01-19")
    real, before = dunning_tell.tell, Message.objects.count()

    def killed(*args: object, **more: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(dunning_tell, "tell", killed)
    with pytest.raises(KeyboardInterrupt):
        dunning.look_due(now=at(SUSPENDED_ON), limit=10)
    assert (chase.status(), chase.state().suspended_services) == (ServiceStatus.ACTIVE, [])
    monkeypatch.setattr(dunning_tell, "tell", real)
    work(at(SUSPENDED_ON))
    work(at(SUSPENDED_ON))
    assert chase.status() == ServiceStatus.SUSPENDED
    assert Message.objects.count() == before + 2


def test_one_that_fails_holds_up_nobody(chase: Chase, monkeypatch: pytest.MonkeyPatch) -> None:
    other = chase.desk.customer("Other")
    chase.desk.line(other, chase.desk.package(60000))
    chase.desk.bill("2026-01-01", other)
    Contact.objects.create(customer=other, name="Other", email="other@example.net")
    real = dunning_tell.tell

    def broken(customer: Customer, *args: Any, **more: Any) -> int:
        if customer.pk == chase.customer.pk:
            raise RuntimeError("a broken account")
        return real(customer, *args, **more)

    monkeypatch.setattr(dunning_tell, "tell", broken)
    assert dunning.look_due(now=at("2026-01-09"), limit=10) == 2
    assert [template for _, _, template in told(other)] == ["dunning.overdue"]
    assert chase.state().next_look_at == at("2026-01-09") + timedelta(minutes=15)


def test_a_promise_brings_the_line_back_until_its_day_is_over(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    given = chase.promise("2026-01-27", "2026-01-21")
    work(at("2026-01-21"))
    assert chase.status() == ServiceStatus.ACTIVE
    chase.days("2026-01-22", "2026-01-27")
    assert chase.status() == ServiceStatus.ACTIVE
    chase.days("2026-01-28", "2026-01-28")
    assert chase.status() == ServiceStatus.SUSPENDED
    given.refresh_from_db()
    assert given.ended_because == "its last day is over"
    with pytest.raises(Refused, match="promised once"):
        chase.promise("2026-02-03", "2026-01-29")
    chase.promise("2026-02-03", "2026-01-29", by_manager=True)
    work(at("2026-01-29"))
    assert chase.status() == ServiceStatus.ACTIVE


def test_a_promise_that_is_kept_is_over_with_the_debt(chase: Chase) -> None:
    chase.days("2026-01-01", "2026-01-13")
    given = chase.promise("2026-01-20", "2026-01-14")
    chase.days("2026-01-14", "2026-01-18")
    assert chase.state().last_step == "second"
    chase.pay(59900, "2026-01-19")
    work(at("2026-01-19"))
    given.refresh_from_db()
    assert given.ended_because == "nothing overdue is left"


@pytest.mark.parametrize(("until", "why"), [("2026-01-08", "next 31 days"), ("2026-02-10", "next 31 days")])
def test_promises_of_nonsense_are_refused(chase: Chase, until: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        chase.promise(until, "2026-01-09")


def test_who_owes_nothing_promises_nothing(chase: Chase) -> None:
    chase.pay(59900, "2026-01-09")
    with pytest.raises(Refused, match="owes nothing"):
        chase.promise("2026-01-12", "2026-01-09")


def test_a_disputed_invoice_does_not_count_until_that_is_over(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    given = holds.dispute(
        invoice_id=chase.invoice.pk, reason="never installed", actor=ACTOR, now=at("2026-01-21")
    )
    with pytest.raises(Refused, match="disputed already"):
        holds.dispute(invoice_id=chase.invoice.pk, reason="again", actor=ACTOR, now=at("2026-01-21"))
    work(at("2026-01-21"))
    assert (chase.status(), chase.state().episode_since) == (ServiceStatus.ACTIVE, None)
    chase.days("2026-01-22", "2026-01-25")
    holds.end_hold(hold_id=given.pk, because="it was installed", actor=ACTOR, now=at("2026-01-26"))
    with pytest.raises(Refused, match="ended already"):
        holds.end_hold(hold_id=given.pk, because="again", actor=ACTOR, now=at("2026-01-26"))
    work(at("2026-01-26"))
    assert (chase.status(), chase.state().last_step) == (ServiceStatus.ACTIVE, "warning"), "a new episode"
    chase.days("2026-01-27", "2026-01-28")
    assert chase.status() == ServiceStatus.SUSPENDED


def test_staff_may_say_that_somebody_is_not_chased(chase: Chase) -> None:
    with pytest.raises(Refused, match="Say why"):
        holds.hold(customer_id=chase.customer.pk, reason=" ", actor=ACTOR, now=at("2026-01-02"))
    given = holds.hold(customer_id=chase.customer.pk, reason="the mayor", actor=ACTOR, now=at("2026-01-02"))
    chase.days("2026-01-02", "2026-02-20")
    assert told(chase.customer) == [("01-02", "email", "invoice.issued")]
    holds.end_hold(hold_id=given.pk, because="elections", actor=ACTOR, now=at("2026-02-23"))
    work(at("2026-02-23"))
    assert chase.state().last_step == "warning"


def test_what_is_written_off_brings_the_line_back(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    correct.write_off(invoice_id=chase.invoice.pk, reason="hardship", actor=ACTOR, now=at("2026-01-21"))
    work(at("2026-01-21"))
    assert chase.status() == ServiceStatus.ACTIVE


def test_a_part_that_leaves_less_than_is_worth_it_brings_the_line_back(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    chase.pay(54900, "2026-01-21")
    work(at("2026-01-21"))
    assert chase.status() == ServiceStatus.SUSPENDED, "50.00 are still worth it"
    chase.pay(1, "2026-01-22")
    work(at("2026-01-22"))
    assert chase.status() == ServiceStatus.ACTIVE


def test_a_line_that_staff_put_on_hold_too_stays_so(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    who: dict[str, Any] = {"service_id": chase.line.pk, "actor": ACTOR, "now": at("2026-01-21")}
    with pytest.raises(Refused, match="its account is unpaid"):
        resume(reason="he asked", **who)
    assert suspend(reason="abuse", **who)
    chase.pay(59900, "2026-01-22")
    work(at("2026-01-22"))
    assert chase.status() == ServiceStatus.SUSPENDED
    assert "dunning.restored" not in {template for _, _, template in told(chase.customer)}
    assert resume(reason="sorry", **who)
    assert chase.status() == ServiceStatus.ACTIVE


def test_a_line_on_staffs_hold_does_not_come_back_unpaid(chase: Chase) -> None:
    who: dict[str, Any] = {"service_id": chase.line.pk, "actor": ACTOR, "now": at("2026-01-15")}
    suspend(reason="abuse", **who)
    chase.days("2026-01-15", "2026-01-22")
    resume(reason="sorry", **who)
    assert chase.status() == ServiceStatus.SUSPENDED
    chase.pay(59900, "2026-01-23")
    work(at("2026-01-23"))
    assert chase.status() == ServiceStatus.ACTIVE


def test_a_line_that_ended_meanwhile_stays_ended(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    end_service(service_id=chase.line.pk, reason="moved", actor=ACTOR, now=at("2026-01-21"))
    chase.pay(59900, "2026-01-22")
    work(at("2026-01-22"))
    assert (chase.status(), chase.state().suspended_services) == (ServiceStatus.ENDED, [])


def test_a_payment_that_goes_back_is_a_debt_again(chase: Chase) -> None:
    chase.days("2026-01-01", "2026-01-04")
    payment = chase.pay(59900, "2026-01-05")
    chase.days("2026-01-05", "2026-01-12")
    assert "dunning.overdue" not in {template for _, _, template in told(chase.customer)}
    reverse(payment_id=payment, reason="returned", actor=ACTOR, now=at("2026-01-13"))
    work(at("2026-01-13"))
    assert chase.state().last_step == "second"


def test_without_anybody_to_warn_nobody_is_suspended(chase: Chase) -> None:
    Contact.objects.all().delete()
    chase.days("2026-01-01", "2026-02-20")
    assert chase.status() == ServiceStatus.ACTIVE
    assert AuditEntry.objects.filter(action="billing.dunning.warn").count() == 1
    chase.contact("Jenny", "owner", "", "jenny@example.net")
    chase.days("2026-02-21", "2026-02-24")
    assert chase.status() == ServiceStatus.SUSPENDED


def test_an_address_that_cannot_be_written_to_is_seen(chase: Chase) -> None:
    Contact.objects.update(email="jenny")
    chase.days("2026-01-01", "2026-01-01")
    assert Message.objects.get().state == MessageState.FAILED


def test_an_invoice_that_credit_has_paid_asks_for_nothing(desk: Desk) -> None:
    chase = Chase(desk)
    chase.pay(200000, "2026-01-02")
    desk.bill("2026-02-01")
    chase.days("2026-02-01", "2026-02-28")
    assert told(chase.customer) == [("02-01", "email", "invoice.issued_paid")]
    assert InvoiceNotice.objects.count() == 1


def test_a_brand_without_a_policy_says_nothing_and_one_that_gets_it_does_not_flood(desk: Desk) -> None:
    chase = Chase(desk, policy=None)
    chase.days("2026-01-01", "2026-02-01")
    assert (told(chase.customer), DunningState.objects.count()) == ([], 0)
    now = at("2026-02-02")
    policy = POLICY
    assert holds.set_dunning_policy(brand_id=desk.brand.pk, policy=policy, actor=ACTOR, now=now)
    assert holds.set_dunning_policy(brand_id=desk.brand.pk, policy=policy, actor=ACTOR, now=now) == []
    work(now)
    assert {template for _, _, template in told(chase.customer)} == {"dunning.warning"}


def test_a_policy_that_stops_suspending_brings_lines_back(chase: Chase) -> None:
    chase.days("2026-01-01", SUSPENDED_ON)
    holds.set_dunning_policy(
        brand_id=chase.desk.brand.pk, policy=POLICY._replace(suspends=False), actor=ACTOR, now=at("2026-01-21")
    )  # fmt: skip
    work(at("2026-01-21"))
    assert chase.status() == ServiceStatus.ACTIVE


def test_a_country_without_known_holidays_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="aren't known"):
        holds.set_dunning_policy(
            brand_id=desk.brand.pk, policy=POLICY, country="XX", actor=ACTOR, now=desk.now
        )
    assert not DunningPolicy.objects.exists()


def test_expecting_takes_as_many_queries_for_many(chase: Chase) -> None:
    counts = []
    for number in (1, 12):
        customers = [chase.desk.customer(f"C{number}-{n}") for n in range(number)]
        package = chase.desk.package(10000)
        for customer in customers:
            chase.desk.line(customer, package)
        with CaptureQueriesContext(connection) as queries:
            chase.desk.bill("2026-01-01", *customers)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert DunningState.objects.count() == 14


@pytest.mark.django_db(transaction=True)
class TestTwoWorkers:
    """Real transactions at the same moment."""

    @pytest.fixture
    def chases(self) -> Chase:
        return Chase(Desk())

    def test_everything_is_said_and_done_once(self, chases: Chase) -> None:
        days = ["2026-01-01", "2026-01-05", "2026-01-09", "2026-01-13", "2026-01-16", SUSPENDED_ON]
        for day in days:
            together(*(partial(work, at(day)) for _ in range(3)))
            work(at(day) + timedelta(minutes=1))
        assert chases.status() == ServiceStatus.SUSPENDED
        assert len(told(chases.customer)) == 8

        def paid() -> None:
            chases.pay(59900, "2026-01-21")

        together(paid, partial(work, at("2026-01-21")))
        together(*(partial(work, at("2026-01-21", 13)) for _ in range(3)))
        work(at("2026-01-21", 14))
        assert chases.status() == ServiceStatus.ACTIVE
        assert len(told(chases.customer)) == 10
        assert AuditEntry.objects.filter(action="billing.dunning.lift").count() == 1

    def test_a_look_gives_way_to_who_holds_the_money(self, chases: Chase) -> None:
        with transaction.atomic():
            terms.lock(chases.customer.pk, now=at("2026-01-09"))
            together(partial(work, at("2026-01-09")))
        assert [template for _, _, template in told(chases.customer)] == []
        work(at("2026-01-09") + timedelta(seconds=5))
        assert [template for _, _, template in told(chases.customer)] == ["dunning.overdue"]
        assert Invoice.objects.get().open_minor == 59900
