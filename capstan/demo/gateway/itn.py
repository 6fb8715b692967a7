"""Sends notifications in the background, again and again until they are answered with 200."""

import heapq
import http.client
import threading
import time
from urllib.parse import urlsplit

from capstan.demo.gateway import protocol
from capstan.demo.gateway.book import Book, Notice, Payment
from capstan.demo.gateway.faults import Faults

GAPS = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds to wait after the first, second ... failed attempt; the last for all further ones."""

SHORT_BY = 100  # cents


class Courier:
    """Runs from `start` to `stop`. What the book holds unsent is sent at the start."""

    def __init__(
        self, book: Book, account: protocol.Account, faults: Faults, gaps: tuple[float, ...], seconds: float
    ) -> None:
        self._book, self._account, self._faults = book, account, faults
        self._gaps, self._seconds = gaps, seconds
        self._due: list[tuple[float, str]] = []
        self._wake = threading.Condition()
        self._stopped = False
        self._attempts: set[threading.Thread] = set()
        self._thread = threading.Thread(target=self._run, name="gateway-courier", daemon=True)

    def start(self) -> None:
        with self._book.changed:
            waiting = [one for one in self._book.notices.values() if one.state == "waiting"]
        for notice in waiting:
            self._schedule(notice, 0.0)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        self._thread.join()
        for attempt in list(self._attempts):
            attempt.join(self._seconds + 1)

    def notify(self, payment: Payment) -> None:
        """Tell the merchant how a payment stands, with whatever fault strikes."""
        url = payment.fields.get("notify_url", "")
        if not url:
            return
        pairs = protocol.notice(self._facts(payment), payment.token)
        if payment.state != "COMPLETE":
            self._add(Notice(self._book.number(), url, pairs))
            return
        if self._faults.take("itn_unknown_payment") is not None:
            stranger = {
                "m_payment_id": f"unknown-{self._book.number()}",
                "pf_payment_id": self._book.number(),
            }
            self._add(
                Notice(self._book.number(), url, [(name, stranger.get(name, value)) for name, value in pairs])
            )
        notice = Notice(self._book.number(), url, pairs)
        notice.delay = self._faults.take("itn_late") or 0.0
        for fault in ("itn_tampered", "itn_wrong_signature", "itn_twice"):
            if not notice.fault and self._faults.take(fault) is not None:
                notice.fault = fault
        if self._faults.take("itn_lost") is not None:
            notice.state = "lost"
        if self._faults.take("itn_out_of_order") is not None:
            older = {"payment_status": "PENDING"}
            notice.then = [(name, older.get(name, value)) for name, value in pairs]
        self._add(notice)

    def is_genuine(self, pairs: list[tuple[str, str]]) -> bool:
        """Whether a notification of exactly these fields was sent."""
        with self._book.changed:
            return any(one.shown and one.pairs == pairs for one in self._book.notices.values())

    def _facts(self, payment: Payment) -> dict[str, str]:
        fee = protocol.fee_of(payment.gross)
        return {
            **payment.fields,
            "pf_payment_id": payment.pf_payment_id,
            "payment_status": payment.state,
            "amount_gross": protocol.rands(payment.gross),
            "amount_fee": protocol.rands(fee),
            "amount_net": protocol.rands(payment.gross + fee),
            "merchant_id": self._account.merchant_id,
        }

    def _add(self, notice: Notice) -> None:
        self._book.put(notice)
        if notice.state == "waiting":
            self._schedule(notice, notice.delay)

    def _schedule(self, notice: Notice, seconds: float) -> None:
        with self._wake:
            heapq.heappush(self._due, (time.monotonic() + seconds, notice.key))
            self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stopped and (not self._due or self._due[0][0] > time.monotonic()):
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._stopped:
                    return
                notice = self._book.notices[heapq.heappop(self._due)[1]]
            attempt = threading.Thread(target=self._attempt, args=(notice,), daemon=True)
            self._attempts = {one for one in self._attempts if one.is_alive()} | {attempt}
            attempt.start()

    def _attempt(self, notice: Notice) -> None:
        is_first = not notice.attempts
        body = self._body(notice, is_first)
        if body == self._body(notice, False):
            with self._book.changed:
                notice.shown = (
                    True  # before it leaves: the merchant asks whether it is genuine while answering it
                )
                self._book.put(notice)
        copies = 2 if is_first and notice.fault == "itn_twice" else 1
        answers = self._sent(notice.url, body, copies)
        with self._book.changed:
            notice.attempts += answers
            notice.state = "delivered" if 200 in answers else "waiting"
            self._book.put(notice)
        if notice.state == "delivered":
            if notice.then:
                self._add(Notice(self._book.number(), notice.url, notice.then))
            return
        self._schedule(notice, self._gaps[min(len(notice.attempts), len(self._gaps)) - 1])

    def _body(self, notice: Notice, is_first: bool) -> str:
        if is_first and notice.fault == "itn_wrong_signature":
            return protocol.seal(notice.pairs, self._account.passphrase + "?")
        body = protocol.seal(notice.pairs, self._account.passphrase)
        if is_first and notice.fault == "itn_tampered":
            gross = dict(notice.pairs)["amount_gross"]
            return body.replace(f"amount_gross={gross}", f"amount_gross=1{gross}", 1)
        return body

    def _sent(self, url: str, body: str, copies: int) -> list[int]:
        """The answer to each copy; all have connected before the first is sent."""
        gate = threading.Barrier(copies)
        answers: list[int] = []

        def send() -> None:
            answers.append(_post(url, body, self._seconds, gate))

        others = [threading.Thread(target=send, daemon=True) for _ in range(copies - 1)]
        for other in others:
            other.start()
        send()
        for other in others:
            other.join()
        return answers


def _post(url: str, body: str, seconds: float, gate: threading.Barrier) -> int:
    """The status of the answer, 0 if there is none."""
    try:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        conn = kind(parts.hostname or "", parts.port, timeout=seconds)
    except (ValueError, http.client.InvalidURL):
        return 0
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "simulated-gateway"}
    try:
        conn.connect()
        gate.wait(seconds)
        conn.request("POST", target, body=body.encode("ascii"), headers=headers)
        return conn.getresponse().status
    except (OSError, ValueError, http.client.HTTPException, threading.BrokenBarrierError):
        gate.abort()
        return 0
    finally:
        conn.close()
