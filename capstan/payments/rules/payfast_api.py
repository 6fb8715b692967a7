"""PayFast's API: charging a stored card, giving money back, asking what became of a payment.

Sources: developers.payfast.co.za/api and PayFast's PHP SDK. Amounts are cents, here and there, but for the history's
CSV, which is in rands. Every call is signed over its headers, body and query, sorted by name.
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from capstan.payments.rules.payfast import ItnStatus, status_of
from capstan.payments.rules.payfast_signing import (
    Merchant,
    demand_id,
    encoded,
    minor_of,
    one_line,
    plain,
    rands,
    signed,
)
from capstan.values.refused import Refused

HISTORY_PATH = "/transactions/history"
HISTORY_PAGE = 1000
"""The most lines that it gives at once; the next ones begin at `offset`."""
MESSAGE_MAX = 200


def adhoc_path(token: str) -> str:
    """POST `adhoc_fields` there to charge the card that `token` stands for."""
    return f"/subscriptions/{quote(token, safe='')}/adhoc"


def refund_path(pf_payment_id: str) -> str:
    """POST `refund_fields` there."""
    return f"/refunds/{quote(pf_payment_id, safe='')}"


def query_path(pf_payment_id: str) -> str:
    """GET a card payment's state. PayFast knows it by its own id or by a token, not by ours: see `read_history`."""
    return f"/process/query/{quote(pf_payment_id, safe='')}"


def api_headers(merchant: Merchant, timestamp_text: str, body_fields: Mapping[str, str]) -> dict[str, str]:
    """The headers of an API call. `timestamp_text`: ISO 8601 to the second with its offset, 2026-03-01T12:00:00+02:00.

    `body_fields` are those of the body and of the query, for both are signed; `testing` never is. PayFast doesn't say
    how it signs a blank field: leave them out. Raises Refused without a passphrase, which PayFast's API demands.
    """
    if not merchant.passphrase.strip():
        raise Refused("PayFast's API needs the merchant's passphrase: enter it in the gateway's settings")
    headers = {"merchant-id": merchant.merchant_id.strip(), "version": "v1", "timestamp": timestamp_text}
    fields = {**body_fields, **headers, "passphrase": merchant.passphrase.strip()}
    pairs = sorted((name, value) for name, value in fields.items() if value and name != "testing")
    return {**headers, "signature": signed(pairs, "")}


def adhoc_fields(
    *, amount_minor: int, item_name: str, m_payment_id: str, item_description: str = ""
) -> dict[str, str]:
    """The body of a charge. PayFast charges again if it is asked again with the same id: it is ours to ask once."""
    demand_id(m_payment_id)
    if amount_minor <= 0:
        raise Refused(f"The amount to charge must be more than nothing, not {rands(amount_minor)}")
    fields = {
        "amount": str(amount_minor),
        "item_name": one_line(item_name, 100),
        "item_description": one_line(item_description, 255),
        "m_payment_id": m_payment_id,
    }
    return {name: value for name, value in fields.items() if value}


def refund_fields(*, amount_minor: int, reason: str) -> dict[str, str]:
    """The body of a refund; the buyer is told. Not offered by the sandbox. Raises Refused for a reason too short."""
    if amount_minor <= 0:
        raise Refused(f"The amount to refund must be more than nothing, not {rands(amount_minor)}")
    if len(one_line(reason, 255)) < 3:
        raise Refused("Say in a few words why the money goes back")
    return {"amount": str(amount_minor), "reason": one_line(reason, 255), "notify_buyer": "1"}


def form(fields: Mapping[str, str]) -> bytes:
    """The body to send, as application/x-www-form-urlencoded."""
    return "&".join(f"{name}={encoded(value)}" for name, value in fields.items()).encode()


class Answer(NamedTuple):
    """What the API said to a charge or refund. `message` is for staff.

    `is_final`: PayFast has decided. If not, the money may have moved or not: ask, or wait for the notification, but
    never just ask for it again.
    """

    is_success: bool
    pf_payment_id: str
    message: str
    is_final: bool


def read_adhoc_answer(status: int, body: bytes) -> Answer:
    """The answer to a charge; whatever came, never an exception."""
    document, data = _document(body)
    is_success = status == 200 and document.get("status") == "success" and data.get("response") is True
    is_refused = document.get("status") == "failed" or data.get("response") is False
    is_final = is_success or 400 <= status < 500 or (status == 200 and is_refused)
    unsaid = f"PayFast answered {status} without saying what became of it"
    return Answer(is_success, _said(data, "pf_payment_id"), _said(data, "message") or unsaid, is_final)


def read_refund_answer(status: int, body: bytes) -> Answer:
    """The answer to a refund; it names no payment, the id is the one in the path."""
    return read_adhoc_answer(status, body)


class QueryAnswer(NamedTuple):
    """A payment's state by `query_path`. Not `is_found`: PayFast doesn't know it, or no answer could be read."""

    is_found: bool
    pf_payment_id: str
    payment_id: str
    status: ItnStatus
    amount_minor: int
    message: str


def read_query_answer(status: int, body: bytes) -> QueryAnswer:
    """The answer to a query; whatever came, never an exception."""
    document, data = _document(body)
    found = data.get("response")
    amount = _said(found, "amount") if isinstance(found, dict) else ""
    is_amount = re.fullmatch("[0-9]{1,12}", amount) is not None
    if status != 200 or document.get("status") != "success" or not isinstance(found, dict) or not is_amount:
        message = _said(data, "message") or f"PayFast answered {status} to a query"
        return QueryAnswer(False, "", "", ItnStatus.OTHER, 0, message)
    word = _said(found, "status")
    state = status_of(word)
    ids = _said(found, "pf_payment_id"), _said(found, "m_payment_id")
    return QueryAnswer(True, *ids, state, int(amount), _said(found, "cc_message"))


class HistoryLine(NamedTuple):
    """One movement on the merchant's account. `at_text` is South African time; `kind` is FUNDS_RECEIVED for a payment."""

    at_text: str
    kind: str
    payment_id: str
    pf_payment_id: str
    gross_minor: int


def read_history(text: str) -> list[HistoryLine]:
    """The CSV of `HISTORY_PATH`: the one place where a payment whose notification was lost is found by our own id.

    Raises Refused for a CSV without the columns needed, or with an amount that is none.
    """
    rows = csv.DictReader(io.StringIO(text.strip()), skipinitialspace=True)
    needed = ("Date", "Type", "M Payment ID", "PF Payment ID", "Gross")
    missing = [name for name in needed if name not in (rows.fieldnames or ())]
    if missing:
        raise Refused(f"PayFast's history has no column {', '.join(missing)}")
    return [_history_line({name: row.get(name) or "" for name in needed}) for row in rows]


def _history_line(row: dict[str, str]) -> HistoryLine:
    gross = minor_of({"Gross": row["Gross"].replace(",", "")}, "Gross")  # thousands are set off there
    if gross is None:
        raise Refused(f"PayFast's history names no amount for {row['PF Payment ID']}")
    return HistoryLine(
        row["Date"], row["Type"], plain(row["M Payment ID"]), plain(row["PF Payment ID"]), gross
    )


def _document(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer and its `data`, empty where it isn't what it should be."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    document = read if isinstance(read, dict) else {}
    data = document.get("data")
    return document, data if isinstance(data, dict) else {}


def _said(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "")[:MESSAGE_MAX]
