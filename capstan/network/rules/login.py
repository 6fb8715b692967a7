"""Whether a login is let in, once its password has been proved, and why not: in words, for staff and for the customer."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from capstan.caps.rules.words import CapState
from capstan.catalog.rules import Counting
from capstan.network.rules.access import Line
from capstan.network.rules.quota import Budget
from capstan.network.rules.words import Reason
from capstan.services.rules import LoginBy, MacLock, ServiceStatus, mac_of


class LiveSession(NamedTuple):
    """A session of the service that hasn't ended, as far as a further login cares."""

    is_stale: bool  # its router has missed interims
    nas_id: int
    slice_bytes: int  # lent to it and not used yet
    calling_station: str
    nas_port_id: str


class LineRow(NamedTuple):
    """A service with its cap row and the terms of the package version in force. Without a cap row those are None.

    The words (status, state, …) come as plain text from the database: a StrEnum's member equals its text.
    """

    service_id: int
    username: str
    mac_address: str
    line_password: bytes  # sealed
    nt_hash: bytes  # sealed
    login_by: LoginBy
    status: ServiceStatus
    mac_lock: MacLock
    session_limit: int
    ipv4_address: str | None
    ipv4_pool: str
    ipv4_routes: list[str] | None  # None for none, as in the lists below: most lines have none
    ipv6_prefix: str
    ipv6_pool: str
    ipv6_delegated_prefix: str
    ipv6_delegated_pool: str
    reply_extra: list[list[str]] | None
    cap_state: CapState | None
    remaining_bytes: int | None  # None: uncapped
    changes_at: datetime
    free_now: bool
    has_free_windows: bool
    cuts: bool
    counting: Counting
    rate_up_kbps: int | None
    rate_down_kbps: int | None
    throttle_up_kbps: int
    throttle_down_kbps: int
    live: list[str] | None  # see `live_sessions`
    checkout_until: datetime | None  # the end of its checkout window
    released_until: (
        datetime | None
    )  # of a prepaid line: how long its cycle's allowance is released for; None: it isn't
    is_prepaid: bool


class Device(NamedTuple):
    """Where a login comes from."""

    username: str
    calling_station: str
    nas_id: int
    nas_port_id: str


class Refusal(NamedTuple):
    """Why a login is refused: for staff, and what the customer's device may show."""

    reason: str
    message: str


_WRONG = "Wrong username or password."

NO_SUCH_LINE = Refusal("no line has this username", _WRONG)
WRONG_PASSWORD = Refusal("wrong password", _WRONG)
GARBLED_PASSWORD = Refusal(
    "wrong password; it is no readable text, so the router's secret may be wrong", _WRONG
)
NO_PASSWORD = Refusal("the router sent no password that we understand (PAP, CHAP or MS-CHAPv2)", _WRONG)
MSCHAP1 = Refusal("the router asked with MS-CHAP version 1; set it to version 2, CHAP or PAP", _WRONG)
EAP = Refusal(
    "the router asked with EAP, which is not spoken here: put FreeRADIUS in front, which ends EAP and passes the login on",
    "EAP is not supported here.",
)
WRONG_LOGIN_MAC = Refusal("the line logs in by its MAC address, and this is another device", _WRONG)
NO_PACKAGE = Refusal("the line has no package in force", "This line is not set up yet. Please contact us.")

_BY_REASON = {
    Reason.ENDED: Refusal("the service has ended", "This service has ended."),
    Reason.SUSPENDED: Refusal("the service is suspended", "This service is suspended. Please contact us."),
    Reason.WRONG_DEVICE: Refusal(
        "wrong device: the line is locked to another one", "This line is locked to another device."
    ),
    Reason.CAPPED: Refusal("the data is used up", "Your data is used up. Buy a top-up to go on."),
}


_WAITS = Refusal(
    "prepaid: its data waits for payment", "Your data waits for payment. It is here as soon as that is."
)


def refusal_for(reason: Reason, *, waits: bool = False) -> Refusal:
    """The words for an access that this router can only be told by refusing the login. `waits`: as of the function below."""
    return _WAITS if waits and reason == Reason.CAPPED else _BY_REASON[reason]


def waits_for_payment(row: LineRow, now: datetime) -> bool:
    """Whether the allowance of the running cycle is held back until it is paid."""
    return row.is_prepaid and (row.released_until is None or row.released_until <= now)


def is_login_mac(row: LineRow, device: Device) -> bool:
    """Whether this device is the one that a MAC-authenticated line is known by."""
    return bool(row.mac_address) and row.mac_address in (
        mac_of(device.username),
        mac_of(device.calling_station),
    )


def is_wrong_device(row: LineRow, device: Device) -> bool:
    """Whether a locked line is used by another device. One that doesn't tell its MAC address is not taken for one."""
    station = mac_of(device.calling_station) if row.mac_address else None
    return station is not None and station != row.mac_address


def line_of(row: LineRow, *, wrong_device: bool, now: datetime) -> Line:
    """What decides the line's access."""
    assert row.cap_state is not None
    return Line(
        row.status,
        row.cap_state,
        wrong_device,
        row.rate_up_kbps,
        row.rate_down_kbps,
        row.throttle_up_kbps,
        row.throttle_down_kbps,
        row.checkout_until is not None and row.checkout_until > now,
    )


def budget_of(row: LineRow, now: datetime) -> Budget:
    """What the line has left, as quota rules ask."""
    return Budget(
        remaining_bytes=None if row.remaining_bytes is None else max(row.remaining_bytes, 0),
        cuts=row.cuts,
        counting=row.counting,
        free_now=row.free_now,
        has_free_windows=row.has_free_windows,
        seconds_to_boundary=max(int((row.changes_at - now).total_seconds()), 0),
        rate_up_kbps=row.rate_up_kbps,
        rate_down_kbps=row.rate_down_kbps,
    )


class Room(NamedTuple):
    """Whether one more session may begin, and whether it takes the place of another (which is then to be cut)."""

    refusal: Refusal | None
    replaces: bool


ROOM = Room(None, False)


def room_for(limit: int, sessions: Sequence[LiveSession], device: Device) -> Room:
    """Whether the session limit lets this login in. 0 means unlimited.

    A redial is never shut out by what it left behind: a stale session, or one of the same device, gives way. A router
    that doesn't name devices can't tell them apart; then the newest login wins.
    """
    if not limit or len(sessions) < limit:
        return ROOM
    if any(one.is_stale or _is_same_device(one, device) for one in sessions):
        return Room(None, True)
    where = f"{len(sessions)} of {limit} sessions are up, on other devices"
    return Room(Refusal(f"session limit: {where}", "This line is in use on another device."), False)


def _is_same_device(session: LiveSession, device: Device) -> bool:
    if not device.calling_station or not (session.calling_station or session.nas_port_id):
        return True  # some routers name the device when it logs in and nothing in accounting
    ours, theirs = mac_of(device.calling_station), mac_of(session.calling_station)
    if ours is not None and theirs is not None:
        return ours == theirs
    same_port = session.nas_id == device.nas_id and session.nas_port_id == device.nas_port_id != ""
    return session.calling_station == device.calling_station or (not session.calling_station and same_port)


def live_sessions(packed: Sequence[str]) -> list[LiveSession]:
    """The sessions as the login query packs them: state, router, slice, port and station, the free texts last."""
    sessions: list[LiveSession] = []
    for one in packed:
        state, nas_id, slice_bytes, port, station = one.split("\x1f", 4)
        sessions.append(LiveSession(state != "1", int(nas_id), int(slice_bytes), station, port))
    return sessions
