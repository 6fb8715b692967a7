"""Words of payments. Free of storage."""

from enum import StrEnum


class GatewayKind(StrEnum):
    """Which protocol a gateway speaks."""

    PAYFAST = "payfast"
    STRIPE = "stripe"


class CheckoutState(StrEnum):
    """What became of somebody's going to pay at a gateway."""

    STARTED = "started"
    PAID = "paid"
    SHORT = "paid too little"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # nothing was heard of it; what comes later still counts


OPEN_CHECKOUTS = (CheckoutState.STARTED, CheckoutState.FAILED, CheckoutState.EXPIRED, CheckoutState.CANCELLED)
"""A later notification may still say that these were paid."""


class NotificationState(StrEnum):
    """What became of a gateway's notification."""

    WAITING = "waiting"
    APPLIED = "applied"
    REPEATED = "repeated"  # said before
    REFUSED = "refused"  # not genuine, or not readable: nothing was believed
    UNKNOWN = "unknown payment"  # genuine, but not for anything of ours: a person decides


class BankLineState(StrEnum):
    """What became of a line of a bank statement."""

    WAITING = "waiting"  # read in, and about to be booked
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    PLACED = "placed"  # ours already: a gateway's payout, a till's deposit
    RETURNED = "returned"  # took a payment back
    IGNORED = "ignored"  # money out, or none of customers' business


class Payout(StrEnum):
    """How money goes back to a customer."""

    SAME_WAY = "the way it came"
    EFT = "EFT"
    CASH = "cash"
