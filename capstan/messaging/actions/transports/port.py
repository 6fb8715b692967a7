"""What the outbox and a transport say to each other. A transport knows neither the database nor the clock."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from capstan.messaging.rules.words import Medium, Reason

DETAIL_MAX = 500


class Route(NamedTuple):
    """A gateway as a transport needs it, read before the call."""

    gateway_id: int
    name: str
    settings: Mapping[str, Any]
    password: str
    sender: str
    two_way: bool


class Outgoing(NamedTuple):
    """A message that is to leave. `sender` is what the recipient sees; `attempt` counts from 1."""

    message_id: int
    attempt: int
    medium: Medium
    to: str
    sender: str
    text: str
    title: str
    brand_name: str
    reference: str
    receipt_url: str
    is_gsm: bool
    at: datetime


class Accepted(NamedTuple):
    """The other side has it. `delivered` where taking is delivering."""

    carrier_id: str = ""
    delivered: bool = False


class Retry(Enum):
    """Whether trying again can help, and whether it may."""

    HELPS = "it wasn't taken, and may be the next time"
    USELESS = "it wasn't taken, and never will be"
    UNCLEAR = "it may have been taken: a repeat may be a second message"


class NotSentError(Exception):
    """It didn't leave, or nobody knows. `trouble`: the gateway itself is at fault, so the next message would fare no better."""

    def __init__(self, reason: Reason, retry: Retry, detail: str, *, trouble: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.retry = retry
        self.detail = " ".join(detail.replace("\0", " ").split())[:DETAIL_MAX]
        self.trouble = trouble


_Read = TypeVar("_Read", bound=BaseModel)


def settings_of(route: Route, model: type[_Read]) -> _Read:
    """The gateway's settings. They were checked when it was entered; what an update has made wrong needs the operator."""
    try:
        return model.model_validate(route.settings)
    except ValidationError as wrong:
        why = f"its settings can't be used any more: {wrong}"
        raise NotSentError(Reason.UNREACHABLE, Retry.HELPS, why, trouble=True) from wrong


class Polled(NamedTuple):
    """What a gateway had for us, as it came, and where to go on reading."""

    inbound: str
    receipts: str
    cursors: Mapping[str, str]


class Transport(Protocol):
    """What the module `transport` of each folder here has."""

    def send(self, route: Route, outgoing: Outgoing) -> Accepted:
        """Raises NotSentError."""
        ...

    def poll(self, route: Route, cursors: Mapping[str, str]) -> Polled:
        """Ask what came in. Raises NotSentError when it can't be asked."""
        ...
