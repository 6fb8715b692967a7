"""Any carrier with an HTTP interface: its settings say how a request looks and how the answer is read."""

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from capstan.messaging.actions.transports.http.client import Response, call
from capstan.messaging.actions.transports.port import (
    Accepted,
    NotSentError,
    Outgoing,
    Polled,
    Retry,
    Route,
    settings_of,
)
from capstan.messaging.rules.callbacks import found_in
from capstan.messaging.rules.gateways import Answer, HttpSettings, Reading, Request, fill
from capstan.messaging.rules.words import Reason

_UNAUTHORISED = (401, 403, 407)
_OK = range(200, 300)
_CALLER_ERRORS = range(300, 500)
_SHOWN = 200


def send(route: Route, outgoing: Outgoing) -> Accepted:
    """Hand it over. Raises NotSentError: unclear when the request left and no answer, or a server error, came."""
    settings = settings_of(route, HttpSettings)
    response = _ask(route, settings, settings.request, _values(outgoing))
    _check_status(settings, response)
    answer = settings.answer
    if answer.success is not None:
        read = answer.success.read(response.body)
        if read is None or (answer.success_values and read not in answer.success_values):
            raise _refused(answer, response)
    return Accepted(_read(answer.carrier_id, response.body))


def poll(route: Route, cursors: Mapping[str, str]) -> Polled:
    """Ask for what came in and for receipts, each from where it was read to."""
    settings = settings_of(route, HttpSettings)
    bodies, reached = {"inbound": "", "receipts": ""}, dict(cursors)
    polls = settings.poll
    if polls is not None:
        for what, request, cursor in (
            ("inbound", polls.inbound, polls.inbound_cursor),
            ("receipts", polls.receipts, polls.receipts_cursor),
        ):
            if request is not None:
                response = _ask(route, settings, request, {"cursor": cursors.get(what, "")})
                if response.status not in _OK:
                    raise NotSentError(Reason.UNREACHABLE, Retry.HELPS, _shown(response), trouble=True)
                bodies[what] = response.body
                reached[what] = _read(cursor, response.body) or cursors.get(what, "")
    return Polled(bodies["inbound"], bodies["receipts"], reached)


def _values(outgoing: Outgoing) -> dict[str, str]:
    return {
        "to": outgoing.to,
        "to_digits": outgoing.to.removeprefix("+"),
        "from": outgoing.sender,
        "text": outgoing.text,
        "reference": outgoing.reference,
        "receipt_url": outgoing.receipt_url,
        "coding": "0" if outgoing.is_gsm else "2",
    }


def _ask(route: Route, settings: HttpSettings, request: Request, more: Mapping[str, str]) -> Response:
    values = {"username": settings.username, "password": route.password, **more}
    url = fill(request.url, {name: quote(value, safe="") for name, value in values.items()})
    if request.query:
        url += ("&" if urlsplit(url).query else "?") + urlencode(fill(request.query, values), quote_via=quote)
    headers: dict[str, str] = {
        name: _one_line(fill(value, values)) for name, value in request.headers.items()
    }
    body = None
    if request.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        body = urlencode(fill(request.form, values)).encode()
    elif request.json_body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
        body = json.dumps(fill(request.json_body, values), ensure_ascii=False).encode()
    if settings.auth == "basic":
        pair = f"{settings.username}:{route.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif settings.auth == "bearer":
        headers["Authorization"] = f"Bearer {_one_line(route.password)}"
    return call(
        request.method, url, headers=headers, body=body,
        connect_seconds=settings.connect_seconds, read_seconds=settings.read_seconds,
    )  # fmt: skip


def _one_line(value: str) -> str:
    """As a header carries it, in UTF-8; http.client wants bytes written as Latin-1."""
    return " ".join(value.split()).encode().decode("latin-1")


def _check_status(settings: HttpSettings, response: Response) -> None:
    """A server error may come after the message was taken; that an operator's mistake is mended helps what waits."""
    status = response.status
    if status in _OK:
        return
    if status in settings.answer.retry_statuses:
        reason, retry, trouble = Reason.THROTTLED, Retry.HELPS, True
    elif status in _UNAUTHORISED:
        reason, retry, trouble = Reason.CREDENTIALS, Retry.HELPS, True
    elif status in _CALLER_ERRORS:
        raise _refused(settings.answer, response)
    else:
        reason, retry, trouble = Reason.NO_ANSWER, Retry.UNCLEAR, True
    raise NotSentError(reason, retry, _shown(response), trouble=trouble)


def _refused(answer: Answer, response: Response) -> NotSentError:
    """The carrier said no: for good, unless its words are known to mean something else."""
    said = _read(answer.error, response.body) or response.body
    shown = _shown(response)
    if found_in(answer.unknown_subscriber, said):
        return NotSentError(Reason.UNKNOWN_SUBSCRIBER, Retry.USELESS, shown)
    if found_in(answer.retry, said):
        return NotSentError(Reason.THROTTLED, Retry.HELPS, shown, trouble=True)
    return NotSentError(Reason.REFUSED, Retry.USELESS, shown)


def _read(reading: Reading | None, body: str) -> str:
    return (reading.read(body) or "").replace("\0", "") if reading is not None else ""


def _shown(response: Response) -> str:
    return f"status {response.status}: {response.body[:_SHOWN]}"
