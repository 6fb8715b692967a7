"""One bill run, from its preview to its invoices (S9)."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.actions import run as actions
from capstan.billing.models import BillRun, BillRunItem
from capstan.billing.queries.runs import Progress, progress
from capstan.billing.rules.words import ItemState, RunState
from capstan.console.invoices_shown import invoice_url, money_url
from capstan.console.people import name_of
from capstan.console.views.billing.found import billing_crumbs, not_allowed, run_or_404
from capstan.console.views.billing.runs import run_badge, run_url
from capstan.identity.rules import Permission
from capstan.operator.words import count
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.values import clock
from capstan.values.refused import Refused

_ITEMS, _FIRST = 50, 25
_ITEM_LOOKS = {
    ItemState.WAITING: ("Waits", Tone.QUIET, "clock"),
    ItemState.PREVIEWED: ("Previewed", Tone.NEWS, "eye"),
    ItemState.ISSUED: ("Issued", Tone.GOOD, "circle-check"),
    ItemState.NOTHING: ("Nothing to bill", Tone.QUIET, "circle-dashed"),
    ItemState.FAILED: ("Failed", Tone.BAD, "alert-triangle"),
    ItemState.LEFT_OUT: ("Left out", Tone.HOLD, "player-pause"),
}
_UNDER_WAY = (RunState.PREVIEWING, RunState.ISSUING)


def _issue(run: BillRun, customer_id: int, actor: str, now: datetime) -> str:
    actions.release(run_id=run.pk, actor=actor, now=now)
    return "The invoices are being issued: this page says how far it is."


def _again(run: BillRun, customer_id: int, actor: str, now: datetime) -> str:
    actions.preview_again(run_id=run.pk, actor=actor, now=now)
    return "The preview is worked out anew."


def _drop(run: BillRun, customer_id: int, actor: str, now: datetime) -> str:
    actions.drop(run_id=run.pk, actor=actor, now=now)
    return f"The preview of {settings.FORMATS.day(run.billing_day)} is dropped; nobody was billed by it."


def _leave(run: BillRun, customer_id: int, actor: str, now: datetime, *, left_out: bool = True) -> str:
    if not run.items.filter(customer_id=customer_id).exists():
        raise Http404("That customer isn't in this run.")
    actions.leave_out(run_id=run.pk, customer_id=customer_id, left_out=left_out, actor=actor, now=now)
    return (
        "Left out: due again with the next run."
        if left_out
        else "Taken in again: the preview is being worked out."
    )


def _take_in(run: BillRun, customer_id: int, actor: str, now: datetime) -> str:
    return _leave(run, customer_id, actor, now, left_out=False)


_DEEDS: dict[str, Callable[[BillRun, int, str, datetime], str]] = {
    "issue": _issue,
    "again": _again,
    "drop": _drop,
    "leave-out": _leave,
    "take-in": _take_in,
}
_FILTERS: dict[str, tuple[str, ItemState | None]] = {
    "": ("All", None),
    "previewed": ("Previewed", ItemState.PREVIEWED),
    "issued": ("Issued", ItemState.ISSUED),
    "nothing": ("Nothing to bill", ItemState.NOTHING),
    "failed": ("Failed", ItemState.FAILED),
    "left-out": ("Left out", ItemState.LEFT_OUT),
}


@require_GET
@staff_required()
def show(request: StaffRequest, run_id: int) -> HttpResponse:
    return _page(request, run_or_404(run_id))


@require_GET
@staff_required()
def now(request: StaffRequest, run_id: int) -> HttpResponse:
    """How far it is, alone: renewed while a worker is at it."""
    return render(request, "console/billing/run_now.html", _now_context(run_or_404(run_id)))


@require_POST
@staff_required()
def act(request: StaffRequest, run_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with why it can't be done."""
    run, todo = run_or_404(run_id), _DEEDS.get(deed)
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to a bill run.")
    if answer := not_allowed(request, Permission.RUN_BILLING):
        return answer
    raw = request.POST.get("customer", "")
    customer_id = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0
    try:
        messages.success(request, todo(run, customer_id, request.actor.key, clock.now()))
    except Refused as refusal:
        return _page(request, run_or_404(run_id), str(refusal))
    return redirect(reverse("console:runs") if deed == "drop" else run_url(run_id))


def _page(request: StaffRequest, run: BillRun, refusal: str = "") -> HttpResponse:
    chosen = request.GET.get("show", "")
    chosen = chosen if chosen in _FILTERS else ""
    raw = request.GET.get("after", "")
    after = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0
    state = _FILTERS[chosen][1]
    items = run.items.select_related("customer", "invoice").order_by("pk")
    wanted = items.filter(state=state) if state else items
    rows = list(wanted.filter(pk__gt=after)[: _ITEMS + 1])
    failed = list(items.filter(state=ItemState.FAILED)[:_FIRST])
    remarked = list(items.exclude(remarks=[]).exclude(state=ItemState.FAILED)[: _FIRST + 1])
    may = request.actor.may(Permission.RUN_BILLING)
    is_here = run.state == RunState.PREVIEWED
    context = {
        **_now_context(run), "refusal": refusal, "may": may, "can_issue": may and is_here,
        "can_drop": may and run.state in (RunState.PREVIEWED, RunState.PREVIEWING),
        "failed": [_item(one) for one in failed], "remarked": [_item(one) for one in remarked[:_FIRST]],
        "is_cut": len(remarked) > _FIRST, "first": _FIRST,
        "items": [_item(one) for one in rows[:_ITEMS]], "can_leave": may and is_here,
        "filters": [(words, f"?show={key}#list" if key else f"{run_url(run.pk)}#list", key == chosen)
                    for key, (words, _) in _FILTERS.items()],
        "further_url": f"?show={chosen}&after={rows[_ITEMS - 1].pk}#list" if len(rows) > _ITEMS else "",
        "crumbs": billing_crumbs(
            ("Bill runs", reverse("console:runs")), (settings.FORMATS.day(run.billing_day), None)
        ),
    }  # fmt: skip
    return render(request, "console/billing/run.html", context)


class Item(NamedTuple):
    """A customer of a run, as the page shows him."""

    item: BillRunItem
    url: str
    badge: SafeString
    amount: str
    last: str
    asked: str
    remarks: str
    is_left_out: bool
    can_change: bool
    invoice_url: str


def _item(item: BillRunItem) -> Item:
    formats = settings.FORMATS
    amount = item.preview_minor if item.issued_minor is None else item.issued_minor
    state = ItemState(item.state)
    return Item(
        item, money_url(item.customer_id), badge(*_ITEM_LOOKS[state]),
        formats.money(amount) if amount is not None else "–",
        f"last time {formats.money(item.last_minor)}" if item.last_minor is not None else "",
        f"asked for ahead: {formats.money(item.asked_minor)}" if item.asked_minor else "",
        " · ".join(item.remarks), state == ItemState.LEFT_OUT,
        state in (ItemState.PREVIEWED, ItemState.FAILED, ItemState.LEFT_OUT),
        invoice_url(item.invoice_id) if item.invoice_id else "",
    )  # fmt: skip


def _now_context(run: BillRun) -> dict[str, object]:
    far = progress(run.pk)
    total = sum(far.states.values())
    open_state = ItemState.WAITING if run.state == RunState.PREVIEWING else ItemState.PREVIEWED
    done = total - far.states.get(open_state, 0)
    figure, words = _answer(run, far, done, total)
    return {
        "run": run, "badge": run_badge(run), "figure": figure, "words": words, "note": _note(run, far),
        "is_over": run.state not in _UNDER_WAY, "version": f"{run.state}-{total}", "done": done, "total": total,
        "states": [(badge(*_ITEM_LOOKS[state]), f"{far.states[state]:,}".replace(",", "\N{NO-BREAK SPACE}"))
                   for state in ItemState if state in far.states],
        "facts": _facts(run, far),
    }  # fmt: skip


def _answer(run: BillRun, far: Progress, done: int, total: int) -> tuple[str, str]:
    money, gap = settings.FORMATS.money, "\N{NO-BREAK SPACE}"
    of = f"{done:,} of {total:,}".replace(",", gap)
    if run.state == RunState.PREVIEWING:
        return of, "customers are previewed"
    if run.state == RunState.ISSUING:
        return of, "customers are billed"
    if run.state == RunState.ISSUED:
        ahead = f", and {money(far.asked_minor)} asked for ahead" if far.asked_minor else ""
        return money(far.issued_minor), f"was billed{ahead}"
    if run.state == RunState.DROPPED:
        return money(0), "was billed: the preview was dropped"
    ahead = f", and {money(far.asked_minor)} to ask for ahead" if far.asked_minor else ""
    return money(
        far.preview_minor
    ), f"to bill to {count(total - far.states.get(ItemState.LEFT_OUT, 0), 'customer')}{ahead}"


def _note(run: BillRun, far: Progress) -> str:
    """What happens next."""
    formats, day = settings.FORMATS, settings.FORMATS.day(run.billing_day)
    if run.state == RunState.PREVIEWING:
        return "Nobody is billed by a preview. This page follows it."
    if run.state == RunState.ISSUING:
        return "It goes on by itself, also when this page is closed."
    if run.state == RunState.ISSUED:
        failed = far.states.get(ItemState.FAILED, 0)
        left = (
            f" {count(failed, 'customer')} failed and will be due again with the next run." if failed else ""
        )
        return f"Issued {formats.moment(run.issued_at) if run.issued_at else ''}.{left}"
    if run.state == RunState.DROPPED:
        return f"Nobody was billed by it, and it doesn't come back by itself. Preview {day} again from the list of runs."
    if run.issue_from is not None:
        return f"Its invoices are issued by themselves from {formats.moment(run.issue_from)} on, unless you drop it."
    return f"Nothing happens until somebody issues it, on {day} or later."


def _facts(run: BillRun, far: Progress) -> list[tuple[str, object]]:
    money = settings.FORMATS.money
    amount = far.issued_minor if run.state == RunState.ISSUED else far.preview_minor
    change = amount - far.last_minor
    facts: list[tuple[str, object]] = [
        ("Brand", run.brand.name),
        ("Billing day", settings.FORMATS.day(run.billing_day)),
        ("Amount incl. VAT", money(amount)),
        ("The runs before", money(far.last_minor)),
        (
            "Difference",
            f"{'+' if change > 0 else '−' if change < 0 else ''}{money(abs(change))}{_percent(change, far.last_minor)}",
        ),
        ("Asked for ahead, apart from that", money(far.asked_minor) if far.asked_minor else ""),
        ("With remarks", str(far.remarked)),
        ("Begun by", name_of(run.made_by)),
        ("Issued by", name_of(run.issued_by) if run.issued_by else ""),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _percent(change: int, last: int) -> str:
    return f" ({change * 100 // last:+d} %)".replace("-", "−") if last > 0 else ""
