"""Posting journals: the only way money moves."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from capstan.ledger.models import Account, Entry, Journal
from capstan.ledger.rules import SIDES, JournalDraft, Name, check


def post(drafts: Sequence[JournalDraft], *, now: datetime) -> list[Journal]:
    """Post journals within the caller's transaction, all or none.

    Raises ValueError for a journal that says nothing, and IntegrityError when a source has one of this kind already:
    whoever may repeat a deed looks before.
    """
    assert connection.in_atomic_block, "money moves together with what it is for"
    for draft in drafts:
        check(draft)
    accounts = account_ids(
        name for draft in drafts for one in draft.entries for name in (one.debit, one.credit)
    )
    journals = Journal.objects.bulk_create(
        Journal(
            source=draft.source, kind=draft.kind, occurred_on=draft.occurred_on, description=draft.description,
            actor=draft.actor, made_at=now,
        )
        for draft in drafts
    )  # fmt: skip
    Entry.objects.bulk_create(
        Entry(
            journal=journal, debit_id=accounts[one.debit], credit_id=accounts[one.credit],
            amount_minor=one.amount_minor,
        )
        for draft, journal in zip(drafts, journals, strict=True)
        for one in draft.entries
    )  # fmt: skip
    return journals


def account_ids(names: Iterable[Name]) -> dict[Name, int]:
    """The accounts' ids; an account that doesn't exist yet is opened."""
    wanted = sorted(set(names))  # in one order, or two that open the same ones would wait for each other
    known = _known(wanted)
    missing = [name for name in wanted if name not in known]
    if missing:
        with transaction.atomic():
            Account.objects.bulk_create(
                [Account(code=name.code, subject=name.subject, side=SIDES[name.code]) for name in missing],
                ignore_conflicts=True,
            )
        known |= _known(missing)
    return known


_FIND = """
    SELECT a.id, w.nr FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w (code, subject, nr)
    JOIN ledger_account a ON a.code = w.code AND a.subject = w.subject
"""


def _known(names: Sequence[Name]) -> dict[Name, int]:
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [[str(name.code) for name in names], [name.subject for name in names]])
        return {names[position - 1]: account_id for account_id, position in cursor.fetchall()}
