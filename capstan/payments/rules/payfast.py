"""PayFast's protocol: the checkout form, and the notification (ITN) that a payment brings.

Sources: developers.payfast.co.za (custom integration, recurring billing, API) and PayFast's own PHP SDK. There are two
ways to sign, both MD5 over `name=value` pairs joined by `&`: forms and notifications keep the fields in their order and
put the passphrase last; the API sorts everything, passphrase included, by name. Amounts are cents here; PayFast writes
rands with two decimals in forms and notifications, and cents in its API (`payfast_api`).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from capstan.payments.rules.payfast_signing import (
    Merchant,
    Pair,
    demand_id,
    may,
    minor_of,
    one_line,
    plain,
    rands,
    same,
    signed,
)
from capstan.values.refused import Refused

BODY_MAX = 65_536
FIELDS_MAX = 100

ITN_HOSTS = ("www.payfast.co.za", "sandbox.payfast.co.za", "w1w.payfast.co.za", "w2w.payfast.co.za")
"""The addresses of these are where notifications come from: compare the peer's, never a header's."""

PROCESS_PATH = "/eng/process"
VALIDATE_PATH = "/eng/query/validate"


class Hosts(NamedTuple):
    """Where PayFast is: `web` for the form and for asking about notifications, `api` for stored cards and refunds."""

    web: str
    api: str
    is_testing: bool


LIVE = Hosts("https://www.payfast.co.za", "https://api.payfast.co.za", is_testing=False)
SANDBOX = Hosts("https://sandbox.payfast.co.za", "https://api.payfast.co.za", is_testing=True)
"""The sandbox has no API of its own: `?testing=true` makes a call one, and that parameter is never signed."""


PAGES: Mapping[str, tuple[str, ...]] = {LIVE.web: ("https://payment.payfast.io",)}
"""Where the form's page sends the browser on to; a browser that may not go there stays where it is."""


# The checkout form


def checkout_fields(
    merchant: Merchant,
    *,
    payment_id: str,
    amount_minor: int,
    item_name: str,
    return_url: str,
    cancel_url: str,
    notify_url: str,
    item_description: str = "",
    name_first: str = "",
    name_last: str = "",
    email_address: str = "",
    cell_number: str = "",
    custom_str1: str = "",
    save_card: bool = False,
) -> list[Pair]:
    """The hidden fields to POST to `/eng/process`, in the documented order, signed; to be sent exactly like this.

    Texts lose line breaks, which a browser would alter after signing, and what is longer than PayFast takes. Raises
    Refused for what PayFast would refuse: no id, no item, an amount of nothing unless a card is only stored by it.
    """
    _demand_payable(merchant, payment_id, amount_minor, item_name, save_card)
    fields = [
        ("merchant_id", merchant.merchant_id.strip()),
        ("merchant_key", merchant.merchant_key.strip()),
        ("return_url", return_url.strip()),
        ("cancel_url", cancel_url.strip()),
        ("notify_url", notify_url.strip()),
        ("name_first", one_line(name_first, 100)),
        ("name_last", one_line(name_last, 100)),
        ("email_address", one_line(email_address, 100)),
        ("cell_number", one_line(cell_number, 100)),
        ("m_payment_id", payment_id),
        ("amount", rands(amount_minor)),
        ("item_name", one_line(item_name, 100)),
        ("item_description", one_line(item_description, 255)),
        ("custom_str1", one_line(custom_str1, 255)),
        ("subscription_type", "2" if save_card else ""),
    ]
    filled = [(name, value) for name, value in fields if value]
    return [*filled, ("signature", signed(filled, merchant.passphrase))]


def _demand_payable(
    merchant: Merchant, payment_id: str, amount_minor: int, item_name: str, save_card: bool
) -> None:
    demand_id(payment_id)
    if not one_line(item_name, 100):
        raise Refused("Say what is paid for: the item has no name")
    if amount_minor < 0 or (amount_minor == 0 and not save_card):
        raise Refused(f"The amount to pay must be more than nothing, not {rands(amount_minor)}")
    if save_card and not merchant.passphrase.strip():
        raise Refused(
            "PayFast stores cards only for merchants with a passphrase: enter it in the gateway's settings"
        )


# The notification (ITN)


class ItnStatus(StrEnum):
    """What became of a payment. OTHER: a word that the documentation doesn't know."""

    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    PENDING = "PENDING"
    OTHER = "other"


def status_of(word: str) -> ItnStatus:
    """The state that PayFast means by a word."""
    return ItnStatus(word) if word in set(ItnStatus) else ItnStatus.OTHER


class Itn(NamedTuple):
    """A notification as it was sent, before it is believed: `check_itn` says whether it may be.

    Everything but `signature` is from the signed part; what follows the signature is ignored. `gross_minor` is what the
    customer paid, 0 where a payment that isn't complete names none; `fee_minor` is usually negative. `pairs` are all
    fields as received; their values may hold what no database keeps.
    """

    payment_id: str
    pf_payment_id: str
    status: ItnStatus
    status_text: str
    gross_minor: int
    fee_minor: int | None
    net_minor: int | None
    token: str
    merchant_id: str
    signature: str
    pairs: tuple[Pair, ...]


def read_itn(body: bytes) -> Itn:
    """What the raw body of a POST to our notify_url says. Raises Refused with the reason, naming the field."""
    pairs = _pairs(body)
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        raise Refused(f"The notification repeats {next(plain(one) for one in names if names.count(one) > 1)}")
    if not values.get("signature"):
        raise Refused("The notification has no signature")
    fields = dict(_before_signature(pairs))
    word = _must(fields, "payment_status")
    status = status_of(word)
    is_paid = status is ItnStatus.COMPLETE
    gross = minor_of(fields, "amount_gross")
    if is_paid and gross is None:
        raise Refused("The notification has no amount_gross")
    if gross is not None and gross < 0:
        raise Refused(f"amount_gross is negative: {rands(gross)}")
    return Itn(
        payment_id=_must(fields, "m_payment_id"),
        pf_payment_id=_must(fields, "pf_payment_id") if is_paid else may(fields, "pf_payment_id"),
        status=status,
        status_text=word,
        gross_minor=gross or 0,
        fee_minor=minor_of(fields, "amount_fee"),
        net_minor=minor_of(fields, "amount_net"),
        token=may(fields, "token"),
        merchant_id=_must(fields, "merchant_id"),
        signature=plain(values["signature"]),
        pairs=pairs,
    )


def itn_signature(pairs: Sequence[Pair], passphrase: str) -> str:
    """What PayFast signs a notification with: its fields in the order received, blank ones too, up to `signature`."""
    return signed(_before_signature(pairs), passphrase)


def check_itn(itn: Itn, merchant: Merchant, expected_amount_minor: int | None) -> list[str]:
    """What is wrong with a notification, in words; nothing if it may be believed as far as it can be checked here.

    `expected_amount_minor`: what our payment of that id asks for, None where there is nothing to compare with. The
    sender's address and `validate_body` are the caller's to check.
    """
    wrong = []
    if not same(itn.signature, itn_signature(itn.pairs, merchant.passphrase)):
        wrong.append("the signature is not PayFast's for this merchant's passphrase")
    if not same(itn.merchant_id, merchant.merchant_id.strip()):
        wrong.append(f"it is for merchant {itn.merchant_id}, not {merchant.merchant_id}")
    says_amount = itn.status is ItnStatus.COMPLETE or itn.gross_minor != 0
    if expected_amount_minor is not None and says_amount and itn.gross_minor != expected_amount_minor:
        wrong.append(f"{rands(itn.gross_minor)} was paid, {rands(expected_amount_minor)} was to be paid")
    return wrong


def validate_body(body: bytes) -> bytes:
    """What to POST back to `/eng/query/validate`, as a form: the notification as received, without its signature."""
    return (b"&" + body).partition(b"&signature=")[0].removeprefix(b"&")


def is_valid_answer(text: str) -> bool:
    """Whether PayFast says that it sent this notification. Anything but its one word is a no."""
    return text.strip() == "VALID"


def _pairs(body: bytes) -> tuple[Pair, ...]:
    parts = body.split(b"&")
    if len(body) > BODY_MAX or len(parts) > FIELDS_MAX:
        raise Refused("The notification is longer than any that PayFast sends")
    if not all(part.find(b"=") > 0 for part in parts):
        raise Refused("The notification is no form: it should be name=value, joined by &")
    halves = [part.partition(b"=") for part in parts]
    return tuple((_decoded(name), _decoded(value)) for name, _, value in halves)


def _decoded(raw: bytes) -> str:
    """Bytes that are no UTF-8 come back as they were when the text is encoded again for its signature."""
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "surrogateescape")


def _before_signature(pairs: Sequence[Pair]) -> list[Pair]:
    names = [name for name, _ in pairs]
    return list(pairs[: names.index("signature")] if "signature" in names else pairs)


def _must(fields: Mapping[str, str], name: str) -> str:
    found = may(fields, name)
    if not found:
        raise Refused(f"The notification has no {name}")
    return found
