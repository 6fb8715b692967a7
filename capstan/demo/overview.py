"""The routers and their lines as tables for a terminal."""

from collections.abc import Sequence

from capstan.demo.lab import Lab
from capstan.demo.routers.router import Router
from capstan.demo.routers.session import Area
from capstan.demo.routers.subscriber import Subscriber
from capstan.values.data import format_bytes


def routers(lab: Lab) -> str:
    """One row per router: who is logged in, who is walled or refused, what it moved, what ails it."""
    return table(
        ("router", "kind", "address", "lines", "online", "walled", "refused", "moved", "resent", "faults"),
        [_router(router) for router in lab.routers.values()],
    )


def lines(router: Router) -> str:
    """One row per line of a router."""
    return table(
        ("line", "habit", "online", "up", "down", "rate", "quota left", "logins", "last refusal"),
        [_line(one) for one in router.subscribers],
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their longest cell."""
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    )


def _router(router: Router) -> tuple[str, ...]:
    online = router.sessions()
    walled = [one for one in online if one.session is not None and one.session.area is not Area.INTERNET]
    refused = [one for one in router.subscribers if one.session is None and one.refused]
    moved = sum(one.moved_up + one.moved_down for one in router.subscribers)
    return (
        router.setup.name,
        router.setup.vendor.name,
        router.setup.address,
        str(len(router.subscribers)),
        str(len(online)),
        str(len(walled)),
        str(len(refused)) + (" in portal" if refused and router.setup.vendor.has_portal else ""),
        format_bytes(moved),
        str(sum(figures.resent for figures in router.figures)),
        router.faults.words() or "-",
    )


def _line(one: Subscriber) -> tuple[str, ...]:
    session = one.session
    if session is None:
        shown = ("no", "-", "-", "-", "-")
    else:
        orders = session.orders
        rates = [f"{rate // 1000}k" if rate else "-" for rate in (orders.rate_up, orders.rate_down)]
        quotas = [
            limit - used
            for limit, used in (
                (orders.quota_total, session.up + session.down),
                (orders.quota_up, session.up),
                (orders.quota_down, session.down),
            )
            if limit
        ]
        shown = (
            session.area.value,
            format_bytes(session.up),
            format_bytes(session.down),
            "/".join(rates),
            format_bytes(min(quotas)) if quotas else "-",
        )
    return (one.line.username, one.line.habit.name.lower(), *shown, str(one.logins), one.refused or "-")
