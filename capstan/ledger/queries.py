"""Balances, and what an account's entries were."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import NamedTuple

from django.db import connection

from capstan.ledger.models import Account
from capstan.ledger.rules import Balance, Code, Name
from capstan.values.money import minor_digits

_SUMS = """
    SELECT a.code, a.subject, coalesce(d.total, 0), coalesce(c.total, 0) FROM ledger_account a
    LEFT JOIN LATERAL (
        SELECT sum(amount_minor)::bigint AS total FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id
        WHERE e.debit_id = a.id AND j.occurred_on <= %(until)s
    ) d ON true
    LEFT JOIN LATERAL (
        SELECT sum(amount_minor)::bigint AS total FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id
        WHERE e.credit_id = a.id AND j.occurred_on <= %(until)s
    ) c ON true
    WHERE {where}
"""
_ALL = """
    WITH moved AS (
        SELECT debit_id AS account_id, sum(amount_minor) AS debits, 0 AS credits
        FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id
        WHERE j.occurred_on <= %(until)s GROUP BY debit_id
        UNION ALL
        SELECT credit_id, 0, sum(amount_minor)
        FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id
        WHERE j.occurred_on <= %(until)s GROUP BY credit_id
    )
    SELECT a.code, {subject}, sum(debits)::bigint, sum(credits)::bigint
    FROM moved JOIN ledger_account a ON a.id = account_id GROUP BY 1, 2 ORDER BY 1, 2
"""
_PER_PERSON = "CASE WHEN a.code IN ('receivable', 'credit') THEN '' ELSE a.subject END"
_FOR_EVER = date(9999, 12, 31)


def balance(name: Name, *, until: date = _FOR_EVER) -> int:
    """Debits less credits of one account, of the days up to `until`; 0 for one that nothing was posted to."""
    return balances([name], until=until).get(name, 0)


def balances(names: Sequence[Name], *, until: date = _FOR_EVER) -> dict[Name, int]:
    """Debits less credits of these accounts, of the days up to `until`; those never posted to are left out."""
    where = "(a.code, a.subject) IN (SELECT * FROM unnest(%(codes)s::text[], %(subjects)s::text[]))"
    with connection.cursor() as cursor:
        cursor.execute(
            _SUMS.format(where=where),
            {
                "until": until, "codes": [str(name.code) for name in names],
                "subjects": [name.subject for name in names],
            },
        )  # fmt: skip
        return {Name(Code(code), subject): debits - credits for code, subject, debits, credits in cursor}


def trial_balance(*, until: date = _FOR_EVER, by_customer: bool = False) -> list[Balance]:
    """Every account's totals up to and including this day, by code; customers' accounts in one sum unless asked for.

    The debits of all together are their credits (I5).
    """
    subject = "a.subject" if by_customer else _PER_PERSON
    with connection.cursor() as cursor:
        cursor.execute(_ALL.format(subject=subject), {"until": until})
        return [Balance(Code(code), subject, debits, credits) for code, subject, debits, credits in cursor]


class Line(NamedTuple):
    """An entry as an export and a page show it."""

    journal_id: int
    occurred_on: date
    source: str
    kind: str
    description: str
    debit: Name
    credit: Name
    amount_minor: int
    actor: str


_LINES = """
    SELECT j.id, j.occurred_on, j.source, j.kind, j.description, d.code, d.subject, c.code, c.subject, e.amount_minor,
        j.actor, e.id
    FROM ledger_journal j JOIN ledger_entry e ON e.journal_id = j.id
    JOIN ledger_account d ON d.id = e.debit_id JOIN ledger_account c ON c.id = e.credit_id
    WHERE j.occurred_on BETWEEN %(first)s AND %(last)s AND (j.occurred_on, j.id, e.id) > (%(day)s, %(journal)s, %(entry)s)
        {of}
    ORDER BY j.occurred_on, j.id, e.id LIMIT %(limit)s
"""
_TOUCHES = """AND %(account)s IN (e.debit_id, e.credit_id) AND e.id IN (
    SELECT id FROM ledger_entry WHERE debit_id = %(account)s UNION SELECT id FROM ledger_entry WHERE credit_id = %(account)s
)"""
_PAGE = 5_000


def lines(first: date, last: date, *, of: Name | None = None) -> Iterator[Line]:
    """The entries of these days, oldest first, read some thousand at a time; `of`: those that touch this account."""
    account = None
    if of is not None:
        account = (
            Account.objects.filter(code=of.code, subject=of.subject).values_list("id", flat=True).first()
        )
        if account is None:
            return
    # A page is found by its place, not by counting: a long export stays as fast at its end as at its beginning.
    place: dict[str, date | int | None] = {"day": first, "journal": 0, "entry": 0}
    while True:
        page = _page({"first": first, "last": last, "account": account, "limit": _PAGE, **place})
        for line, entry_id in page:
            yield line
            place = {"day": line.occurred_on, "journal": line.journal_id, "entry": entry_id}
        if len(page) < _PAGE:
            return


def _page(values: Mapping[str, date | int | None]) -> list[tuple[Line, int]]:
    touches = _TOUCHES if values["account"] is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(_LINES.format(of=touches), values)
        return [
            (
                Line(
                    journal, day, source, kind, description, Name(Code(debit), debited), Name(Code(credit), credited),
                    amount, actor,
                ),
                entry_id,
            )
            for journal, day, source, kind, description, debit, debited, credit, credited, amount, actor, entry_id
            in cursor.fetchall()
        ]  # fmt: skip


class Movement(NamedTuple):
    """What a journal did to some accounts taken together: debits less credits, in minor units."""

    journal_id: int
    occurred_on: date
    source: str
    kind: str
    description: str
    net_minor: int


_MOVEMENTS = """
    WITH own AS (
        SELECT id FROM ledger_account
        WHERE (code, subject) IN (SELECT * FROM unnest(%(codes)s::text[], %(subjects)s::text[]))
    ), moved AS (
        SELECT journal_id, amount_minor FROM ledger_entry WHERE debit_id IN (SELECT id FROM own)
        UNION ALL
        SELECT journal_id, -amount_minor FROM ledger_entry WHERE credit_id IN (SELECT id FROM own)
    )
    SELECT j.id, j.occurred_on, j.source, j.kind, j.description, sum(m.amount_minor)::bigint
    FROM moved m JOIN ledger_journal j ON j.id = m.journal_id
    WHERE j.occurred_on >= %(first)s AND j.occurred_on < %(end)s
    GROUP BY j.id HAVING sum(m.amount_minor) <> 0 ORDER BY j.occurred_on, j.id
"""


def movements(names: Sequence[Name], first: date, end: date) -> list[Movement]:
    """What moved these accounts together from `first` up to, but not including, `end`; what only went from one of them to
    another is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVEMENTS,
            {
                "codes": [str(name.code) for name in names], "subjects": [name.subject for name in names],
                "first": first, "end": end,
            },
        )  # fmt: skip
        return [Movement(*row) for row in cursor.fetchall()]


_COLUMNS = (
    "date", "journal", "source", "kind", "description", "debit", "credit", "amount", "currency", "actor",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_csv(first: date, last: date, currency: str) -> Iterator[str]:
    """The entries of these days as lines of CSV for a bookkeeper's program or a spreadsheet, the names of the columns first.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    digits = minor_digits(currency)
    yield _csv_line(_COLUMNS)
    for one in lines(first, last):
        amount = f"{Decimal(one.amount_minor).scaleb(-digits):.{digits}f}"
        yield _csv_line(
            (
                one.occurred_on.isoformat(), str(one.journal_id), _guarded(one.source), _guarded(one.kind),
                _guarded(one.description), _guarded(str(one.debit)), _guarded(str(one.credit)), amount, currency,
                _guarded(one.actor),
            )
        )  # fmt: skip


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(cells: Sequence[str]) -> str:
    written = StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
