"""The export, read by hledger, an independent bookkeeping program: its balances are ours."""

import csv
import os
import subprocess
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.db import transaction

from capstan.ledger.actions import post
from capstan.ledger.queries import export_csv, trial_balance
from capstan.ledger.rules import Code, Draft, JournalDraft, Name
from capstan.values import clock
from tests import needs
from tests.billing.test_lives import Lives

FOR_EVER = (date.min, date.max)
HEADER = "date,journal,source,kind,description,debit,credit,amount,currency,actor\r\n"
RULES = """\
skip 1
fields date, code, source, kind, description, debit, credit, amount, currency, actor
date-format %Y-%m-%d
decimal-mark .
account1 %debit
account2 %credit
comment %source %kind %actor
"""


def write(amount_minor: int = 123_456, **more: str) -> None:
    """One journal on a day in March."""
    told = {"source": "payment:1", "kind": "paid", "description": "EFT", "actor": "desk"} | more
    entries = (Draft(Name(Code.BANK), Name(Code.CREDIT, "customer:7"), amount_minor),)
    draft = JournalDraft(
        told["source"], told["kind"], date(2026, 3, 1), told["description"], told["actor"], entries
    )
    with transaction.atomic():
        post([draft], now=clock.now())


def cells(currency: str = "ZAR") -> list[str]:
    header, row = csv.reader(StringIO("".join(export_csv(*FOR_EVER, currency))))
    assert ",".join(header) + "\r\n" == HEADER
    return row


@pytest.mark.django_db
def test_an_entry_is_a_line() -> None:
    write()
    row = cells()
    assert row[0] == "2026-03-01"
    assert row[1].isdecimal()
    assert row[2:] == ["payment:1", "paid", "EFT", "bank", "credit customer:7", "1234.56", "ZAR", "desk"]


@pytest.mark.django_db
def test_only_the_days_that_were_asked_for_are_exported() -> None:
    write()
    assert list(export_csv(date(2026, 3, 2), date(2026, 3, 31), "ZAR")) == [HEADER]
    assert len(list(export_csv(date(2026, 3, 1), date(2026, 3, 1), "ZAR"))) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("currency", "minor", "expected"),
    [
        ("ZAR", 5, "0.05"),
        ("ZAR", 100, "1.00"),
        ("JPY", 1234, "1234"),
        ("KWD", 1234, "1.234"),
        ("KWD", 10**15, "1000000000000.000"),
    ],
)
def test_an_amount_has_its_currencys_decimals(currency: str, minor: int, expected: str) -> None:
    write(minor)
    assert cells(currency)[7:9] == [expected, currency]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
        ("+27", "'+27"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("1 = 1", "1 = 1"),
        ("'quoted'", "'quoted'"),
        ('a, "b"\nc', 'a, "b"\nc'),
        ("Café · 日本", "Café · 日本"),
        ("", ""),
    ],
)
def test_no_text_is_a_formula_or_breaks_its_line(text: str, expected: str) -> None:
    write(description=text, actor=f"{text}.", source=f"{text}:1")
    row = cells()
    assert row[4] == expected
    assert row[9] == f"{expected}."
    assert row[2] == f"{expected}:1"


@pytest.mark.django_db
def test_hledger_finds_the_balances_that_we_do(tmp_path: Path) -> None:
    program = needs.program("hledger", "hledger")
    lives = Lives(20)
    for _ in range(120):
        lives.step()
    write(description='=A1, "quoted" ; comment | payee')
    exported, rules = tmp_path / "journal.csv", tmp_path / "journal.rules"
    exported.write_text("".join(export_csv(*FOR_EVER, "ZAR")), encoding="utf-8", newline="")
    rules.write_text(RULES, encoding="utf-8")

    def hledger(*arguments: str) -> str:
        done = subprocess.run(
            [program, "-f", str(exported), "--rules-file", str(rules), *arguments],
            capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    hledger("check")
    hledger("check", "ordereddates")
    shown = csv.DictReader(StringIO(hledger("balance", "--flat", "--no-total", "--layout=bare", "-O", "csv")))
    found = {row["account"]: Decimal(row["balance"]) for row in shown if Decimal(row["balance"])}
    totals = {Name(one.code, one.subject): one.net for one in trial_balance(by_customer=True)}
    assert sorted(hledger("accounts").splitlines()) == sorted(str(name) for name in totals)
    assert found == {str(name): Decimal(net).scaleb(-2) for name, net in totals.items() if net}
    assert len(found) > 8
