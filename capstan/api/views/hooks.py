"""Callbacks of SMS gateways: an SMS came in, or something became of one of ours.

200 means that it is stored, durably, and the gateway may forget it; a repeat changes nothing. 403 says nothing about what
is wrong; 400 names the field, for whoever sets the gateway up.
"""

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from capstan.messaging.actions import hooks
from capstan.messaging.models import Gateway
from capstan.messaging.rules.callbacks import items
from capstan.messaging.rules.gateways import InboundFields
from capstan.values import clock
from capstan.values.refused import Refused

log = structlog.get_logger()

_BODY_MAX = 64 * 1024
_FIELDS_MAX = 200


@csrf_exempt
@require_http_methods(["GET", "POST"])
def inbound(request: HttpRequest, gateway: str, token: str) -> HttpResponse:
    """An SMS, or several, that came in by this gateway."""

    def keep(one: Gateway, body: bytes, signed: bool) -> None:
        fields = hooks.inbound_fields(one)
        came = _items(request, body, fields.items, fields, signed=signed)
        hooks.take_inbound(one, came, now=clock.now())

    return _answer(request, gateway, token, keep)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def receipt(request: HttpRequest, gateway: str, token: str) -> HttpResponse:
    """What became of a message that left by this gateway."""

    def keep(one: Gateway, body: bytes, signed: bool) -> None:
        came = _items(request, body, hooks.receipt_fields(one).items, None, signed=signed)
        hooks.take_receipts(one, came, now=clock.now())

    return _answer(request, gateway, token, keep)


def _answer(
    request: HttpRequest, name: str, token: str, keep: Callable[[Gateway, bytes, bool], None]
) -> HttpResponse:
    gateway = hooks.gateway_called(name, token)
    if gateway is None:
        return HttpResponse(status=403)
    body = request.read(_BODY_MAX + 1)
    if len(body) > _BODY_MAX:
        return HttpResponse(status=413)
    signature = hooks.signature_of(gateway)
    if signature is not None:
        given = request.headers.get(signature.header, "")
        if request.method != "POST" or not hooks.has_signed(gateway, signature, given, body):
            return HttpResponse(status=403)
    try:
        keep(gateway, body, signature is not None)
    except Refused as refusal:
        log.warning("a callback can't be read", gateway=name, why=str(refusal))
        return HttpResponse(f"{refusal}\n", status=400, content_type="text/plain; charset=utf-8")
    return HttpResponse()


def _items(
    request: HttpRequest, body: bytes, path: str, charset: InboundFields | None, *, signed: bool
) -> list[Mapping[str, object]]:
    """What came: the query's fields, unless the body is signed, with each item of a JSON body or with those of a form."""
    query = {} if signed else _fields(request.META.get("QUERY_STRING", ""), charset)
    if not body.strip():
        return items(query, "")
    kind = (request.content_type or "").lower()
    if kind.endswith("json") or body.lstrip()[:1] in (b"{", b"["):
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as problem:
            raise Refused(f"the body is no JSON: {problem}") from problem
        return [{**query, **item} for item in items(document, path)]
    if kind == "application/x-www-form-urlencoded":
        return items({**query, **_fields(body.decode("latin-1"), charset)}, "")
    raise Refused("the body is neither JSON nor a form: set its Content-Type")


def _fields(encoded: str, charset: InboundFields | None) -> dict[str, object]:
    """Fields of a query or form, in UTF-8. An SMS's text may be in a charset that another field names: Kannel's %C."""
    try:
        raw = dict(parse_qsl(encoded, keep_blank_values=True, encoding="latin-1", max_num_fields=_FIELDS_MAX))
    except ValueError as problem:
        raise Refused("there are too many fields") from problem
    named = raw.get(charset.charset, "") if charset and charset.charset else ""
    return {
        name: _decoded(value.encode("latin-1"), named if charset and name == charset.text else "")
        for name, value in raw.items()
    }


def _decoded(value: bytes, charset: str) -> str:
    try:
        return value.decode(charset or "utf-8", "replace")
    except LookupError:  # GSM, 8-BIT: words of its own for what it has made UTF-8
        return value.decode("utf-8", "replace")
