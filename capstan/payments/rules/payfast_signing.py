"""What PayFast's form, notification and API have in common: how they sign, and how they write amounts and texts."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote_plus

from capstan.values.refused import Refused

Pair = tuple[str, str]

ID_MAX = 100


class Merchant(NamedTuple):
    """The account at PayFast. `passphrase` may be "" for plain payments; stored cards and the API need one."""

    merchant_id: str
    merchant_key: str
    passphrase: str


def signed(pairs: Iterable[Pair], passphrase: str) -> str:
    """Their MD5, in the order given. The passphrase comes last; "" is none."""
    written = [f"{name}={encoded(value)}" for name, value in pairs]
    if passphrase.strip():
        written.append(f"passphrase={encoded(passphrase.strip())}")
    return hashlib.md5(
        "&".join(written).encode("utf-8", "surrogateescape"), usedforsecurity=False
    ).hexdigest()


def encoded(text: str) -> str:
    """As PHP's urlencode, which PayFast uses: a blank is +, hex is upper case, and ~ is escaped, unlike in RFC 3986."""
    return quote_plus(text, errors="surrogateescape").replace("~", "%7E")


def same(one: str, other: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def one_line(text: str, limit: int) -> str:
    """One line without control characters or half characters."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:limit].rstrip()


def demand_id(payment_id: str) -> None:
    """Raises Refused for an id of ours that PayFast wouldn't give back as it is."""
    if not 0 < len(payment_id) <= ID_MAX or one_line(payment_id, ID_MAX) != payment_id:
        raise Refused(f"A payment's id has 1 to {ID_MAX} plain characters: {payment_id!r}")


def plain(text: str) -> str:
    """Without what no database keeps."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "")


def may(fields: Mapping[str, str], name: str) -> str:
    """A short field's text, "" where there is none. Raises Refused for a long one."""
    found = plain(fields.get(name, "")).strip()
    if len(found) > ID_MAX:
        raise Refused(f"{name} is longer than {ID_MAX} characters")
    return found


_AMOUNT = re.compile(r"(-?)([0-9]{1,10})(?:\.([0-9]{1,2}))?")


def minor_of(fields: Mapping[str, str], name: str) -> int | None:
    """Rands as PayFast writes them, 35.00, as cents; None if blank. Never through a float."""
    text = may(fields, name)
    if not text:
        return None
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise Refused(f"{name} is no amount like 35.00: {text}")
    minus, whole, cents = found.groups()
    return (-1 if minus else 1) * (int(whole) * 100 + int((cents or "").ljust(2, "0")))


def rands(minor: int) -> str:
    """Cents as PayFast writes rands: 35.00."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"
