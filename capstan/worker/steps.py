"""Every periodic step of the worker, in one readable list. What each does is said where it is done."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import structlog
from django.conf import settings
from psycopg.errors import LockNotAvailable

from capstan.billing.actions import prepaid, run
from capstan.billing.actions.at_once import credit_returns
from capstan.billing.actions.documents import make_due
from capstan.billing.actions.dunning import hold_new_lines, lift_due, look_due
from capstan.billing.actions.dunning_tell import notify_issued
from capstan.billing.actions.prepaid_tell import tell_due
from capstan.billing.actions.terms import ensure_missing
from capstan.billing.actions.timing import hold_missed
from capstan.caps.actions import retention as caps_retention
from capstan.caps.actions.cap import provider_zone, roll_due, seal_due
from capstan.caps.actions.missing import open_missing
from capstan.db.connection import connect
from capstan.db.locks import try_lock
from capstan.identity.actions.retention import drop_expired
from capstan.messaging.actions.budget import check_budget
from capstan.messaging.actions.outbox import expire, route_waiting
from capstan.messaging.actions.receipts import apply_waiting
from capstan.messaging.actions.retention import drop_messages
from capstan.messaging.actions.sender import Sender
from capstan.metering.actions.packet_log import (
    close_ended_streams,
    drop_partitions,
    drop_streams,
    ensure_partitions,
)
from capstan.metering.actions.retention import drop_refusals, drop_sessions, ended_sessions
from capstan.metering.actions.usage_days import roll_up_days
from capstan.metering.actions.usage_hours import drop_months, ensure_months
from capstan.network.actions import retention as network_retention
from capstan.network.actions.commands import prove
from capstan.network.actions.reconcile import batch_size, sweep
from capstan.network.actions.retention import drop_ended_accesses, drop_login_failures
from capstan.network.queries.counts import service_estimate, shortest_interim_seconds
from capstan.payments.actions import bank, checkouts
from capstan.payments.actions.collect import collect_due, tell_declined
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.actions.debit_orders.propose_due import propose_due
from capstan.payments.actions.look_ups import look_up_due
from capstan.payments.actions.notifications import apply_due
from capstan.payments.actions.refunds import give_up_sending
from capstan.topups.actions.answers.answer import answer_inbound
from capstan.topups.actions.auto import act_due
from capstan.topups.actions.follow import follow_due
from capstan.topups.actions.notices import pass_over_old, tell_crossings
from capstan.topups.actions.pay import fulfil_paid
from capstan.topups.actions.pay_by_card import charge_waiting, tell_declined_orders
from capstan.topups.actions.retention import drop_invitations
from capstan.topups.actions.unreachable import drop_unreachable
from capstan.topups.actions.waiting import expire_waiting
from capstan.topups.actions.windows import close_decided

log = structlog.get_logger()

BATCH = 200
_GATEWAY_BATCH = 5  # each may take half a minute: those that somebody waits for have their turn in between
_SESSIONS_AT_ONCE = 2_000
_CROSSINGS_AT_ONCE = 2_000
_SWEEP_EVERY = timedelta(seconds=1)
_FOLLOW_EVERY = timedelta(milliseconds=250)
"""Somebody watches the page, or has the phone in his hand."""


class Step(NamedTuple):
    """`do(now)` returns how much it did; at `again_from` or more it is called again at once, as there is more.

    With `woken` a wake-up of its lane makes it due.
    """

    name: str
    every: timedelta
    do: Callable[[datetime], int]
    again_from: int | None = None
    woken: bool = False


class Sweep:
    """The reconcile sweep's place in the list of services. One worker sweeps; the others stand by on a lock."""

    def __init__(self) -> None:
        self._conn: psycopg.Connection[Any] | None = None
        self._last_id = 0
        self._batch = BATCH

    def __call__(self, now: datetime) -> int:
        if self._conn is None or self._conn.closed:
            self._conn = connect(name="capstan worker sweep")
        if not try_lock(self._conn, "reconcile sweep"):
            return 0
        if self._last_id == 0:
            self._batch = batch_size(
                service_estimate(),
                interval_seconds=shortest_interim_seconds(),
                every_seconds=_SWEEP_EVERY.total_seconds(),
            )
        swept = sweep(after_id=self._last_id, limit=self._batch, now=now)
        self._last_id = swept.last_id
        return swept.raised


def _alone(name: str, do: Callable[["psycopg.Connection[Any]"], int]) -> int:
    """Do it unless another worker is doing it at this moment."""
    with connect(name=f"capstan worker {name}") as conn:
        return do(conn) if try_lock(conn, name) else 0


def _partitions_ahead(now: datetime) -> int:
    """A lock that can't be had in time, because of a long backup perhaps, is no database that is away: try later."""
    made = 0
    with connect(name="capstan worker partitions") as conn:
        for ensure in (ensure_partitions, ensure_months):
            try:
                made += len(ensure(conn, now=now))
            except LockNotAvailable:
                log.warning("a table is locked; its coming parts are made later", what=ensure.__name__)
    return made


def _retention(now: datetime) -> int:
    """What goes as a whole, or is little at a time."""
    options = settings.OPTIONS
    refused_before = now - timedelta(days=options.login_failure_days)
    with connect(name="capstan worker retention") as conn:
        close_ended_streams(conn, now=now)
        return (
            len(drop_partitions(conn, now=now, keep_days=options.packet_log_days))
            + drop_streams(conn, now=now, keep_days=options.packet_log_days)
            + len(drop_months(conn, now=now, keep_days=options.usage_hour_days))
            + drop_refusals(conn, before=refused_before)
            + drop_login_failures(conn, before=refused_before)
            + drop_ended_accesses(conn, now=now)
            + drop_expired(conn, now=now)
        )


class SessionRetention:
    """Deletes ended sessions that are old enough, with all that belongs to them, some at a time."""

    def __init__(self) -> None:
        self._after_id = 0

    def __call__(self, now: datetime) -> int:
        """How many were looked at where there may be more, else 0."""
        before = now - timedelta(days=settings.OPTIONS.session_days)
        with connect(name="capstan worker retention") as conn:
            ended, self._after_id = ended_sessions(
                conn, after_id=self._after_id, before=before, limit=_SESSIONS_AT_ONCE
            )
            ids = caps_retention.attributed(conn, ended)
            if ids:
                with conn.transaction():
                    caps_retention.drop_of_sessions(conn, ids)
                    network_retention.drop_of_sessions(conn, ids)
                    drop_sessions(conn, ids)
        return self._after_id


def _usage_days(days_back: int) -> Callable[[datetime], int]:
    def do(now: datetime) -> int:
        zone = provider_zone()
        return _alone("usage days", lambda conn: roll_up_days(conn, zone=zone, now=now, days_back=days_back))

    return do


class OldCrossings:
    """Settles crossings that nobody was told of in time. Starts at the first one whenever a worker starts, once."""

    def __init__(self) -> None:
        self._after_id = 0

    def __call__(self, now: datetime) -> int:
        """How many were looked at."""
        self._after_id, looked_at = pass_over_old(after_id=self._after_id, limit=_CROSSINGS_AT_ONCE, now=now)
        return looked_at


def _message_retention(now: datetime) -> int:
    """Offers before the messages that they are in, which they protect."""
    before = now - timedelta(days=settings.OPTIONS.message_days)
    return drop_invitations(before=before, now=now) + drop_messages(before=before)


def messages(sender: Sender) -> tuple[Step, ...]:
    """The message lane's steps: first answers are written, then everything that is due leaves."""
    return (
        Step(
            "answer what came in",
            timedelta(seconds=1),
            lambda now: answer_inbound(now=now, limit=BATCH),
            BATCH,
            woken=True,
        ),
        Step("automatic top-ups", timedelta(seconds=1), lambda now: act_due(now=now, limit=BATCH), BATCH),
        Step(
            "tell of crossings",
            timedelta(seconds=1),
            lambda now: tell_crossings(now=now, limit=BATCH),
            BATCH,
        ),
        Step(
            "follow lines that got data", _FOLLOW_EVERY, lambda now: follow_due(now=now, limit=BATCH), BATCH
        ),
        Step("send messages", timedelta(seconds=1), sender.step, 1, woken=True),
        Step("ask gateways", timedelta(seconds=1), sender.poll),
        Step(
            "apply early receipts",
            timedelta(seconds=2),
            lambda now: apply_waiting(now=now, limit=BATCH),
            BATCH,
        ),
        Step("find a gateway for what has none", timedelta(seconds=5), lambda now: route_waiting(now=now)),
        Step("messages of dead workers", timedelta(seconds=5), lambda now: expire(now=now)),
        Step("SMS budget", timedelta(minutes=1), lambda now: check_budget(now=now)),
        Step(
            "orders that waited too long",
            timedelta(seconds=30),
            lambda now: expire_waiting(now=now, limit=BATCH),
            BATCH,
        ),
        Step("numbers that don't exist", timedelta(seconds=30), lambda now: drop_unreachable(now=now)),
    )


def payments() -> tuple[Step, ...]:
    """The pay lane's steps: somebody waits for each, and none asks a gateway."""
    return (
        Step(
            "top-ups that are paid",
            timedelta(seconds=1),
            lambda now: fulfil_paid(now=now, limit=BATCH),
            woken=True,
        ),
        Step(
            "periods that are paid ahead",
            timedelta(seconds=1),
            lambda now: prepaid.fulfil_due(now=now, limit=BATCH),
            woken=True,
        ),
        Step(
            "allowances that are paid",
            timedelta(seconds=1),
            lambda now: prepaid.release_due(now=now, limit=BATCH),
            BATCH,
            woken=True,
        ),
        Step(
            "checkouts that came to nothing",
            timedelta(seconds=30),
            lambda now: checkouts.expire(now=now, limit=BATCH),
        ),
        Step(
            "ways out of lines to pay", timedelta(seconds=1), lambda now: close_decided(now=now), woken=True
        ),
        Step(
            "lines whose debt is gone",
            timedelta(seconds=1),
            lambda now: lift_due(now=now, limit=BATCH),
            BATCH,
            woken=True,
        ),
        Step(
            "lines of the bank that aren't booked yet",
            timedelta(seconds=5),
            lambda now: bank.book_waiting(now=now, limit=BATCH),
            BATCH,
            woken=True,
        ),
        Step(
            "tell of top-ups that a card didn't pay",
            timedelta(seconds=2),
            lambda now: tell_declined_orders(now=now, limit=BATCH),
            BATCH,
            woken=True,
        ),
        Step(
            "tell of invoices that a card didn't pay",
            timedelta(seconds=10),
            lambda now: tell_declined(now=now, limit=BATCH),
            BATCH,
        ),
        Step("refunds of dead processes", timedelta(minutes=1), lambda now: give_up_sending(now=now)),
    )


def gateway(gateway_id: int) -> tuple[Step, ...]:
    """The steps of a payment gateway's own lane."""
    return (
        Step(
            "gateways' notifications",
            timedelta(seconds=1),
            lambda now: apply_due(now=now, limit=_GATEWAY_BATCH, gateway_id=gateway_id),
            _GATEWAY_BATCH,
            woken=True,
        ),
        Step(
            "charge cards for top-ups",
            timedelta(seconds=2),
            lambda now: charge_waiting(now=now, limit=_GATEWAY_BATCH, gateway_id=gateway_id),
            woken=True,
        ),
        Step(
            "payments that nobody told us of",
            timedelta(minutes=1),
            lambda now: look_up_due(now=now, gateway_id=gateway_id),
        ),
        Step(
            "charge cards for invoices",
            timedelta(minutes=1),
            lambda now: collect_due(now=now, limit=_GATEWAY_BATCH, gateway_id=gateway_id),
            1,
        ),
    )


def billing() -> tuple[Step, ...]:
    """The bill lane's steps."""
    return (
        Step("bill runs", timedelta(seconds=2), lambda now: run.work(now=now, limit=BATCH), 1, woken=True),
        Step(
            "credit notes of what was given back",
            timedelta(seconds=10),
            lambda now: credit_returns(now=now, limit=BATCH),
            BATCH,
        ),
        Step("PDFs", timedelta(seconds=5), lambda now: make_due(now=now, limit=BATCH), BATCH),
        Step(
            "tell of invoices", timedelta(seconds=5), lambda now: notify_issued(now=now, limit=BATCH), BATCH
        ),
        Step(
            "lines of who pays ahead",
            timedelta(seconds=10),
            lambda now: prepaid.ask_for_new(now=now, limit=BATCH),
            BATCH,
        ),
        Step(
            "tell of what is to be paid ahead",
            timedelta(seconds=10),
            lambda now: tell_due(now=now, limit=BATCH),
            BATCH,
        ),
        Step(
            "lines that should wait",
            timedelta(minutes=1),
            lambda now: hold_missed(now=now, limit=BATCH),
            BATCH,
        ),
        Step("chase debts", timedelta(seconds=10), lambda now: look_due(now=now, limit=BATCH), BATCH),
        Step(
            "debit orders whose day has come",
            timedelta(seconds=30),
            lambda now: book_due(now=now, limit=BATCH),
            BATCH,
        ),
        Step("debit orders ahead", timedelta(minutes=5), lambda now: propose_due(now=now)),
        Step("hold new lines", timedelta(seconds=10), lambda now: hold_new_lines(now=now, limit=BATCH)),
        Step("billing days ahead", timedelta(minutes=5), lambda now: run.start_due(now=now)),
        Step(
            "terms of new customers",
            timedelta(minutes=1),
            lambda now: ensure_missing(now=now, limit=BATCH),
            BATCH,
        ),
    )


def housekeeping() -> tuple[Step, ...]:
    """The housekeeping lane's steps. The enforce lane has one step, `network.actions.enforce.Enforcer.step`."""
    return (
        Step(
            "turn cycles, windows and expiries",
            timedelta(seconds=1),
            lambda now: roll_due(now=now, limit=BATCH),
            BATCH,
            woken=True,
        ),
        Step("prove confirmed accesses", timedelta(seconds=2), lambda now: prove(now=now)),
        Step("reconcile sweep", _SWEEP_EVERY, Sweep()),
        Step("seal ended cycles", timedelta(seconds=10), lambda now: seal_due(now=now, limit=BATCH), BATCH),
        Step(
            "open missing caps", timedelta(minutes=1), lambda now: open_missing(now=now, limit=BATCH), BATCH
        ),
        Step("partitions ahead", timedelta(hours=1), _partitions_ahead),
        Step("retention", timedelta(hours=1), _retention),
        Step("retention of sessions", timedelta(minutes=10), SessionRetention(), 1),
        Step("retention of messages", timedelta(minutes=10), _message_retention, 1),
        Step("crossings that nobody was told of", timedelta(minutes=10), OldCrossings(), _CROSSINGS_AT_ONCE),
        Step("usage days", timedelta(hours=1), _usage_days(2)),
        Step("usage days, late usage", timedelta(days=1), _usage_days(10)),
    )
