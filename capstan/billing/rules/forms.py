"""What kind of paper an invoice is, by the country's law. Free of storage."""

from typing import NamedTuple


class Form(NamedTuple):
    """How an invoice looks. `is_full`: it names the recipient with address and VAT number, and each line without VAT.

    `needs_recipient`: by law; others name him all the same, as far as he is known.
    """

    title: str
    is_full: bool
    needs_recipient: bool


_FULL_FROM_MINOR = {"ZA": 500_000}
"""South Africa, VAT Act 89 of 1991 section 20(5): up to R5 000 an abridged tax invoice is enough (SARS)."""

_TITLES = {
    "ZA": "Tax invoice",
    "AU": "Tax invoice",
    "NZ": "Tax invoice",
    "KE": "Tax invoice",
    "IN": "Tax invoice",
}


def invoice_form(country: str, total_minor: int, *, says_vat: bool) -> Form:
    """The form of an invoice. A provider who isn't registered issues an invoice that knows no VAT."""
    if not says_vat:
        return Form("Invoice", is_full=False, needs_recipient=False)
    full = total_minor > _FULL_FROM_MINOR.get(country, -1)
    return Form(_TITLES.get(country, "Invoice"), is_full=full, needs_recipient=full)
