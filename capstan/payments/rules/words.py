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
    UNCERTAIN = "uncertain"  # a stored card was to be charged, and the gateway hasn't said whether it was


OPEN_CHECKOUTS = (
    CheckoutState.STARTED,
    CheckoutState.UNCERTAIN,
    CheckoutState.FAILED,
    CheckoutState.EXPIRED,
    CheckoutState.CANCELLED,
)
"""A later notification may still say that these were paid."""

UNDECIDED = (CheckoutState.STARTED, CheckoutState.UNCERTAIN)
"""Money may be on its way: nobody asks for it once more."""


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
    AT_GATEWAY = "at the gateway"  # somebody did it there: it is booked, and nothing is asked for
    EFT = "EFT"
    CASH = "cash"


class MandateState(StrEnum):
    """How far a mandate is. Only an active one is debited."""

    DRAFTED = "drafted"
    WAITING = "waiting for signature"
    ACTIVE = "active"
    SUSPENDED = "suspended"  # a bank sent debit orders back, or somebody stopped it; a person may resume it
    CANCELLED = "cancelled"
    REPLACED = "replaced"  # by a later one


OPEN_MANDATES = (MandateState.DRAFTED, MandateState.WAITING)
"""These aren't approved yet."""


class BatchState(StrEnum):
    """How far a batch of debit orders is."""

    PROPOSED = "proposed"  # to be looked at
    MADE = "made"  # approved: its file is there
    SUBMITTED = "submitted"  # somebody gave the file to Netcash
    BOOKED = "booked"  # the action date has come: its debit orders are payments
    DROPPED = "dropped"


class DebitState(StrEnum):
    """What became of one debit order of a batch."""

    PROPOSED = "proposed"
    LEFT_OUT = "left out"
    SENT = "on its way"
    BOOKED = "booked"  # counts as paid until it comes back
    PAID = "paid"  # the bank said so
    UNPAID = "came back"
    DROPPED = "dropped"  # with its batch


ON_ITS_WAY = (DebitState.PROPOSED, DebitState.SENT)
"""A customer has one of these at the most: what it collects is collected by nothing else meanwhile."""

DEBITED = (DebitState.SENT, DebitState.BOOKED, DebitState.PAID, DebitState.UNPAID)
"""The account was or will be debited with these."""
