"""The protocol from PayFast's side: reading forms, signing, writing notifications. Own code, so that it checks ours.

Written from the public documentation alone; it imports nothing of the product. Amounts are cents.
"""

import hashlib
import hmac
import string
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_UNTOUCHED = frozenset((string.ascii_letters + string.digits + "-_.").encode())
_BLANKS = " \t\n\r\0\x0b"  # what PHP's trim takes off

CHECKOUT_ORDER = (
    "merchant_id",
    "merchant_key",
    "return_url",
    "cancel_url",
    "notify_url",
    "name_first",
    "name_last",
    "email_address",
    "cell_number",
    "m_payment_id",
    "amount",
    "item_name",
    "item_description",
    "custom_int1",
    "custom_int2",
    "custom_int3",
    "custom_int4",
    "custom_int5",
    "custom_str1",
    "custom_str2",
    "custom_str3",
    "custom_str4",
    "custom_str5",
    "email_confirmation",
    "confirmation_address",
    "payment_method",
    "subscription_type",
)
"""The order in which the documentation lists the fields, and in which they are signed, however they arrive."""

NOTICE_ORDER = (
    "m_payment_id",
    "pf_payment_id",
    "payment_status",
    "item_name",
    "item_description",
    "amount_gross",
    "amount_fee",
    "amount_net",
    "custom_str1",
    "custom_str2",
    "custom_str3",
    "custom_str4",
    "custom_str5",
    "custom_int1",
    "custom_int2",
    "custom_int3",
    "custom_int4",
    "custom_int5",
    "name_first",
    "name_last",
    "email_address",
    "merchant_id",
)


class Account(NamedTuple):
    """The merchant whom this gateway serves."""

    merchant_id: str = "10000100"
    merchant_key: str = "46f0cd694581a"
    passphrase: str = "simulated-passphrase"  # noqa: S105 - guards made-up money only


class BadRequestError(Exception):
    """What came can't be read; the message says why."""


def urlencode(text: str) -> str:
    """As PHP does it: letters, digits and -_. stay, a blank becomes +, the rest %XX in upper case."""
    written = []
    for byte in text.encode("utf-8", "surrogateescape"):
        if byte in _UNTOUCHED:
            written.append(chr(byte))
        else:
            written.append("+" if byte == 0x20 else f"%{byte:02X}")
    return "".join(written)


def urldecode(text: bytes) -> str:
    raw, position = bytearray(), 0
    while position < len(text):
        byte = text[position]
        code = text[position + 1 : position + 3]
        if byte == 0x25 and len(code) == 2 and all(one in b"0123456789abcdefABCDEF" for one in code):
            raw.append(int(code, 16))
            position += 3
            continue
        raw.append(0x20 if byte == 0x2B else byte)
        position += 1
    return raw.decode("utf-8", "surrogateescape")


def read_form(body: bytes) -> list[tuple[str, str]]:
    """Name and value of each field in the order received. Raises BadRequestError for a field that comes twice."""
    pairs = []
    for part in filter(None, body.split(b"&")):
        name, _, value = part.partition(b"=")
        pairs.append((urldecode(name), urldecode(value)))
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise BadRequestError("a field comes twice")
    return pairs


def write_form(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={urlencode(value)}" for name, value in pairs)


def md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def sign_checkout(fields: Mapping[str, str], passphrase: str) -> str:
    """The signature that a checkout form should bear: documented order, trimmed, blank fields left out."""
    trimmed = [(name, fields.get(name, "").strip(_BLANKS)) for name in CHECKOUT_ORDER]
    return _salted(write_form(pair for pair in trimmed if pair[1]), passphrase)


def sign_notice(pairs: Iterable[tuple[str, str]], passphrase: str) -> str:
    """The signature of a notification: all its fields in their order, blank ones too."""
    return _salted(write_form(pairs), passphrase)


def sign_call(headers: Mapping[str, str], fields: Mapping[str, str], passphrase: str) -> str:
    """The signature of an API call: headers, body, query and passphrase sorted by name; never `testing`."""
    everything = {**fields, **headers, "passphrase": passphrase}
    chosen = sorted(
        name for name, value in everything.items() if value and name not in ("testing", "signature")
    )
    return md5(write_form((name, everything[name]) for name in chosen))


def _salted(text: str, passphrase: str) -> str:
    return md5(
        f"{text}&passphrase={urlencode(passphrase.strip(_BLANKS))}" if passphrase.strip(_BLANKS) else text
    )


def checkout_problems(pairs: list[tuple[str, str]], account: Account) -> list[str]:
    """What is wrong with a checkout form, each as a sentence."""
    fields = dict(pairs)
    wrong = [
        f"{name} is missing."
        for name in ("merchant_id", "merchant_key", "amount", "item_name", "signature")
        if not fields.get(name, "").strip()
    ]
    wrong += [
        f"{name} is no field of the form." for name in fields if name not in (*CHECKOUT_ORDER, "signature")
    ]
    if fields.get("merchant_id") != account.merchant_id or fields.get("merchant_key") != account.merchant_key:
        wrong.append("merchant_id and merchant_key are not those of this gateway's merchant.")
    for name in ("return_url", "cancel_url", "notify_url"):
        address = fields.get(name, "").strip(_BLANKS)
        is_plain = address.isascii() and address.isprintable() and " " not in address
        if address and not (is_plain and address.startswith(("http://", "https://"))):
            wrong.append(f"{name} is no address of a web page.")
    if fields.get("amount") and cents(fields["amount"]) is None:
        wrong.append("amount is no amount like 35.00.")
    if fields.get("subscription_type", "2") != "2":
        wrong.append("subscription_type is not 2: this gateway stores cards and has no subscriptions.")
    if not is_same(fields.get("signature", ""), sign_checkout(fields, account.passphrase)):
        wrong.append(
            "The signature is wrong: it is the MD5 of the filled fields in the documented order, then the passphrase."
        )
    return wrong


def cents(text: str) -> int | None:
    """35.00 or 35 as cents; None for anything else."""
    whole, _, rest = text.partition(".")
    digits = whole + rest
    is_plain = bool(whole) and digits.isascii() and digits.isdigit() and len(rest) <= 2 and len(whole) <= 9
    return int(whole) * 100 + int(rest.ljust(2, "0")) if is_plain else None


def rands(amount: int) -> str:
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"


def fee_of(gross: int) -> int:
    """What the gateway keeps, negative as in its notifications: 2.3 %, to the nearest cent."""
    return -((gross * 23 + 500) // 1000)


def notice(facts: Mapping[str, str], token: str) -> list[tuple[str, str]]:
    """The fields of a notification, unsigned; `token` only if a card was stored."""
    pairs = [(name, facts.get(name, "")) for name in NOTICE_ORDER]
    return [*pairs, ("token", token)] if token else pairs


def seal(pairs: list[tuple[str, str]], passphrase: str) -> str:
    """The body to send."""
    return write_form([*pairs, ("signature", sign_notice(pairs, passphrase))])
