"""A session's packets, found again in the packet log and written out by name."""

from datetime import timedelta

import pytest

from capstan.metering.actions.packet_log import open_stream
from capstan.metering.queries.session_packets import last_records
from capstan.metering.records import Record
from capstan.metering.rules.words import Status
from capstan.network.rules.access import Access
from capstan.network.rules.words import AccessKind
from capstan.operator.packets import packets_of, session_of
from capstan.operator.packets_view import page_of
from capstan.values.refused import Refused
from tests.operator.conftest import Provider

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def interims(provider: Provider, numbers: range) -> None:
    for number in numbers:
        provider.wait(minutes=5)
        provider.receive(provider.record(Status.INTERIM, 300 * number, number, 2 * number))
    provider.fold()


def seconds(provider: Provider, *, limit: int = 100, look_back: timedelta = 10 * HOUR) -> list[int]:
    found = last_records(provider.session(), limit=limit, look_back=look_back)
    return [logged.record.seconds for logged in found]


def test_newest_first_limited_and_not_too_old(provider: Provider) -> None:
    provider.service()
    provider.receive(provider.record(Status.START))
    interims(provider, range(1, 7))
    assert seconds(provider) == [1800, 1500, 1200, 900, 600, 300, 0]
    assert seconds(provider, limit=2) == [1800, 1500]
    assert seconds(provider, look_back=timedelta(minutes=12)) == [1800, 1500, 1200]


def test_only_this_session_also_from_the_middle_of_a_burst(provider: Provider) -> None:
    provider.service()
    mine = provider.record(Status.INTERIM, 300, 1, 1)
    others: list[Record] = [provider.record(Status.INTERIM, 300, 1, 1, session=f"{n}") for n in range(5)]
    provider.receive(*others[:2], mine, *others[2:])
    provider.fold()
    session = session_of("thandi@example.net", session_id=None)
    assert session.username == "thandi@example.net"
    by_key = {bytes(one.key): one for one in type(session).objects.all()}
    found = last_records(by_key[mine.key], limit=10, look_back=HOUR)
    assert [logged.record for logged in found] == [mine]


def test_a_session_that_came_through_two_listeners(provider: Provider) -> None:
    provider.service()
    provider.receive(provider.record(Status.START))
    first = provider.stream
    provider.stream = open_stream(provider.conn, writer="second listener", now=provider.now)
    interims(provider, range(1, 3))
    second, provider.stream = provider.stream, first
    interims(provider, range(3, 5))
    provider.stream = second
    interims(provider, range(5, 6))
    assert seconds(provider) == [1500, 1200, 900, 600, 300, 0]


def test_more_rows_than_a_page(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capstan.metering.queries.session_packets._ROWS_AT_ONCE", 2)
    provider.service()
    provider.receive(provider.record(Status.START))
    interims(provider, range(1, 6))
    assert seconds(provider) == [1500, 1200, 900, 600, 300, 0]


def test_every_attribute_by_name(provider: Provider) -> None:
    service = provider.service()
    provider.login(service, Access(AccessKind.OPEN, None, None, ()))
    stranger = bytes((26, 10)) + (32473).to_bytes(4, "big") + bytes((7, 4)) + b"hi"
    provider.receive(
        provider.record(Status.STOP, 60, 5, 6, cause=1, delay=3, extra=stranger + b"\x0c\x06\0\0\x05\xdc")
    )
    provider.fold()
    (packet,) = packets_of(provider.session(), limit=5, look_back=HOUR)
    named = dict(packet.attributes)
    assert packet.status == "Stop"
    assert named["User-Name"] == "thandi@example.net"
    assert named["Framed-IP-Address"] == "198.51.100.7"
    assert named["Acct-Terminate-Cause"] == "User-Request"
    assert named["Acct-Delay-Time"] == "3"
    assert named["Class"].startswith(f"ours: service {service.pk}, access ")
    assert named["Framed-MTU"] == "1500"
    assert "0x6869" in named["Vendor-32473-Attr-7"]
    page = page_of(provider.session(), [packet], HOUR, provider.say())
    assert "Acct-Terminate-Cause = User-Request" in page
    assert "5 bytes up, 6 bytes down after 60 s" in page


def test_extra_attributes_that_can_not_be_read_are_shown_as_bytes(provider: Provider) -> None:
    provider.service()
    provider.receive(provider.record(Status.START, extra=b"\xff\xff\x01"))
    provider.fold()
    (packet,) = packets_of(provider.session(), limit=5, look_back=HOUR)
    assert ("(unreadable)", "attribute 255 has the impossible length 255: 0xffff01") in packet.attributes


def test_sessions_that_are_not_there(provider: Provider) -> None:
    provider.service()
    with pytest.raises(Refused, match="no session of"):
        session_of("thandi@example.net", session_id=None)
    provider.receive(provider.record(Status.START, user="nobody@example.net"))
    provider.fold()
    assert session_of("Nobody@example.net", session_id=None).service_id is None
    with pytest.raises(Refused, match="no session 9999999"):
        session_of("nobody@example.net", session_id=9_999_999)
