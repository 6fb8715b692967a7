"""Lines of bank statements, statements and learnt rules, for the pages that work them off."""

from typing import NamedTuple

from django.db.models import Count, Q, Sum

from capstan.ledger.models import Account
from capstan.ledger.queries import balances
from capstan.ledger.rules import Code, Name
from capstan.payments.models import BankImport, BankLine, Gateway, MatchRule
from capstan.payments.rules.accounts import DEPOSITS
from capstan.payments.rules.words import BankLineState


class Queue(NamedTuple):
    """What waits: how many lines, what came in by them, and the first of them."""

    number: int
    amount_minor: int
    lines: list[BankLine]


def unmatched(*, limit: int) -> Queue:
    """Lines that nobody knows whose they are, the oldest first."""
    found = BankLine.objects.filter(state=BankLineState.UNMATCHED)
    money_in = Sum("amount_minor", filter=Q(amount_minor__gt=0), default=0)
    sums = found.aggregate(number=Count("pk"), amount=money_in)
    rows = found.select_related("source", "suggested").order_by("booked_on", "pk")
    return Queue(sums["number"], sums["amount"], list(rows[:limit]))


class Place(NamedTuple):
    """Where money may have been before it reached the bank, and what the books have there, in minor units."""

    account: Name
    balance_minor: int


def places() -> list[Place]:
    """Gateways that pay out, tills' deposits, and whatever else collects money for us."""
    booked = Account.objects.filter(code=Code.CLEARING).values_list("subject", flat=True)
    names = {Name(Code.CLEARING, subject) for subject in booked}
    names |= {DEPOSITS, *(Name(Code.CLEARING, one.name) for one in Gateway.objects.filter(active=True))}
    known = balances(sorted(names))
    return [Place(name, known.get(name, 0)) for name in sorted(names)]


def lines(
    *, source_id: int | None, state: BankLineState | None, before: int | None, limit: int
) -> list[BankLine]:
    """Lines that were read in, the last first; `before`: older than this one."""
    found = BankLine.objects.select_related("source", "payment__customer", "took_back__customer")
    if source_id is not None:
        found = found.filter(source_id=source_id)
    if state is not None:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[:limit])


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
