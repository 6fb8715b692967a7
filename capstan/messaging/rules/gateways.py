"""What the settings of a gateway may say, by its kind; docs/operating/gateways.md explains them with examples."""

import json
import re
import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.values.refused import Refused

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
PLACEHOLDERS = frozenset(
    {
        "to",
        "to_digits",
        "from",
        "text",
        "reference",
        "receipt_url",
        "username",
        "password",
        "coding",
        "cursor",
    }
)
"""`coding` is 0 for GSM-7 and 2 for UCS-2; `to_digits` is the number without its `+`; `cursor` is for polling."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_MISSING = object()


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reading(_Settings):
    """Where in an answer something stands: a path such as `messages.0.id` in JSON, or the first group of a regex."""

    json_path: str = Field("", alias="json")
    regex: str = ""

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as problem:
            raise ValueError(f"no regular expression: {problem}") from problem
        return value

    @model_validator(mode="after")
    def _one(self) -> "Reading":
        if bool(self.json_path) == bool(self.regex):
            raise ValueError("give json or regex, one of them")
        return self

    def read(self, body: str) -> str | None:
        """What stands there; None if nothing does."""
        if self.regex:
            found = re.search(self.regex, body)
            return (found[1] if found.re.groups else found[0]) if found else None
        try:
            return as_text(at_path(json.loads(body), self.json_path))
        except ValueError:
            return None


def at_path(document: object, path: str) -> object:
    """What stands at `a.0.b` of a JSON document, at a key of that very name first. None if nothing does."""
    if isinstance(document, Mapping) and path in document:
        found: object = document[path]
        return found
    step, _, rest = path.partition(".")
    inner: object = _MISSING
    if isinstance(document, Mapping):
        inner = document.get(step, _MISSING)
    elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
        inner = document[int(step)]
    if inner is _MISSING:
        return None
    return at_path(inner, rest) if rest else inner


def as_text(value: object) -> str | None:
    """A JSON value as callbacks write it in forms; None for nothing, for lists and for objects."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


class Request(_Settings):
    """A request with placeholders in its strings. Without `form` or `json` a POST has no body."""

    url: str
    method: Literal["GET", "POST"] = "POST"
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    form: dict[str, str] | None = None
    json_body: Any = Field(None, alias="json")

    @field_validator("url")
    @classmethod
    def _reachable(cls, value: str) -> str:
        parts = urlsplit(value)
        is_plain = re.fullmatch(r"[!-~]+", value) is not None and (parts.port is None or parts.port > 0)
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
            raise ValueError("write it like https://sms.example.net/send")
        return value

    @model_validator(mode="after")
    def _sound(self) -> "Request":
        if self.form is not None and self.json_body is not None:
            raise ValueError("give form or json, not both")
        if self.method == "GET" and (self.form is not None or self.json_body is not None):
            raise ValueError("GET has no body: give query")
        used = set(_PLACEHOLDER.findall(json.dumps(self.model_dump())))
        if unknown := sorted(used - PLACEHOLDERS):
            known = ", ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))
            raise ValueError(f"there is no {{{unknown[0]}}}; there are {known}")
        return self


def fill(template: Any, values: Mapping[str, str]) -> Any:
    """The strings of a template with their placeholders filled in; everything else as it is."""
    if isinstance(template, str):
        return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), template)
    if isinstance(template, Mapping):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(value, values) for value in template]
    return template


class Answer(_Settings):
    """How the answer to a request for sending is read. Without `success` every 2xx means that it was taken.

    `retry` and `unknown_subscriber` are regexes that are searched in what `error` reads, or in the whole body.
    """

    success: Reading | None = None
    success_values: tuple[str, ...] = ()
    carrier_id: Reading | None = None
    error: Reading | None = None
    retry: tuple[str, ...] = ()
    retry_statuses: tuple[int, ...] = (429, 503)
    unknown_subscriber: tuple[str, ...] = ()


class InboundFields(_Settings):
    """What an SMS that comes in calls its fields. `items` is where the list is, if several come at once.

    `time_format` is Python's strptime; without it a time is ISO 8601 or seconds (or milliseconds) since 1970.
    """

    items: str = ""
    sender: str = "from"
    recipient: str = "to"
    text: str = "text"
    sent_at: str = "time"
    carrier_id: str = "id"
    parent_carrier_id: str = "parent"
    charset: str = ""
    time_format: str = ""
    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as problem:
            raise ValueError("no such time zone") from problem
        return value


_DELIVERED = ("1", "delivered", "delivrd")
_FAILED = ("2", "16", "failed", "undelivered", "undeliv", "rejected", "rejectd", "expired", "deleted")
_PROGRESS = ("4", "8", "sent", "accepted", "acceptd", "enroute", "queued", "buffered", "submitted")


class ReceiptFields(_Settings):
    """What a receipt calls its fields, and what its states mean; capitals don't matter."""

    items: str = ""
    reference: str = "reference"
    carrier_id: str = "id"
    status: str = "status"
    error: str = "error"
    delivered: tuple[str, ...] = _DELIVERED
    failed: tuple[str, ...] = _FAILED
    progress: tuple[str, ...] = _PROGRESS
    unknown_subscriber: tuple[str, ...] = ("unknown.?subscriber",)


class Signature(_Settings):
    """HMAC-SHA256 over the body of a callback, with the gateway's `hook_key`."""

    header: str
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


class Polls(_Settings):
    """For gateways that can't call us: where to ask for what came in, and for receipts, and how often."""

    every_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    inbound: Request | None = None
    inbound_cursor: Reading | None = None
    receipts: Request | None = None
    receipts_cursor: Reading | None = None


class LoopbackSettings(_Settings):
    """The demo handset needs none."""


class HttpSettings(_Settings):
    """A carrier's HTTP interface. `dedupes`: it takes a reference only once, so that what is unclear may be repeated."""

    request: Request
    answer: Answer = Answer()
    auth: Literal["none", "basic", "bearer"] = "none"
    username: str = ""
    dedupes: bool = False
    connect_seconds: Annotated[float, Field(gt=0, le=30)] = 5
    read_seconds: Annotated[float, Field(gt=0, le=30)] = 15
    inbound: InboundFields = InboundFields()
    receipt: ReceiptFields = ReceiptFields()
    signature: Signature | None = None
    poll: Polls | None = None


class SmtpSettings(_Settings):
    """A mail server. `tls` is from the start, `starttls` after asking; its certificate must be good, by `ca_file` or ours."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    from_name: str = ""
    reply_to: str = ""
    ca_file: str = ""
    connect_seconds: Annotated[float, Field(gt=0, le=30)] = 5
    read_seconds: Annotated[float, Field(gt=0, le=30)] = 30


AnySettings = LoopbackSettings | HttpSettings | SmtpSettings
_KINDS: dict[GatewayKind, type[AnySettings]] = {
    GatewayKind.LOOPBACK: LoopbackSettings,
    GatewayKind.HTTP: HttpSettings,
    GatewayKind.SMTP: SmtpSettings,
}
_MEDIA = {
    GatewayKind.LOOPBACK: frozenset(Medium),
    GatewayKind.HTTP: frozenset({Medium.SMS}),
    GatewayKind.SMTP: frozenset({Medium.EMAIL}),
}


def read_settings(kind: GatewayKind, given: Mapping[str, object]) -> AnySettings:
    """The settings of a gateway of this kind. Raises Refused with a sentence for every mistake."""
    try:
        return _KINDS[kind].model_validate(given)
    except ValidationError as wrong:
        raise Refused("\n".join(_sentence(mistake) for mistake in wrong.errors())) from None


def dedupes(kind: GatewayKind, given: Mapping[str, object]) -> bool:
    """Whether it takes a reference only once, so that what is unclear may be repeated."""
    return kind == GatewayKind.LOOPBACK or given.get("dedupes") is True


def check_gateway(name: str, kind: GatewayKind, medium: Medium) -> None:
    """Raises Refused for a name that no address can carry, and for a kind that doesn't carry the medium."""
    if not NAME.fullmatch(name):
        raise Refused(
            f"{name!r} can't be a gateway's name: use small letters, digits and dashes, at most 40."
        )
    if medium not in _MEDIA[kind]:
        raise Refused(f"A gateway of kind {kind} doesn't carry {medium}.")


def hook_path(gateway: str, token: str, what: Literal["in", "receipt"]) -> str:
    """Where its callbacks come to, below the public URL."""
    assert not set(token) - set(string.ascii_letters + string.digits + "-_")
    return f"/hooks/sms/{gateway}/{token}/{what}"


def _sentence(mistake: Any) -> str:
    at = ".".join(str(step) for step in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        return f"There is no setting {at!r}."
    if mistake["type"] == "missing":
        return f"The setting {at!r} is missing."
    message = str(mistake["msg"]).removeprefix("Value error, ")
    return f"{at}: {message}." if at else f"{message}."
