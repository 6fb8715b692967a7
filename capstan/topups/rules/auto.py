"""When an automatic top-up acts, and when it has done enough. Free of storage."""

from typing import NamedTuple

from capstan.topups.rules.words import AutoOutcome
from capstan.values.formats import Formats


class Agreed(NamedTuple):
    """What was agreed to."""

    from_percent: int
    at_most: int
    ceiling_minor: int | None
    ceiling_bytes: int | None


class Done(NamedTuple):
    """What it did in this cycle: how often, for how much, VAT included."""

    times: int
    minor: int
    size_bytes: int


class Verdict(NamedTuple):
    """What is made of a crossing; `why` is for the customer, empty where nothing is to be said. None: order."""

    outcome: AutoOutcome | None
    why: str = ""


def verdict(
    agreed: Agreed,
    done: Done,
    *,
    percent: int,
    is_overtaken: bool,
    price_minor: int,
    size_bytes: int,
    formats: Formats,
) -> Verdict:
    """Whether this crossing is to be answered by an order."""
    if is_overtaken:
        return Verdict(AutoOutcome.OVERTAKEN)
    if percent < agreed.from_percent:
        return Verdict(AutoOutcome.NOT_YET)
    if done.times >= agreed.at_most:
        times = "once" if agreed.at_most == 1 else f"{agreed.at_most} times"
        return Verdict(AutoOutcome.ENOUGH, f"It was agreed {times} a cycle, and that is done.")
    if agreed.ceiling_minor is not None and done.minor + price_minor > agreed.ceiling_minor:
        return Verdict(
            AutoOutcome.ENOUGH,
            f"It may spend {formats.money(agreed.ceiling_minor)} a cycle, and that is reached.",
        )
    if agreed.ceiling_bytes is not None and done.size_bytes + size_bytes > agreed.ceiling_bytes:
        return Verdict(
            AutoOutcome.ENOUGH,
            f"It may add {formats.size(agreed.ceiling_bytes)} a cycle, and that is reached.",
        )
    return Verdict(None)
