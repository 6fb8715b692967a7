"""Cash over the counter: a receipt for each, and a till that is counted at the end of the day."""

from datetime import date, datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.db.locks import hold
from capstan.ledger.actions import post
from capstan.ledger.queries import balance
from capstan.ledger.rules import Code, JournalDraft, Name, entry
from capstan.payments.actions.take import till
from capstan.payments.models import CashUp
from capstan.payments.rules.accounts import DEPOSITS
from capstan.values.refused import Refused

DIFFERENCE = Name(Code.CASH_DIFFERENCE)


def expected(actor: str) -> int:
    """What should be in this person's till, in minor units."""
    return balance(till(actor))


def cash_up(
    *, counted_minor: int, banked_minor: int, remark: str, actor: str, now: datetime, day: date | None = None
) -> CashUp:
    """Count a till: a difference is booked, what goes to the bank leaves it, the rest stays as change. What goes to the bank is
    there when its line comes.

    Raises Refused for a second count of one day, for more to the bank than there is, and for a difference without a remark.
    """
    day = day or settings.FORMATS.local(now).date()
    if counted_minor < 0 or not 0 <= banked_minor <= counted_minor:
        raise Refused("Count what is in the till, and take no more than that to the bank.")
    with transaction.atomic():
        hold([str(till(actor))])  # nobody books a receipt into it meanwhile
        if CashUp.objects.filter(actor=actor, day=day).exists():
            raise Refused("This till was counted today already.")
        should = expected(actor)
        if counted_minor != should and not remark.strip():
            raise Refused(
                f"The till should hold {settings.FORMATS.money(should)}: count again, or say in the remark why not."
            )
        made = CashUp.objects.create(
            actor=actor, day=day, expected_minor=should, counted_minor=counted_minor, remark=remark.strip(),
            banked_minor=banked_minor, made_at=now,
        )  # fmt: skip
        _book(made, now)
        record(
            actor=actor, action="cash.up", subject=f"cashup:{made.pk}", reason=remark.strip(), now=now,
            details={"expected_minor": should, "counted_minor": counted_minor, "banked_minor": banked_minor},
        )  # fmt: skip
    return made


def _book(made: CashUp, now: datetime) -> None:
    own = till(made.actor)
    missing = made.expected_minor - made.counted_minor
    entries = (*entry(DIFFERENCE, own, missing), *entry(DEPOSITS, own, made.banked_minor))
    if entries:
        text = f"Cash-up of {made.actor}, {made.day}"
        post([JournalDraft(f"cashup:{made.pk}", "counted", made.day, text, made.actor, entries)], now=now)
