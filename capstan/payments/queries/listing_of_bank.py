"""Lines of bank statements, statements and learnt rules, for the pages that work them off."""

from typing import NamedTuple

from django.db.models import Count, Sum

from capstan.payments.models import BankImport, BankLine, MatchRule
from capstan.payments.rules.words import BankLineState


class Queue(NamedTuple):
    """What waits: how many lines, what they come to, and the first of them."""

    number: int
    amount_minor: int
    lines: list[BankLine]


def unmatched(*, limit: int) -> Queue:
    """Lines that nobody knows whose they are, the oldest first."""
    found = BankLine.objects.filter(state=BankLineState.UNMATCHED)
    sums = found.aggregate(number=Count("pk"), amount=Sum("amount_minor", default=0))
    rows = found.select_related("source", "suggested").order_by("booked_on", "pk")
    return Queue(sums["number"], sums["amount"], list(rows[:limit]))


class Statement(NamedTuple):
    """A statement that was read in, and what has become of its lines by now."""

    source: BankImport
    states: dict[str, int]


def statements(*, limit: int) -> list[Statement]:
    """Statements that were read in, the last first."""
    sources = list(BankImport.objects.order_by("-pk")[:limit])
    rows = BankLine.objects.filter(source__in=sources).values_list("source_id", "state")
    states: dict[int, dict[str, int]] = {one.pk: {} for one in sources}
    for source_id, state, number in rows.annotate(number=Count("pk")).order_by():
        states[source_id][state] = number
    return [Statement(one, states[one.pk]) for one in sources]


def accounts() -> list[str]:
    """The bank accounts that statements were of before."""
    return list(BankImport.objects.order_by("account").values_list("account", flat=True).distinct())


def last_account() -> str:
    """The one of the last statement; empty before the first."""
    return BankImport.objects.order_by("-pk").values_list("account", flat=True).first() or ""


def rules() -> list[MatchRule]:
    """The words that mean a customer and still hold, the last learnt first."""
    return list(MatchRule.objects.filter(ended_at=None).select_related("customer").order_by("-pk"))
