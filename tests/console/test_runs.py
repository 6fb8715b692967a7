"""Bill runs on their pages: the next days, the preview, issuing it, leaving somebody out."""

from typing import Any

from django.http import HttpResponse

from capstan.audit.models import AuditEntry
from capstan.billing.actions import run as actions
from capstan.billing.models import BillingTerms, BillRun, BillRunItem, Invoice
from capstan.billing.rules.words import ItemState, RunState
from capstan.customers.models import Customer
from tests.billing.desk import at
from tests.console.desk import sends, text_of, words
from tests.console.test_invoices import Office, anonymous_is_led_away, office, queries, rows

__all__ = ["office"]

RUNS = "/staff/billing/runs/"


def page_of(run: BillRun) -> str:
    return f"{RUNS}{run.pk}/"


def customers(office: Office, number: int = 3) -> list[Customer]:
    """Customers with a line, whose next billing day is 1 February."""
    package = office.desk.package(10000)
    made = [office.desk.customer(f"Customer {one}", bills_from="2026-02-01") for one in range(number)]
    for one in made:
        office.desk.line(one, package)
    return made


def begun(office: Office, number: int = 3) -> BillRun:
    """A preview that no worker has looked at yet."""
    customers(office, number)
    return actions.start(
        brand_id=office.desk.brand.pk,
        billing_day=at("2026-02-01").date(),
        actor="staff:carla",
        now=office.now,
    )


def worked(office: Office) -> None:
    """The worker does what is to be done."""
    for _ in range(20):
        actions.work(now=office.now, limit=100)


def does(office: Office, run: BillRun, deed: str, **given: Any) -> str:
    return words(sends(office.clerk, f"{page_of(run)}{deed}/", given))


def test_the_next_billing_day_is_the_answer(office: Office) -> None:
    anonymous_is_led_away(RUNS, f"{RUNS}1/", f"{RUNS}1/now/")
    assert "No billing day is near" in words(office.agent.get(RUNS))
    customers(office)
    said = words(office.agent.get(RUNS))
    assert "1 Feb 2026 is the next billing day, of 3 customers" in said
    assert "Previewed by itself from 29 Jan 2026 on; its invoices are issued when somebody says so." in said
    assert "No run yet" in said
    assert "Preview this day" not in said
    assert "Preview this day" in words(office.clerk.get(RUNS))


def test_a_preview_is_begun_and_says_how_far_it_is(office: Office) -> None:
    customers(office)
    given = {"brand": office.desk.brand.pk, "billing_day": "2026-02-01"}
    said = words(sends(office.clerk, f"{RUNS}start/", given))
    assert "0 of 3 customers are previewed" in said
    run = BillRun.objects.get()
    part = office.agent.get(f"{page_of(run)}now/")
    assert isinstance(part, HttpResponse)
    assert 'data-cap-seconds="2"' in text_of(part)
    assert "<html" not in text_of(part)
    assert "The run of 1 Feb 2026 is not issued yet" in words(sends(office.clerk, f"{RUNS}start/", given))
    worked(office)
    assert "data-cap-live" not in text_of(office.agent.get(f"{page_of(run)}now/"))
    assert rows(office.agent.get(RUNS)) == 1
    assert "1 bill run waits for you" in words(office.agent.get(RUNS))


def test_a_day_on_which_nobody_is_billed_has_no_run(office: Office) -> None:
    customers(office)
    given = {"brand": office.desk.brand.pk, "billing_day": "2026-01-20"}
    assert "Nobody is to be billed up to 20 Jan 2026." in words(sends(office.clerk, f"{RUNS}start/", given))
    assert "This field is required." in words(
        sends(office.clerk, f"{RUNS}start/", given | {"billing_day": ""})
    )
    assert office.clerk.post(f"{RUNS}start/", {"brand": "x"}).status_code == 404
    assert office.clerk.get(f"{RUNS}99/").status_code == 404


def test_a_preview_shows_what_it_comes_to_and_what_is_unusual_first(office: Office) -> None:
    run = begun(office)
    worked(office)
    said = words(office.agent.get(page_of(run)))
    for expected in (
        "R 300.00 to bill to 3 customers",
        "Nothing happens until somebody issues it, on 1 Feb 2026 or later.",
        "Look at these first",
        "first invoice",
        "Difference +R 300.00",
        "With remarks 3",
    ):
        assert expected in said, expected
    assert "Issue the invoices" not in said
    assert "Issue the invoices" in words(office.clerk.get(page_of(run)))


def test_it_is_issued_on_its_day_and_not_before(office: Office) -> None:
    run = begun(office)
    worked(office)
    assert "issue them on that day or later" in does(office, run, "issue")
    office.on("2026-02-01")
    said = does(office, run, "issue")
    assert "0 of 3 customers are billed" in said
    assert "can't be done with a run that is issuing" in does(office, run, "drop")
    worked(office)
    said = words(office.agent.get(page_of(run)))
    assert "R 300.00 was billed" in said
    assert f"/staff/billing/invoices/{Invoice.objects.order_by('pk')[0].pk}/" in text_of(
        office.agent.get(page_of(run))
    )
    assert AuditEntry.objects.get(action="billing.run.issue").actor == "staff:carla"
    assert rows(office.agent.get("/staff/billing/invoices/")) == 3
    office.desk.check()


def test_a_customer_is_left_out_and_taken_in_again(office: Office) -> None:
    run = begun(office)
    worked(office)
    one = BillRunItem.objects.order_by("pk")[0]
    assert "Left out: due again with the next run." in does(
        office, run, "leave-out", customer=one.customer_id
    )
    said = words(office.clerk.get(page_of(run), {"show": "left-out"}))
    assert "Take in" in said
    assert "to bill to 2 customers" in said
    assert "Taken in again" in does(office, run, "take-in", customer=one.customer_id)
    assert BillRun.objects.get().state == RunState.PREVIEWING
    assert office.clerk.post(f"{page_of(run)}leave-out/", {"customer": "99999"}).status_code == 404
    assert office.clerk.post(f"{page_of(run)}leave-out/", {"customer": "x"}).status_code == 404


def test_a_preview_is_made_again_or_dropped(office: Office) -> None:
    run = begun(office)
    worked(office)
    assert "The preview is worked out anew." in does(office, run, "again")
    assert "can't be done with a run that is previewing" in does(office, run, "again")
    said = does(office, run, "drop")
    assert "is dropped; nobody was billed by it." in said
    assert BillRun.objects.get().state == RunState.DROPPED
    page = words(office.clerk.get(page_of(run)))
    assert "Nobody was billed by it, and it doesn't come back by itself." in page
    assert "can't be done with a run that is dropped" in does(office, run, "drop")
    listed = words(office.clerk.get(RUNS))
    assert "Dropped" in listed
    start = {"brand": office.desk.brand.pk, "billing_day": "2026-02-01"}
    assert "Previewing" in words(sends(office.clerk, f"{RUNS}start/", start)), "again when somebody says so"


def test_failures_say_their_problem_and_stand_first(office: Office) -> None:
    run = begun(office)
    worked(office)
    one = BillRunItem.objects.order_by("-pk")[0]
    BillRunItem.objects.filter(pk=one.pk).update(
        state=ItemState.FAILED, problem="KeyError: 17", preview_minor=None
    )
    said = words(office.clerk.get(page_of(run)))
    assert said.index("KeyError: 17") < said.index("Look at these first")
    assert "KeyError: 17" in words(office.clerk.get(page_of(run), {"show": "failed"}))
    assert "No customer of this run is in that state." in words(
        office.clerk.get(page_of(run), {"show": "nothing"})
    )


def test_a_long_run_goes_on_and_costs_the_same(office: Office) -> None:
    run = begun(office, 60)
    few = queries(office.clerk, page_of(run))
    worked(office)
    page = office.clerk.get(page_of(run))
    assert len(page.context["items"]) == 50
    assert len(page.context["remarked"]) == 25
    further = office.clerk.get(page_of(run) + page.context["further_url"])
    assert len(further.context["items"]) == 10
    assert queries(office.clerk, page_of(run)) <= few + 1
    assert few <= 22


def test_an_agent_may_look_but_not_bill(office: Office) -> None:
    run = begun(office)
    assert office.agent.get(page_of(run)).status_code == 200
    assert office.agent.post(f"{RUNS}start/").status_code == 403
    for deed in ("issue", "again", "drop", "leave-out", "take-in"):
        assert office.agent.post(f"{page_of(run)}{deed}/").status_code == 403, deed
    assert office.clerk.post(f"{page_of(run)}explode/").status_code == 404
    assert BillingTerms.objects.count() == 3
