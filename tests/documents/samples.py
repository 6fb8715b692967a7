"""One document of every kind, of made-up people: what the tests render."""

from datetime import date

from capstan.documents.document import Column, Document, Look, Party, Row, Table, Total

_NBSP = "\N{NO-BREAK SPACE}"


def rand(amount: str) -> str:
    """`1 234.50` as documents print it."""
    return f"R{_NBSP}{amount.replace(' ', _NBSP)}"


LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 48">
<path d="M0 24C18 22 30 14 40 0c4 16 18 22 36 20-16 6-24 14-30 28-6-12-22-20-46-24Z" fill="#0b6e4f"/>
<path d="M92 8h10v13l12-13h13L112 23l16 17h-13l-13-14v14H92z" fill="#12312b"/></svg>"""

LOOK = Look(accent="#0b6e4f", logo=LOGO, logo_kind="svg")
ISSUER = Party(
    "Kestrel Fibre (Pty) Ltd",
    ("Unit 4, 18 Loop Street", "Parkhaven", "6299"),
    (("VAT number", "4990123456"), ("Registration", "2019/123456/07")),
)
RECIPIENT = Party(
    "Thandiwe Mokoena",
    ("7 Acacia Road", "Riverbend", "6301"),
    (("Account code", "10451"),),
)
PAYMENT = (
    ("Bank", "Example Bank"),
    ("Account", "62 000 000 001"),
    ("Branch code", "250 000"),
    ("Reference", "10451"),
)
FOOTER = "Kestrel Fibre (Pty) Ltd · accounts@kestrel.example · 021 555 0100"
AMOUNTS = (
    Column("Description"),
    Column("Quantity", True),
    Column("Excl. VAT", True),
    Column("VAT 15 %", True),
    Column("Incl. VAT", True),
)
LINES = Table(
    "",
    AMOUNTS,
    (
        Row(
            ("Fibre 50/25 with 200 GB", "1", rand("433.91"), rand("65.09"), rand("499.00")),
            note="1 Dec 2026 – 31 Dec 2026",
        ),
        Row(("Static IP address", "1", rand("43.48"), rand("6.52"), rand("50.00"))),
        Row(("Top-up 2 GB", "1", rand("30.43"), rand("4.57"), rand("35.00")), note="14 Nov 2026 20:14"),
        Row(("Top-up 2 GB", "1", rand("30.43"), rand("4.57"), rand("35.00")), note="26 Nov 2026 07:52"),
        Row(("SMS notices", "18", rand("7.83"), rand("1.17"), rand("9.00"))),
        Row(("Router rental", "1", rand("17.39"), rand("2.61"), rand("20.00"))),
    ),
    "Nothing was charged.",
)

INVOICE = Document(
    kind="tax_invoice",
    title="Tax invoice",
    number="INV-2026-004512",
    language="en-ZA",
    look=LOOK,
    issuer=ISSUER,
    recipient=RECIPIENT._replace(facts=(*RECIPIENT.facts, ("VAT number", "4880765432"))),
    facts=(("Date", "1 Dec 2026"), ("Due", "4 Dec 2026"), ("Period", "1 – 31 Dec 2026")),
    headline=("To pay by 4 Dec 2026", rand("648.00")),
    tables=(LINES,),
    totals=(
        Total("Subtotal excl. VAT", rand("563.47")),
        Total("VAT 15 %", rand("84.53")),
        Total("Total incl. VAT", rand("648.00"), True),
    ),
    notes=("Use your account code as reference, so that we find your payment on the day.",),
    payment=PAYMENT,
    footer=FOOTER,
    made_on=date(2026, 12, 1),
)
ABRIDGED = INVOICE._replace(
    number="INV-2026-004513",
    recipient=Party("Thandiwe Mokoena", (), (("Account code", "10451"),)),
    stamp="Paid",
    headline=("Paid on 2 Dec 2026", rand("648.00")),
    look=Look(accent="#ffd200"),
)
WITHOUT_VAT = INVOICE._replace(
    kind="invoice",
    title="Invoice",
    issuer=ISSUER._replace(facts=()),
    tables=(
        Table(
            "", (Column("Description"), Column("Amount", True)), (Row(("Wireless 10 Mbps", rand("399.00"))),)
        ),
    ),
    totals=(Total("Total", rand("399.00"), True),),
    headline=("To pay by 4 Dec 2026", rand("399.00")),
    notes=("We are not registered for VAT.",),
)
PROFORMA = INVOICE._replace(
    kind="proforma",
    title="Payment request",
    number="PR-2026-000871",
    notes=("This is not a tax invoice. You get one when your payment arrives.",),
)
CREDIT_NOTE = INVOICE._replace(
    kind="credit_note",
    title="Credit note",
    number="CN-2026-000033",
    facts=(("Date", "9 Dec 2026"), ("Corrects", "INV-2026-004512"), ("Reason", "Top-up was charged twice")),
    headline=("Taken off your balance", rand("35.00")),
    tables=(Table("", AMOUNTS, LINES.rows[3:4]),),
    totals=(
        Total("Subtotal excl. VAT", rand("30.43")),
        Total("VAT 15 %", rand("4.57")),
        Total("Credit incl. VAT", rand("35.00"), True),
    ),
    payment=(),
    notes=(),
    made_on=date(2026, 12, 9),
)
RECEIPT = INVOICE._replace(
    kind="receipt",
    title="Receipt",
    number="RC-2026-002207",
    facts=(("Date", "2 Dec 2026 09:31"), ("Paid by", "Card ending 4242"), ("Reference", "KF-7Q2M")),
    headline=("Thank you, we received", rand("648.00")),
    tables=(
        Table(
            "Paid with it",
            (Column("Document"), Column("Date"), Column("Amount", True)),
            (Row(("INV-2026-004512", "1 Dec 2026", rand("648.00"))),),
        ),
    ),
    totals=(Total("Balance after this payment", rand("0.00"), True),),
    payment=(),
    notes=(),
    made_on=date(2026, 12, 2),
)
STATEMENT = INVOICE._replace(
    kind="statement",
    title="Statement",
    number="",
    facts=(("Date", "30 Nov 2026"), ("Period", "1 – 30 Nov 2026"), ("Account", "10451")),
    headline=("You owe on 30 Nov 2026", rand("1 147.00")),
    tables=(
        Table(
            "Movements",
            (
                Column("Date"),
                Column("Description"),
                Column("Charged", True),
                Column("Paid", True),
                Column("Balance", True),
            ),
            (
                Row(("1 Nov 2026", "Opening balance", "", "", rand("499.00")), is_strong=True),
                Row(("1 Nov 2026", "Tax invoice INV-2026-004101", rand("648.00"), "", rand("1 147.00"))),
                Row(("3 Nov 2026", "Payment by EFT, thank you", "", rand("499.00"), rand("648.00"))),
                Row(("14 Nov 2026", "Tax invoice INV-2026-004377", rand("499.00"), "", rand("1 147.00"))),
                Row(("30 Nov 2026", "Closing balance", "", "", rand("1 147.00")), is_strong=True),
            ),
            "Nothing happened in this period.",
        ),
    ),
    totals=(),
    bands=(
        ("Current", rand("1 147.00")),
        ("30 days", rand("0.00")),
        ("60 days", rand("0.00")),
        ("90 days", rand("0.00")),
        ("120 days and more", rand("0.00")),
    ),
    notes=(),
    made_on=date(2026, 11, 30),
)
MANDATE = INVOICE._replace(
    kind="mandate",
    title="Debit order mandate",
    number="DO-10451-1",
    facts=(("Date", "1 Dec 2026"), ("First debit", "1 Jan 2027"), ("Day of the month", "1st")),
    headline=("Each month, at most", rand("1 500.00")),
    tables=(
        Table(
            "Account to debit",
            (Column("What"), Column("As given by you")),
            (
                Row(("Account holder", "T Mokoena")),
                Row(("Bank", "Example Bank")),
                Row(("Account number", "•••• 4418")),
                Row(("Kind of account", "Current")),
            ),
        ),
    ),
    totals=(),
    payment=(),
    notes=(
        "I authorise Kestrel Fibre (Pty) Ltd to debit the account above each month with what I owe, up to the amount above.",
        "If the day falls on a Sunday or a public holiday, the debit is made on the next business day.",
        "I may cancel this mandate at any time in writing, with 20 business days' notice.",
    ),
    signature_fields=("Signature", "Date", "Place"),
)
CASH_UP = INVOICE._replace(
    kind="cash_up",
    title="Daily cash-up",
    number="2 Dec 2026",
    recipient=Party("Front desk Parkhaven", ("Cashier: N. Jacobs",)),
    facts=(("Opened", "08:02"), ("Closed", "17:04")),
    headline=("In the till", rand("3 412.00")),
    tables=(
        Table(
            "By method",
            (Column("Method"), Column("Payments", True), Column("Amount", True)),
            (
                Row(("Cash", "9", rand("3 412.00"))),
                Row(("Card machine", "4", rand("2 196.00"))),
                Row(("Total", "13", rand("5 608.00")), is_strong=True),
            ),
        ),
        Table("Corrections", (Column("Receipt"), Column("Amount", True)), (), "No receipt was corrected."),
    ),
    totals=(
        Total("Counted", rand("3 410.00")),
        Total("Expected", rand("3 412.00")),
        Total("Short", rand("2.00"), True),
    ),
    payment=(),
    notes=(),
    signature_fields=("Cashier", "Supervisor"),
    made_on=date(2026, 12, 2),
)
EVERY = {
    "tax_invoice": INVOICE,
    "abridged": ABRIDGED,
    "without_vat": WITHOUT_VAT,
    "proforma": PROFORMA,
    "credit_note": CREDIT_NOTE,
    "receipt": RECEIPT,
    "statement": STATEMENT,
    "mandate": MANDATE,
    "cash_up": CASH_UP,
}
