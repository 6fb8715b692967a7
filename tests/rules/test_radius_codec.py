"""Packets and attributes: tables from the RFCs, and properties over anything that may arrive."""

import hashlib
import hmac
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.metering.records import FLAG_EVENT_TIME, FLAG_GIGAWORDS, Record, Texts, make_record, pack, unpack
from capstan.metering.rules.token import Token, decode_token, encode_token, login_of
from capstan.network.radius import decode
from capstan.network.radius.avp import Avp, encode_avps
from capstan.network.radius.decode import NAMES, Decoder, Shape, packed_parts, record_of
from capstan.network.radius.packet import (
    DecodeError,
    Secret,
    access_reply,
    accounting_response,
    is_authentic_accounting,
    is_authentic_message,
    text_of,
    trim,
    walk,
)

NAS = 77
SECRET = Secret(b"xyzzy5461")


def packet_of(avps: list[Avp], code: int = 4) -> bytes:
    body = encode_avps(avps)
    return struct.pack(">BBH", code, 1, 20 + len(body)) + bytes(16) + body


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


# --- authenticators


def test_accounting_request_authenticator() -> None:
    body = encode_avps([Avp(0, 40, u32(1)), Avp(0, 44, b"1")])
    head = struct.pack(">BBH", 4, 9, 20 + len(body))
    packet = head + hashlib.md5(head + bytes(16) + body + SECRET.value).digest() + body
    assert is_authentic_accounting(packet, SECRET)
    assert not is_authentic_accounting(packet, Secret(b"other"))
    for place in range(len(packet)):
        forged = bytearray(packet)
        forged[place] ^= 1
        assert not is_authentic_accounting(bytes(forged), SECRET)


def test_accounting_response() -> None:
    request = packet_of([])
    states = bytes((33, 5)) + b"abc"
    for proxy_states in (b"", states):
        answer = accounting_response(request, SECRET, proxy_states)
        head = struct.pack(">BBH", 5, 1, 20 + len(proxy_states))
        made = hashlib.md5(head + request[4:20] + proxy_states + SECRET.value).digest()
        assert answer == head + made + proxy_states


# RFC 2865 §7.1: User "nemo" with password "arctangent" logs in.
RFC_REQUEST = bytes.fromhex(
    "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a8011005060000 0003"
)


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_hmac_is_hmac(key: bytes, data: bytes) -> None:
    assert Secret(key).hmac(data) == hmac.digest(key, data, "md5")


def test_access_reply_signs_first() -> None:
    answer = access_reply(2, RFC_REQUEST, SECRET, bytes((18, 4)) + b"hi")
    assert answer[:4] == struct.pack(">BBH", 2, 0, 42)
    assert answer[20:22] == bytes((80, 18))
    zeroed = answer[:4] + RFC_REQUEST[4:20] + answer[20:22] + bytes(16) + answer[38:]
    assert answer[22:38] == hmac.digest(SECRET.value, zeroed, "md5")
    assert answer[4:20] == hashlib.md5(answer[:4] + RFC_REQUEST[4:20] + answer[20:] + SECRET.value).digest()
    with pytest.raises(ValueError, match="doesn't fit"):
        access_reply(2, RFC_REQUEST, SECRET, bytes(4096))


def test_message_authenticator_of_a_request() -> None:
    body = encode_avps([Avp(0, 1, b"steve")]) + bytes((80, 18)) + bytes(16)
    packet = struct.pack(">BBH", 1, 5, 20 + len(body)) + b"a" * 16 + body
    signed = packet[:-16] + hmac.digest(SECRET.value, packet, "md5")
    assert is_authentic_message(signed, len(packet) - 16, SECRET)
    assert not is_authentic_message(signed.replace(b"steve", b"stevf"), len(packet) - 16, SECRET)


# --- headers and attributes


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (b"", "shorter"),
        (bytes(19), "shorter"),
        (bytes(4097), "longer than 4096"),
        (b"\x04\x01\x00\x15" + bytes(16), "more than arrived"),
        (b"\x04\x01\x00\x13" + bytes(16), "shorter"),
    ],
)
def test_headers_that_contradict_what_arrived(packet: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        trim(packet)


def test_padding_is_cut_off() -> None:
    assert trim(b"\x04\x01\x00\x14" + bytes(16) + b"pad") == b"\x04\x01\x00\x14" + bytes(16)


@given(st.binary(max_size=80))
def test_walk_covers_the_packet_or_refuses(body: bytes) -> None:
    packet = bytes(20) + body
    try:
        found = walk(packet)
    except DecodeError:
        return
    at = 20
    for kind, start, end in found:
        assert (packet[at], packet[at + 1], start) == (kind, end - at, at + 2)
        at = end
    assert at == len(packet)


@given(st.binary(max_size=40))
def test_any_text_can_be_stored(value: bytes) -> None:
    text = text_of(value)
    assert "\0" not in text
    text.encode()


# --- decoding Accounting-Requests

NAMED = {
    "session": (0, 44, b"81a000f2"), "user": (0, 1, b"thandi@example.net"), "interim": (0, 40, u32(3)),
    "nas": (0, 32, b"edge-1"), "nas4": (0, 4, bytes((192, 0, 2, 1))), "nas6": (0, 95, bytes(15) + b"\x01"),
    "seconds": (0, 46, u32(3600)), "up": (0, 42, u32(5)), "down": (0, 43, u32(6)), "up4g": (0, 52, u32(1)),
    "down4g": (0, 53, u32(2)), "ip": (0, 8, bytes((192, 0, 2, 7))), "ip6": (0, 168, bytes(16)),
    "calling": (0, 31, b"02-00-5E-00-00-01"), "port": (0, 87, b"ether1"), "event": (0, 55, u32(1_700_000_000)),
    "delay": (0, 41, u32(7)), "cause": (0, 49, u32(5)), "prefix": (0, 97, b"\x00\x40" + bytes(8)),
    "delegated": (0, 123, b"\x00\x38" + bytes(7)), "class": (0, 25, b"theirs"), "start": (0, 40, u32(1)),
    "stop": (0, 40, u32(2)), "on": (0, 40, u32(7)), "service": (0, 6, u32(2)), "stranger": (0, 240, b"?"),
    "mikrotik": (14988, 11, b"mark"), "unheard": (64999, 1, b"!"), "empty_user": (0, 1, b""),
    "proxy": (0, 33, b"state"), "big_cause": (0, 49, u32(70_000)),
}  # fmt: skip

TOKEN = encode_token(Token(5, b"8 octets", b"login!"))


def avps(*names: str) -> list[Avp]:
    return [Avp._make(NAMED[name]) for name in names]


def decoded(*given_avps: Avp) -> Record:
    packet = packet_of(list(given_avps))
    return record_of(packet, NAS, Shape(packet))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("session user interim", {"status": 3, "session_id": b"81a000f2", "username": b"thandi@example.net"}),
        (
            "interim session up down up4g down4g",
            {"bytes_up": 5 + (1 << 32), "bytes_down": 6 + (2 << 32), "flags": 1},
        ),
        ("interim session up down", {"bytes_up": 5, "bytes_down": 6}),
        (
            "session interim event delay seconds",
            {"event": 1_700_000_000, "delay": 7, "seconds": 3600, "flags": 2},
        ),
        ("stop session cause", {"status": 2, "cause": 5}),
        ("stop session big_cause", {"status": 2, "cause": 65_535}),
        ("on", {"status": 7}),
        ("interim session ip", {"framed_ip": bytes((192, 0, 2, 7))}),
        ("interim session ip6", {"framed_ip": bytes(16)}),
        ("interim session ip6 ip", {"framed_ip": bytes((192, 0, 2, 7))}),
        ("interim session calling port", {"calling_station": b"02-00-5E-00-00-01", "nas_port_id": b"ether1"}),
        ("interim session prefix", {"framed_ipv6": b"\x00\x40" + bytes(8)}),
        ("interim session delegated", {"framed_ipv6": b"\x00\x38" + bytes(7)}),
        ("interim session class", {"class_value": b"theirs"}),
        ("interim session empty_user user", {"username": b"thandi@example.net"}),
        ("interim session service nas mikrotik proxy", {}),
        ("interim session stranger", {"extra": b"\xf0\x03?"}),
        ("interim session unheard", {"extra": encode_avps([Avp(64999, 1, b"!")])}),
    ],
)
def test_records_of_packets(names: str, expected: dict[str, object]) -> None:
    record = decoded(*avps(*names.split()))
    parts = dict.fromkeys(Texts._fields, b"")
    numbers: dict[str, int] = {"status": 3}
    if "session" in names:
        parts["session_id"] = b"81a000f2"
    for name, value in expected.items():
        if isinstance(value, bytes):
            parts[name] = value
        else:
            assert isinstance(value, int)
            numbers[name] = value
    assert record == make_record(nas_id=NAS, texts=Texts(**parts), **numbers)


def test_start_and_stop_keep_everything_that_is_not_carried() -> None:
    for status in ("start", "stop"):
        record = decoded(*avps(status, "session", "service", "mikrotik", "nas", "proxy", "up"))
        kept = encode_avps(avps("service", "mikrotik"))
        assert record.tail == b"81a000f2" + kept
        assert record.n_extra == len(kept)


def test_our_class_is_found_among_others() -> None:
    mine, other = Avp(0, 25, TOKEN), Avp(0, 25, b"theirs")
    for order in ((mine, other), (other, mine)):
        record = decoded(*avps("interim", "session"), *order)
        assert record.tail.startswith(b"81a000f2" + TOKEN)
    alone = decoded(*avps("interim", "session"), mine)
    assert alone.key == record.key
    assert alone.key != decoded(*avps("interim", "session"), other).key


def test_shape_of_two_classes_is_not_reused() -> None:
    """Which of them is ours is seen by content, so the next packet built alike may differ."""
    decoder = Decoder()
    first = packet_of([*avps("interim", "session"), Avp(0, 25, TOKEN), Avp(0, 25, b"x" * len(TOKEN))])
    second = packet_of([*avps("interim", "session"), Avp(0, 25, b"x" * len(TOKEN)), Avp(0, 25, TOKEN)])
    for packet in (first, second, first):
        assert record_of(packet, NAS, decoder.shape(packet)).tail.startswith(b"81a000f2" + TOKEN)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("session", "without Acct-Status-Type"),
        ("interim", "without Acct-Session-Id"),
        ("stop user", "without Acct-Session-Id"),
    ],
)
def test_what_can_not_be_a_record(names: str, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        decoded(*avps(*names.split()))


@pytest.mark.parametrize("kind", [4, 8, 41, 42, 43, 46, 49, 52, 53, 55, 95, 168])
def test_numbers_and_addresses_have_one_length(kind: int) -> None:
    with pytest.raises(DecodeError, match=f"attribute {kind} has 3 bytes"):
        decoded(*avps("interim", "session"), Avp(0, kind, b"abc"))


def test_names_of_the_router() -> None:
    packet = packet_of(avps("interim", "session", "nas4", "nas", "nas6"))
    assert Shape(packet).read(packet)[NAMES] == (b"edge-1", bytes(15) + b"\x01", bytes((192, 0, 2, 1)))
    unnamed = packet_of(avps("interim", "session"))
    assert Shape(unnamed).read(unnamed)[NAMES] == (b"", b"", b"")


def test_proxy_states_keep_their_order() -> None:
    states = [Avp(0, 33, b"one"), Avp(0, 33, b"two")]
    packet = packet_of([states[0], *avps("interim", "session"), states[1]])
    assert Shape(packet).proxy_states(packet) == encode_avps(states)


any_avp = st.one_of(
    st.sampled_from(sorted(NAMED)).map(lambda name: Avp._make(NAMED[name])),
    st.builds(Avp, st.just(0), st.integers(1, 255).filter(lambda kind: kind != 26), st.binary(max_size=20)),
    st.builds(Avp, st.sampled_from([9, 311, 14988, 64999]), st.integers(0, 255), st.binary(max_size=12)),
    st.binary(max_size=30).map(lambda value: Avp(0, 26, value)),
    st.binary(max_size=40).map(lambda value: Avp(0, 25, value)),
    st.just(Avp(0, 25, TOKEN)),
)
any_packet = st.one_of(
    st.lists(any_avp, max_size=12).map(packet_of),
    st.lists(any_avp, max_size=6).map(
        lambda more: packet_of([*avps("interim", "session", "user", "up"), *more])
    ),
    st.binary(max_size=120).map(lambda body: struct.pack(">BBH", 4, 1, 20 + len(body)) + bytes(16) + body),
)


def by_hand(packet: bytes, nas_id: int) -> Record:
    """The same record, worked out attribute by attribute and without any of the decoder's code."""
    at, found = 20, list[tuple[int, bytes]]()
    while at < len(packet):
        found.append((packet[at], packet[at + 2 : at + packet[at + 1]]))
        at += packet[at + 1]

    def first(*kinds: int) -> bytes:
        return next((value for kind in kinds for number, value in found if number == kind and value), b"")

    def number(kind: int) -> int:
        return int.from_bytes(first(kind), "big")

    classes = [value for kind, value in found if kind == 25 and value]
    ours = next((value for value in classes if decode_token(value)), classes[0] if classes else b"")
    record = make_record(
        status=number(40), nas_id=nas_id, cause=min(number(49), 65_535), delay=number(41), event=number(55),
        flags=FLAG_GIGAWORDS * bool(first(52) or first(53)) | FLAG_EVENT_TIME * bool(first(55)),
        seconds=number(46), bytes_up=number(52) << 32 | number(42), bytes_down=number(53) << 32 | number(43),
        texts=Texts(first(8, 168), first(1), first(44), ours, first(31), first(87), first(97, 123), b""),
    )  # fmt: skip
    return record._replace(n_extra=0)


def attempt(read: Callable[[bytes], Shape], packet: bytes) -> Shape | str:
    """The packet's shape, or why it has none."""
    try:
        return read(packet)
    except DecodeError as problem:
        return str(problem)


@given(st.lists(any_packet, min_size=1, max_size=6))
def test_kept_shapes_read_as_fresh_ones_do(packets: list[bytes]) -> None:
    """Whatever the decoder has seen before, garbage included, each packet gives what it gives alone, or DecodeError."""
    decoder = Decoder()
    for packet in [*packets, *packets]:
        fresh, shape = attempt(Shape, packet), attempt(decoder.shape, packet)
        if isinstance(fresh, str) or isinstance(shape, str):
            assert fresh == shape
            continue
        record = record_of(packet, NAS, shape)
        assert record == record_of(packet, NAS, fresh)
        without_extra = record._replace(n_extra=0, tail=record.tail[: len(record.tail) - record.n_extra])
        assert without_extra == by_hand(packet, NAS)
        parts = packed_parts(shape, shape.read(packet), NAS)
        assert unpack(pack([record])) == unpack(b"\x01" + b"".join(parts)) == [record]


same_build = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(min_size=8, max_size=8)
)


@given(st.lists(same_build, min_size=2, max_size=5))
def test_packets_of_one_build_share_a_shape(contents: list[tuple[int, int, bytes]]) -> None:
    decoder = Decoder()
    shapes = set()
    for up, event, session in contents:
        packet = packet_of(
            [*avps("interim"), Avp(0, 44, session), Avp(0, 42, u32(up)), Avp(0, 55, u32(event))]
        )
        shape = decoder.shape(packet)
        shapes.add(id(shape))
        record = record_of(packet, NAS, shape)
        assert (record.bytes_up, record.event, record.tail) == (up, event, session)
    assert len(shapes) == 1


def test_the_decoder_remembers_a_bounded_number_of_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_SHAPES_MAX", 20)
    decoder = Decoder()
    for size in range(1, 100):
        packet = packet_of([*avps("interim", "session"), Avp(0, 1, b"u" * size)])
        assert record_of(packet, NAS, decoder.shape(packet)).n_user == size
        assert len(decoder._shapes) <= 20
        assert sum(map(len, decoder._latest.values())) <= 20


def test_many_builds_of_one_length_are_told_apart() -> None:
    decoder = Decoder()
    packets = [
        packet_of([*avps("interim"), Avp(0, 1, b"u" * (20 - size)), Avp(0, 44, b"s" * size)])
        for size in range(1, 20)
    ]
    for _ in range(2):
        for size, packet in enumerate(packets, 1):
            record = record_of(packet, NAS, decoder.shape(packet))
            assert (record.n_user, record.n_session) == (20 - size, size)


@given(st.one_of(st.binary(max_size=40), st.just(TOKEN)))
def test_login_of_a_token(value: bytes) -> None:
    token = decode_token(value)
    assert login_of(value) == (token.login if token else b"")
