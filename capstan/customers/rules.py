"""Words about customers, free of storage."""

import re
from enum import StrEnum

from capstan.values.refused import Refused


class CustomerKind(StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"


_ACCOUNT_CODE = re.compile(r"[A-Z0-9][A-Z0-9/._-]{1,29}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", re.ASCII)


def normalise_account_code(text: str) -> str:
    """An account code as it is stored and printed:

    upper case. Raises Refused unless a bank reference can carry it.
    """
    code = text.strip().upper()
    if not _ACCOUNT_CODE.fullmatch(code):
        raise Refused(f"{text!r} can't be an account code: use 2 to 30 letters, digits and - / . _")
    return code


def normalise_email(text: str) -> str:
    """An e-mail address without blanks around, its domain in lower case.

    Raises Refused for what can't be one.
    """
    email = text.strip()
    if not _EMAIL.fullmatch(email) or len(email) > 254:
        raise Refused(f"{text!r} is not an e-mail address.")
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.lower()}"


def check_language(text: str) -> str:
    """A BCP 47 language tag such as `en` or `af`. Raises Refused."""
    if not _LANGUAGE.fullmatch(text):
        raise Refused(f"{text!r} is not a language tag such as en or af.")
    return text
