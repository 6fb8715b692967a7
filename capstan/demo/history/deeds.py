"""What happened to single lines on single days of the past: a suspension, a new password, another device."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from capstan.demo.history.line import Event, PastLine
from capstan.demo.roster import Subscription
from capstan.services.actions.device import clear_mac
from capstan.services.actions.line import set_line_password
from capstan.services.actions.status import suspend
from capstan.services.rules import ServiceStatus


class Deed(NamedTuple):
    """`do` says what the line's router reports because of it."""

    at: datetime
    do: Callable[[PastLine, datetime], list[Event]]


def deeds_of(one: Subscription, *, actor: str, now: datetime) -> list[Deed]:
    """What happened to this line before `now`, the earliest first. It began as any other."""
    found: list[Deed] = []
    if one.suspended:
        found.append(Deed(now - timedelta(days=3 + one.line.seed % 9, hours=3), _suspended(one, actor)))
    if one.entered_password != one.line.password:
        found.append(Deed(now - timedelta(days=4, hours=2), _password_changed(one, actor)))
    if one.locked_to and bytes.fromhex(one.locked_to.replace(":", "")) != one.line.mac:
        found.append(Deed(now - timedelta(days=2, hours=5), _device_changed(one)))
    if one.learns_device:
        found.append(Deed(now, _device_cleared(actor)))
    return found


def _suspended(one: Subscription, actor: str) -> Callable[[PastLine, datetime], list[Event]]:
    def do(line: PastLine, now: datetime) -> list[Event]:
        suspend(service_id=line.service_id, reason=one.suspended, actor=actor, now=now)
        line.status = ServiceStatus.SUSPENDED
        return []

    return do


def _password_changed(one: Subscription, actor: str) -> Callable[[PastLine, datetime], list[Event]]:
    """Staff enter a new one and mistype it, or its user never hears of it: his router is refused from then on."""

    def do(line: PastLine, now: datetime) -> list[Event]:
        set_line_password(
            service_id=line.service_id, line_password=one.entered_password, actor=actor, now=now
        )
        line.knows_password = False
        return line.cut(int(now.timestamp()))

    return do


def _device_changed(one: Subscription) -> Callable[[PastLine, datetime], list[Event]]:
    def do(line: PastLine, now: datetime) -> list[Event]:
        line.wrong_device = True
        return line.lose_device(int(now.timestamp()), one.line.mac)

    return do


def _device_cleared(actor: str) -> Callable[[PastLine, datetime], list[Event]]:
    def do(line: PastLine, now: datetime) -> list[Event]:
        clear_mac(service_id=line.service_id, learn=True, actor=actor, now=now)
        return []

    return do
