"""Who really asks, when reverse proxies stand in front."""

from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Caller(NamedTuple):
    """The address that spoke to the outermost proxy we trust, and whether it did so by HTTPS."""

    address: str
    secure: bool


def caller(
    peer: str, *, secure: bool, forwarded_for: str, forwarded_proto: str, trusted: Sequence[str]
) -> Caller:
    """Walk back from the peer of the connection over proxies we trust to the first address that is none of them.

    `forwarded_for` and `forwarded_proto` are the headers X-Forwarded-For and X-Forwarded-Proto. What an untrusted peer
    says in them counts for nothing; so does an entry that is no address, and all before it.
    """
    proxies = {_plain(address) for address in trusted}
    address, hops, protocols = _plain(peer), _entries(forwarded_for), _entries(forwarded_proto)
    while address in proxies:
        if protocols:  # a proxy that only passes the header on leaves one entry for all of them
            secure = protocols[-1].lower() == "https"
            protocols = protocols[:-1]
        before = _address_in(hops.pop()) if hops else None
        if before is None:
            break
        address = before
    return Caller(address, secure)


class TrustedProxies:
    """Makes `request.is_secure()` and the address say what is true outside. Comes before all other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["wsgi.url_scheme"] = "https" if caller_of(request).secure else "http"
        return self._get_response(request)


def caller_of(request: HttpRequest) -> Caller:
    """The caller behind `settings.OPTIONS.trusted_proxies`."""
    return caller(
        request.META["REMOTE_ADDR"],
        secure=request.META.get("wsgi.url_scheme") == "https",
        forwarded_for=request.headers.get("X-Forwarded-For", ""),
        forwarded_proto=request.headers.get("X-Forwarded-Proto", ""),
        trusted=settings.OPTIONS.trusted_proxies,
    )


def _entries(header: str) -> list[str]:
    return [entry.strip() for entry in header.split(",") if entry.strip()]


def _address_in(entry: str) -> str | None:
    """The address in `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`."""
    text = entry
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return _plain(text)
    except ValueError:
        return None


def _plain(text: str) -> str:
    parsed = ip_address(text.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(parsed)
