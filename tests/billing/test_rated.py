"""Charges that were priced elsewhere: whole or not at all, each once."""

import pytest

from capstan.billing.actions.rated import FaultyFileError, import_rated
from capstan.billing.models import BillingTerms, Charge
from capstan.billing.rules.rated import read_rated
from capstan.billing.rules.words import ChargeKind
from tests.billing.desk import ACTOR, Desk, at

HEAD = "line,date,text,amount,reference\n"


def take(desk: Desk, *rows: str) -> tuple[int, int, int]:
    content = (HEAD + "".join(f"{row}\n" for row in rows)).encode()
    return tuple(import_rated(content=content, file_name="calls.csv", actor=ACTOR, now=at("2026-01-20")))  # type: ignore[return-value]


def test_calls_are_on_the_next_invoice_with_the_vat_of_their_day(desk: Desk) -> None:
    customer = desk.customer()
    line = desk.line(customer, desk.package(None))
    assert take(desk, f"{line.username.upper()},2026-01-03,Calls to mobiles,11.50,c1") == (1, 0, 1150)
    charge = Charge.objects.get()
    assert (charge.kind, charge.reference) == (ChargeKind.RATED, "rated:c1")
    BillingTerms.objects.filter(pk=customer.pk).update(next_bill_on="2026-02-01")
    (invoice,) = desk.bill("2026-02-01")
    assert (invoice.total_minor, invoice.vat_minor) == (1150, 150)
    desk.check()


def test_the_same_file_again_charges_nothing(desk: Desk) -> None:
    line = desk.line(desk.customer(), desk.package(None))
    rows = [f"{line.username},2026-01-03,Calls,11.50,c1", f"{line.username},2026-01-04,Calls,2.00,c2"]
    assert take(desk, *rows[:1]) == (1, 0, 1150)
    assert take(desk, *rows) == (1, 1, 200)
    assert take(desk, *rows) == (0, 2, 0)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("nobody@example.net,2026-01-03,Calls,1.00,c9", "Line 3: there is no line nobody@example.net"),
        ("LINE,yesterday,Calls,1.00,c9", "Line 3: 'yesterday' is no date"),
        ("LINE,2026-03-01,Calls,1.00,c9", "Line 3: 2026-03-01 is still to come"),
        ('LINE,2026-01-03,Calls,"1,00",c9', "Line 3: “1,00” is not an amount"),
        ("LINE,2026-01-03,Calls,1.00,", "Line 3: reference is empty"),
        ("LINE,2026-01-03,Calls,1.00,c1", "Line 3: the reference 'c1' is that of line 2 too"),
        ("LINE,2026-01-03,Calls, long,1.00,c9", "Line 3: it has more cells"),
    ],
)
def test_a_faulty_line_is_named_and_nothing_is_charged(desk: Desk, row: str, says: str) -> None:
    line = desk.line(desk.customer(), desk.package(None))
    with pytest.raises(FaultyFileError) as refused:
        take(desk, f"{line.username},2026-01-03,Calls,1.00,c1", row.replace("LINE", line.username))
    assert says in str(refused.value)
    assert not Charge.objects.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Line 1: the column line, date, text, amount, reference is missing; found nothing"),
        (b"line,date\n", "the column text, amount, reference is missing; found line, date"),
        (HEAD.encode(), "There is no charge in this file"),
        (HEAD.encode() + b"a,2026-01-03,\xe9,1.00,c\n", "Line 2: this is no UTF-8"),
        (b"PK\x03\x04\0\0", "This is no text file"),
    ],
)
def test_what_is_no_such_file_says_so(content: bytes, says: str) -> None:
    assert says in read_rated(content, "ZAR").faults[0]
