"""The message lane's own: sends what is due and asks gateways that can't call us, without waiting for any of them."""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

from django.db import connection
from django.db.models import Exists, OuterRef

from capstan.db.claim import claim
from capstan.messaging.actions import outbox
from capstan.messaging.actions.calls import Calls
from capstan.messaging.actions.hooks import take_polled
from capstan.messaging.actions.transports.port import Accepted, Outgoing, Polled, Route
from capstan.messaging.actions.transports.registry import transport
from capstan.messaging.models import Gateway, Message
from capstan.messaging.queries.gateways import secrets_of
from capstan.messaging.rules.words import GatewayKind, MessageState

_POLL_LEASE = timedelta(minutes=3)
_POLLS_AT_ONCE = 8
_STOP_SECONDS = 8.0


class Sender:
    """Used by one thread. Several, in several processes, share the work row by row."""

    def __init__(self) -> None:
        self.calls = Calls()
        self._outcomes: Counter[MessageState] = Counter()

    def step(self, now: datetime) -> int:
        """Write what came of earlier calls and begin new ones; how much was done."""
        return self.calls.finish(now) + self._begin(now)

    def poll(self, now: datetime) -> int:
        """Begin to ask those gateways whose time has come; how many."""
        connection.ensure_connection()
        rows = claim(
            connection.connection, "messaging_gateway", key="id", returning=["id"], now=now, lease=_POLL_LEASE,
            limit=_POLLS_AT_ONCE, due="poll_due_at", lease_column="poll_lease_until",
        )  # fmt: skip
        for gateway in Gateway.objects.filter(pk__in=[row[0] for row in rows]):
            route = Route(
                gateway.pk, gateway.name, gateway.settings, secrets_of(gateway).get("password", ""),
                gateway.sender, gateway.two_way,
            )  # fmt: skip
            ask = partial(transport(GatewayKind(gateway.kind)).poll, route, dict(gateway.poll_cursors))
            self.calls.start(-gateway.pk, ask, partial(self._polled, gateway.pk))
        return len(rows)

    def stop(self, now: datetime) -> None:
        """Wait a little for what is under way. What doesn't end becomes uncertain, by its lease."""
        self.calls.stop(_STOP_SECONDS, now)

    def figures(self) -> dict[str, float]:
        return {
            "messages_under_way": self.calls.total(),
            **{f"messages_{state}": self._outcomes[state] for state in MessageState},
        }

    def _begin(self, now: datetime) -> int:
        due = Message.objects.filter(gateway=OuterRef("pk"), due_at__lte=now)
        begun = 0
        for gateway in Gateway.objects.filter(Exists(due), active=True).order_by("priority", "pk"):
            room = gateway.parallel - self.calls.in_flight(gateway.pk)
            if room > 0:
                batch = outbox.take(gateway.pk, limit=room, reserved=min(1, gateway.parallel - 1), now=now)
                begun += self._send(batch, now) if batch else 0
        return begun

    def _send(self, batch: outbox.Batch, now: datetime) -> int:
        send = transport(batch.kind).send
        for outgoing in batch.messages:
            if batch.kind == GatewayKind.LOOPBACK:  # nothing to wait for
                self._concluded(outgoing, batch.route.gateway_id, send(batch.route, outgoing), now)
            else:
                work = partial(send, batch.route, outgoing)
                self.calls.start(
                    batch.route.gateway_id, work, partial(self._concluded, outgoing, batch.route.gateway_id)
                )
        return len(batch.messages)

    def _concluded(self, outgoing: Outgoing, gateway_id: int, result: object, now: datetime) -> None:
        assert isinstance(result, Accepted | BaseException)
        self._outcomes[outbox.conclude(outgoing, result, gateway_id=gateway_id, now=now)] += 1

    def _polled(self, gateway_id: int, result: object, now: datetime) -> None:
        assert isinstance(result, Polled | BaseException)
        take_polled(gateway_id, result, now=now)
