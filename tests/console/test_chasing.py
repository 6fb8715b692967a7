"""Chasing a debt from the desk: how a brand does it, how far it is with somebody, promises and disputes (S8, S9)."""

from typing import Any

from capstan.billing.models import DunningHold, DunningPolicy, DunningState
from capstan.customers.models import Customer
from capstan.services.models import Service
from tests.billing.desk import at
from tests.console.desk import sends, words
from tests.console.test_invoices import Office, anonymous_is_led_away, office

__all__ = ["office"]

STEPS = {
    "soon": "3", "first": "1", "second": "5", "warning": "8", "suspension": "12", "grace_days": "0", "warn_days": "2",
    "least": "50", "skip_weekends": "on",
}  # fmt: skip


def home(customer: Customer) -> str:
    return f"/staff/money/{customer.pk}/chasing/"


def brand(office: Office) -> str:
    return f"/staff/billing/brands/{office.desk.brand.pk}/"


def does(office: Office, customer: Customer, deed: str, **given: Any) -> str:
    return words(sends(office.agent, f"{home(customer)}{deed}/", given))


def overdue(office: Office) -> Customer:
    customer = office.desk.customer()
    office.desk.line(customer, office.desk.package(60000))
    office.desk.bill("2026-01-01", customer)
    return customer


def test_a_brand_begins_to_chase_and_a_step_that_is_left_out_is_left_out(office: Office) -> None:
    assert "Nobody is chased yet" in words(office.clerk.get(brand(office)))
    said = words(sends(office.clerk, f"{brand(office)}chasing/", STEPS | {"second": ""}))
    assert "are chased so from now on" in said
    policy = DunningPolicy.objects.get()
    assert [(one["code"], one["days"]) for one in policy.steps] == [
        ("soon", -3), ("first", 1), ("warning", 8), ("suspension", 12),
    ]  # fmt: skip
    assert policy.least_minor == 5000


def test_steps_that_make_no_sense_are_refused_beside_what_was_typed(office: Office) -> None:
    said = words(sends(office.clerk, f"{brand(office)}chasing/", STEPS | {"warning": ""}))
    assert not DunningPolicy.objects.exists()
    assert "warn" in said.partition("How debt is chased")[2].partition("Begin to chase")[0].lower()


def test_the_page_says_how_far_it_is_and_a_promise_holds_it_off(office: Office) -> None:
    sends(office.clerk, f"{brand(office)}chasing/", STEPS)
    customer = overdue(office)
    office.on("2026-01-20")
    assert "Overdue since 8 Jan 2026" in words(office.agent.get(home(customer)))
    given = {"until": "2026-01-25", "amount": "600", "reason": "pays on Friday"}
    said = does(office, customer, "promise", **given)
    assert "Nothing is chased until 25 Jan 2026" in said
    assert "Promise to pay, R 600.00, until 25 Jan 2026" in said
    assert "a manager can take another promise" in does(office, customer, "promise", **given)
    hold = DunningHold.objects.get()
    assert "It has ended" in does(office, customer, "end", hold=hold.pk, because="he paid something else")
    assert "one of the next 31 days" in does(office, customer, "promise", until="2026-03-25")


def test_an_invoice_is_disputed(office: Office) -> None:
    sends(office.clerk, f"{brand(office)}chasing/", STEPS)
    customer = overdue(office)
    invoice = customer_invoice(customer)
    said = does(office, customer, "dispute", invoice=invoice, reason="never installed")
    assert "isn't chased while it is disputed" in said
    assert "Disputed of invoice INV0000001" in said
    again = does(office, customer, "dispute", invoice=invoice, reason="never installed")
    assert "disputed already" in again


def customer_invoice(customer: Customer) -> int:
    from capstan.billing.models import Invoice

    return Invoice.objects.get(customer=customer).pk


def test_who_could_not_be_warned_is_shown_until_somebody_told_him(office: Office) -> None:
    sends(office.clerk, f"{brand(office)}chasing/", STEPS)
    customer = overdue(office)
    DunningState.objects.update_or_create(
        customer=customer, defaults={"episode_since": at("2026-01-09").date(), "failed_warnings": 2}
    )
    assert f"{customer.name} could not be warned" in words(office.agent.get("/staff/needs-a-person/"))
    assert "every message of the warning failed" in words(office.agent.get(home(customer)))
    assert "This field is required" in does(office, customer, "warned", how="")
    assert "he was told today" in does(office, customer, "warned", how="by phone")
    assert "could not be warned" not in words(office.agent.get("/staff/needs-a-person/"))
    assert "No warning to this customer has failed" in does(office, customer, "warned", how="by phone")


def test_a_promise_that_is_over_says_what_came_of_it(office: Office) -> None:
    customer = overdue(office)
    for is_kept, paid in ((True, 30_000), (False, 10_000)):
        DunningHold.objects.create(
            customer=customer, kind="promise", until=at("2026-01-20").date(), amount_minor=30_000, actor="staff:x",
            made_at=at("2026-01-10"), ended_at=at("2026-01-21"), is_kept=is_kept, paid_minor=paid,
        )  # fmt: skip
    said = words(office.agent.get(home(customer)))
    assert "Promised R 300.00 by 20 Jan 2026 R 300.00 was paid by then Kept" in said
    assert "R 100.00 was paid by then Broken" in said


def test_who_may_not_is_told_so(office: Office) -> None:
    customer = overdue(office)
    assert office.agent.post(f"{home(customer)}hold/", {"reason": "x"}).status_code == 403
    assert office.agent.post(f"{brand(office)}chasing/", STEPS).status_code == 403
    anonymous_is_led_away(home(customer))


def test_what_was_done_is_shown(office: Office) -> None:
    sends(office.clerk, f"{brand(office)}chasing/", STEPS)
    customer = overdue(office)
    line = Service.objects.get(customer=customer)
    DunningState.objects.update_or_create(
        customer=customer,
        defaults={
            "last_step": "suspension",
            "last_step_on": at("2026-01-20").date(),
            "suspended_services": [line.pk],
        },
    )
    said = words(office.agent.get(home(customer)))
    assert "lines on hold, 20 Jan 2026" in said
    assert line.username in said
