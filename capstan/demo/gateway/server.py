"""The gateway as a whole: an HTTP server, its routes, and the knobs for tests and demonstrations."""

import ipaddress
import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from capstan.demo.gateway import pages, protocol
from capstan.demo.gateway.api import Api, failed
from capstan.demo.gateway.book import Book
from capstan.demo.gateway.checkout import Checkout
from capstan.demo.gateway.faults import FAULTS, Faults
from capstan.demo.gateway.itn import GAPS, Courier
from capstan.demo.gateway.wire import Reply, Request, as_json, html, text

BODY_MAX = 65_536
IDLE_SECONDS = 30


class Gateway:
    """A payment gateway on `host` and `port`, 0 for any free one. Runs between `start` and `stop`, or in a `with`.

    `state`: a folder that outlives it. `gaps`: seconds between the attempts of a notification; `seconds`: how long one
    waits for its answer.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        account: protocol.Account | None = None,
        state: Path | None = None,
        gaps: tuple[float, ...] = GAPS,
        seconds: float = 10.0,
    ) -> None:
        self.account = account or protocol.Account()
        self._stopping = threading.Event()
        self._faults = Faults()
        self._server = _Server((host, port), _Handler)  # first: a port in use leaves no file open
        self._server.gateway = self
        self.book = Book(state)
        self._courier = Courier(self.book, self.account, self._faults, gaps, seconds)
        self._checkout = Checkout(self.book, self.account, self._faults, self._courier)
        self._api = Api(self.book, self.account, self._faults, self._courier, self._stopping)
        self.port: int = self._server.server_address[1]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}"

    def start(self) -> Self:
        self._courier.start()
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def stop(self) -> None:
        """Notifications under way are finished; what is unsent stays in the folder, if there is one."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._courier.stop()
        self.book.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fault(self, name: str, times: int = 1, seconds: float = 1.0) -> None:
        """Let the next `times` events of its kind go wrong. Raises ValueError for an unknown fault."""
        self._faults.put(name, times, seconds)

    def heal(self) -> None:
        self._faults.heal()

    def decline_token(self, token: str) -> None:
        """From now on the bank declines this stored card. Raises KeyError for one that isn't stored."""
        with self.book.changed:
            card = self.book.cards[token]
            card.declines = True
            self.book.put(card)

    def payments(self) -> list[dict[str, Any]]:
        return self.book.listed()["payments"]

    def itns(self) -> list[dict[str, Any]]:
        return self.book.listed()["itns"]

    def wait(self, condition: Callable[[], bool], seconds: float = 20.0) -> bool:
        """Until something that the gateway knows is so; False if it wasn't in time."""
        return self.book.wait(condition, seconds)

    def answer(self, request: Request) -> Reply:
        """The whole of it: what a request is answered with."""
        parts = [unquote(one) for one in request.path.strip("/").split("/")]
        try:
            return self._routed(request.method, parts, request)
        except (ValueError, protocol.BadRequestError) as problem:
            return text(f"Bad request: {problem}", 400)

    def _routed(self, method: str, parts: list[str], request: Request) -> Reply:
        match method, parts:
            case "GET", [""]:
                return html(pages.message("This stands in for a payment gateway."))
            case "GET", ["style.css"]:
                return text(pages.STYLE, content_type="text/css; charset=utf-8")
            case "POST", ["eng", "process"]:
                return self._checkout.process(request)
            case "GET", ["eng", "pay", key]:
                return self._checkout.page(request, key)
            case "POST", ["eng", "pay", key]:
                return self._checkout.act(request, key)
            case "POST", ["eng", "query", "validate"]:
                return self._validated(request)
            case _, ["control"]:
                return self._control(request)
            case _, ["subscriptions" | "refunds" | "process" | "transactions", *_]:
                return self._api.refusal(request) or self._api_routed(method, parts, request)
        return text("Not found", 404)

    def _api_routed(self, method: str, parts: list[str], request: Request) -> Reply:
        match method, parts:
            case "POST", ["subscriptions", token, "adhoc"]:
                return self._api.adhoc(request, token)
            case "GET", ["refunds", "query", pf_payment_id]:
                return self._api.refundable(request, pf_payment_id)
            case "POST", ["refunds", pf_payment_id]:
                return self._api.refund(request, pf_payment_id)
            case "GET", ["process", "query", key]:
                return self._api.query(request, key)
            case "GET", ["transactions", "history"]:
                return self._api.history(request)
        return failed(404, "Service / endpoint not found")

    def _validated(self, request: Request) -> Reply:
        if self._faults.take("validate_down") is not None:
            return text("Service Unavailable", 503)
        pairs = protocol.read_form(request.body)
        unsigned = [(name, value) for name, value in pairs if name != "signature"]
        return text("VALID" if self._courier.is_genuine(unsigned) else "INVALID")

    def _control(self, request: Request) -> Reply:
        if not _is_loopback(request.client):
            return text("The control answers this machine only", 403)
        if request.method == "GET":
            return as_json({**self.book.listed(), "faults": self._faults.listed(), "known_faults": FAULTS})
        asked = json.loads(request.body or b"{}")
        if not isinstance(asked, dict):
            raise ValueError("an object is expected")
        if asked.get("fault") == "none":
            self.heal()
        elif "decline_token" in asked:
            if asked["decline_token"] not in self.book.cards:
                raise ValueError("no such stored card")
            self.decline_token(asked["decline_token"])
        else:
            times, seconds = asked.get("times", 1), asked.get("seconds", 1.0)
            if type(times) is not int or type(seconds) not in (int, float):
                raise ValueError("times and seconds are numbers")
            self.fault(str(asked.get("fault", "")), times, float(seconds))
        return as_json({"faults": self._faults.listed()})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    gateway: Gateway

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no news; anything else is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = IDLE_SECONDS
    server_version = "simulated-gateway"

    def do_GET(self) -> None:
        size = self.headers.get("Content-Length") or "0"
        if not (size.isascii() and size.isdigit() and int(size) <= BODY_MAX):
            self.send_error(413)
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(size))
        request = Request(self.command, parts.path, parts.query, headers, body, self.client_address[0])
        reply = self.server.gateway.answer(request)
        self.send_response(reply.status)
        for name, value in {
            **reply.headers,
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Quiet: `GET /control` tells what happened."""


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
