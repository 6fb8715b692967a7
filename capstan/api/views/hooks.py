"""Callbacks of SMS gateways: an SMS came in, or something became of one of ours.

200 means that it is stored, durably, and the gateway may forget it; a repeat changes nothing. 403 says nothing about what
is wrong; 400 names the field, for whoever sets the gateway up.
"""

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import structlog
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from capstan.messaging.actions import hooks
from capstan.messaging.models import Gateway
from capstan.messaging.rules.callbacks import items
from capstan.values import clock
from capstan.values.refused import Refused

log = structlog.get_logger()

_BODY_MAX = 64 * 1024
_FIELDS_MAX = 200


@csrf_exempt
@require_http_methods(["GET", "POST"])
def inbound(request: HttpRequest, gateway: str, token: str) -> HttpResponse:
    """An SMS, or several, that came in by this gateway."""

    def keep(one: Gateway, body: bytes) -> None:
        fields = hooks.inbound_fields(one)
        hooks.take_inbound(one, _items(request, body, fields.items, fields.charset), now=clock.now())

    return _answer(request, gateway, token, keep)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def receipt(request: HttpRequest, gateway: str, token: str) -> HttpResponse:
    """What became of a message that left by this gateway."""

    def keep(one: Gateway, body: bytes) -> None:
        fields = hooks.receipt_fields(one)
        hooks.take_receipts(one, _items(request, body, fields.items, ""), now=clock.now())

    return _answer(request, gateway, token, keep)


def _answer(
    request: HttpRequest, name: str, token: str, keep: Callable[[Gateway, bytes], None]
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
        keep(gateway, body)
    except (Refused, BadRequest) as refusal:
        log.warning("a callback can't be read", gateway=name, why=str(refusal))
        return HttpResponse(f"{refusal}\n", status=400, content_type="text/plain; charset=utf-8")
    return HttpResponse()


def _items(request: HttpRequest, body: bytes, path: str, charset_field: str) -> list[Mapping[str, object]]:
    """What came: the query's fields, with each item of a JSON body or with those of a form. Raises Refused."""
    query = _fields(request.META.get("QUERY_STRING", ""), charset_field)
    if not body.strip():
        return items(query, "")
    kind = (request.content_type or "").lower()
    if kind.endswith("json") or body.lstrip()[:1] in (b"{", b"["):
        try:
            return [{**query, **item} for item in items(json.loads(body), path)]
        except (ValueError, RecursionError) as problem:
            raise (
                problem if isinstance(problem, Refused) else Refused(f"the body is no JSON: {problem}")
            ) from problem
    if kind == "application/x-www-form-urlencoded":
        return items({**query, **_fields(body.decode("latin-1"), charset_field)}, "")
    raise Refused("the body is neither JSON nor a form: set its Content-Type")


def _fields(encoded: str, charset_field: str) -> dict[str, object]:
    """Fields of a query or form, in UTF-8 unless one of them names another charset, as Kannel's %C does."""
    try:
        raw = parse_qsl(
            encoded, keep_blank_values=True, encoding="latin-1", max_num_fields=_FIELDS_MAX, strict_parsing=False
        )  # fmt: skip
    except ValueError as problem:
        raise Refused("there are too many fields") from problem
    named = dict(raw).get(charset_field, "") if charset_field else ""
    return {name: _decoded(value, named) for name, value in raw}


def _decoded(value: str, charset: str) -> str:
    data = value.encode("latin-1")
    if charset.upper() in ("UTF-16BE", "UCS-2", "UTF-16"):
        try:
            return data.decode("utf-8") if data.isascii() and b"\0" not in data else data.decode("utf-16-be")
        except UnicodeDecodeError:
            return data.decode("utf-8", "replace")
    return data.decode("utf-8", "replace")
