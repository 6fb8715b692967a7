"""Bill runs: previewed, looked at, issued."""

from datetime import date, timedelta

import pytest

from capstan.billing.actions import bill as planning
from capstan.billing.actions import run as runs
from capstan.billing.models import BillingPolicy, BillingTerms, BillRun, BillRunItem, Invoice
from capstan.billing.queries.runs import progress
from capstan.billing.rules.words import ItemState, RunState
from capstan.catalog.models import PackagePrice
from capstan.customers.models import Customer
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at


def preview(desk: Desk, day: str = "2026-01-01") -> BillRun:
    run = runs.start(brand_id=desk.brand.pk, billing_day=at(day).date(), actor=ACTOR, now=at(day, 0))
    work(day)
    run.refresh_from_db()
    return run


def work(day: str, limit: int = 2) -> None:
    """As the worker does, until nothing is left."""
    while BillRun.objects.filter(state__in=(RunState.PREVIEWING, RunState.ISSUING)).exists():
        runs.work(now=at(day), limit=limit)


def issue(run: BillRun, day: str = "2026-01-01") -> None:
    runs.release(run_id=run.pk, actor=ACTOR, now=at(day))
    work(day)
    run.refresh_from_db()


def three(desk: Desk) -> list[Customer]:
    package = desk.package(10000)
    found = [desk.customer(name) for name in ("One", "Two", "Three")]
    for customer in found:
        desk.line(customer, package)
    return found


def test_a_preview_writes_nothing_and_its_total_is_what_is_issued(desk: Desk) -> None:
    three(desk)
    run = preview(desk)
    assert (run.state, Invoice.objects.count()) == (RunState.PREVIEWED, 0)
    how_far = progress(run.pk)
    assert (how_far.states, how_far.preview_minor, how_far.remarked) == ({"previewed": 3}, 30000, 3)
    issue(run)
    how_far = progress(run.pk)
    assert (run.state, how_far.states, how_far.issued_minor) == (RunState.ISSUED, {"issued": 3}, 30000)
    assert Invoice.objects.filter(run=run).count() == 3
    desk.check()


def test_the_next_run_tells_what_changed_since_the_last(desk: Desk) -> None:
    one, *_ = three(desk)
    issue(preview(desk))
    desk.line(one, desk.package(9000))
    run = preview(desk, "2026-02-01")
    remarks = dict(run.items.values_list("customer__name", "remarks"))
    assert remarks["One"] == ["+180 % on the last one"]
    assert remarks["Two"] == []
    assert progress(run.pk).last_minor == 30000


def test_what_is_unusual_is_said(desk: Desk) -> None:
    desk.line(desk.customer("No price"), desk.package(None, "Odd"))
    run = preview(desk)
    assert run.items.get().remarks == ["nothing to invoice", "Odd has no price"]
    issue(run)
    assert run.items.get().state == ItemState.NOTHING


def test_a_customer_that_fails_is_named_and_holds_up_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, *_ = three(desk)
    real = planning.plan

    def plan(ids: list[int], day: object) -> object:
        if broken.pk in ids:
            raise RuntimeError("a broken account")
        return real(ids, day)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "plan", plan)
    run = preview(desk)
    item = run.items.get(customer=broken)
    assert (item.state, item.problem) == (ItemState.FAILED, "RuntimeError: a broken account")
    issue(run)
    assert progress(run.pk).states == {"failed": 1, "issued": 2}
    assert BillingTerms.objects.get(pk=broken.pk).next_bill_on == at("2026-01-01").date(), "he is due again"


def test_issuing_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    three(desk)
    run = preview(desk)
    runs.release(run_id=run.pk, actor=ACTOR, now=at("2026-01-01"))
    runs.work(now=at("2026-01-01"), limit=2)
    assert Invoice.objects.count() == 2
    work("2026-01-01")
    assert sorted(Invoice.objects.values_list("number", flat=True)) == [
        "INV0000001",
        "INV0000002",
        "INV0000003",
    ]
    assert Invoice.objects.values("customer").distinct().count() == 3


def test_before_its_day_a_run_is_not_issued(desk: Desk) -> None:
    three(desk)
    run = runs.start(
        brand_id=desk.brand.pk, billing_day=at("2026-01-01").date(), actor=ACTOR, now=at("2025-12-29")
    )
    work("2025-12-29")
    with pytest.raises(Refused, match="carry the date"):
        runs.release(run_id=run.pk, actor=ACTOR, now=at("2025-12-31"))


def test_one_run_at_a_time(desk: Desk) -> None:
    three(desk)
    preview(desk)
    with pytest.raises(Refused, match="not issued yet"):
        preview(desk, "2026-02-01")


def test_who_is_left_out_is_in_the_next_one(desk: Desk) -> None:
    one, *_ = three(desk)
    run = preview(desk)
    runs.leave_out(run_id=run.pk, customer_id=one.pk, left_out=True, actor=ACTOR, now=at("2026-01-01"))
    issue(run)
    assert Invoice.objects.count() == 2
    assert runs.start_due(now=at("2026-01-15")) == 0, "not alone, a day later"
    assert runs.start_due(now=at("2026-01-30")) == 1
    work("2026-01-30")
    later = BillRun.objects.latest("pk")
    assert (later.billing_day, later.items.count()) == (at("2026-02-01").date(), 3)
    issue(later, "2026-02-01")
    assert sum(Invoice.objects.filter(customer=one).values_list("total_minor", flat=True)) == 20000
    desk.check()


def test_a_preview_can_be_made_again_after_a_price_was_corrected(desk: Desk) -> None:
    three(desk)
    run = preview(desk)
    PackagePrice.objects.update(price_minor=12000)
    runs.preview_again(run_id=run.pk, actor=ACTOR, now=at("2026-01-01"))
    work("2026-01-01")
    assert progress(run.pk).preview_minor == 36000


def test_a_dropped_preview_leaves_nothing(desk: Desk) -> None:
    three(desk)
    run = preview(desk)
    runs.drop(run_id=run.pk, actor=ACTOR, now=at("2026-01-01"))
    assert not BillRunItem.objects.exists()
    assert runs.start_due(now=at("2026-01-01")) == 0, "it doesn't come back by itself"
    assert preview(desk).items.count() == 3


def test_runs_begin_some_days_ahead_and_go_out_by_themselves_where_that_is_wanted(desk: Desk) -> None:
    three(desk)
    BillingTerms.objects.update(next_bill_on="2026-02-01")
    BillingPolicy.objects.create(brand=desk.brand, issues_by_itself=True)
    assert runs.start_due(now=at("2026-01-28")) == 0
    assert runs.start_due(now=at("2026-01-29")) == 1
    work("2026-01-29")
    runs.work(now=at("2026-01-31"), limit=10)
    assert BillRun.objects.get().state == RunState.PREVIEWED
    runs.work(now=at("2026-02-01", 7), limit=10)
    work("2026-02-01")
    assert Invoice.objects.count() == 3
    assert {one.due_on - one.issued_on for one in Invoice.objects.all()} == {timedelta(days=7)}


def test_who_is_paused_is_not_billed(desk: Desk) -> None:
    one, *_ = three(desk)
    BillingTerms.objects.filter(pk=one.pk).update(is_paused=True)
    assert preview(desk).items.count() == 2


def test_who_becomes_due_after_the_preview_is_in_the_run_all_the_same(desk: Desk) -> None:
    three(desk)
    run = preview(desk)
    late = desk.customer("Late")
    desk.line(late, desk.package(10000))
    runs.release(run_id=run.pk, actor=ACTOR, now=at("2026-01-01"))
    run.refresh_from_db()
    assert run.state == RunState.PREVIEWING, "he is previewed first, and then it goes by itself"
    while run.state != RunState.ISSUED:
        runs.work(now=at("2026-01-01"), limit=2)
        run.refresh_from_db()
    assert (run.issued_by, Invoice.objects.filter(run=run).count()) == (ACTOR, 4)


def test_the_worker_takes_newcomers_into_a_preview(desk: Desk) -> None:
    three(desk)
    run = preview(desk)
    desk.line(desk.customer("Late"), desk.package(10000))
    runs.start_due(now=at("2026-01-01"))
    work("2026-01-01")
    run.refresh_from_db()
    assert (run.state, progress(run.pk).states) == (RunState.PREVIEWED, {"previewed": 4})


def test_a_day_that_is_far_ahead_is_no_billing_day_yet(desk: Desk) -> None:
    desk.line(desk.customer(), desk.package(59900))
    with pytest.raises(Refused, match="far ahead"):
        runs.start(brand_id=desk.brand.pk, billing_day=date(2030, 1, 1), actor=ACTOR, now=at("2026-01-15"))
