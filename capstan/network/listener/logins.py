"""The login query: everything about the lines of a burst of Access-Requests, in one statement.

A listed hot-path module (see docs/ARCHITECTURE.md): its SQL joins the tables of other apps by name.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format
from psycopg.pq.abc import PGresult

from capstan.network.listener.pipe import Pipe
from capstan.network.rules.login import LineRow

_LOGINS = """
    SELECT s.id, s.username, s.mac_address, s.line_password, s.nt_hash, s.login_by, s.status, s.mac_lock,
        s.session_limit, host(s.ipv4_address), s.ipv4_pool, nullif(s.ipv4_routes, '{{}}'), s.ipv6_prefix, s.ipv6_pool,
        s.ipv6_delegated_prefix, s.ipv6_delegated_pool, nullif(s.reply_extra, '[]'),
        c.state,
        CASE WHEN v.allowance_bytes IS NOT NULL THEN c.remaining_bytes
            - CASE WHEN c.sink_bucket_id IS NULL THEN 0 ELSE c.counted_bytes - c.settled_bytes END
        END,
        c.changes_at, c.weight_up = 0 AND c.weight_down = 0, cardinality(v.free_windows) > 0,
        v.at_cap IN ('block', 'wall') OR v.at_cap = 'overage' AND s.overage_consent IS NULL,
        v.counting, v.rate_up_kbps, v.rate_down_kbps, v.throttle_up_kbps, v.throttle_down_kbps,
        CASE WHEN s.session_limit > 0 OR v.at_cap NOT IN ('throttle', 'open') THEN nullif(ARRAY(
            SELECT concat_ws(chr(31), r.state, r.nas_id,
                coalesce(greatest(a.quota_bytes
                    - CASE WHEN v.counting = 'down' THEN 0 ELSE r.bytes_up END
                    - CASE WHEN v.counting = 'up' THEN 0 ELSE r.bytes_down END, 0), 0),
                replace(r.nas_port_id, chr(31), ''), r.calling_station)
            FROM metering_radiussession r LEFT JOIN network_sessionaccess a ON a.session_id = r.id
            WHERE r.service_id = s.id AND r.id >= c.sessions_from AND r.state + 0 < 3
        ), '{{}}') END,
        s.checkout_until,
        CASE WHEN s.standing = 'prepaid' THEN (
            SELECT max(coalesce(w.until, c.cycle_end)) FROM caps_allowancerelease w WHERE w.service_id = s.id
                AND w.starts_at <= greatest(c.cycle_start, s.activated_at)
                AND w.ends_at > greatest(c.cycle_start, s.activated_at)
        ) END,
        s.standing = 'prepaid'
    FROM services_service s
    LEFT JOIN caps_cap c ON c.service_id = s.id
    LEFT JOIN catalog_packageversion v ON v.id = c.version_id
    WHERE {condition}
"""
_BY_USERNAME = _LOGINS.format(condition="s.username = ANY($1)")
_BY_MAC = _LOGINS.format(condition="s.mac_address = ANY($1) AND s.mac_address <> '' AND s.login_by = 'mac'")

_USERNAMES, _MACS = b"capstan_usernames", b"capstan_macs"

# The plan must not depend on statistics: after a mass load without ANALYZE a scan would stop every login. `state + 0`
# above, because the partial index of open sessions looks empty and cheap when statistics were taken while all were down.
_PLAN = """
    SET plan_cache_mode TO force_generic_plan; SET jit TO off;
    SET enable_seqscan TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off
"""

_TEXT = psycopg.adapters.types["text"]
_ARRAY_HEAD = Struct(">iiIii")
_LENGTH = Struct(">i")
_BINARY = (Format.BINARY,)


class LoginQuery:
    """The query on one connection."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        pipe.conn.execute(_PLAN)
        pipe.prepare(_USERNAMES, _BY_USERNAME, [_TEXT.array_oid])
        pipe.prepare(_MACS, _BY_MAC, [_TEXT.array_oid])
        self._transformer = Transformer(pipe.conn)

    def by_username(self, usernames: Sequence[str]) -> None:
        """Ask for the lines of these usernames, lower case; `rows` reads the pipe's result."""
        self._pipe.send(_USERNAMES, (_text_array(usernames),), _BINARY)

    def by_mac(self, macs: Sequence[str]) -> None:
        """Ask for MAC-authenticated lines by their addresses, 12 upper-case hex digits."""
        self._pipe.send(_MACS, (_text_array(macs),), _BINARY)

    def rows(self, result: PGresult) -> list[LineRow]:
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, LineRow._make)


def _text_array(texts: Sequence[str]) -> bytes:
    """PostgreSQL's binary text[]."""
    parts: list[Any] = [_ARRAY_HEAD.pack(1, 0, _TEXT.oid, len(texts), 1)]
    for text in texts:
        value = text.encode()
        parts.append(_LENGTH.pack(len(value)))
        parts.append(value)
    return b"".join(parts)
