"""The CSV exports of the large South African banks.

No bank publishes its layout, so each was taken from public descriptions and samples: the statement import of the
csf_za extension for ERPNext, whose documentation shows one sample a bank (docs/csf_za_bank_statement_import.md), and
converters on GitHub. Where only one of these was found, or two differ, the comment says so: prove such a profile with
a file of your own before you rely on it. A layout that has changed gives a fault that names the column, never money.
"""

from capstan.payments.rules.statements.cells import ANY_DATE
from capstan.payments.rules.statements.csv_profile import CsvProfile

# Seen in two sources: name, account and balances above the header, then `Date, Amount, Balance, Description`.
FNB_HISTORY = CsvProfile(
    name="FNB transaction history",
    date="Date",
    amount="Amount",
    balance="Balance",
    text=("Description",),
    date_format="%Y/%m/%d",
)

# Seen in three sources; the date as 20260216 in two of them, as 2026-02-16 in one. References are padded with spaces.
FNB_STATEMENT = CsvProfile(
    name="FNB statement",
    date="Effective Date|Date",
    amount="Amount",
    balance="Balance",
    text=("Description",),
    reference="Reference",
    date_format=ANY_DATE,
    not_movements=("OPENING BALANCE", "CLOSING BALANCE"),
)

# One source (csf_za). The service fee's column is not read: whether it is within the amount isn't documented.
FNB_BUSINESS = CsvProfile(
    name="FNB business history",
    date="Date",
    amount="Amount",
    balance="Balance",
    text=("DESCRIPTION",),
    reference="REFERENCE",
    date_format="%Y/%m/%d",
)

# One source (csf_za): business online. The personal export (rows that begin with HIST) could not be verified.
STANDARD_BANK = CsvProfile(
    name="Standard Bank",
    date="Date",
    amount="Amount",
    balance="Balance",
    text=("Description",),
    reference="Customer Reference",
    optional=frozenset({"reference"}),
    date_format="%Y/%m/%d",
    not_movements=("OPEN BALANCE", "CLOSE BALANCE"),
)

# Seen in two sources.
ABSA = CsvProfile(
    name="Absa",
    date="Date",
    amount="Amount",
    balance="Balance",
    text=("Description",),
    date_format="%Y%m%d",
)

# One source (csf_za), whose sample writes 01Mar2026 and whose code reads 01-Mar-26: both are understood with four
# digits of the year. No header; above the movements stand rows such as `Account Number :`.
NEDBANK = CsvProfile(
    name="Nedbank",
    date=0,
    text=(1,),
    amount=2,
    balance=3,
    has_header=False,
    date_format=ANY_DATE,
    not_movements=(
        "Statement Enquiry",
        "Account Number",
        "Account Description",
        "Statement Number",
        "BROUGHT FORWARD",
        "CARRIED FORWARD",
        "PROVISIONAL STATEMENT",
    ),
    notes_lack_amounts=True,
)

# Seen in five sources; they differ in whether Money Out has a minus, so both are read. `Nr` only counts rows: no id.
CAPITEC = CsvProfile(
    name="Capitec",
    date="Posting Date",
    credit="Money In",
    debit="Money Out",
    fee="Fee",
    balance="Balance",
    text=("Description",),
    reference="Original Description",
    optional=frozenset({"reference"}),
    date_format=ANY_DATE,
)

# One source (csf_za).
CAPITEC_BUSINESS = CsvProfile(
    name="Capitec Business",
    date="Date",
    amount="Amount",
    fee="Fees",
    balance="Balance",
    text=("Description",),
    reference="Reference",
    date_format="%d/%m/%Y",
    not_movements=("Total:",),
)

GENERIC = CsvProfile(
    name="Any bank: Date, Amount, Description",
    date="Date|Transaction Date|Posting Date|Value Date",
    amount="Amount|Transaction Amount",
    text=("Description|Text|Details|Narrative",),
    reference="Reference",
    balance="Balance",
    bank_id="Id|Transaction Id",
    optional=frozenset({"reference", "balance", "bank_id"}),
    date_format=ANY_DATE,
)

BUILT_IN: dict[str, CsvProfile] = {
    "fnb-history": FNB_HISTORY,
    "fnb-statement": FNB_STATEMENT,
    "fnb-business": FNB_BUSINESS,
    "standard-bank": STANDARD_BANK,
    "absa": ABSA,
    "nedbank": NEDBANK,
    "capitec": CAPITEC,
    "capitec-business": CAPITEC_BUSINESS,
    "generic": GENERIC,
}
"""By the key that settings keep."""
