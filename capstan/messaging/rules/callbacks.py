"""What gateways tell us – SMS that came in, receipts – read from the fields that their settings name."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from capstan.messaging.rules.gateways import InboundFields, ReceiptFields, Signature, as_text, at_path
from capstan.messaging.rules.states import ReceiptKind
from capstan.values.refused import Refused

_MILLISECONDS_FROM = 10**11
ID_MAX = 200
"""Characters of an id or a status; the rest is cut, on either side of a comparison."""


class InboundSms(NamedTuple):
    sender: str
    recipient: str
    text: str
    sent_at: datetime | None
    carrier_id: str
    parent_carrier_id: str


class ReceiptFacts(NamedTuple):
    """`reference` is ours, `carrier_id` theirs; one of them is there."""

    reference: str
    carrier_id: str
    status: str
    error: str
    raw: dict[str, object]


def items(document: object, path: str) -> list[Mapping[str, object]]:
    """What came, one by one. Raises Refused where the list should be and isn't."""
    found = at_path(document, path) if path else document
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(one, Mapping) for one in listed):
        raise Refused(f"{path or 'the body'} is neither an object nor a list of objects")
    return [clean(dict(one)) for one in listed if isinstance(one, Mapping)]


def clean(value: Any) -> Any:
    """The same without what no database keeps: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {clean(key): clean(inner) for key, inner in value.items()}
    return [clean(inner) for inner in value] if isinstance(value, list) else value


def read_inbound(fields: InboundFields, item: Mapping[str, object]) -> InboundSms:
    """Raises Refused, naming the field, without a sender or a text. An unreadable time is no reason to lose an SMS."""
    return InboundSms(
        sender=_must(item, fields.sender).strip()[:ID_MAX] or _refuse(f"{fields.sender} is empty"),
        recipient=_may(item, fields.recipient),
        text=_must(item, fields.text),
        sent_at=_time(_may(item, fields.sent_at), fields),
        carrier_id=_may(item, fields.carrier_id),
        parent_carrier_id=_may(item, fields.parent_carrier_id),
    )


def read_receipt(fields: ReceiptFields, item: Mapping[str, object]) -> ReceiptFacts:
    """Raises Refused, naming the field, without a status, or with nothing that says which message is meant."""
    reference, carrier_id = _may(item, fields.reference), _may(item, fields.carrier_id)
    if not reference and not carrier_id:
        raise Refused(f"{fields.reference} and {fields.carrier_id} are missing: which message is it?")
    status = _must(item, fields.status).strip()[:ID_MAX]
    return ReceiptFacts(reference, carrier_id, status, _may(item, fields.error), dict(item))


def kind_of(fields: ReceiptFields, status: str, error: str) -> ReceiptKind:
    """What a receipt says, by the gateway's own words."""
    word = status.lower()
    if word in map(str.lower, fields.failed):
        unknown = found_in(fields.unknown_subscriber, f"{status} {error}")
        return ReceiptKind.UNKNOWN_SUBSCRIBER if unknown else ReceiptKind.FAILED
    if word in map(str.lower, fields.delivered):
        return ReceiptKind.DELIVERED
    if word in map(str.lower, fields.progress):
        return ReceiptKind.PROGRESS
    return ReceiptKind.UNKNOWN


def found_in(patterns: Sequence[str], text: str) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


def is_signed(signature: Signature, key: str, given: str, body: bytes) -> bool:
    """Whether `given`, the header's value, is the body's HMAC-SHA256 by `key`. Compared in constant time."""
    digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
    wanted = digest.hex() if signature.encoding == "hex" else base64.b64encode(digest).decode()
    has = given.strip().removeprefix(signature.prefix)
    has = has.lower() if signature.encoding == "hex" else has
    return hmac.compare_digest(wanted.encode(), has.encode())


def _must(item: Mapping[str, object], name: str) -> str:
    found = as_text(at_path(item, name))
    return _refuse(f"{name} is missing") if found is None else found


def _may(item: Mapping[str, object], name: str) -> str:
    return (as_text(at_path(item, name)) or "").strip()[:ID_MAX] if name else ""


def _refuse(why: str) -> str:
    raise Refused(why)


def _time(text: str, fields: InboundFields) -> datetime | None:
    if not text:
        return None
    try:
        if fields.time_format:
            read = datetime.strptime(text, fields.time_format)  # noqa: DTZ007 - its zone is set below
        elif re.fullmatch(r"\d{9,14}(\.\d+)?", text):
            seconds = float(text)
            read = datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
        else:
            read = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=ZoneInfo(fields.time_zone))
