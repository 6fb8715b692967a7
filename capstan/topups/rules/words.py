"""Words of top-ups, free of storage."""

from enum import StrEnum


class Channel(StrEnum):
    """By which way an order came."""

    SMS = "sms"
    WEBSITE = "website"
    AGENT = "agent"
    PORTAL = "portal"
    AUTO = "auto"
    API = "api"


class AutoOutcome(StrEnum):
    """What an automatic top-up made of a crossing."""

    ORDERED = "ordered"
    NOT_YET = "not yet"  # it acts at a higher share
    OVERTAKEN = "overtaken"  # data was added since, or a higher one was crossed
    ENOUGH = "as often as agreed"
    REFUSED = "refused"


class OrderState(StrEnum):
    """Where an order is. What may follow what is `rules.states.FOLLOWS`."""

    REQUESTED = "requested"
    AWAITING_AUTHORISATION = "awaiting authorisation"
    AWAITING_PAYMENT = "awaiting payment"
    GRANTED = "granted"
    CONFIRMED = "confirmed"
    PROVED = "proved"
    REFUSED = "refused"
    REVERSED = "reversed"
    EXPIRED = "expired"


WAITING = frozenset({OrderState.AWAITING_AUTHORISATION, OrderState.AWAITING_PAYMENT})
"""Nothing is added yet; somebody has to act."""

ADDED = frozenset({OrderState.GRANTED, OrderState.CONFIRMED, OrderState.PROVED})
"""The data is in a bucket."""

FOLLOWS = {
    OrderState.REQUESTED: {
        OrderState.AWAITING_AUTHORISATION, OrderState.AWAITING_PAYMENT, OrderState.GRANTED, OrderState.REFUSED,
    },
    OrderState.AWAITING_AUTHORISATION: {
        OrderState.AWAITING_PAYMENT, OrderState.GRANTED, OrderState.REFUSED, OrderState.EXPIRED,
    },
    OrderState.AWAITING_PAYMENT: {OrderState.GRANTED, OrderState.REFUSED, OrderState.EXPIRED},
    OrderState.GRANTED: {OrderState.CONFIRMED, OrderState.PROVED, OrderState.REVERSED},
    OrderState.CONFIRMED: {OrderState.PROVED, OrderState.REVERSED},
    OrderState.PROVED: {OrderState.REVERSED},
    OrderState.REFUSED: set[OrderState](),
    OrderState.REVERSED: set[OrderState](),
    OrderState.EXPIRED: set[OrderState](),
}  # fmt: skip


class Restore(StrEnum):
    """What adding the data had to do to the line."""

    PENDING = "pending"  # the router is being told
    ALREADY_OPEN = "already open"  # the line was open before and stays so
    NEXT_LOGIN = "next login"  # nobody is logged in: the next login gets it
    LATE = "late"  # a minute has passed and the router hasn't confirmed
    DONE = "done"
    AT_LOGIN = "at login"  # nobody was logged in, and the login that got it came only later


class EntryState(StrEnum):
    """A number or address on the notification list."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    REMOVED = "removed"


class RemovedBecause(StrEnum):
    """Why a number or address left the list."""

    STAFF = "taken off by staff"
    WRONG = "answered WRONG"
    UNREACHABLE = "unknown subscriber"


class NoticeState(StrEnum):
    """What became of a threshold crossing."""

    SENT = "sent"
    SUPERSEDED = "superseded"  # a higher one was sent instead
    NOBODY = "nobody"  # nobody on the list wants it
    LATE = "late"  # too old to be news when it was found
