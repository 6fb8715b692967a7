"""Taxes and their rehearsal, prices, and brands as they bill."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from capstan.audit.models import AuditEntry
from capstan.billing.models import BillingPolicy, BillingTerms, Invoice, Series
from capstan.billing.rules.words import InvoiceKind
from capstan.catalog.actions import create_tax_group, set_tax_rate
from capstan.catalog.models import Brand, BrandLogo, PackagePrice, TaxRate
from tests.billing.desk import ACTOR, at
from tests.console.desk import sends, text_of, words
from tests.console.test_invoices import Office, anonymous_is_led_away, office, queries

__all__ = ["office"]

TAXES, PRICES = "/staff/billing/taxes/", "/staff/billing/prices/"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" fill="#123456"/></svg>'
POLICY = {
    "billing_day": "25", "by_anniversary": "", "timing": "arrears", "due_days": "10", "top_ups": "own invoice",
    "group_top_ups": "on", "pays_first_after_days": "20", "preview_days": "5", "prepaid_lead_days": "6", "issues_by_itself": "on",
}  # fmt: skip
PAPERS = {
    "issuer": "Example Net (Pty) Ltd\r\n2 Sample Road", "company_number": "2020/000000/07", "vat_number": "4000000000",
    "bank_details": "Bank: Example Bank", "accent": "#ABC", "document_footer": "Thank you.",
}  # fmt: skip


def rehearsal(office: Office) -> str:
    return f"{TAXES}{office.desk.vat.pk}/rehearsal/"


def adds(office: Office, percent: str, valid_from: str) -> str:
    given = {"percent": percent, "valid_from": valid_from}
    return words(sends(office.manager, f"{TAXES}{office.desk.vat.pk}/add/", given))


def test_the_rate_of_today_is_the_answer(office: Office) -> None:
    said = words(office.agent.get(TAXES))
    assert "15 % VAT today, on everything that names no other group" in said
    assert "15 % from 1 Apr 2018 In force" in said
    assert "Add a rate" not in said
    anonymous_is_led_away(TAXES, rehearsal(office), PRICES, f"/staff/billing/brands/{office.desk.brand.pk}/")
    assert queries(office.manager, TAXES) <= 18
    assert office.agent.get(f"{TAXES}99/rehearsal/").status_code == 404


def test_a_rate_is_added_and_withdrawn(office: Office) -> None:
    assert "VAT is 15.5 % for what is supplied from 1 May 2026 on." in adds(office, "15.5", "2026-05-01")
    assert "To come" in words(office.agent.get(TAXES))
    assert "The last rate begins on" in adds(office, "16", "2026-05-01")
    assert "less than or equal to 100" in adds(office, "101", "2026-06-01")
    last = TaxRate.objects.get(rate_bp=1550)
    said = words(sends(office.manager, f"{TAXES}rates/{last.pk}/withdraw/", {}))
    assert "The rate from 1 May 2026 is withdrawn." in said
    only = TaxRate.objects.get()
    said = words(sends(office.manager, f"{TAXES}rates/{only.pk}/withdraw/", {}))
    assert "Only a group's last rate can be withdrawn, and not the only one." in said
    assert office.manager.post(f"{TAXES}rates/99/withdraw/").status_code == 404


def test_only_managers_set_rates(office: Office) -> None:
    rate = TaxRate.objects.get()
    for client in (office.agent, office.clerk):
        assert client.post(f"{TAXES}{office.desk.vat.pk}/add/").status_code == 403
        assert client.post(f"{TAXES}rates/{rate.pk}/withdraw/").status_code == 403
    assert office.agent.post(f"{TAXES}{office.desk.vat.pk}/put-right/").status_code == 403


# --- the rehearsal --------------------------------------------------------------------------------------------------


def raised(office: Office) -> Invoice:
    """An invoice at 15.5 %, which is withdrawn later, and a top-up that waits for its own."""
    set_tax_rate(
        group_id=office.desk.vat.pk,
        rate_bp=1550,
        valid_from=at("2026-01-01").date(),
        actor=ACTOR,
        now=office.now,
    )
    invoice = office.invoice("Anna Small", 60000)
    office.desk.sell(office.desk.line(invoice.customer, office.desk.package(None)), 11500, "2026-01-03")
    return invoice


def test_a_rehearsal_shows_what_would_change_and_changes_nothing(office: Office) -> None:
    raised(office)
    said = words(office.agent.get(rehearsal(office), {"since": "2026-01-01", "percent": "15"}))
    for expected in (
        "1 issued invoice would be at another rate",
        "If VAT were 15 % from 1 Jan 2026 on. Nothing is changed by looking.",
        "VAT as issued R 80.52",
        "VAT as it would be R 78.26",
        "Difference -R 2.26",
        "VAT at the rates now R 15.43",
        "VAT as it would be R 15.00",
    ):
        assert expected in said.replace("−", "-"), expected
    assert "Credit and issue again" not in words(
        office.clerk.get(rehearsal(office), {"since": "2026-01-01", "percent": "15"})
    )
    assert "Set 16 % from 1 Jun 2026" in words(
        office.manager.get(rehearsal(office), {"since": "2026-06-01", "percent": "16"})
    )
    assert "Nothing to put right" in words(office.agent.get(rehearsal(office)))
    assert "Enter a valid date." in words(office.agent.get(rehearsal(office), {"since": "soon"}))


def test_what_was_issued_at_a_withdrawn_rate_is_put_right(office: Office) -> None:
    invoice = raised(office)
    last = TaxRate.objects.get(rate_bp=1550)
    said = words(sends(office.manager, f"{TAXES}rates/{last.pk}/withdraw/", {}))
    assert "1 issued invoice at another rate than that of the day of supply" in said
    assert "VAT R 80.52 → R 78.26" in said
    address = f"{TAXES}{office.desk.vat.pk}/put-right/"
    given = {"since": "2026-01-01", "invoice": str(invoice.pk), "reason": "The rise was withdrawn"}
    assert "This field is required." in words(sends(office.clerk, address, given | {"reason": " "}))
    said = words(sends(office.clerk, address, given))
    assert "1 invoice credited and issued again. None is left." in said
    note, again = Invoice.objects.exclude(pk=invoice.pk).order_by("kind")
    assert (note.kind, note.total_minor, again.kind, again.total_minor, again.vat_minor) == (
        InvoiceKind.CREDIT_NOTE, 60000, InvoiceKind.INVOICE, 60000, 7826,
    )  # fmt: skip
    assert "Nothing to put right" in words(office.agent.get(rehearsal(office), {"since": "2026-01-01"}))
    assert AuditEntry.objects.get(action="billing.correct_vat").reason == "The rise was withdrawn"
    office.desk.check()


def test_all_are_put_right_at_a_click_and_looking_costs_the_same(office: Office) -> None:
    raised(office)
    asked = f"{rehearsal(office)}?since=2026-01-01"
    last = TaxRate.objects.get(rate_bp=1550)
    sends(office.manager, f"{TAXES}rates/{last.pk}/withdraw/", {})
    few = queries(office.clerk, asked)
    set_tax_rate(
        group_id=office.desk.vat.pk,
        rate_bp=1550,
        valid_from=at("2026-01-01").date(),
        actor=ACTOR,
        now=office.now,
    )
    for number in range(4):
        office.invoice(f"Customer {number}")
    sends(office.manager, f"{TAXES}rates/{TaxRate.objects.get(rate_bp=1550).pk}/withdraw/", {})
    assert queries(office.clerk, asked) <= few
    assert few <= 22
    given = {"since": "2026-01-01", "invoice": "all", "reason": "The rise was withdrawn"}
    said = words(sends(office.clerk, f"{TAXES}{office.desk.vat.pk}/put-right/", given))
    assert "5 invoices credited and issued again. None is left." in said
    office.desk.check()


def test_another_groups_lines_are_not_touched(office: Office) -> None:
    raised(office)
    zero = create_tax_group(
        code="zero",
        name="Zero-rated",
        rate_bp=0,
        valid_from=at("2026-01-01").date(),
        actor=ACTOR,
        now=office.now,
    )
    said = words(office.agent.get(f"{TAXES}{zero.pk}/rehearsal/", {"since": "2026-01-01", "percent": "15"}))
    assert "0 issued invoices would be at another rate" in said


# --- prices -----------------------------------------------------------------------------------------------------------


def test_prices_are_shown_and_set_from_a_day(office: Office) -> None:
    package = office.desk.package(59900, "Fibre 50")
    bare = office.desk.package(None, "Fibre 10")
    said = words(office.agent.get(PRICES))
    assert "1 package on sale without a price." in said
    assert "R 599.00 since 1 Jan 2026" in said
    assert "Set a price" not in said
    given = {"amount": "649", "valid_from": "2026-03-01"}
    said = words(sends(office.manager, f"{PRICES}{package.pk}/", given))
    assert "Fibre 50 costs R 649.00 from 1 Mar 2026 on. Periods that have begun keep their price." in said
    assert "To come R 649.00 from 1 Mar 2026" in said
    said = words(sends(office.manager, f"{PRICES}{package.pk}/", given))
    assert "The last price begins on" in said
    wrong = words(sends(office.manager, f"{PRICES}{package.pk}/", given | {"valid_from": "2026-01-02"}))
    assert "A price can't change in the past" in wrong
    sends(office.manager, f"{PRICES}{bare.pk}/", {"amount": "99", "valid_from": "2026-01-05"})
    assert PackagePrice.objects.get(package=bare).price_minor == 9900
    assert office.clerk.post(f"{PRICES}{package.pk}/", given).status_code == 403
    assert office.manager.post(f"{PRICES}99999/", given).status_code == 404


def test_many_packages_cost_no_more_questions(office: Office) -> None:
    office.desk.package(59900)
    few = queries(office.manager, PRICES)
    for number in range(6):
        office.desk.package(59900, f"Package {number}")
    assert queries(office.manager, PRICES) <= few
    assert few <= 20


# --- brands -----------------------------------------------------------------------------------------------------------


def does(office: Office, deed: str, given: dict[str, Any]) -> str:
    return words(sends(office.manager, f"/staff/billing/brands/{office.desk.brand.pk}/{deed}/", given))


def test_a_brands_policy_is_set_and_audited(office: Office) -> None:
    customer = office.desk.customer()
    assert "Example Net bills so from now on." in does(office, "policy", POLICY)
    row = BillingPolicy.objects.get()
    assert (row.billing_day, row.timing, row.due_days, row.top_ups, row.preview_days, row.pays_first_after_days) == (
        25, "arrears", 10, "own invoice", 5, 20,
    )  # fmt: skip
    assert row.group_top_ups
    assert row.issues_by_itself
    assert BillingTerms.objects.get(pk=customer.pk).billing_day == 1
    assert AuditEntry.objects.get(action="billing.policy").details["due_days"] == 10
    assert "It was so already." in does(office, "policy", POLICY)
    assert "Select a valid choice." in does(office, "policy", POLICY | {"billing_day": "29"})
    assert "less than or equal to 27" in does(office, "policy", POLICY | {"preview_days": "40"})
    said = words(office.agent.get(PRICES))
    assert "Billed in arrears on day 25 of the month, due after 10 days, issued by itself." in said


def test_numbers_go_on_from_another_system_but_never_back(office: Office) -> None:
    office.invoice()
    given = {"kind": "invoice", "letters": "inv", "next_number": "87754"}
    assert "Invoices go on with INV0087754." in does(office, "series", given)
    assert "a number is never given twice" in does(office, "series", given | {"next_number": "5"})
    assert "at most 12 letters" in does(office, "series", given | {"letters": "not_a_prefix"})
    assert "INV270000001" in does(office, "series", given | {"letters": "inv27", "next_number": "1"})
    said = does(office, "series", given | {"next_number": "87753"})
    assert "The next number of this series is INV0087754" in said, "a former prefix goes on where it was"
    assert "Invoices go on with INV0087754." in does(office, "series", given)
    assert Series.objects.get(kind="invoice").next_number == 87754
    assert "Payment requests go on with PF0000012." in does(
        office, "series", {"kind": "proforma", "letters": "PF", "next_number": "12"}
    )


def test_papers_are_changed_and_a_wrong_colour_is_refused(office: Office) -> None:
    assert "Documents say so from now on" in does(office, "papers", PAPERS)
    brand = Brand.objects.get()
    assert (brand.accent, brand.issuer) == ("#aabbcc", "Example Net (Pty) Ltd\n2 Sample Road")
    said = does(office, "papers", PAPERS | {"accent": "greenish"})
    assert "is no colour we can use" in said
    assert 'value="greenish"' in text_of(
        sends(office.manager, f"/staff/billing/brands/{brand.pk}/papers/", PAPERS | {"accent": "greenish"})
    )


def test_a_logo_is_shown_back_and_what_is_no_image_is_refused(office: Office) -> None:
    assert "No logo" in words(office.agent.get(f"/staff/billing/brands/{office.desk.brand.pk}/"))
    assert "The logo is on every document" in does(
        office, "logo", {"logo": SimpleUploadedFile("logo.svg", SVG)}
    )
    assert BrandLogo.objects.get().kind == "svg"
    page = office.agent.get(f"/staff/billing/brands/{office.desk.brand.pk}/")
    assert 'src="data:image/svg+xml;base64,' in text_of(page)
    refused = does(office, "logo", {"logo": SimpleUploadedFile("logo.png", b"nothing of the kind")})
    assert "logo" in refused.lower()
    assert "The logo is on every document" not in refused
    assert "This field is required." in does(office, "logo", {})
    assert bytes(BrandLogo.objects.get().content) == SVG


def test_who_may_change_what_of_a_brand(office: Office) -> None:
    address = f"/staff/billing/brands/{office.desk.brand.pk}/"
    for deed in ("policy", "series", "papers", "logo"):
        assert office.agent.post(f"{address}{deed}/").status_code == 403, deed
    for deed in ("papers", "logo"):
        assert office.clerk.post(f"{address}{deed}/").status_code == 403, deed
    assert "Keep the policy" in words(office.clerk.get(address))
    assert "Keep the papers" not in words(office.clerk.get(address))
    assert office.manager.post(f"{address}explode/").status_code == 404
    assert office.manager.get("/staff/billing/brands/99/").status_code == 404
    assert queries(office.manager, address) <= 18
