"""One HTTP request, with the certainty of what became of it: nothing left, an answer came, or nobody knows."""

import http.client
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from capstan.messaging.actions.transports.limit import limited
from capstan.messaging.actions.transports.port import NotSentError, Retry
from capstan.messaging.rules.words import Reason

BODY_MAX = 1 << 20


class Response(NamedTuple):
    status: int
    body: str


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    connect_seconds: float,
    read_seconds: float,
) -> Response:
    """The answer, whatever its status; redirects are not followed. Raises NotSentError when none came."""
    conn = _connected(url, connect_seconds)
    assert conn.sock is not None
    conn.sock.settimeout(read_seconds)
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with limited(conn.sock):
            conn.request(method, target, body=body, headers={"User-Agent": "capstan", **headers})
            response = conn.getresponse()
            charset = response.headers.get_content_charset() or "utf-8"
            return Response(response.status, response.read(BODY_MAX).decode(charset, "replace"))
    except (OSError, http.client.HTTPException, LookupError) as problem:
        raise NotSentError(
            Reason.NO_ANSWER, Retry.UNCLEAR, f"no answer: {_words(problem)}", trouble=True
        ) from problem
    finally:
        conn.close()


def _connected(url: str, seconds: float) -> http.client.HTTPConnection:
    """Up to here nothing was said, so that trying again is safe."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    conn: http.client.HTTPConnection
    if parts.scheme == "https":
        conn = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=seconds, context=ssl.create_default_context()
        )
    else:
        conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    try:
        conn.connect()
    except (OSError, UnicodeError) as problem:
        conn.close()
        raise NotSentError(
            Reason.UNREACHABLE, Retry.HELPS, f"{parts.hostname}: {_words(problem)}", trouble=True
        ) from problem
    return conn


def _words(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
