"""Desired access: what a line should have now, as one pure function of what is known about it."""

from hashlib import blake2b
from typing import NamedTuple

from capstan.caps.rules.words import CapState
from capstan.network.rules.words import AccessKind, Reason
from capstan.services.rules import ServiceStatus


class Line(NamedTuple):
    """What decides a line's access. Rates are kbit/s, None is "not limited by us"."""

    status: ServiceStatus
    cap_state: CapState
    wrong_device: bool
    rate_up_kbps: int | None
    rate_down_kbps: int | None
    throttle_up_kbps: int
    throttle_down_kbps: int
    in_checkout: bool = False  # a checkout window is open: somebody pays by card


class Access(NamedTuple):
    """What a session should get, and why it isn't everything. A quota is decided per session: see network.rules.quota."""

    kind: AccessKind
    rate_up_kbps: int | None
    rate_down_kbps: int | None
    reasons: tuple[Reason, ...]


_CAPPED_KIND = {
    CapState.OPEN: AccessKind.OPEN,
    CapState.THROTTLED: AccessKind.THROTTLED,
    CapState.WALLED: AccessKind.WALLED,
    CapState.BLOCKED: AccessKind.BLOCKED,
}


_UNPAYABLE = frozenset({Reason.ENDED, Reason.WRONG_DEVICE})
"""What no payment mends."""


def desired_access(line: Line) -> Access:
    """The access this line should have. The first reason decides; all that apply are listed, worst first.

    A suspended line goes to the walled garden, where it can pay; an ended one and a wrong device get nothing. A
    checkout window lets a suspended or capped line out, throttled; on an open one it changes nothing.
    """
    reasons = tuple(
        reason
        for reason, applies in (
            (Reason.ENDED, line.status == ServiceStatus.ENDED),
            (Reason.SUSPENDED, line.status == ServiceStatus.SUSPENDED),
            (Reason.WRONG_DEVICE, line.wrong_device),
            (Reason.CAPPED, line.cap_state != CapState.OPEN),
        )
        if applies
    )
    if line.in_checkout and reasons and not _UNPAYABLE.intersection(reasons):
        reasons += (Reason.CHECKOUT,)
    kind = _kind(line, reasons)
    if kind == AccessKind.THROTTLED:
        return Access(kind, line.throttle_up_kbps, line.throttle_down_kbps, reasons)
    return Access(kind, line.rate_up_kbps, line.rate_down_kbps, reasons)


def _kind(line: Line, reasons: tuple[Reason, ...]) -> AccessKind:
    if not reasons:
        return AccessKind.OPEN
    if reasons[-1] == Reason.CHECKOUT:
        return AccessKind.THROTTLED
    if reasons[0] in (Reason.ENDED, Reason.WRONG_DEVICE):
        return AccessKind.BLOCKED
    if reasons[0] == Reason.SUSPENDED:
        return AccessKind.BLOCKED if Reason.WRONG_DEVICE in reasons else AccessKind.WALLED
    return _CAPPED_KIND[line.cap_state]


def access_hash(access: Access) -> bytes:
    """Eight bytes that are equal when two accesses mean the same to a router. Reasons don't change what it does."""
    text = f"{access.kind}|{access.rate_up_kbps}|{access.rate_down_kbps}"
    return blake2b(text.encode(), digest_size=8).digest()
