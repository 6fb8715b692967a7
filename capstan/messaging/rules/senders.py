"""Who an SMS came from."""

import re
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumber

_SHORT_CODE_DIGITS_MAX = 6


class Sender(NamedTuple):
    """`address` is E.164, or as it came when it is a machine's: a short code or a name, which nobody should answer."""

    address: str
    is_automatic: bool


def read_sender(text: str, country: str) -> Sender:
    """Carriers write numbers with `+`, with `00`, with the country's code alone, or as one dials them at home."""
    raw = " ".join(text.split())
    if re.search(r"[^\d+().\s-]", raw):
        return Sender(raw, True)
    digits = re.sub(r"\D", "", raw)
    if len(digits) <= _SHORT_CODE_DIGITS_MAX:
        return Sender(raw, True)
    if raw.startswith("+"):
        tries = [f"+{digits}"]
    elif digits.startswith("00"):
        tries = [f"+{digits[2:]}"]
    elif digits.startswith("0"):
        tries = [digits]
    else:
        tries = [f"+{digits}", digits]
    numbers = [number for number in (_parse(one, country) for one in tries) if number is not None]
    best = next(filter(phonenumbers.is_valid_number, numbers), None) or next(iter(numbers), None)
    if best is None:
        return Sender(raw, True)
    return Sender(phonenumbers.format_number(best, phonenumbers.PhoneNumberFormat.E164), False)


def _parse(text: str, country: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None
