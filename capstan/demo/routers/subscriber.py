"""A line plugged into a router, and how it fares."""

import asyncio
from dataclasses import dataclass

from capstan.demo.routers.packets import Line
from capstan.demo.routers.session import Session
from capstan.demo.routers.traffic import Appetite


@dataclass(slots=True)
class Subscriber:
    """One line at one port. `moved_up` and `moved_down` are all that it ever moved: the truth to compare with."""

    line: Line
    port: int
    appetite: Appetite
    dial_at: float
    is_plugged_in: bool = True
    session: Session | None = None
    dialing: "asyncio.Task[None] | None" = None
    interim: "asyncio.Task[None] | None" = None
    refused: str = ""  # what the last refusal said
    logins: int = 0
    moved_up: int = 0
    moved_down: int = 0
