"""How payments, lines of the bank and books look in lists and on their pages."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString

from capstan.billing.rules.words import RunState
from capstan.console import links
from capstan.console.people import names_of
from capstan.identity.rules import Actor, Permission
from capstan.ledger.queries import Line
from capstan.ledger.rules import Name
from capstan.payments.models import CashUp, Notification, Payment
from capstan.payments.queries.desk import Came, Part
from capstan.payments.queries.documents import METHOD_WORDS
from capstan.payments.rules.words import NotificationState
from capstan.ui.navigation import address
from capstan.ui.parts import badge, link, moment
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table

_PROGRAMS = {
    "bank": "the bank's statement",
    "payments": "a gateway's notification",
    "customer": "the customer",
    "billing": "billing",
    "worker": "Capstan",
    "debit orders": "debit orders",
}
_PAGES: tuple[tuple[str, str, Permission | None], ...] = (
    ("Desk", "billing", None),
    ("Runs", "runs", None),
    ("Invoices", "invoices", None),
    ("Payments", "payments", None),
    ("Debit orders", "debit_orders", Permission.RUN_BILLING),
    ("Bank", "bank", Permission.TAKE_PAYMENTS),
    ("Notifications", "notifications", Permission.TAKE_PAYMENTS),
    ("Rated charges", "rated", Permission.RUN_BILLING),
    ("Cash", "cash", Permission.TAKE_PAYMENTS),
    ("Ledger", "ledger", Permission.SEE_BOOKS),
    ("Prices", "prices", None),
    ("Taxes", "taxes", None),
)


def tabs(here: str, actor: Actor) -> list[tuple[str, str, bool]]:
    """The pages of billing that there are and that he may open: label, address, whether it is this one."""
    return [
        (label, url, name == here)
        for label, name, needed in _PAGES
        if (url := address(f"console:{name}")) and (needed is None or actor.may(needed))
    ]


def who_did(actors: Iterable[str]) -> dict[str, str]:
    """The name behind each key that the books keep."""
    return {key: _PROGRAMS.get(key, name) for key, name in names_of(actors).items()}


def money(amount_minor: int) -> str:
    return str(settings.FORMATS.money(amount_minor))


def day(on: date) -> str:
    return str(settings.FORMATS.day(on))


# --- payments -----------------------------------------------------------------------------------------------

PAYMENT_COLUMNS = (
    Column("Customer", Place.LEAD),
    Column("Receipt"),
    Column("Received", Place.NOTE),
    Column("Paid by"),
    Column("Reference"),
    Column("Amount", Place.AMOUNT, is_number=True),
    Column("State", Place.STATE),
)


def payment_url(payment_id: int) -> str:
    return reverse("console:payment", args=[payment_id])


def payment_badge(payment: Payment) -> SafeString:
    """What has become of it, in word, colour and shape; its credit must have been read with it."""
    if payment.reversed_at is not None:
        return badge("Reversed", Tone.BAD, "arrow-back-up")
    if payment.credit.left_minor and payment.credit.kept_for:
        return badge("Kept", Tone.NEWS, "clock")
    if payment.credit.left_minor:
        return badge("Not used up", Tone.SLOW, "coin")
    if payment.refunded_minor:
        return badge(
            "Part refunded" if payment.refunded_minor < payment.amount_minor else "Refunded",
            Tone.QUIET,
            "arrow-left",
        )
    return badge("Used", Tone.GOOD, "check")


def payment_row(payment: Payment) -> Row:
    words = payment.reference if len(payment.reference) <= 40 else f"{payment.reference[:39]}…"
    cells = (
        payment.customer.name, payment.receipt_number, day(payment.received_on), METHOD_WORDS[payment.method], words,
        money(payment.amount_minor), payment_badge(payment),
    )  # fmt: skip
    return Row(cells, payment_url(payment.pk))


def payment_facts(payment: Payment, came: Came) -> list[tuple[str, object]]:
    """What came in, when, by whom it was booked, and where it came from."""
    customer = payment.customer
    facts: list[tuple[str, object]] = [
        ("State", payment_badge(payment)),
        ("Customer", link(f"{customer.account_code} {customer.name}", links.customer(customer.account_code))),
        ("Received on", day(payment.received_on)),
        ("Paid by", METHOD_WORDS[payment.method]),
        ("Reference", payment.reference),
        ("Receipt", payment.receipt_number),
        ("Into", payment.paid_into),
        (
            "Booked",
            f"by {who_did([payment.actor])[payment.actor]}, {settings.FORMATS.moment(payment.made_at)}",
        ),
        ("Came from", _came_words(payment, came)),
        ("Kept for", _kept_link(payment.credit.kept_for)),
        ("Given back", money(payment.refunded_minor) if payment.refunded_minor else ""),
        ("Reversed", _reversed_words(payment)),
    ]
    return [(term, fact) for term, fact in facts if fact]


def _came_words(payment: Payment, came: Came) -> object:
    if came.bank_line is not None:
        line = came.bank_line
        return (
            f"a line of {line.source.account}, {day(line.booked_on)}, in {line.source.file_name}: {line.why}"
        )
    if came.notification is not None:
        told = came.notification
        words = f"{told.gateway.name}, {settings.FORMATS.moment(told.received_at)}"
        return link(words, reverse("console:notification", args=[told.pk]))
    return f"the gateway {payment.gateway.name}" if payment.gateway else ""


def _kept_link(kept_for: str) -> object:
    kind, _, key = kept_for.partition(":")
    return link(f"Top-up {key}", links.order(int(key))) if kind == "order" and key.isdigit() else kept_for


def _reversed_words(payment: Payment) -> str:
    if payment.reversed_at is None:
        return ""
    return f"{settings.FORMATS.moment(payment.reversed_at)}: {payment.reversed_because}"


def parts_table(parts: Sequence[Part], *, is_reversed: bool) -> Table:
    """The invoices that a payment pays."""
    columns = (
        Column("Invoice", Place.LEAD),
        Column("Due", Place.NOTE),
        Column("Total", is_number=True),
        Column("Paid with it", Place.AMOUNT, is_number=True),
    )
    rows = tuple(
        Row(
            (
                one.invoice.number,
                day(one.invoice.due_on),
                money(one.invoice.total_minor),
                money(one.amount_minor),
            ),
            address("console:invoice", one.invoice.pk),
        )
        for one in parts
    )
    left = "What is left is the customer's credit: the next invoice takes it up."
    nothing = Empty("It pays no invoice", "It was reversed: nothing of it is left." if is_reversed else left)
    return Table("Invoices that it pays", columns, rows, nothing)


# --- gateways' notifications --------------------------------------------------------------------------------

_STATES = {
    NotificationState.WAITING: (Tone.SLOW, "clock"),
    NotificationState.APPLIED: (Tone.GOOD, "circle-check"),
    NotificationState.REPEATED: (Tone.QUIET, "copy"),
    NotificationState.REFUSED: (Tone.BAD, "ban"),
    NotificationState.UNKNOWN: (Tone.WARN, "user-question"),
}
NOTIFICATION_COLUMNS = (
    Column("What it said", Place.LEAD),
    Column("Came", Place.NOTE),
    Column("Gateway"),
    Column("Customer"),
    Column("Amount", Place.AMOUNT, is_number=True),
    Column("State", Place.STATE),
)


def notification_badge(told: Notification) -> SafeString:
    state = NotificationState(told.state)
    if state == NotificationState.UNKNOWN and told.payment_id:
        return badge("Assigned", Tone.GOOD, "user-check")
    if state == NotificationState.REFUSED and told.looked_after_by:
        return badge("Looked after", Tone.QUIET, "check")
    word = "Unknown" if state == NotificationState.UNKNOWN else state.value.capitalize()
    return badge(word, *_STATES[state])


def notification_row(told: Notification) -> Row:
    payer = told.payment or told.checkout
    amount = money(told.amount_minor) if told.amount_minor is not None else ""
    cells = (
        told.why or "Not looked at yet", moment(told.received_at), told.gateway.name, payer.customer.name if payer else "",
        amount, notification_badge(told),
    )  # fmt: skip
    return Row(cells, reverse("console:notification", args=[told.pk]))


# --- tills, runs ----------------------------------------------------------------------------------------------

CASH_UP_COLUMNS = (
    Column("Till of", Place.LEAD),
    Column("Day", Place.NOTE),
    Column("Should be", is_number=True),
    Column("Counted", Place.AMOUNT, is_number=True),
    Column("To the bank", is_number=True),
    Column("Difference", Place.STATE, is_number=True),
    Column("Remark"),
)


def cash_up_rows(made: Sequence[CashUp]) -> tuple[Row, ...]:
    """Each leads to its PDF."""
    names = who_did(one.actor for one in made)
    return tuple(
        Row(
            (
                names[one.actor], day(one.day), money(one.expected_minor), money(one.counted_minor),
                money(one.banked_minor), _difference(one.counted_minor - one.expected_minor), one.remark,
            ),
            reverse("console:cash_up_pdf", args=[one.pk]),
        )
        for one in made
    )  # fmt: skip


def _difference(minor: int) -> object:
    if not minor:
        return badge("Exact", Tone.GOOD, "check")
    return badge(f"{money(abs(minor))} {'over' if minor > 0 else 'short'}", Tone.WARN, "alert-triangle")


RUN_WORDS = {
    RunState.PREVIEWING: "the preview is being made",
    RunState.PREVIEWED: "the preview is ready to be looked at",
    RunState.ISSUING: "invoices are being issued",
    RunState.ISSUED: "issued",
    RunState.DROPPED: "dropped",
}


# --- books ------------------------------------------------------------------------------------------------------


class Source(NamedTuple):
    """What a journal was made for, and its page if it has one."""

    words: str
    url: str


def source_of(source: str) -> Source:
    kind, _, key = source.partition(":")
    page = {"invoice": "console:invoice", "payment": "console:payment"}.get(kind)
    return Source(source, address(page, int(key)) if page and key.isdigit() else "")


def account_url(name: Name, first: date | None = None, last: date | None = None) -> str:
    """The entries of an account."""
    days = {"first": first.isoformat(), "last": last.isoformat()} if first and last else {}
    return reverse("console:account", query={"code": str(name.code), "subject": name.subject, **days})


LINE_COLUMNS = (
    Column("What", Place.LEAD),
    Column("Day", Place.NOTE),
    Column("Other account"),
    Column("Debit +, credit −", Place.AMOUNT, is_number=True),
    Column("Balance", Place.STATE, is_number=True),
)


def line_rows(lines: Sequence[Line], of: Name, balance_minor: int) -> tuple[Row, ...]:
    """Entries of an account with the balance after each; before the first it is `balance_minor`."""
    rows = []
    for one in lines:
        moved, other = (one.amount_minor, one.credit) if one.debit == of else (-one.amount_minor, one.debit)
        balance_minor += moved
        cells = (one.description, day(one.occurred_on), str(other), money(moved), money(balance_minor))
        rows.append(Row(cells, reverse("console:journal", args=[one.journal_id])))
    return tuple(rows)
