"""What can be made to go wrong: the words, and a wire that loses, doubles and delays packets."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random

_REORDER_SECONDS = (0.1, 2.0)


class FaultKind(StrEnum):
    """A fault of a simulated router; what follows each is its argument."""

    REBOOT = "reboot"  # [seconds down]: no Stop, then Accounting-On
    REBOOT_SILENT = "reboot-silent"  # [seconds down]: no Stop and no Accounting-On
    LOSS = "loss"  # percent, both ways
    LOSS_OUT = "loss-out"  # percent of what the router sends
    LOSS_IN = "loss-in"  # percent of what is sent to it
    DUPLICATE = "duplicate"  # percent sent twice
    REORDER = "reorder"  # percent held back up to two seconds, so that later ones overtake
    CLOCK = "clock"  # seconds its clock is ahead, negative for behind
    COUNTER_RESET = "counter-reset"  # [username]: counters start again at 0, without a name everyone's
    NO_GIGAWORDS = "no-gigawords"  # counters wrap at 4 GiB
    COA_DEAF = "coa-deaf"  # CoA and disconnect are not answered
    SLOW = "slow"  # seconds that answers to CoA and disconnect take
    HEAL = "heal"  # all lasting faults end


_AMOUNTS = {
    FaultKind.LOSS: ("loss_out", "loss_in"),
    FaultKind.LOSS_OUT: ("loss_out",),
    FaultKind.LOSS_IN: ("loss_in",),
    FaultKind.DUPLICATE: ("duplicate",),
    FaultKind.REORDER: ("reorder",),
    FaultKind.CLOCK: ("clock_seconds",),
    FaultKind.SLOW: ("slow_seconds",),
}


@dataclass(slots=True)
class Faults:
    """A router's lasting faults. Percentages are 0 to 100."""

    loss_out: float = 0.0
    loss_in: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    clock_seconds: float = 0.0
    no_gigawords: bool = False
    coa_deaf: bool = False
    slow_seconds: float = 0.0

    def set(self, kind: FaultKind, argument: str) -> None:
        """Switch a lasting fault; without an argument a switch goes on, `off` and 0 end it.

        Raises ValueError for an argument that doesn't fit, and for a kind that isn't lasting.
        """
        if kind is FaultKind.HEAL:
            for name, value in asdict(Faults()).items():
                setattr(self, name, value)
        elif kind in (FaultKind.NO_GIGAWORDS, FaultKind.COA_DEAF):
            if argument not in ("", "on", "off"):
                raise ValueError(f"{kind} takes on or off, not {argument!r}")
            setattr(self, kind.replace("-", "_"), argument != "off")
        else:
            amount = float(argument)
            for name in _AMOUNTS[kind]:
                setattr(self, name, amount)

    def words(self) -> str:
        """The faults that are on, for a person; empty when there are none."""
        on = {name: value for name, value in asdict(self).items() if value}
        return ", ".join(f"{name.replace('_', '-')}={value:g}" for name, value in on.items())


class Wire:
    """Everything a router sends and receives passes here and meets its fate."""

    def __init__(self, faults: Faults, chance: Random) -> None:
        self.faults = faults
        self.lost = 0
        self._chance = chance

    def send(self, deliver: Callable[[], None]) -> None:
        """Pass an outgoing packet: lost, late, twice, or as it should be."""
        self._pass(deliver, self.faults.loss_out)

    def receive(self, deliver: Callable[[], None]) -> None:
        """Pass an incoming packet."""
        self._pass(deliver, self.faults.loss_in)

    def _pass(self, deliver: Callable[[], None], loss: float) -> None:
        if self._happens(loss):
            self.lost += 1
            return
        for _ in range(2 if self._happens(self.faults.duplicate) else 1):
            if self._happens(self.faults.reorder):
                asyncio.get_running_loop().call_later(self._chance.uniform(*_REORDER_SECONDS), deliver)
            else:
                deliver()

    def _happens(self, percent: float) -> bool:
        return percent > 0 and self._chance.uniform(0, 100) < percent
