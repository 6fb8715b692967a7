"""What the product and a payment gateway say to each other. A provider knows neither the database nor the clock."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol


class Access(NamedTuple):
    """A gateway as a provider needs it, read before the call."""

    name: str
    settings: Mapping[str, object]
    secrets: Mapping[str, str]


class Wanted(NamedTuple):
    """A payment that somebody is about to make. `token` is our id for it, and comes back in every notification."""

    token: str
    amount_minor: int
    item: str
    customer_name: str
    email: str
    done_url: str
    cancel_url: str
    notify_url: str
    save_card: bool = False


class Form(NamedTuple):
    """Where the browser is sent to pay: a POST of these fields, in this order. `origins`: of that page, and of every one that it
    sends the browser on to."""

    url: str
    fields: Sequence[tuple[str, str]]
    origins: Sequence[str]


class Origins(NamedTuple):
    """Of the gateway, for a page of ours that has its fields: scripts come from there, frames, and what the scripts ask."""

    script: Sequence[str]
    frame: Sequence[str]
    connect: Sequence[str]


class Intent(NamedTuple):
    """What a page of ours needs to take the payment in the gateway's own fields: the address of its script, and two keys,
    both for the browser. `client_secret` is this payment's: whoever has it can pay it, and see what it is."""

    client_secret: str
    publishable_key: str
    script: str
    origins: Origins


class Outcome(StrEnum):
    """What a gateway says of a payment. The last three move no checkout: money went back, or is claimed back, or a card was
    stored without paying."""

    PAID = "paid"
    PENDING = "pending"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CARD_STORED = "card stored"


class Heard(NamedTuple):
    """What a notification says. `reference` is the gateway's id of the payment, `event_key` that of the event."""

    token: str
    reference: str
    event_key: str
    outcome: Outcome
    amount_minor: int
    fee_minor: int = 0
    card_token: str = ""


class CardFacts(NamedTuple):
    """What people know a stored card by; empty where the gateway doesn't say. `expires`: the first day on which it is no good."""

    brand: str = ""
    last4: str = ""
    expires: date | None = None


class Raw(NamedTuple):
    """A notification as it came. `source` is the address that it came from."""

    body: bytes
    headers: Mapping[str, str]
    source: str


class NotGenuineError(Exception):
    """It isn't the gateway's, or can't be read: nothing of it is believed. The text says why."""


class UnclearError(Exception):
    """The gateway couldn't be asked, or hasn't said what became of it. What was sent to it may have been done."""


class NotDoneError(Exception):
    """The gateway said no, and nothing was done; the text is for staff."""


class Provider(Protocol):
    """What the module of each gateway's kind has."""

    def check(self, settings: Mapping[str, object], secrets: Mapping[str, str]) -> None:
        """Raises capstan.values.refused.Refused for settings that can't work."""
        ...

    def start_checkout(self, access: Access, wanted: Wanted) -> Form | Intent:
        """Raises capstan.values.refused.Refused for what the gateway doesn't take, and UnclearError where it must be asked
        and can't be. To ask again is safe."""
        ...

    def read(self, access: Access, raw: Raw, now: datetime) -> Heard:
        """What a notification says, as far as it can be checked without asking. Raises NotGenuineError.

        `now` is when it came, however late it is looked at: some gateways sign for a few minutes only.
        """
        ...

    def confirm(self, access: Access, raw: Raw) -> None:
        """Ask the gateway whether it said that. Raises NotGenuineError, and UnclearError when it can't be asked."""
        ...

    def look_up(self, access: Access, since: datetime, now: datetime) -> Sequence[Heard]:
        """The payments that it received since then, from its own list. Raises UnclearError."""
        ...

    def ask(self, access: Access, reference: str) -> Heard | None:
        """What became of one charge, by the gateway's id; None where a gateway can't be asked for a single one. Raises
        UnclearError."""
        ...

    def charge_card(self, access: Access, card_token: str, wanted: Wanted, now: datetime) -> Heard:
        """Charge a stored card without its holder. Raises NotDoneError when it was declined, and UnclearError: then the money
        may have moved, and whoever asks again without looking charges twice."""
        ...

    def card_facts(self, access: Access, card_token: str) -> CardFacts:
        """What the gateway says of a stored card. Raises UnclearError."""
        ...

    def refund(
        self, access: Access, reference: str, amount_minor: int, reason: str, key: str, now: datetime
    ) -> str:
        """Give money back; its answer in words. `key` is this refund's own, for gateways that tell repeats by one.

        Raises NotDoneError and UnclearError.
        """
        ...
