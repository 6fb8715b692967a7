"""Charges priced elsewhere, by a file: looked at first, taken over whole or not at all, never twice."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.billing.models import Charge, RatedImport
from tests.console.desk import sends, words
from tests.console.test_invoices import Office, anonymous_is_led_away, office

__all__ = ["office"]

PAGE = "/staff/billing/rated/"
HEAD = "line,date,text,amount,reference\n"


def reads(client: Client, *lines: str, name: str = "calls.csv", raw: bytes = b"") -> str:
    content = raw or (HEAD + "".join(f"{line}\n" for line in lines)).encode()
    return words(sends(client, PAGE, {"file": SimpleUploadedFile(name, content)}))


@pytest.fixture
def lines(office: Office) -> list[str]:
    """Usernames of two customers' lines."""
    desk = office.desk
    return [desk.line(desk.customer(name), desk.package(None)).username for name in ("Ann", "Ben")]


def calls(lines: list[str]) -> list[str]:
    ann, ben = lines
    return [
        f"{ann},2026-01-01,Calls,11.50,c1",
        f"{ben},2026-01-01,Calls,20.00,c2",
        f"{ben},2026-01-01,Data,1.00,c3",
    ]


def test_a_file_is_looked_at_and_then_taken_over_once(office: Office, lines: list[str]) -> None:
    said = reads(office.clerk, *calls(lines))
    assert "R 32.50 would be charged" in said
    assert "Ben EX004 2 R 21.00 Ann EX001 1 R 11.50" in said
    assert not Charge.objects.exists(), "only looked at"
    kept = RatedImport.objects.get()
    assert "3 charges, R 32.50 incl. VAT: the next invoices take them up." in words(
        sends(office.clerk, f"{PAGE}{kept.pk}/take/", {})
    )
    assert Charge.objects.count() == 3
    again = words(sends(office.clerk, f"{PAGE}{kept.pk}/take/", {}))
    assert "taken over already: nothing is charged twice" in again
    assert "Take it over" not in again
    assert Charge.objects.count() == 3
    kept.refresh_from_db()
    assert (kept.state, kept.content) == ("taken over", None)
    assert AuditEntry.objects.filter(action="billing.rated").count() == 1


def test_the_same_file_again_leads_to_what_became_of_it(office: Office, lines: list[str]) -> None:
    reads(office.clerk, *calls(lines))
    reads(office.manager, *calls(lines), name="again.csv")
    kept = RatedImport.objects.get()
    sends(office.clerk, f"{PAGE}{kept.pk}/take/", {})
    said = reads(office.clerk, *calls(lines))
    assert "Taken over" in said
    assert (RatedImport.objects.count(), Charge.objects.count()) == (1, 3)
    longer = reads(office.clerk, *calls(lines), f"{lines[0]},2026-01-01,Calls,2.00,c4")
    assert "R 2.00 would be charged" in longer
    assert "3 charges, left as they are" in longer


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("nobody@example.net,2026-01-01,Calls,1.00,c9", "Line 3: there is no line nobody@example.net"),
        ('LINE,2026-01-01,Calls,"1,00",c9', "Line 3: “1,00” is not an amount of money"),
        ("LINE,2026-01-01,Calls,1.00,c1", "Line 3: the reference 'c1' is that of line 2 too"),
    ],
)
def test_a_faulty_file_is_named_line_by_line(office: Office, lines: list[str], row: str, cause: str) -> None:
    said = reads(office.clerk, calls(lines)[0], row.replace("LINE", lines[0]))
    assert "1 fault in the file: nothing was taken" in said
    assert cause in said
    assert not RatedImport.objects.exists()


def test_another_encoding_is_named(office: Office, lines: list[str]) -> None:
    raw = (HEAD + f"{lines[0]},2026-01-01,Gespräche,1.00,c1\n").encode("latin-1")
    assert "Line 2: this is no UTF-8" in reads(office.clerk, raw=raw)


def test_what_was_put_away_is_not_taken_and_may_come_again(office: Office, lines: list[str]) -> None:
    reads(office.clerk, *calls(lines))
    kept = RatedImport.objects.get()
    assert "nothing of it was charged" in words(sends(office.clerk, f"{PAGE}{kept.pk}/put-away/", {}))
    assert "put away already" in words(sends(office.clerk, f"{PAGE}{kept.pk}/take/", {}))
    assert not Charge.objects.exists()
    assert "R 32.50 would be charged" in reads(office.clerk, *calls(lines))


def test_a_file_whose_line_went_away_meanwhile_charges_nothing(office: Office, lines: list[str]) -> None:
    from capstan.services.models import Service

    reads(office.clerk, *calls(lines))
    Service.objects.filter(username=lines[0]).update(username="renamed@example.net")
    said = words(office.clerk.post(f"{PAGE}{RatedImport.objects.get().pk}/take/"))
    assert f"there is no line {lines[0]}" in said
    assert not Charge.objects.exists()


def test_an_agent_does_not_get_at_it(office: Office, lines: list[str]) -> None:
    reads(office.clerk, *calls(lines))
    pk = RatedImport.objects.get().pk
    for address in (PAGE, f"{PAGE}{pk}/"):
        assert office.agent.get(address).status_code == 403
    for address in (PAGE, f"{PAGE}{pk}/take/", f"{PAGE}{pk}/put-away/"):
        assert office.agent.post(address).status_code == 403
    assert not Charge.objects.exists()
    assert office.clerk.get(f"{PAGE}999/").status_code == 404
    anonymous_is_led_away(PAGE)
