"""Lines as enforcement sees them: services with their caps, live sessions, routers.

This is the listed hot-path module of `network` (see docs/ARCHITECTURE.md): its SQL joins the tables of other apps by
name.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from capstan.caps.rules.words import CapState
from capstan.catalog.queries import terms
from capstan.db import hot
from capstan.db.fields import decrypt
from capstan.metering.rules.words import SessionState
from capstan.network.radius.packet import Secret
from capstan.network.rules.compare import Compared, LineFacts, NasFacts, SessionFacts, compare
from capstan.network.rules.enforcement import Given, LastCommand
from capstan.network.rules.words import CommandKind, CommandState
from capstan.network.vendors.registry import is_known, profile
from capstan.network.vendors.wispr import GENERIC
from capstan.services.rules import MacLock, ServiceStatus

_LINES = """
    SELECT s.id, s.status, s.session_limit, s.mac_lock, s.mac_address, s.overage_consent IS NOT NULL,
        c.state, c.version_id,
        c.remaining_bytes - CASE WHEN c.sink_bucket_id IS NULL THEN 0 ELSE c.counted_bytes - c.settled_bytes END,
        c.weight_up = 0 AND c.weight_down = 0, c.changes_at, c.sessions_from, s.checkout_until
    FROM services_service s JOIN caps_cap c ON c.service_id = s.id
    WHERE s.id = ANY(%s::bigint[])
"""

_SESSIONS = """
    SELECT s.service_id, s.id, s.nas_id, s.username, s.acct_session_id, host(s.framed_ip), s.calling_station,
        s.class_token, s.started_at, s.last_seen_at, s.bytes_up, s.bytes_down,
        a.access_hash, a.quota_bytes,
        c.kind, c.state, c.access_hash, c.error_cause, c.answered_at,
        p.access_hash
    FROM unnest(%s::bigint[], %s::bigint[]) AS d(service_id, sessions_from)
    JOIN metering_radiussession s
        ON s.service_id = d.service_id AND s.id >= d.sessions_from AND s.state + 0 = %s -- see listener.logins for the 0
    LEFT JOIN network_sessionaccess a ON a.session_id = s.id
    LEFT JOIN LATERAL (
        SELECT * FROM network_command WHERE session_id = s.id ORDER BY id DESC LIMIT 1
    ) c ON true
    LEFT JOIN LATERAL (
        SELECT access_hash FROM network_command
        WHERE a.session_id IS NULL AND service_id = s.service_id AND session_id <> s.id AND kind = 'disconnect'
            AND (state = 'ack' OR error_cause = 503) AND sent_at <= s.started_at
        ORDER BY sent_at DESC LIMIT 1
    ) p ON true
    ORDER BY s.service_id, s.started_at, s.id
"""


_ROUTERS = """
    SELECT n.id, n.name, n.identifier, n.vendor_profile, host(coalesce(n.coa_address, n.last_source)), n.coa_port,
        coalesce(n.coa_secret, p.secret), NOT (n.discovered OR n.observe_only), n.lacks_gigawords, n.interim_seconds,
        n.coa_per_second
    FROM metering_nas n JOIN metering_peer p ON p.id = n.peer_id
    WHERE n.id = ANY(%s::bigint[])
"""


def lines(service_ids: Collection[int]) -> dict[int, LineFacts]:
    """These services with their cap rows. One whose cap hasn't been opened yet is left out."""
    rows = hot.execute(_LINES, [list(service_ids)]).fetchall()
    return {
        row[0]: LineFacts(
            row[0], ServiceStatus(row[1]), row[2], MacLock(row[3]), row[4], row[5], CapState(row[6]), terms(row[7]),
            max(row[8], 0), row[9], row[10], row[11], row[12],
        )
        for row in rows
    }  # fmt: skip


def live_sessions(known: Iterable[LineFacts]) -> dict[int, list[SessionFacts]]:
    """The live sessions of these lines, each line's oldest first."""
    bounds = [(line.service_id, line.sessions_from) for line in known]
    arrays = [[service_id for service_id, _ in bounds], [first for _, first in bounds]]
    rows = hot.execute(_SESSIONS, [*arrays, int(SessionState.LIVE)]).fetchall()
    found: dict[int, list[SessionFacts]] = {service_id: [] for service_id, _ in bounds}
    for row in rows:
        told = None if row[12] is None else Given(bytes(row[12]), row[13])
        last = None
        if row[14] is not None:
            last = LastCommand(CommandKind(row[14]), CommandState(row[15]), bytes(row[16]), row[17], row[18])
        found[row[0]].append(
            SessionFacts(
                service_id=row[0], id=row[1], nas_id=row[2], username=row[3], acct_session_id=bytes(row[4]),
                framed_ip=row[5], calling_station=row[6], class_token=bytes(row[7]), started_at=row[8],
                last_seen_at=row[9], bytes_up=row[10], bytes_down=row[11], told=told, last=last,
                prior_hash=None if row[19] is None else bytes(row[19]),
            )
        )  # fmt: skip
    return found


def routers(nas_ids: Collection[int]) -> dict[int, NasFacts]:
    """These routers. One whose vendor profile doesn't exist is only observed: we wouldn't know what to tell it."""
    rows = hot.execute(_ROUTERS, [list(nas_ids)]).fetchall()
    return {
        row[0]: NasFacts(
            id=row[0], name=row[1], identifier=row[2],
            profile=profile(row[3]) if is_known(row[3]) else GENERIC,
            address=row[4], port=row[5], secret=_secret(bytes(row[6])),
            acted_upon=row[7] and is_known(row[3]),
            lacks_gigawords=row[8], interim_seconds=row[9], coa_per_second=row[10],
        )
        for row in rows
    }  # fmt: skip


def compared(service_ids: Collection[int], *, now: datetime) -> dict[int, list[Compared]]:
    """The live sessions of these services beside what they should have now. Services without a cap row are left out."""
    return compared_lines(lines(service_ids), now=now)


def compared_lines(known: Mapping[int, LineFacts], *, now: datetime) -> dict[int, list[Compared]]:
    """`compared` for services that have been read already."""
    sessions = live_sessions(known.values())
    nases = routers({one.nas_id for found in sessions.values() for one in found})
    return {service_id: compare(line, sessions[service_id], nases, now) for service_id, line in known.items()}


@lru_cache(maxsize=4096)
def _secret(sealed: bytes) -> Secret:
    return Secret(decrypt(sealed))
