"""The merchant's API: charge a stored card, refund, ask about a payment, list payments. Signed calls only."""

import csv
import io
import json
import threading
import uuid
from datetime import date, datetime, timedelta, timezone
from typing import Any

from capstan.demo.gateway import protocol
from capstan.demo.gateway.book import Book, Card, Payment
from capstan.demo.gateway.faults import Faults
from capstan.demo.gateway.itn import Courier
from capstan.demo.gateway.wire import Reply, Request, as_json, text
from capstan.values import clock

SOUTH_AFRICA = timezone(timedelta(hours=2))

COLUMNS = (
    "Date,Type,Sign,Party,Name,Description,Currency,Funding Type,Gross,Fee,Net,Balance,M Payment ID,PF Payment ID,"
    "custom str1,custom int1,custom str2,custom int2,custom str3,custom str4,custom str5,"
    "custom int3,custom int4,custom int5"
)


class Api:
    """`stopping` ends the wait of a slow answer."""

    def __init__(
        self,
        book: Book,
        account: protocol.Account,
        faults: Faults,
        courier: Courier,
        stopping: threading.Event,
    ) -> None:
        self._book, self._account, self._faults, self._courier = book, account, faults, courier
        self._stopping = stopping

    def refusal(self, request: Request) -> Reply | None:
        """The answer to a call that isn't the merchant's, with the documented words; None for one that is."""
        if self._faults.take("api_down") is not None:
            return text("Service Unavailable", 503)
        names = ("merchant-id", "version", "timestamp")
        headers = {name: request.headers.get(name, "") for name in names}
        signature = request.headers.get("signature", "")
        if not signature:
            return failed(400, "Signature not present in headers")
        if headers["version"] != "v1":
            return failed(400, "API version is not valid")
        if not _is_time(headers["timestamp"]):
            return failed(400, "Required variables not present in request")
        if headers["merchant-id"] != self._account.merchant_id:
            return failed(401, "Merchant not found")
        try:
            fields = {**dict(protocol.read_form(request.query.encode())), **_fields(request)}
        except (ValueError, protocol.BadRequestError):
            return failed(400, "Required variables not present in request")
        wanted = protocol.sign_call(headers, fields, self._account.passphrase)
        return None if protocol.is_same(signature, wanted) else failed(401, "Merchant authorisation failed")

    def adhoc(self, request: Request, token: str) -> Reply:
        """Charge a stored card. Asked twice, it charges twice, as the real one does."""
        fields = _fields(request)
        amount, card = _whole(fields.get("amount", "")), self._book.cards.get(token)
        if not amount or not fields.get("item_name"):
            return failed(400, "Required variables not present in request")
        if card is None:
            return failed(400, "The subscription is not in a valid state.", 4)
        if card.declines or self._faults.take("decline_cards") is not None:
            return failed(400, "Declined by the bank: not sufficient funds (51)")
        charged = self._charge(card, fields, amount)
        late = self._faults.take("api_slow")
        if late is not None:
            self._stopping.wait(late)
        if self._faults.take("charge_but_answer_500") is not None:
            return text("Application Error", 500)
        return succeeded(True, "Transaction was successful(00)", pf_payment_id=charged.pf_payment_id)

    def _charge(self, card: Card, fields: dict[str, str], amount: int) -> Payment:
        kept = ("notify_url", "name_first", "name_last", "email_address")
        own = ("item_name", "item_description", "m_payment_id")
        facts = {name: card.fields[name] for name in kept if name in card.fields}
        facts |= {name: fields[name] for name in own if name in fields}
        payment = Payment(uuid.uuid4().hex, facts, amount, self._book.number(), "COMPLETE", amount)
        payment.token, payment.at = card.key, clock.now().isoformat()
        self._book.put(payment)
        if fields.get("itn", "1") not in ("0", "", "false"):
            self._courier.notify(payment)
        return payment

    def refund(self, request: Request, pf_payment_id: str) -> Reply:
        fields, payment = _fields(request), self._book.paid(pf_payment_id)
        amount = _whole(fields.get("amount", ""))
        if not amount or len(fields.get("reason", "")) < 3 or "notify_buyer" not in fields:
            return failed(400, "Required variables not present in request")
        with self._book.changed:
            if payment is None:
                return failed(404, "Payment not found")
            if amount > payment.gross - payment.refunded:
                return failed(400, "The amount is more than is available for refund")
            payment.refunded += amount
            self._book.put(payment)
        return succeeded(True, "Success")

    def refundable(self, request: Request, pf_payment_id: str) -> Reply:
        """What may still be refunded, by which a merchant learns what became of a refund without an answer."""
        payment = self._book.paid(pf_payment_id)
        if payment is None:
            return failed(404, "Payment not found")
        left = payment.gross - payment.refunded
        state = "REFUNDABLE" if left else "COMPLETED"
        return as_json(
            {
                "amount_original": payment.gross,
                "amount_available_for_refund": left,
                "status": state,
                "errors": [],
            }
        )

    def query(self, request: Request, key: str) -> Reply:
        """A card payment by the gateway's id, or the last one of a stored card by its token."""
        with self._book.changed:
            of_token = [one for one in self._book.payments.values() if key and one.token == key]
        payment = self._book.paid(key) or (of_token[-1] if of_token else None)
        if payment is None:
            return failed(404, "Payment not found")
        found = {
            "pf_payment_id": int(payment.pf_payment_id),
            "m_payment_id": payment.fields.get("m_payment_id", ""),
            "status": payment.state,
            "amount": payment.gross,
            "cc_status": "00",
            "cc_message": "Approved or completed successfully (00)",
        }
        return succeeded(found, "Success")

    def history(self, request: Request) -> Reply:
        """The payments of some South African days, as CSV in rands; `from` and `to` are both included."""
        asked = dict(protocol.read_form(request.query.encode()))
        today = clock.now().astimezone(SOUTH_AFRICA).date()
        try:
            first = date.fromisoformat(asked["from"]) if "from" in asked else today.replace(day=1)
            last = date.fromisoformat(asked["to"]) if "to" in asked else today
            offset, limit = int(asked.get("offset", "0")), int(asked.get("limit", "1000"))
        except ValueError:
            return failed(400, "Required variables not present in request")
        with self._book.changed:
            paid = [one for one in self._book.payments.values() if one.state == "COMPLETE"]
        lines = [(datetime.fromisoformat(one.at).astimezone(SOUTH_AFRICA), one) for one in paid]
        lines = sorted((pair for pair in lines if first <= pair[0].date() <= last), key=lambda pair: pair[0])
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS.split(","))
        balance = 0
        for at, payment in lines[offset : offset + limit]:
            balance += payment.gross + protocol.fee_of(payment.gross)
            writer.writerow(_row(at, payment, balance))
        return text(out.getvalue(), content_type="text/csv; charset=utf-8")


def _row(at: datetime, payment: Payment, balance: int) -> list[str]:
    fields, fee = payment.fields, protocol.fee_of(payment.gross)
    party = f"{fields.get('name_first', '')} {fields.get('name_last', '')}".strip()
    return [
        *(f"{at:%Y-%m-%d %H:%M:%S}", "FUNDS_RECEIVED", "CREDIT", party),
        *(fields.get("item_name", ""), fields.get("item_description", ""), "ZAR", "CC"),
        *(_grouped(payment.gross), _grouped(fee), _grouped(payment.gross + fee), _grouped(balance)),
        *(fields.get("m_payment_id", ""), payment.pf_payment_id),
        *(fields.get(name.replace(" ", "_"), "") for name in COLUMNS.split(",")[14:]),
    ]


def _grouped(amount: int) -> str:
    """Thousands are set off by a comma in the history, and only there."""
    whole, _, rest = protocol.rands(abs(amount)).partition(".")
    return f"{'-' if amount < 0 else ''}{int(whole):,}.{rest}"


def _fields(request: Request) -> dict[str, str]:
    """The body's fields, form or JSON. Raises ValueError or BadRequestError for anything else."""
    if "json" not in request.headers.get("content-type", ""):
        return dict(protocol.read_form(request.body))
    read = json.loads(request.body or b"{}")
    if not isinstance(read, dict):
        raise ValueError("no object")
    return {str(name): _as_php(value) for name, value in read.items()}


def _as_php(value: Any) -> str:
    """A JSON value as text, as the signature sees it."""
    if isinstance(value, bool) or value is None:
        return "1" if value else ""
    return str(value)


def _whole(words: str) -> int:
    """An amount in cents as the API wants it; 0 for anything else."""
    return int(words) if words.isascii() and words.isdigit() and len(words) <= 12 else 0


def _is_time(words: str) -> bool:
    try:
        return "T" in words and bool(datetime.fromisoformat(words))
    except ValueError:
        return False


def succeeded(response: Any, message: str, **more: str) -> Reply:
    return as_json(
        {"code": 200, "status": "success", "data": {"response": response, "message": message, **more}}
    )


def failed(status: int, message: str, response: Any = False) -> Reply:
    return as_json(
        {"code": status, "status": "failed", "data": {"response": response, "message": message}}, status
    )
