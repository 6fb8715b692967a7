"""What the routers were told in the past: decided by the product's own rules, answered at once as a healthy router does."""

from collections.abc import Collection
from datetime import datetime, timedelta
from random import Random

from capstan.network.actions import commands
from capstan.network.actions.due import Due, claim_due, let_go
from capstan.network.coa.client import Outcome
from capstan.network.queries import lines
from capstan.network.rules.enforcement import Step, next_step
from capstan.network.rules.words import CommandKind, CommandState
from capstan.services.rules import Urgency

_KINDS = {Step.COA: CommandKind.COA, Step.DISCONNECT: CommandKind.DISCONNECT}


class PastEnforcement:
    """Brings the live sessions of lines to the access they should have at a moment of the past."""

    def __init__(self) -> None:
        self._unproved = 0

    def enforce(self, service_ids: Collection[int], *, cause: str, now: datetime) -> list[int]:
        """Tell the routers. Returns the services whose session is to be disconnected."""
        if not service_ids:
            return []
        chance, planned = Random(now.timestamp()), []
        for service_id, sessions in lines.compared(list(service_ids), now=now).items():
            for one in sessions:
                kind = _KINDS.get(next_step(one.case, now)) if one.case is not None else None
                if kind is not None:
                    due = Due(service_id, 0, cause, now, 0, Urgency.USAGE)
                    planned.append((due, one, kind))
        sent = commands.intend(planned, now=now + timedelta(milliseconds=chance.randrange(5, 60)))
        answered = now + timedelta(milliseconds=chance.randrange(70, 160))
        done = CommandState.ACK
        commands.settle(
            [
                (one, Outcome(one.command_id, one.compared.nas.id, done, None, answered.timestamp(), ""))
                for one in sent
            ],
            now=answered,
        )
        self._unproved += len(planned)
        return [due.service_id for due, _, kind in planned if kind == CommandKind.DISCONNECT]

    def prove(self, *, now: datetime) -> None:
        """Whose packets have come since."""
        if self._unproved:
            self._unproved -= commands.prove(now=now)

    def rest(self, *, now: datetime) -> None:
        """Everybody has what he should have: nothing is left to be looked at."""
        let_go(done=claim_due(now=now, limit=1_000_000))
