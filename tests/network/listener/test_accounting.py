"""Accounting over real UDP: what is acknowledged is in the log, everything else is counted and not answered."""

import hashlib
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from capstan.metering.models import Nas, PacketSample, Peer, Quarantine, Stream
from capstan.metering.records import texts_of
from capstan.network.listener import quarantine
from capstan.network.listener.accounting import Accounting
from capstan.network.listener.process import Listener
from capstan.values import clock
from tests.network.listener.client import Client, encode, interim, u32
from tests.network.listener.conftest import Provider, logged, wait_for


def test_an_acknowledged_record_is_in_the_log(provider: Provider, client: Client) -> None:
    reply = client.ask(client.accounting(interim("81a0", 600, 5, 7 + (3 << 32))))
    assert reply is not None
    assert reply.code == 5
    assert reply.attributes == []
    (record,) = logged()
    assert (record.status, record.seconds, record.bytes_up, record.bytes_down) == (3, 600, 5, 7 + (3 << 32))
    assert record.nas_id == provider.nas.pk
    texts = texts_of(record)
    assert (texts.username, texts.session_id) == (b"thandi@example.net", b"81a0")
    assert texts.framed_ip == bytes((192, 0, 2, 7))


def test_ipv6(provider: Provider, listener: Listener) -> None:
    Peer.objects.create(name="six", network="::1", secret="other")
    client = Client("::1", listener.auth_port, listener.acct_port, b"other")
    wait_for(lambda: client.ask(client.accounting(interim()), timeout=0.3))
    assert logged()
    assert wait_for(lambda: Nas.objects.filter(peer__name="six", last_source="::1").exists())


def test_every_acknowledged_record_of_a_crowd_is_in_the_log(provider: Provider, client: Client) -> None:
    packets = {}
    for number in range(200):
        packet = client.accounting(interim(f"s{number}", number))
        packets[packet[1]] = packet
        client.socket.sendto(packet, client.acct)
    acknowledged = {client.socket.recv(4096)[1] for _ in packets}
    assert acknowledged == set(packets)
    assert {texts_of(record).session_id for record in logged()} == {b"s%d" % number for number in range(200)}


def test_proxy_states_come_back_in_order(provider: Provider, client: Client) -> None:
    states = [(33, b"one"), (33, b"two")]
    reply = client.ask(client.accounting(interim("81a0", 1, 1, 1, *states)))
    assert reply is not None
    assert reply.attributes == states
    apart = client.ask(client.accounting([states[0], *interim("81a0", 2), states[1]]))
    assert apart is not None
    assert apart.attributes == states


def test_unnamed_router_is_its_address(provider: Provider, dial: Callable[[], Client]) -> None:
    own = provider.router("127.0.0.1")
    client = dial()
    assert client.ask(client.accounting([pair for pair in interim() if pair[0] != 32]))
    assert [record.nas_id for record in logged()] == [own.pk]


def test_router_entered_by_address_may_call_itself_as_it_likes(
    provider: Provider, dial: Callable[[], Client]
) -> None:
    edge, six = provider.router("192.0.2.1"), provider.router("2001:db8::1")
    client = dial()
    for named in ((4, bytes((192, 0, 2, 1))), (95, bytes.fromhex("20010db8" + 11 * "00" + "01"))):
        for _ in range(2):
            assert client.ask(client.accounting([*interim(nas="MikroTik"), named]))
    assert [record.nas_id for record in logged()] == [edge.pk, edge.pk, six.pk, six.pk]


def test_unknown_router_of_a_known_peer_is_entered_and_metered(provider: Provider, client: Client) -> None:
    reply = client.ask(client.accounting(interim(nas="köln-9".encode().decode())))
    assert reply is not None
    found = Nas.objects.get(identifier="köln-9")
    assert found.discovered
    assert found.peer == provider.peer
    assert found.last_source == "127.0.0.1"
    assert [record.nas_id for record in logged()] == [found.pk]


def test_router_that_moves_is_noted(provider: Provider, client: Client) -> None:
    assert client.ask(client.accounting(interim()))
    wait_for(lambda: Nas.objects.get(pk=provider.nas.pk).last_source == "127.0.0.1")


def test_longest_network_wins(provider: Provider, client: Client) -> None:
    Peer.objects.create(name="wide", network="127.0.0.0/8", secret="wide")
    assert client.ask(client.accounting(interim())), "the peer at the very address comes first"


BODY = encode(interim())


def sign(code: int, body: bytes, secret: bytes = b"s3cret", length: int | None = None) -> bytes:
    head = struct.pack(">BBH", code, 7, 20 + len(body) if length is None else length)
    return head + hashlib.md5(head + bytes(16) + body + secret).digest() + body


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (sign(4, BODY, b"guess"), "bad authenticator"),
        (bytes(range(200, 220)), "length field"),
        (b"\x04", "shorter than a RADIUS header"),
        (sign(4, BODY, length=19), "length field is shorter"),
        (sign(4, BODY, length=4000), "says more than arrived"),
        (sign(4, bytes(4100)), "longer than 4096 bytes"),
        (sign(4, BODY + b"\x01\x01"), "impossible length"),
        (sign(4, BODY + b"\x01"), "ends inside an attribute"),
        (sign(4, BODY + b"\x01\xff"), "impossible length"),
        (sign(4, encode([(40, u32(3))])), "without Acct-Session-Id"),
        (sign(4, encode([(44, b"x")])), "without Acct-Status-Type"),
        (sign(4, encode([(44, b"x"), (40, u32(77_777))])), "Acct-Status-Type 77777"),
        (sign(4, encode([*interim(), (55, b"xyz")])), "attribute 55 has 3 bytes"),
        (sign(1, BODY), "code 1 does not belong on the accounting port"),
        (sign(12, b""), "Status-Server without Message-Authenticator"),
    ],
)
def test_bad_packets_are_quarantined_with_their_reason(
    provider: Provider, client: Client, packet: bytes, reason: str
) -> None:
    if packet[2:4] != struct.pack(">H", len(packet)) and len(packet) == 20:
        packet = b"\x04\x01\xff\xff" + packet[4:]
    for _ in range(3):
        client.socket.sendto(packet, client.acct)
    assert client.ask(client.accounting(interim())), "the listener goes on"
    row = wait_for(lambda: Quarantine.objects.filter(reason__contains=reason).first())
    wait_for(lambda: Quarantine.objects.get(pk=row.pk).count == 3)
    assert (row.source, row.port) == ("127.0.0.1", "accounting")
    assert bytes(row.sample) == packet[:4096]
    assert len(logged()) == 1
    client.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.socket.recv(4096)


def test_unknown_peer_is_quarantined(provider: Provider, client: Client) -> None:
    provider.peer.network = "192.0.2.9"
    provider.peer.save()
    wait_for(lambda: client.ask(client.accounting(interim()), timeout=0.2) is None)
    wait_for(
        lambda: Quarantine.objects.filter(reason__startswith="unknown peer", source="127.0.0.1").exists()
    )


def test_padding_after_the_packet_is_not_part_of_it(provider: Provider, client: Client) -> None:
    packet = client.accounting(interim())
    client.socket.sendto(packet + b"padding", client.acct)
    assert client.receive(packet)


@pytest.mark.parametrize("to_acct", [True, False])
def test_status_server(provider: Provider, client: Client, to_acct: bool) -> None:
    reply = client.ask(client.access([], code=12), to_acct=to_acct)
    assert reply is not None
    assert reply.code == (5 if to_acct else 2)
    assert client.ask(client.access([], code=12, signed=False), to_acct=to_acct, timeout=0.2) is None
    forger = Client("127.0.0.1", client.auth[1], client.acct[1], b"guess")
    assert forger.ask(forger.access([], code=12), to_acct=to_acct, timeout=0.2) is None
    port = "accounting" if to_acct else "authentication"
    wait_for(
        lambda: Quarantine.objects.filter(port=port, reason__contains="Message-Authenticator").count() == 2
    )


def test_a_few_raw_packets_of_each_router_are_kept(provider: Provider, client: Client) -> None:
    packet = client.accounting(interim())
    assert client.ask(packet)
    sample = wait_for(lambda: PacketSample.objects.filter(nas=provider.nas).first())
    assert bytes(sample.raw) == packet


def test_stopping_ends_the_stream(provider: Provider, start: Callable[..., Listener]) -> None:
    listener = start()
    client = Client("127.0.0.1", listener.auth_port, listener.acct_port)
    assert client.ask(client.accounting(interim()))
    assert Stream.objects.filter(closed_at=None).count() == 1
    listener.stop()
    wait_for(lambda: not Stream.objects.filter(closed_at=None).exists())


def test_records_are_dated_by_their_receipt(provider: Provider, start: Callable[..., Listener]) -> None:
    moment = clock.now().replace(microsecond=0)
    listener = start(now=lambda: moment)
    client = Client("127.0.0.1", listener.auth_port, listener.acct_port)
    assert client.ask(client.accounting(interim()))
    from capstan.db.connection import connect

    with connect() as conn:
        rows = conn.execute("SELECT seq, day, received_at, count FROM metering_packetlog").fetchall()
    assert rows == [(1, moment.date(), moment, 1)]


def test_a_parked_packet_that_makes_us_stumble_does_not_hold_up_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = quarantine.Quarantine()
    half = Accounting(refused)
    taken: list[bytes] = []

    def take(_sock: Any, arrivals: list[Any], _now: datetime) -> None:
        if arrivals[0][0] == b"bad":
            raise ZeroDivisionError
        taken.append(arrivals[0][0])

    monkeypatch.setattr(half, "take", take)
    for packet in (b"bad", b"good"):
        half._park(None, (packet, ("192.0.2.1", 1)), clock.now())  # type: ignore[arg-type]
    half.unpark()
    assert taken == [b"good"]
    assert [one.reason for one in refused.take()] == ["could not be handled: ZeroDivisionError"]
