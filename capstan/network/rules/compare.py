"""A service's live sessions, each compared with what it should have. Plain values in, cases out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from capstan.caps.rules.words import CapState
from capstan.catalog.rules import AtCap, Counting, Terms
from capstan.metering.rules.token import decode_token
from capstan.network.radius.packet import Secret
from capstan.network.rules.access import Access, Line, access_hash, desired_access
from capstan.network.rules.enforcement import Case, Given, LastCommand
from capstan.network.rules.quota import (
    Budget,
    Lent,
    OpenSession,
    Router,
    Way,
    counted_bytes,
    desired_quota,
)
from capstan.network.rules.words import AccessKind
from capstan.network.vendors.profile import Profile
from capstan.services.rules import MacLock, ServiceStatus, mac_of


class LineFacts(NamedTuple):
    """A service with its cap row."""

    service_id: int
    status: ServiceStatus
    session_limit: int
    mac_lock: MacLock
    mac_address: str
    has_consent: bool
    cap_state: CapState
    terms: Terms
    remaining_bytes: int  # that may be drawn now, everything counted taken off
    free_now: bool
    changes_at: datetime
    sessions_from: int
    checkout_until: datetime | None  # the end of its checkout window

    def in_checkout(self, now: datetime) -> bool:
        """Whether a checkout window is open."""
        return self.checkout_until is not None and self.checkout_until > now


class SessionFacts(NamedTuple):
    """A live session, what its router was told, and the last command sent for it."""

    service_id: int
    id: int
    nas_id: int
    username: str
    acct_session_id: bytes
    framed_ip: str | None
    calling_station: str
    class_token: bytes
    started_at: datetime
    last_seen_at: datetime
    bytes_up: int
    bytes_down: int
    told: Given | None  # from its SessionAccess row
    last: LastCommand | None
    prior_hash: bytes | None  # the access an earlier session of the service was disconnected for


class NasFacts(NamedTuple):
    """A router, and where and how its CoA port is reached. No address: it has never sent a packet."""

    id: int
    name: str
    identifier: str
    profile: Profile
    address: str | None
    port: int
    secret: Secret
    acted_upon: bool
    lacks_gigawords: bool
    interim_seconds: int
    coa_per_second: int


class Compared(NamedTuple):
    """A live session beside what it should have. Sessions of routers that are only observed have no case."""

    session: SessionFacts
    nas: NasFacts
    access: Access
    counting: Counting
    case: Case | None


def compare(
    line: LineFacts, sessions: Sequence[SessionFacts], nases: Mapping[int, NasFacts], now: datetime
) -> list[Compared]:
    """Each live session of the service beside its desired access and quota, oldest first."""
    acted = [one for one in sessions if nases[one.nas_id].acted_upon]
    displaced = _displaced(line, sessions)
    staying = [one for one in acted if one.id not in displaced]
    accesses = {one.id: desired_access(_line(line, one, now)) for one in sessions}
    lent = dict(zip((one.id for one in staying), _lent(line, staying, accesses, nases, now), strict=True))
    compared = []
    for one in sessions:
        nas, access = nases[one.nas_id], accesses[one.id]
        case = None
        if nas.acted_upon:
            case = Case(
                kind=access.kind,
                access_hash=access_hash(access),
                lent=lent.get(one.id, Lent(None, Way.KEEP)),
                given=given(one),
                displaced=one.id in displaced,
                by_coa=nas.profile.changes_by_coa(access),
                last=one.last,
                last_seen_at=one.last_seen_at,
            )
        compared.append(Compared(one, nas, access, line.terms.counting, case))
    return compared


def given(session: SessionFacts) -> Given | None:
    """What the session has: as last acknowledged, else as its Accept said in the Class token, else inferred.

    A router that doesn't echo Class tells nothing. But a line that we disconnected and that has logged in since got
    then what it was disconnected for.
    """
    if session.told is not None:
        return session.told
    token = decode_token(session.class_token)
    if token is not None and token.service_id == session.service_id:
        return Given(token.access_hash, token.limit_bytes or None)
    return None if session.prior_hash is None else Given(session.prior_hash, None)


def budget_of(line: LineFacts, now: datetime) -> Budget:
    """What the line has left, as quota rules ask."""
    terms = line.terms
    cuts = terms.at_cap in (AtCap.BLOCK, AtCap.WALL) or (
        terms.at_cap == AtCap.OVERAGE and not line.has_consent
    )
    return Budget(
        remaining_bytes=None if terms.allowance_bytes is None else line.remaining_bytes,
        cuts=cuts,
        counting=terms.counting,
        free_now=line.free_now,
        has_free_windows=bool(terms.free_windows),
        seconds_to_boundary=max(int((line.changes_at - now).total_seconds()), 0),
        rate_up_kbps=terms.rate_up_kbps,
        rate_down_kbps=terms.rate_down_kbps,
    )


def router_of(nas: NasFacts, terms: Terms) -> Router:
    return Router(
        acted_upon=nas.acted_upon,
        can_limit=nas.profile.can_limit,
        can_raise=nas.profile.can_raise(terms.counting),
        lacks_gigawords=nas.lacks_gigawords,
        interim_seconds=nas.interim_seconds,
    )


def _displaced(line: LineFacts, sessions: Sequence[SessionFacts]) -> set[int]:
    """Redial: of more sessions than the service may have, the oldest make room."""
    over = len(sessions) - line.session_limit if line.session_limit else 0
    return {one.id for one in sessions[: max(over, 0)]}


def _line(line: LineFacts, session: SessionFacts, now: datetime) -> Line:
    terms = line.terms
    locked = line.mac_lock == MacLock.LOCKED and line.mac_address != ""
    station = mac_of(session.calling_station)
    return Line(
        status=line.status,
        cap_state=line.cap_state,
        wrong_device=locked and station is not None and station != line.mac_address,
        rate_up_kbps=terms.rate_up_kbps,
        rate_down_kbps=terms.rate_down_kbps,
        throttle_up_kbps=terms.throttle_up_kbps,
        throttle_down_kbps=terms.throttle_down_kbps,
        in_checkout=line.in_checkout(now),
    )


def _lent(
    line: LineFacts,
    sessions: Sequence[SessionFacts],
    accesses: Mapping[int, Access],
    nases: Mapping[int, NasFacts],
    now: datetime,
) -> list[Lent]:
    """The quota of each session that stays. One that isn't open needs none, and gets rid of the one it has."""
    terms = line.terms
    opened = []
    for one in sessions:
        known = given(one)
        counted = counted_bytes(terms.counting, one.bytes_up, one.bytes_down)
        limit = known.limit_bytes if known is not None else None
        opened.append(OpenSession(router_of(nases[one.nas_id], terms), counted, limit))
    if any(accesses[one.id].kind != AccessKind.OPEN for one in sessions):
        return [Lent(None, Way.KEEP if one.limit_bytes is None else Way.COA) for one in opened]
    return desired_quota(budget_of(line, now), opened)
