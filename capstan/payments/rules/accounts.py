"""Accounts of the books that payments pass through. Free of storage."""

from capstan.ledger.rules import Code, Name

DEPOSITS = Name(Code.CLEARING, "till deposits")
"""Cash that left a till for the bank, until the bank's line says that it came."""
