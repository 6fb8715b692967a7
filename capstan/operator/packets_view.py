"""Accounting packets as text, attribute by attribute."""

from datetime import timedelta

from capstan.metering.models import RadiusSession
from capstan.operator.layout import Page
from capstan.operator.packets import PacketFacts
from capstan.operator.words import Saying, lasting


def page_of(session: RadiusSession, packets: list[PacketFacts], look_back: timedelta, say: Saying) -> str:
    """The packets, newest first, each with every attribute that is kept."""
    page = Page()
    page.lines.append(
        f"Session {session.pk} of {session.username} on {session.nas.name}, newest packet first"
    )
    for packet in packets:
        at = packet.received_at.astimezone(say.zone)
        page.section(
            f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f"  {packet.status}   log row {packet.stream}/{packet.seq}"
        )
        page.pair(
            "Counters",
            f"{packet.bytes_up:,} bytes up, {packet.bytes_down:,} bytes down after {packet.seconds} s",
        )
        for name, value in packet.attributes:
            page.line(f"{name} = {value}")
    if not packets:
        page.line(
            f"none in the packet log within {lasting(look_back)} of its last packet, {say.moment(session.last_seen_at)}"
        )
    return page.text()
