"""Which Access-Requests may be answered at all, and that a repeated one gets its answer again."""

import os
from collections.abc import Callable

import pytest

from capstan.metering.models import Quarantine
from capstan.metering.rules.words import RequireMessageAuthenticator as Demand
from tests.network.listener.client import Attributes, Client
from tests.network.listener.conftest import PASSWORD, Provider, wait_for
from tests.network.listener.test_authentication import ACCEPT, NAS, USER

PROXIED = (33, b"state")


def ask(client: Client, *more: tuple[int, bytes], signed: bool) -> bool:
    """Whether a good login is answered."""
    authenticator = os.urandom(16)
    attributes: Attributes = [(1, USER.encode()), client.pap(PASSWORD.encode(), authenticator), NAS, *more]
    reply = client.ask(client.access(attributes, signed=signed, authenticator=authenticator), timeout=0.5)
    if reply is not None:
        assert reply.code == ACCEPT
        assert reply.all(33) == [value for kind, value in more if kind == 33]
    return reply is not None


@pytest.mark.parametrize(
    ("demand", "is_proxy", "asked", "answered"),
    [
        # (signed?, with Proxy-State?) in turn; the third asks for what the first two have taught
        (Demand.YES, False, [(False, False), (True, False), (True, True)], [False, True, True]),
        (Demand.NO, False, [(True, False), (False, False), (False, True)], [True, True, False]),
        (Demand.NO, True, [(False, True), (True, True), (False, False)], [True, True, True]),
        (Demand.AUTO, False, [(False, False), (True, False), (False, False)], [True, True, False]),
        (Demand.AUTO, True, [(False, True), (True, True), (False, True)], [True, True, False]),
        (Demand.AUTO, False, [(False, True), (True, True), (True, False)], [False, True, True]),
    ],
)
def test_message_authenticator_is_demanded(
    provider: Provider, dial: Callable[[], Client], demand: Demand, is_proxy: bool,
    asked: list[tuple[bool, bool]], answered: list[bool],
) -> None:  # fmt: skip
    provider.peer.require_message_authenticator, provider.peer.is_proxy = demand, is_proxy
    provider.peer.save()
    provider.service()
    client = dial()
    found = [ask(client, *([PROXIED] if proxied else []), signed=signed) for signed, proxied in asked]
    assert found == answered
    wait_for(lambda: sum(row.count for row in Quarantine.objects.all()) == answered.count(False))
    provider.peer.refresh_from_db()
    assert provider.peer.require_message_authenticator == demand


@pytest.mark.parametrize("spoil", ["value", "length", "other packet"])
def test_bad_message_authenticator_is_never_answered(
    provider: Provider, dial: Callable[[], Client], spoil: str
) -> None:
    provider.peer.require_message_authenticator = Demand.NO
    provider.peer.save()
    provider.service()
    client = dial()
    authenticator = os.urandom(16)
    attributes = [(1, USER.encode()), client.pap(PASSWORD.encode(), authenticator), NAS]
    if spoil == "value":
        attributes.append((80, bytes(16)))
    elif spoil == "length":
        attributes.append((80, bytes(15)))
    packet = client.access(attributes, signed=spoil == "other packet", authenticator=authenticator)
    if spoil == "other packet":
        packet = packet.replace(b"n1", b"n2")
    assert client.ask(packet, timeout=0.5) is None
    row = wait_for(Quarantine.objects.first)
    assert row.reason.startswith("bad Message-Authenticator")
    hidden = attributes[1][1]
    assert hidden not in bytes(row.sample), "a sample shows no password, hidden or not"
    assert len(row.sample) == len(packet)


def test_repeated_request_gets_the_same_answer(provider: Provider, dial: Callable[[], Client]) -> None:
    provider.service(session_limit=0)
    client = dial()
    authenticator = os.urandom(16)
    attributes = [(1, USER.encode()), client.pap(PASSWORD.encode(), authenticator), NAS]
    packet = client.access(attributes, authenticator=authenticator)
    answers = [client.ask(packet) for _ in range(3)]
    assert all(answer is not None for answer in answers)
    assert len({answer.packet for answer in answers if answer}) == 1, "a new login would have a new token"
    other = Client("127.0.0.1", client.auth[1], client.acct[1])
    elsewhere = other.ask(packet)
    assert elsewhere is not None
    assert answers[0] is not None
    assert elsewhere.packet != answers[0].packet, "another port is another request"


def test_request_repeated_while_in_work_is_answered_once(
    provider: Provider, dial: Callable[[], Client]
) -> None:
    provider.service(open_now=False)
    client = dial()
    authenticator = os.urandom(16)
    attributes = [(1, USER.encode()), client.pap(PASSWORD.encode(), authenticator), NAS]
    packet = client.access(attributes, authenticator=authenticator)
    client.socket.sendto(packet, client.auth)
    client.socket.sendto(packet, client.auth)
    assert client.receive(packet) is not None
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.socket.recv(4096)


def test_what_is_not_a_login(provider: Provider, dial: Callable[[], Client]) -> None:
    client = dial()
    assert client.ask(client.accounting([(40, b"\0\0\0\x03")]), to_acct=False, timeout=0.3) is None
    row = wait_for(lambda: Quarantine.objects.filter(port="authentication").first())
    assert row.reason == "code 4 does not belong on the authentication port"
