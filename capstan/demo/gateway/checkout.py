"""The hosted page: a form comes in, the customer pays, is declined or cancels, the merchant is told."""

import uuid

from capstan.demo.gateway import pages, protocol
from capstan.demo.gateway.book import Book, Card, Payment
from capstan.demo.gateway.faults import Faults
from capstan.demo.gateway.itn import SHORT_BY, Courier
from capstan.demo.gateway.wire import Reply, Request, html, see_other
from capstan.values import clock

DECLINING_DIGITS = "0002"
"""A card that ends so is accepted on the page, but later charges of it are declined."""


class Checkout:
    """The pages that customers see."""

    def __init__(self, book: Book, account: protocol.Account, faults: Faults, courier: Courier) -> None:
        self._book, self._account, self._faults, self._courier = book, account, faults, courier

    def process(self, request: Request) -> Reply:
        """The merchant's form, which the customer's browser posts."""
        try:
            pairs = protocol.read_form(request.body)
            wrong = protocol.checkout_problems(pairs, self._account)
        except protocol.BadRequestError as problem:
            pairs, wrong = [], [f"The form can't be read: {problem}."]
        if wrong:
            return html(pages.refused(wrong), 400)
        fields = {name: value.strip() for name, value in pairs if name not in ("signature", "merchant_key")}
        asked = protocol.cents(fields["amount"]) or 0
        payment = Payment(uuid.uuid4().hex, fields, asked, self._book.number())
        self._book.put(payment)
        return see_other(f"/eng/pay/{payment.key}")

    def page(self, request: Request, key: str) -> Reply:
        payment = self._book.payments.get(key)
        if payment is None:
            return html(pages.message("There is no such payment."), 404)
        return html(_settled(payment) if payment.state != "open" else _open(payment))

    def act(self, request: Request, key: str) -> Reply:
        """A button of the page was pressed; pressing it twice pays once."""
        payment = self._book.payments.get(key)
        if payment is None:
            return html(pages.message("There is no such payment."), 404)
        sent = dict(protocol.read_form(request.body))
        action = sent.get("action")
        with self._book.changed:
            if payment.state == "open" and action == "cancel":
                self._cancel(payment)
            elif payment.state == "open":
                if action != "pay" or self._faults.take("decline_cards") is not None:
                    return html(_open(payment, declined=True), 402)
                self._pay(payment, sent.get("card", ""))
        target = payment.fields.get("return_url" if payment.state == "COMPLETE" else "cancel_url", "")
        return see_other(target) if target else html(_settled(payment))

    def _pay(self, payment: Payment, card: str) -> None:
        payment.gross = payment.asked
        if payment.asked > SHORT_BY and self._faults.take("itn_short") is not None:
            payment.gross -= SHORT_BY
        payment.state, payment.at = "COMPLETE", clock.now().isoformat()
        if payment.fields.get("subscription_type") == "2":
            digits = "".join(filter(str.isdigit, card))[-4:]
            payment.token = str(uuid.uuid4())
            self._book.put(Card(payment.token, digits, payment.fields, digits == DECLINING_DIGITS))
        self._book.put(payment)
        self._courier.notify(payment)

    def _cancel(self, payment: Payment) -> None:
        payment.state = "CANCELLED"
        self._book.put(payment)
        self._courier.notify(payment)


def _open(payment: Payment, *, declined: bool = False) -> str:
    return pages.pay(payment.key, payment.fields, protocol.rands(payment.asked), declined=declined)


def _settled(payment: Payment) -> str:
    is_paid = payment.state == "COMPLETE"
    back = payment.fields.get("return_url" if is_paid else "cancel_url", "")
    said = "This payment is made." if is_paid else "This payment was cancelled; nothing was paid."
    return pages.message(said, back)
