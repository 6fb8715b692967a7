"""The record of what routers were told: intent before it is sent, outcome after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from capstan.db import hot
from capstan.network.actions.due import Due
from capstan.network.coa.client import Outcome
from capstan.network.models import Command
from capstan.network.rules.compare import Compared, given
from capstan.network.rules.words import CommandKind, CommandState

_INTEND = """
    INSERT INTO network_command (state, sent_at, service_id, session_id, nas_id, kind, access_kind, access_hash, cause,
        raised_at, detail)
    SELECT %s, %s, d.*, '' FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bytea[],
        %s::text[], %s::timestamptz[]) AS d
    RETURNING id
"""

_SETTLE = """
    UPDATE network_command c SET
        state = d.state, error_cause = d.error_cause, answered_at = d.answered_at, detail = d.detail
    FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::timestamptz[], %s::text[])
        AS d(id, state, error_cause, answered_at, detail)
    WHERE c.id = d.id
"""

_TOLD = """
    INSERT INTO network_sessionaccess (session_id, service_id, access_hash, kind, quota_bytes, confirmed_at)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::text[], %s::bigint[], %s::timestamptz[])
"""
_BY_COA = f"""{_TOLD}
    ON CONFLICT (session_id) DO UPDATE SET
        service_id = excluded.service_id, access_hash = excluded.access_hash, kind = excluded.kind,
        quota_bytes = excluded.quota_bytes, confirmed_at = excluded.confirmed_at, proved_at = NULL
"""
_BY_LOGIN = f"{_TOLD} ON CONFLICT (session_id) DO NOTHING"  # an acknowledgement that came meanwhile is newer

_PROVE = """
    WITH proved AS (
        UPDATE network_sessionaccess a SET proved_at = s.last_seen_at
        FROM metering_radiussession s
        WHERE s.id = a.session_id AND a.proved_at IS NULL AND s.last_seen_at > a.confirmed_at
        RETURNING a.session_id, a.confirmed_at, a.proved_at
    ), marked AS (
        UPDATE network_command c SET proved_at = p.proved_at FROM proved p
        WHERE c.session_id = p.session_id AND c.kind = 'coa' AND c.state = 'ack'
            AND c.proved_at IS NULL AND c.answered_at <= p.confirmed_at
    )
    SELECT count(*) FROM proved
"""


class Sent(NamedTuple):
    """A command on its way, and what its acknowledgement will mean."""

    command_id: int
    kind: CommandKind
    due: Due
    compared: Compared


def intend(planned: Sequence[tuple[Due, Compared, CommandKind]], *, now: datetime) -> list[Sent]:
    """Write down what is about to be sent. The caller commits before it sends."""
    if not planned:
        return []
    rows = [
        (
            due.service_id, one.session.id, one.nas.id, kind.value, one.access.kind.value, _hash(one), due.cause,
            due.raised_at,
        )
        for due, one, kind in planned
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows, strict=True)]
    ids = hot.execute(_INTEND, [CommandState.SENDING.value, now, *columns]).fetchall()
    return [Sent(row_id, kind, due, one) for (row_id,), (due, one, kind) in zip(ids, planned, strict=True)]


def settle(outcomes: Sequence[tuple[Sent, Outcome]], *, now: datetime) -> None:
    """Write the outcomes down; an acknowledged CoA is what its session has from now on."""
    if not outcomes:
        return
    columns: list[Any] = [
        [sent.command_id for sent, _ in outcomes],
        [outcome.state.value for _, outcome in outcomes],
        [outcome.error_cause for _, outcome in outcomes],
        [now] * len(outcomes),
        [outcome.detail for _, outcome in outcomes],
    ]
    hot.execute(_SETTLE, columns)
    _write(
        _BY_COA,
        [
            (
                sent.compared.session.id, sent.due.service_id, _hash(sent.compared), sent.compared.access.kind.value,
                _limit(sent.compared), now,
            )
            for sent, outcome in outcomes
            if sent.kind == CommandKind.COA and outcome.state == CommandState.ACK
        ],
    )  # fmt: skip


def abandon(session_ids: Sequence[int], *, now: datetime) -> int:
    """What a worker that went away left in the state `sending`: whether it arrived is not known, so it is sent anew."""
    return Command.objects.filter(session_id__in=session_ids, state=CommandState.SENDING).update(
        state=CommandState.UNCERTAIN, answered_at=now, detail="the worker that sent it went away"
    )


def confirm_logins(looked_at: Sequence[Compared]) -> None:
    """A session without a row whose Accept is known by its Class token: confirmed when it began."""
    rows = []
    for one in looked_at:
        known = given(one.session)
        if one.session.told is None and known is not None:
            matches = one.case is not None and known.access_hash == one.case.access_hash
            kind = one.access.kind.value if matches else ""
            rows.append(
                (
                    one.session.id,
                    one.session.service_id,
                    known.access_hash,
                    kind,
                    known.limit_bytes,
                    one.session.started_at,
                )
            )
    _write(_BY_LOGIN, rows)


def prove(*, now: datetime) -> int:
    """Sessions of which a packet was folded after their access was confirmed: how many were proved just now."""
    with connection.cursor() as cursor:
        cursor.execute(_PROVE)
        (count,) = cursor.fetchone()
    return int(count)


def _write(statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        hot.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _hash(one: Compared) -> bytes:
    assert one.case is not None
    return one.case.access_hash


def _limit(one: Compared) -> int | None:
    assert one.case is not None
    return one.case.lent.limit_bytes
