"""A request and a reply, as plain values."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Request(NamedTuple):
    """`query` is the part after the question mark, undecoded; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    client: str


class Reply(NamedTuple):
    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str]


def html(page: str, status: int = 200) -> Reply:
    """A page that runs and loads nothing but its own stylesheet."""
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'self'", "Cache-Control": "no-store"}
    return Reply(status, page.encode("utf-8", "replace"), "text/html; charset=utf-8", headers)


def see_other(target: str) -> Reply:
    return Reply(303, b"", "text/plain", {"Location": target})


def text(words: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Reply:
    return Reply(status, words.encode("utf-8", "replace"), content_type, {})


def as_json(document: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(document).encode(), "application/json", {})
