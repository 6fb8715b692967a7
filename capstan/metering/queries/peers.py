"""Who may send us packets, and the routers behind them, as the listener keeps them in memory."""

from typing import Any, NamedTuple

import psycopg

from capstan.db.fields import decrypt
from capstan.metering.rules.words import RequireMessageAuthenticator


class NasRow(NamedTuple):
    id: int
    identifier: str
    vendor_profile: str
    interim_seconds: int
    lacks_gigawords: bool
    discovered: bool
    acted_upon: bool  # entered by staff and not observe-only
    last_source: str | None


class PeerRow(NamedTuple):
    id: int
    name: str
    network: str
    secret: bytes
    require_message_authenticator: RequireMessageAuthenticator
    is_proxy: bool
    nases: tuple[NasRow, ...]


def peers_version(conn: "psycopg.Connection[Any]") -> tuple[Any, ...]:
    """A value that is another one whenever a peer or a router was added, changed or removed.

    It sums the rows' transaction ids, so that nothing has to remember to raise a counter.
    """
    row = conn.execute(
        "SELECT (SELECT (count(*), sum(xmin::text::bigint))::text FROM metering_peer),"
        " (SELECT (count(*), sum(xmin::text::bigint))::text FROM metering_nas)"
    ).fetchone()
    assert row is not None
    return tuple(row)


def load_peers(conn: "psycopg.Connection[Any]") -> list[PeerRow]:
    """All peers with their secrets and routers.

    Raises cryptography's InvalidTag when the field key is not the one that sealed a secret.
    """
    nases: dict[int, list[NasRow]] = {}
    for peer_id, *nas in conn.execute(
        "SELECT peer_id, id, identifier, vendor_profile, interim_seconds, lacks_gigawords, discovered,"
        " NOT (discovered OR observe_only), host(last_source) FROM metering_nas ORDER BY id"
    ):
        nases.setdefault(peer_id, []).append(NasRow._make(nas))
    return [
        PeerRow(
            peer_id, name, network, decrypt(secret), RequireMessageAuthenticator(demand), is_proxy,
            tuple(nases.get(peer_id, ())),
        )
        for peer_id, name, network, secret, demand, is_proxy in conn.execute(
            "SELECT id, name, network, secret, require_message_authenticator, is_proxy FROM metering_peer ORDER BY id"
        )
    ]  # fmt: skip
