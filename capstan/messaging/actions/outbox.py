"""Claiming what is to be sent, and writing what came of it. In between stands a call, and no transaction.

A message is `sending` before its gateway hears of it, so that whoever dies then leaves it `uncertain`, never twice sent.
"""

from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from capstan.db.claim import claim
from capstan.messaging.actions.gateways import note_trouble, note_works
from capstan.messaging.actions.transports.port import Accepted, NotSentError, Outgoing, Retry, Route
from capstan.messaging.models import Gateway, Message
from capstan.messaging.queries.gateways import route as choose_route
from capstan.messaging.queries.gateways import secrets_of
from capstan.messaging.rules.callbacks import ID_MAX
from capstan.messaging.rules.gateways import dedupes, hook_path
from capstan.messaging.rules.segments import Encoding
from capstan.messaging.rules.states import backoff, is_open, patience
from capstan.messaging.rules.words import GatewayKind, Lane, Medium, MessageState, Reason

log = structlog.get_logger()

LEASE = timedelta(minutes=2)
"""Longer than any call may last (transports.limit), so that nobody calls a live one dead."""

_BURST = timedelta(seconds=1)
_REROUTE_AT_ONCE = 200


class Batch(NamedTuple):
    """Messages that are now `sending`, and the gateway to call for them."""

    kind: GatewayKind
    route: Route
    messages: list[Outgoing]


@transaction.atomic
def take(gateway_id: int, *, limit: int, reserved: int, now: datetime) -> Batch | None:
    """Mark at most `limit` due messages of this gateway as `sending`, in order of lane, as its rate allows.

    The last `reserved` of them may only be answers and codes. None if there is nothing to do, or another worker is at it.
    """
    found = Gateway.objects.select_for_update(skip_locked=True, no_key=True).filter(
        Q(paused_until=None) | Q(paused_until__lte=now), pk=gateway_id, active=True
    )
    gateway = found.first()
    if gateway is None:
        return None
    free = slots(gateway.slot_at, gateway.per_second, now)
    ids: list[int] = []
    for lane, at_most in ((Lane.BULK, limit - reserved), (Lane.REPLY, limit)):
        more = min(at_most, free) - len(ids)
        if more > 0:
            ids += _claim(gateway_id, lane, more, now)
    if not ids:
        return None
    Message.objects.filter(pk__in=ids).update(
        state=MessageState.SENDING, due_at=None, attempts=F("attempts") + 1
    )
    earliest = now - _BURST
    started = max(gateway.slot_at or earliest, earliest)
    gateway.slot_at = started + len(ids) * _interval(gateway.per_second)
    gateway.save(update_fields=["slot_at"])
    messages = Message.objects.filter(pk__in=ids).order_by("lane", "pk")
    secrets = secrets_of(gateway)
    return Batch(
        GatewayKind(gateway.kind),
        Route(
            gateway.pk,
            gateway.name,
            gateway.settings,
            secrets.get("password", ""),
            gateway.sender,
            gateway.two_way,
        ),
        [_outgoing(message, gateway, secrets.get("hook_token", ""), now) for message in messages],
    )


def slots(slot_at: datetime | None, per_second: int, now: datetime) -> int:
    """How many messages may go now: those of a second at most, and none before `slot_at`."""
    since = max(slot_at, now - _BURST) if slot_at else now - _BURST
    return max(0, (now - since) // _interval(per_second))


@transaction.atomic
def conclude(
    outgoing: Outgoing, result: Accepted | BaseException, *, gateway_id: int, now: datetime
) -> MessageState:
    """Write what came of a call; returns the state. What a receipt said meanwhile stands.

    An exception that isn't NotSentError is a mistake of ours, which may have happened after the message had left.
    """
    message = Message.objects.select_for_update().get(pk=outgoing.message_id)
    gateway = Gateway.objects.get(pk=gateway_id)
    if isinstance(result, Accepted):
        note_works(gateway_id)
        _accepted(message, result, now)
        return MessageState(message.state)
    if isinstance(result, NotSentError):
        problem = result
    else:
        log.error("a transport failed", gateway=gateway.name, exc_info=result)
        problem = NotSentError(Reason.NO_ANSWER, Retry.UNCLEAR, f"{type(result).__name__}: {result}")
    if problem.trouble:
        note_trouble(gateway_id, problem.detail, now=now)
    if message.attempts == outgoing.attempt and is_open(MessageState(message.state)):
        _not_sent(message, problem, gateway, now)
    return MessageState(message.state)


def expire(*, now: datetime) -> int:
    """What was `sending` when its worker died: it may have left. Repeated only where the gateway takes a reference once."""
    ids = Message.objects.filter(state=MessageState.SENDING, lease_until__lte=now).values_list(
        "pk", flat=True
    )
    return sum(_expire_one(pk, now) for pk in ids)


def route_waiting(*, now: datetime) -> int:
    """Find another gateway for what has none, or one that is off or in trouble; how many messages found one."""
    bad = Gateway.objects.filter(Q(active=False) | Q(paused_until__gt=now)).values("pk")
    waiting = Message.objects.filter(
        Q(gateway=None) | Q(gateway__in=bad), _has_elsewhere_to_go(now), state=MessageState.QUEUED, may_have_left=False,
        due_at__lte=now,
    ).order_by("lane", "pk")  # fmt: skip
    return sum(_reroute(pk, now) for pk in waiting.values_list("pk", flat=True)[:_REROUTE_AT_ONCE])


def _has_elsewhere_to_go(now: datetime) -> Q:
    """Messages whose gateway would be another one now. Those that nothing can carry must not stand before them."""
    found = Q(pk__in=[])
    for medium, two_way in product(Medium, (False, True)):
        gateway = choose_route(medium, two_way=two_way, now=now)
        if gateway is not None:
            found |= Q(medium=medium, two_way=two_way) & ~Q(gateway=gateway)
    return found


@transaction.atomic
def _reroute(message_id: int, now: datetime) -> bool:
    message = (
        Message.objects.select_for_update(skip_locked=True)
        .filter(pk=message_id, state=MessageState.QUEUED)
        .first()
    )
    if message is None:
        return False
    gateway = choose_route(Medium(message.medium), two_way=message.two_way, now=now)
    if gateway is None or gateway.pk == message.gateway_id:
        return False
    _give_to(message, gateway)
    message.save(update_fields=["gateway", "cost_minor"])
    return True


@transaction.atomic
def _expire_one(message_id: int, now: datetime) -> bool:
    held = Message.objects.select_for_update(skip_locked=True)
    message = held.filter(pk=message_id, state=MessageState.SENDING, lease_until__lte=now).first()
    if message is None:
        return False
    gateway = message.gateway
    assert gateway is not None
    detail = "the worker that was sending it died"
    _not_sent(message, NotSentError(Reason.INTERRUPTED, Retry.UNCLEAR, detail), gateway, now)
    return True


def _claim(gateway_id: int, lane_max: Lane, limit: int, now: datetime) -> list[int]:
    rows = claim(
        connection.connection, "messaging_message", key="id", returning=["id"], now=now, lease=LEASE, limit=limit,
        rank="lane", rank_max=lane_max, equal={"gateway_id": gateway_id},
    )  # fmt: skip
    return [row[0] for row in rows]


def _outgoing(message: Message, gateway: Gateway, token: str, now: datetime) -> Outgoing:
    url = f"{settings.PUBLIC_URL}{hook_path(gateway.name, token, 'receipt')}" if token else ""
    return Outgoing(
        message_id=message.pk,
        attempt=message.attempts,
        medium=Medium(message.medium),
        to=message.recipient,
        sender=gateway.sender or message.sender,
        text=message.sealed_text or message.text,
        title=message.title,
        brand_name=message.brand_name,
        reference=message.reference,
        receipt_url=f"{url}?reference={message.reference}" if url else "",
        is_gsm=message.encoding != Encoding.UCS2,
        at=now,
    )


def _accepted(message: Message, accepted: Accepted, now: datetime) -> None:
    message.carrier_id = message.carrier_id or accepted.carrier_id[:ID_MAX]
    message.sent_at = message.sent_at or now
    message.lease_until = None
    if is_open(MessageState(message.state)):
        message.state = MessageState.DELIVERED if accepted.delivered else MessageState.SENT
        message.finished_at = now if accepted.delivered else None
        message.reason, message.detail = Reason.NONE, ""
    if not accepted.delivered:  # the demo handset, where taking is delivering, shows the words
        message.sealed_text = None
    message.save()


def _not_sent(message: Message, problem: NotSentError, gateway: Gateway, now: datetime) -> None:
    message.lease_until = None
    message.reason, message.detail = problem.reason, problem.detail
    is_unclear = problem.retry == Retry.UNCLEAR
    message.may_have_left = message.may_have_left or is_unclear
    may_repeat = not is_unclear or dedupes(GatewayKind(gateway.kind), gateway.settings)
    is_late = now >= message.queued_at + patience(Lane(message.lane))
    if problem.retry == Retry.USELESS:
        _end(message, MessageState.FAILED, now)
    elif not may_repeat or (is_late and message.may_have_left):
        _end(message, MessageState.UNCERTAIN, now)
    elif is_late:
        message.reason, message.detail = Reason.TOO_LATE, f"tried until now: {problem.detail}"
        _end(message, MessageState.FAILED, now)
    else:
        message.state = MessageState.QUEUED
        message.due_at = now + backoff(message.attempts)
        if problem.trouble and not message.may_have_left:
            _elsewhere(message, gateway, now)
    message.save()


def _end(message: Message, state: MessageState, now: datetime) -> None:
    message.state = state
    message.due_at, message.sealed_text = None, None
    if state == MessageState.FAILED:
        message.finished_at = now
    else:
        message.sent_at = message.sent_at or now
    log.warning(
        "a message didn't leave" if state == MessageState.FAILED else "a message may or may not have left",
        message=message.pk, template=message.template, reason=message.reason, detail=message.detail,
    )  # fmt: skip


def _elsewhere(message: Message, gateway: Gateway, now: datetime) -> None:
    """The next try goes by another gateway if there is one that isn't in trouble, and soon."""
    other = choose_route(Medium(message.medium), two_way=message.two_way, avoid={gateway.pk}, now=now)
    if other is not None and other.pk != gateway.pk:
        _give_to(message, other)
        message.due_at = now


def _interval(per_second: int) -> timedelta:
    return timedelta(seconds=1) / per_second


def _give_to(message: Message, gateway: Gateway) -> None:
    message.gateway = gateway
    message.cost_minor = gateway.cost_minor * max(message.segments, 1)
