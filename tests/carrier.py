"""An SMS carrier with an HTTP interface, for tests: real sockets, and it does what a carrier does on its worst days."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body, keep_blank_values=True).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """An answer. `after` is waited for first; `cut` closes the connection without a word instead."""

    body: str = "OK"
    status: int = 200
    after: threading.Event | None = None
    cut: bool = False
    headers: dict[str, str] = field(default_factory=dict)


Behaviour = Callable[[Asked], Says]


class Carrier:
    """`asked` is what came, in order; `answer` decides what is said."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Behaviour = lambda asked: Says()
        self._arrived = threading.Condition()
        carrier = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                carrier._serve(self)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def wait(self, number: int, seconds: float = 20.0) -> list[Asked]:
        """Until so many requests have come."""
        until = time.monotonic() + seconds
        with self._arrived:
            while len(self.asked) < number:
                assert self._arrived.wait(until - time.monotonic()), f"{len(self.asked)} of {number} requests"
        return self.asked

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(size).decode()
        if len(body.encode()) < size:
            handler.close_connection = True  # who asked died in the middle of it
            return
        parts = urlsplit(handler.path)
        asked = Asked(
            handler.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            dict(handler.headers.items()),
            body,
        )
        says = self.answer(asked)
        with self._arrived:
            self.asked.append(asked)
            self._arrived.notify_all()
        if says.after is not None:
            says.after.wait(30)
        handler.close_connection = True
        if says.cut:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        answer = says.body.encode()
        handler.send_response(says.status)
        for name, value in {
            "Content-Length": str(len(answer)),
            "Connection": "close",
            **says.headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer)


@contextmanager
def carrier() -> Iterator[Carrier]:
    one = Carrier()
    try:
        yield one
    finally:
        one.close()
