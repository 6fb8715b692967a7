"""Stored cards: how they are called, on which days an invoice is charged to one, why one wasn't. Free of storage."""

from datetime import date, timedelta
from typing import NamedTuple

_TRIED_AFTER_DAYS = (0, 3, 7)
"""Days after its due day on which an invoice is charged to the stored card, if the time before came to nothing."""
_GIVEN_UP_AFTER_DAYS = 10


class Try(NamedTuple):
    """Which of its tries an invoice has, from 0, and the due days of those that have it today, both included."""

    number: int
    first: date
    last: date


def tries(today: date) -> list[Try]:
    """Whose turn it is today. A try whose day was missed is made up for until the next one's; what is overdue for longer than
    that is chased, not charged."""
    ends = (*_TRIED_AFTER_DAYS[1:], _GIVEN_UP_AFTER_DAYS)
    return [
        Try(number, today - timedelta(days=end - 1), today - timedelta(days=begin))
        for number, (begin, end) in enumerate(zip(_TRIED_AFTER_DAYS, ends, strict=True))
    ]


def card_name(brand: str, last4: str, kept_on: str) -> str:
    """As people know it: `the Visa card ending 4242`, or by the day on which it was stored."""
    kind = f"{brand.capitalize()} card" if brand else "card"
    return f"the {kind} ending {last4}" if last4 else f"the {kind} kept on {kept_on}"


_REASONS = (
    (("sufficient fund", "insufficient"), "There is not enough money on it."),
    (("expired",), "It has expired."),
    (("declin", "refused", "stolen", "lost"), "Its bank declined it."),
    (("holder to confirm", "authentication"), "Its bank wants you to confirm it yourself."),
)


def customer_words(why: str) -> str:
    """Why a card wasn't charged, a sentence for its holder: what a gateway says is for staff."""
    said = why.lower()
    return next(
        (words for signs, words in _REASONS if any(sign in said for sign in signs)),
        "It could not be charged.",
    )
