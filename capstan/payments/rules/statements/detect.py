"""A bank statement in whichever format it came."""

from capstan.payments.rules.statements.content import not_text
from capstan.payments.rules.statements.csv_profile import CsvProfile, read_csv
from capstan.payments.rules.statements.lines import StatementRead, fault, refused
from capstan.payments.rules.statements.ofx import looks_like_ofx, read_ofx


def read_statement(content: bytes, profile: CsvProfile | None, currency: str) -> StatementRead:
    """OFX is recognised by its content; anything else is CSV and needs the bank's profile.

    Never raises for any bytes. With a fault there are no lines, and nothing may be imported.
    """
    if wrong := not_text(content):
        return refused([wrong])
    if looks_like_ofx(content):
        return read_ofx(content, currency)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"):
        return refused(
            [fault(0, "This is XML, but not OFX: download the statement from the bank as CSV or OFX.")]
        )
    if profile is None:
        return refused([fault(0, "This is no OFX file: to read CSV, choose the bank whose statement it is.")])
    return read_csv(content, profile, currency)
