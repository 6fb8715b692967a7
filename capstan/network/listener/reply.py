"""What an Access-Accept or -Reject carries."""

import os
from datetime import datetime
from struct import Struct

from capstan.metering.rules.token import Token, encode_token
from capstan.network.listener.peers import Nas
from capstan.network.radius.avp import Avp, encode_avps
from capstan.network.radius.dictionary import encode_prefix, to_avp
from capstan.network.rules.access import Access, Line, access_hash, desired_access
from capstan.network.rules.login import LineRow, LiveSession, budget_of, line_of
from capstan.network.rules.quota import Router, login_quota, quota_of
from capstan.network.rules.words import AccessKind, Reason
from capstan.network.vendors.registry import Quota

_FRAMED_IP_ADDRESS = 8
_REPLY_MESSAGE = 18
_FRAMED_ROUTE = 22
_CLASS = 25
_SESSION_TIMEOUT = 27
_FRAMED_POOL = 88
_FRAMED_IPV6_PREFIX = 97
_FRAMED_IPV6_POOL = 100
_DELEGATED_IPV6_PREFIX = 123
_DELEGATED_IPV6_PREFIX_POOL = 171
_MIKROTIK, _MIKROTIK_DELEGATED_POOL = 14988, 22

_UINT32 = Struct(">I")
_SESSION_SECONDS_MIN = 60
_TEXT_BYTES_MAX = 253

_PLAIN = Access(AccessKind.OPEN, None, None, ())
_CACHE_MAX = 4096

Written = tuple[Access, bytes, bytes]  # an access, its hash, its attributes without a quota


class AcceptWriter:
    """Writes Accepts. Lines of one package on one kind of router get the same attributes, so those are kept."""

    def __init__(self) -> None:
        self._written: dict[tuple[Line | None, str, int], Written | None] = {}

    def plain(self, row: LineRow, nas: Nas) -> bytes:
        """For a router that is only observed: what the line needs to come up, and nothing that limits it."""
        written = self._write(None, nas)
        assert written is not None
        return self._assemble(row, nas, written, 0)

    def accept(
        self, row: LineRow, nas: Nas, others: list[LiveSession], *, wrong_device: bool, now: datetime
    ) -> bytes | Access:
        """The attributes of the Accept for the access this line should have now.

        Returns the access itself when this router can only be told it by a Reject. `others` are the line's sessions
        that may go on beside the new one.
        """
        line = line_of(row, wrong_device=wrong_device, now=now)
        written = self._write(line, nas)
        if written is None:
            return desired_access(line)
        access, _, attributes = written
        limit = _limit(row, nas, others, now) if access.kind == AccessKind.OPEN else None
        if limit is not None:
            quota = quota_of(row.counting, limit)
            written = (*written[:2], _access_avps(access, nas, quota))
        elif not nas.profile.can_coa and (seconds := _lasts_seconds(row, access, now)) is not None:
            # Nothing else would tell this router that the line has opened again, or is shut.
            written = (*written[:2], attributes + _attribute(_SESSION_TIMEOUT, _UINT32.pack(seconds)))
        return self._assemble(row, nas, written, limit or 0)

    def _write(self, line: Line | None, nas: Nas) -> Written | None:
        """The access and its attributes, None when this router needs a Reject for it."""
        key = (line, nas.profile.name, nas.interim_seconds)
        if key not in self._written:
            if len(self._written) >= _CACHE_MAX:
                self._written.clear()
            access = _PLAIN if line is None else desired_access(line)
            rejects = nas.profile.rejects(access)
            self._written[key] = (
                None if rejects else (access, access_hash(access), _access_avps(access, nas, None))
            )
        return self._written[key]

    def _assemble(self, row: LineRow, nas: Nas, written: Written, limit_bytes: int) -> bytes:
        _, digest, attributes = written
        if nas.profile.echoes_class:
            token = encode_token(Token(row.service_id, digest, os.urandom(6), limit_bytes))
            attributes = _attribute(_CLASS, token) + attributes
        return attributes + _line_attributes(row, nas)


def reject_attributes(message: str) -> bytes:
    """Reply-Message in plain words."""
    return _attribute(_REPLY_MESSAGE, message.encode()[:_TEXT_BYTES_MAX])


def _access_avps(access: Access, nas: Nas, quota: Quota | None) -> bytes:
    return encode_avps(nas.profile.accept_avps(access, quota=quota, interim_seconds=nas.interim_seconds))


def _lasts_seconds(row: LineRow, access: Access, now: datetime) -> int | None:
    """How long the access holds where time alone will change it: to the end of a checkout window, or of the cap."""
    if access.reasons[-1:] == (Reason.CHECKOUT,):
        assert row.checkout_until is not None
        return max(int((row.checkout_until - now).total_seconds()), 1)
    if access.reasons == (Reason.CAPPED,):
        return max(int((row.changes_at - now).total_seconds()), _SESSION_SECONDS_MIN)
    return None


def _limit(row: LineRow, nas: Nas, others: list[LiveSession], now: datetime) -> int | None:
    if row.remaining_bytes is None or not row.cuts or not nas.profile.can_limit:
        return None  # what most lines are; the rule below says the same, but at some cost
    router = Router(
        acted_upon=nas.acted_upon,
        can_limit=nas.profile.can_limit,
        can_raise=nas.profile.can_raise(row.counting),
        lacks_gigawords=nas.lacks_gigawords,
        interim_seconds=nas.interim_seconds,
    )
    lent = sum(one.slice_bytes for one in others)
    return login_quota(budget_of(row, now), router, lent_bytes=lent, shared=row.session_limit != 1)


def _line_attributes(row: LineRow, nas: Nas) -> bytes:
    """Addresses, pools, routes, prefixes, and what staff added for this line."""
    parts: list[bytes] = []
    if row.ipv4_address:
        packed = bytes(map(int, row.ipv4_address.split(".")))
        parts.append(_attribute(_FRAMED_IP_ADDRESS, packed))
    elif row.ipv4_pool:
        parts.append(_attribute(_FRAMED_POOL, row.ipv4_pool.encode()))
    parts += (_attribute(_FRAMED_ROUTE, route.encode()) for route in row.ipv4_routes or ())
    if row.ipv6_prefix:
        parts.append(_attribute(_FRAMED_IPV6_PREFIX, encode_prefix(row.ipv6_prefix)))
    elif row.ipv6_pool:
        parts.append(_attribute(_FRAMED_IPV6_POOL, row.ipv6_pool.encode()))
    if row.ipv6_delegated_prefix:
        parts.append(_attribute(_DELEGATED_IPV6_PREFIX, encode_prefix(row.ipv6_delegated_prefix)))
    elif row.ipv6_delegated_pool:
        pool = row.ipv6_delegated_pool.encode()
        parts.append(_attribute(_DELEGATED_IPV6_PREFIX_POOL, pool))
        if nas.profile.vendor == _MIKROTIK:
            parts.append(encode_avps([Avp(_MIKROTIK, _MIKROTIK_DELEGATED_POOL, pool)]))
    if row.reply_extra:
        parts.append(encode_avps(to_avp(name, text) for name, text in row.reply_extra))
    return b"".join(parts)


def _attribute(kind: int, value: bytes) -> bytes:
    if len(value) > _TEXT_BYTES_MAX:
        raise ValueError(f"attribute {kind} is {len(value)} bytes long")
    return bytes((kind, len(value) + 2)) + value
