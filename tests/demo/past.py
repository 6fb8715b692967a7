"""A few lines of the demo's roster, something of every kind, for tests that live their past. As a program it enters them.

`python -m tests.demo.past DAYS [aside]`; with `aside` in a process of their own, as `capstan demo` does with most.
"""

import sys
from datetime import UTC, datetime
from unittest.mock import patch

import django

from capstan.demo.catalogue import REALM
from capstan.demo.roster import Account, Subscription, accounts
from capstan.demo.routers.traffic import Habit

NOW = datetime(2026, 3, 20, 16, 30, tzinfo=UTC)

_NAMED = {f"{name}@{REALM}" for name in ("ruth.naidoo", "ruth.smith", "riaan.govender", "kavitha.pillay")}
_KINDS = (
    ("wireless-taster", Habit.EAGER), ("fibre-200", Habit.HEAVY), ("fibre-500", Habit.HEAVY), ("business", Habit.OFFICE),
    ("hotspot-day", Habit.MEDIUM), ("hotspot-day", Habit.EAGER), ("harbour-week", Habit.MEDIUM), ("adsl-20", Habit.HEAVY),
)  # fmt: skip


def chosen() -> tuple[Account, ...]:
    """Customers with only those of their lines."""
    lines = [one for account in accounts() for one in account.lines]
    kept: set[Subscription] = {one for one in lines if one.line.username in _NAMED}
    kept |= {next(one for one in lines if (one.package, one.line.habit) == kind) for kind in _KINDS}
    kept |= {one for one in lines if one.entered_password != one.line.password}
    kept |= {one for one in lines if one.suspended and one.package == "wireless-15"}
    kept |= {one for one in lines if one.locked_to and is_other_device(one)}
    kept.add(next(one for one in lines if 5 < one.days_old < 40 and one.connection_type != "hotspot"))
    kept.add(next(one for one in lines if one.learns_device))
    found = ((account, tuple(one for one in account.lines if one in kept)) for account in accounts())
    return tuple(account._replace(lines=mine) for account, mine in found if mine)


def is_other_device(one: Subscription) -> bool:
    return bytes.fromhex(one.locked_to.replace(":", "")) != one.line.mac


def line(username: str) -> Subscription:
    """The line with this name before the realm."""
    return next(
        one for account in accounts() for one in account.lines if one.line.username == f"{username}@{REALM}"
    )


def _main(days: int, *, aside: bool) -> None:
    django.setup()
    from capstan.demo import process, provider

    with patch.object(provider, "accounts", chosen), patch.object(provider, "DAYS", days):
        if aside:
            process.live_past(NOW).join()
        else:
            print(provider.enter_provider(now=NOW, days=days))


if __name__ == "__main__":
    _main(int(sys.argv[1]), aside="aside" in sys.argv)
