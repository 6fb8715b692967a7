"""How mandates, batches of debit orders and their results look in lists and on their pages."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString

from capstan.console.payments_shown import day, money, payment_url, who_did
from capstan.payments.models import DebitBatch, DebitItem, DebitResults, Mandate
from capstan.payments.queries.debit_orders import Sums
from capstan.payments.rules.debit_orders.due import day_words
from capstan.payments.rules.debit_orders.mandates import masked
from capstan.payments.rules.words import BatchState, DebitState, MandateState
from capstan.ui.parts import badge, moment
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table

_MANDATES = {
    MandateState.DRAFTED: (Tone.QUIET, "pencil"),
    MandateState.WAITING: (Tone.NEWS, "clock"),
    MandateState.ACTIVE: (Tone.GOOD, "circle-check"),
    MandateState.SUSPENDED: (Tone.BAD, "player-pause"),
    MandateState.CANCELLED: (Tone.QUIET, "circle-x"),
    MandateState.REPLACED: (Tone.QUIET, "copy"),
}
_BATCHES = {
    BatchState.PROPOSED: (Tone.NEWS, "eye"),
    BatchState.MADE: (Tone.SLOW, "clock"),
    BatchState.SUBMITTED: (Tone.SLOW, "arrow-right"),
    BatchState.BOOKED: (Tone.GOOD, "circle-check"),
    BatchState.DROPPED: (Tone.QUIET, "trash"),
}
_DEBITS = {
    DebitState.PROPOSED: (Tone.NEWS, "eye"),
    DebitState.LEFT_OUT: (Tone.HOLD, "player-pause"),
    DebitState.SENT: (Tone.SLOW, "arrow-right"),
    DebitState.BOOKED: (Tone.GOOD, "check"),
    DebitState.PAID: (Tone.GOOD, "circle-check"),
    DebitState.UNPAID: (Tone.BAD, "arrow-back-up"),
    DebitState.DROPPED: (Tone.QUIET, "trash"),
}


def mandate_badge(mandate: Mandate) -> SafeString:
    return badge(MandateState(mandate.state).capitalize(), *_MANDATES[MandateState(mandate.state)])


def batch_badge(batch: DebitBatch) -> SafeString:
    return badge(BatchState(batch.state).capitalize(), *_BATCHES[BatchState(batch.state)])


def debit_badge(item: DebitItem) -> SafeString:
    return badge(DebitState(item.state).capitalize(), *_DEBITS[DebitState(item.state)])


def batch_url(batch_id: int) -> str:
    return reverse("console:debit_batch", args=[batch_id])


def mandate_url(customer_id: int) -> str:
    return reverse("console:mandate", args=[customer_id])


def account_words(mandate: Mandate) -> str:
    """The account as pages show it: the last digits only."""
    return f"{mandate.bank_name} {masked(mandate.account_number)}"


def batches_table(batches: Sequence[DebitBatch], sums: Mapping[int, Sums]) -> Table:
    columns = (
        Column("Action date", Place.LEAD),
        Column("Batch", Place.NOTE),
        Column("Brand"),
        Column("Debit orders", is_number=True),
        Column("Amount", Place.AMOUNT, is_number=True),
        Column("Came back", is_number=True),
        Column("State", Place.STATE),
    )
    rows = tuple(
        Row(
            (
                day(one.action_date), f"Batch {one.pk}", one.brand.name, str(sums[one.pk].debited),
                money(sums[one.pk].debited_minor), str(sums[one.pk].returned), batch_badge(one),
            ),
            batch_url(one.pk),
        )
        for one in batches
    )  # fmt: skip
    nothing = Empty("No batch yet", "Propose one for the day on which the accounts are to be debited.")
    return Table("Batches, the last first", columns, rows, nothing)


def results_table(results: Sequence[DebitResults]) -> Table:
    names = who_did(one.actor for one in results)
    columns = (
        Column("File", Place.LEAD),
        Column("Read in", Place.NOTE),
        Column("By"),
        Column("Paid", is_number=True),
        Column("Came back", Place.AMOUNT, is_number=True),
        Column("Known", is_number=True),
        Column("State", Place.STATE),
    )
    rows = tuple(
        Row(
            (
                one.file_name, moment(one.made_at), names[one.actor], str(one.paid), str(one.returned), str(one.known),
                _results_badge(one),
            )
        )
        for one in results
    )  # fmt: skip
    nothing = Empty("No results yet", "Download Netcash's statement some days after a batch, and read it in.")
    return Table("Files of results, the last first", columns, rows, nothing)


def _results_badge(one: DebitResults) -> SafeString:
    if one.ended_at is None:
        return badge("Broke off: read it in again", Tone.WARN, "alert-triangle")
    if one.problems and not one.looked_after_by:
        return badge(f"{len(one.problems)} for a person", Tone.WARN, "hand-stop")
    return badge("Looked after" if one.problems else "Done", Tone.GOOD, "check")


def mandates_table(mandates: Sequence[Mandate]) -> Table:
    columns = (
        Column("Customer", Place.LEAD),
        Column("Account", Place.NOTE),
        Column("Reference"),
        Column("Day"),
        Column("At most", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE),
    )
    rows = tuple(
        Row(
            (
                one.customer.name, account_words(one), one.reference, day_words(one.action_day),
                money(one.max_minor) if one.max_minor else "", mandate_badge(one),
            ),
            mandate_url(one.customer_id),
        )
        for one in mandates
    )  # fmt: skip
    nothing = Empty("No mandates", "A mandate is entered on a customer's money page, at Debit order.")
    return Table("Mandates, the last entered first", columns, rows, nothing)


def debits_table(items: Sequence[DebitItem]) -> Table:
    """The debit orders of one customer."""
    columns = (
        Column("Action date", Place.LEAD),
        Column("What", Place.NOTE),
        Column("Amount", Place.AMOUNT, is_number=True),
        Column("State", Place.STATE),
    )
    rows = tuple(
        Row(
            (
                day(one.batch.action_date), item_words(one) or f"Batch {one.batch_id}",
                money(one.amount_minor) if one.amount_minor else "", debit_badge(one),
            ),
            payment_url(one.payment_id) if one.payment_id else "",
        )
        for one in items
    )  # fmt: skip
    nothing = Empty("No debit order yet", "The next batch takes up what is due, once a mandate is active.")
    return Table("Debit orders, the last first", columns, rows, nothing)


def item_words(item: DebitItem) -> str:
    """What there is to say of a debit order besides its state."""
    if item.returned_on is None:
        return item.why[:1].upper() + item.why[1:]
    code = f" ({item.return_code})" if item.return_code else ""
    again = f" Tried again from {day(item.again_on)} on." if item.again_on else ""
    return f"{day(item.returned_on)}: {item.return_reason}{code}{again}"


def mandate_facts(mandate: Mandate) -> list[tuple[str, object]]:
    """What a mandate says, its account masked, and who did what about it."""
    formats = settings.FORMATS
    names = who_did(one for one in (mandate.entered_by, mandate.approved_by, mandate.ended_by) if one)

    def who(actor: str) -> str:
        return names.get(actor, actor)

    facts: list[tuple[str, object]] = [
        ("State", mandate_badge(mandate)),
        ("Reference", mandate.reference),
        ("Account holder", mandate.holder),
        ("Account", f"{account_words(mandate)}, {mandate.account_type}"),
        ("Branch code", mandate.branch_code),
        ("Debited on", f"{day_words(mandate.action_day)} of the month"),
        ("At most", money(mandate.max_minor) if mandate.max_minor else "what is owed"),
        ("Entered", f"by {who(mandate.entered_by)}, {formats.moment(mandate.entered_at)}"),
        ("Form sent", formats.moment(mandate.sent_at) if mandate.sent_at else ""),
        ("Signed", f"by {mandate.signed_by}, {day(mandate.signed_on)}" if mandate.signed_on else ""),
        (
            "Approved",
            f"by {who(mandate.approved_by)}, {formats.moment(mandate.approved_at)}"
            if mandate.approved_at
            else "",
        ),
        (
            str(mandate.state).capitalize(),
            f"by {who(mandate.ended_by)}, {formats.moment(mandate.ended_at)}: {mandate.ended_because}"
            if mandate.ended_at
            else "",
        ),
    ]
    return [(term, fact) for term, fact in facts if fact]
