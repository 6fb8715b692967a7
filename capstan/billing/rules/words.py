"""Words of billing. Free of storage."""

from enum import StrEnum


class ChargeKind(StrEnum):
    """What was sold. Each has a revenue account of its own."""

    SUBSCRIPTION = "subscription"
    TOP_UP = "top-up"
    ONE_OFF = "one-off"  # installation, a router, a call-out
    RATED = "rated"  # calls and others, priced elsewhere and imported
    FEE = "fee"
    DISCOUNT = "discount"


class InvoiceKind(StrEnum):
    """A document with a number. A proforma asks for payment and is no VAT document: nothing is posted for it."""

    INVOICE = "invoice"
    PROFORMA = "proforma"
    CREDIT_NOTE = "credit note"


class SeriesKind(StrEnum):
    """What is numbered without gaps, for each brand by itself."""

    INVOICE = "invoice"
    PROFORMA = "proforma"
    CREDIT_NOTE = "credit note"
    RECEIPT = "receipt"


class InvoiceState(StrEnum):
    """What an invoice is today: worked out, never stored."""

    UNPAID = "unpaid"
    PART_PAID = "part-paid"
    PAID = "paid"
    OVERDUE = "overdue"


class Timing(StrEnum):
    """Which period a billing day asks for: the one that begins, or the one that has ended. Prepaid makes no debt: the next
    period is asked for some days before it begins, and its allowances come when it is paid."""

    ADVANCE = "advance"
    ARREARS = "arrears"
    PREPAID = "prepaid"


class Told(StrEnum):
    """What the customer heard last of a period that he is to pay ahead."""

    ASKED = "asked"
    REMINDED = "reminded"
    WAITS = "waits"  # it has begun, and its allowances wait


class TopUpInvoicing(StrEnum):
    """How a top-up gets onto paper."""

    NEXT = "next invoice"
    OWN = "own invoice"
    PROFORMA = "proforma first"


class Method(StrEnum):
    """How a customer pays."""

    EFT = "EFT"
    DEBIT_ORDER = "debit order"
    CARD = "card"
    CASH = "cash"


class RunState(StrEnum):
    """How far a bill run is."""

    PREVIEWING = "previewing"
    PREVIEWED = "previewed"
    ISSUING = "issuing"
    ISSUED = "issued"
    DROPPED = "dropped"


RUN_OVER = (RunState.ISSUED, RunState.DROPPED)


class ItemState(StrEnum):
    """One customer in a run."""

    WAITING = "waiting"
    PREVIEWED = "previewed"
    ISSUED = "issued"
    NOTHING = "nothing to bill"
    FAILED = "failed"
    LEFT_OUT = "left out"


class ImportState(StrEnum):
    """A file of charges that were priced elsewhere."""

    WAITING = "waiting"  # somebody looks at its preview
    TAKEN = "taken over"
    PUT_AWAY = "put away"
