"""Whether one more session may begin: a redial is never shut out by what it left behind."""

import pytest

from capstan.network.rules.login import Device, LiveSession, room_for

MAC, OTHER = "02-00-5E-00-00-01", "02-00-5E-00-00-02"


def device(station: str = MAC, nas: int = 1, port: str = "") -> Device:
    return Device("thandi@example.net", station, nas, port)


def session(station: str = MAC, nas: int = 1, port: str = "", *, stale: bool = False) -> LiveSession:
    return LiveSession(stale, nas, 0, station, port)


@pytest.mark.parametrize(
    ("limit", "sessions", "comes", "let_in"),
    [
        (1, [], device(), True),
        (0, [session(OTHER)] * 9, device(), True),
        (1, [session()], device(), True),
        (1, [session("0200.5e00.0001")], device(), True),
        (1, [session(OTHER)], device(), False),
        (2, [session(OTHER)], device(), True),
        (2, [session(OTHER)] * 2, device(), False),
        (1, [session(OTHER, stale=True)], device(), True),
        # A router that names no device at the login, in accounting, or in both can't tell them apart.
        (1, [session("")], device(""), True),
        (1, [session(OTHER)], device(""), True),
        (1, [session("")], device(), True),
        (1, [session("")], device(nas=2), True),
        # One that names the port: the same port is a redial, another one is somebody else.
        (1, [session("", port="vlan-7")], device(port="vlan-7"), True),
        (1, [session("", port="vlan-7")], device(port="vlan-8"), False),
        (1, [session("", port="vlan-7")], device(port="vlan-7", nas=2), False),
        # What isn't a MAC address is compared as it is.
        (1, [session("10.97.0.2")], device("10.97.0.2"), True),
        (1, [session("10.97.0.3")], device("10.97.0.2"), False),
    ],
)
def test_room(limit: int, sessions: list[LiveSession], comes: Device, let_in: bool) -> None:
    room = room_for(limit, sessions, comes)
    assert (room.refusal is None) == let_in
    assert not room.replaces or let_in
