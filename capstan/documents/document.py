"""A document as plain data: what an invoice, receipt, statement or form says, whatever it is printed or shown on.

Every text is ready to be read: amounts, dates and sentences are already in the reader's language and format, so that a
web page and the PDF say the very same.
"""

from datetime import date
from typing import Literal, NamedTuple

LogoKind = Literal["png", "jpeg", "svg"]
Kind = Literal[
    "tax_invoice",
    "invoice",  # of a provider that isn't registered for VAT
    "proforma",
    "credit_note",
    "receipt",
    "statement",
    "mandate",
    "cash_up",
]
Pair = tuple[str, str]
"""What it is, and the value: `("Due", "1 Dec 2026")`."""


class Party(NamedTuple):
    """Who issues the document, or who it is for. `lines` are the address; `facts` such as `("VAT number", "4…")`."""

    name: str
    lines: tuple[str, ...] = ()
    facts: tuple[Pair, ...] = ()


class Column(NamedTuple):
    """Numbers stand at the end of their cell, under each other; texts at the beginning."""

    title: str
    is_number: bool = False


class Row(NamedTuple):
    """One cell for each column. `note` stands small below the row's description; a strong row is a sum or a balance."""

    cells: tuple[str, ...]
    note: str = ""
    is_strong: bool = False


class Table(NamedTuple):
    """`empty` is said in place of the rows when there are none."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str = ""


class Look(NamedTuple):
    """The brand's. `accent` is `#rrggbb`; an empty `logo` or one that can't be read prints the issuer's name instead."""

    accent: str = "#1f4e79"
    logo: bytes = b""
    logo_kind: LogoKind | Literal[""] = ""


class Total(NamedTuple):
    """A line below the tables; the strong one is what it all comes to."""

    label: str
    amount: str
    is_strong: bool = False


class Words(NamedTuple):
    """The few words no part of the document brings along, in its language."""

    issuer: str = "From"
    recipient: str = "To"
    payment: str = "How to pay"
    bands: str = "How old the balance is"
    notes: str = "Please note"
    page: str = "Page {page} of {pages}"


class Document(NamedTuple):
    """Everything a reader sees; what is empty is left out.

    `language` is a code such as `en` or `af-ZA`; `made_on` the day the file says it was made on, never read from a
    clock. `headline` is the answer on top: what it is, and the figure. `signature_fields` are lines to write on.
    """

    kind: Kind
    title: str
    number: str
    language: str
    look: Look
    issuer: Party
    recipient: Party
    facts: tuple[Pair, ...] = ()
    stamp: str = ""
    headline: Pair = ("", "")
    tables: tuple[Table, ...] = ()
    totals: tuple[Total, ...] = ()
    notes: tuple[str, ...] = ()
    payment: tuple[Pair, ...] = ()
    bands: tuple[Pair, ...] = ()
    signature_fields: tuple[str, ...] = ()
    footer: str = ""
    made_on: date | None = None
    words: Words = Words()
