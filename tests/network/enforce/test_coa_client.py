"""The CoA client on real sockets, and how routers are paced. No database."""

from collections import Counter
from collections.abc import Iterator

import pytest

from capstan.network.coa.client import IDENTIFIER_REST_SECONDS, CoaClient, Request
from capstan.network.coa.pace import IN_FLIGHT_MAX, Pace
from capstan.network.coa.packet import COA_REQUEST, DISCONNECT_REQUEST
from capstan.network.radius.avp import Avp
from capstan.network.radius.packet import Secret
from capstan.network.rules.words import CommandState

from .lab import ACK, SECRET, SILENT, CoaPort

NOW = 1_773_129_600.0


@pytest.fixture
def port() -> Iterator[CoaPort]:
    made = CoaPort()
    yield made
    made.close()


@pytest.fixture
def client() -> Iterator[CoaClient]:
    made = CoaClient()
    yield made
    made.close()


def request(port: CoaPort, key: int = 1, code: int = COA_REQUEST) -> Request:
    avps = [Avp(0, 1, b"thandi"), Avp(0, 44, b"81a00001")]
    return Request(key, 7, "127.0.0.1", port.port, Secret(SECRET), code, avps)


@pytest.mark.parametrize("code", [COA_REQUEST, DISCONNECT_REQUEST])
def test_an_acknowledgement(client: CoaClient, port: CoaPort, code: int) -> None:
    client.send(request(port, code=code), now=NOW)
    port.serve()
    (outcome,) = client.collect(now=NOW + 0.1)
    assert (outcome.key, outcome.state, outcome.at, client.in_flight) == (1, CommandState.ACK, NOW + 0.1, 0)
    assert int(port.heard[0]["Event-Timestamp"][0]) == int(NOW)


def test_a_refusal_says_why(client: CoaClient, port: CoaPort) -> None:
    port.answers = (503,)
    client.send(request(port), now=NOW)
    port.serve()
    (outcome,) = client.collect(now=NOW)
    assert (outcome.state, outcome.error_cause) == (CommandState.NAK, 503)


def test_it_is_sent_again_after_2_and_4_seconds_and_given_up_after_8_more(
    client: CoaClient, port: CoaPort
) -> None:
    client.send(request(port), now=NOW)
    assert client.next_timer() == NOW + 2
    sent = {}
    for tenth in range(150):
        outcomes = client.collect(now=NOW + tenth / 10)
        if arrived := port.receive():
            sent[tenth / 10] = arrived
        if outcomes:
            assert (tenth / 10, outcomes[0].state) == (14.0, CommandState.TIMEOUT)
            break
    assert list(sent) == [0.0, 2.0, 6.0]
    assert client.next_timer() is None
    assert client.in_flight == 0


def test_an_answer_to_the_second_sending_counts_and_a_second_answer_is_a_stray(
    client: CoaClient, port: CoaPort
) -> None:
    client.send(request(port), now=NOW)
    first = port.receive()[0]
    client.collect(now=NOW + 2)
    second = port.receive()[0]
    port.reply(second, ACK)
    port.reply(first, ACK)
    outcomes = client.collect(now=NOW + 2.1)
    assert [outcome.state for outcome in outcomes] == [CommandState.ACK]
    assert client.strays == 1


def test_identifiers_rest_and_a_further_source_port_is_opened_when_they_run_out(
    client: CoaClient, port: CoaPort
) -> None:
    for key in range(300):
        client.send(request(port, key), now=NOW + key / 100)
        port.serve()
        assert [outcome.key for outcome in client.collect(now=NOW + key / 100)] == [key]
    used = [(sender, heard.id) for sender, heard in zip(port.senders, port.heard, strict=True)]
    assert len(set(used)) == 300
    assert Counter(Counter(sender for sender, _ in used).values()) == {256: 1, 44: 1}
    client.send(request(port), now=NOW + IDENTIFIER_REST_SECONDS)
    port.serve()
    assert (port.senders[-1], port.heard[-1].id) == used[0]


def test_many_are_in_flight_at_once(client: CoaClient, port: CoaPort) -> None:
    for key in range(150):
        client.send(request(port, key), now=NOW)
    assert client.in_flight == 150
    port.serve()
    assert {outcome.key for outcome in client.collect(now=NOW)} == set(range(150))


def test_what_does_not_fit_is_refused_and_takes_no_place(client: CoaClient, port: CoaPort) -> None:
    too_long = request(port)._replace(avps=[Avp(0, 1, b"x" * 254)])
    with pytest.raises(ValueError, match="254 bytes"):
        client.send(too_long, now=NOW)
    assert client.in_flight == 0


def test_an_ipv6_router(client: CoaClient) -> None:
    unheard = Request(1, 7, "2001:db8::1", 3799, Secret(SECRET), COA_REQUEST, [])
    client.send(unheard, now=NOW)
    for second in (2, 6, 14):
        outcomes = client.collect(now=NOW + second)
    assert [outcome.state for outcome in outcomes] == [CommandState.TIMEOUT]


def admitted(pace: Pace, per_second: int, count: int, now: float) -> int:
    return sum(pace.admit(7, per_second, now) == 0.0 for _ in range(count))


def test_a_router_is_told_so_many_things_a_second() -> None:
    pace = Pace()
    assert admitted(pace, 50, 80, NOW) == 50
    for _ in range(50):
        pace.done(7, answered=True, now=NOW)
    assert admitted(pace, 50, 80, NOW + 0.5) == 25
    assert Pace().admit(7, 0, NOW) == 0.0  # a pace of nothing would never finish


def test_what_is_urgent_does_not_queue_behind_a_crowd() -> None:
    pace = Pace()
    for _ in range(20_000):
        pace.admit(7, 50, NOW)
    assert pace.admit(7, 50, NOW) > 300
    assert pace.admit(7, 50, NOW, urgent=True) <= 0.02
    assert pace.admit(7, 50, NOW + 0.03, urgent=True) == 0.0


def test_a_crowd_leaves_places_for_what_is_urgent() -> None:
    pace = Pace()
    crowd = admitted(pace, 1_000, 200, NOW)
    assert crowd < IN_FLIGHT_MAX
    assert sum(pace.admit(7, 1_000, NOW, urgent=True) == 0.0 for _ in range(100)) == IN_FLIGHT_MAX - crowd


def test_several_workers_together_keep_to_a_routers_pace() -> None:
    pace = Pace()
    pace.shares = 4
    assert admitted(pace, 50, 80, NOW) == 12
    assert admitted(pace, 50, 80, NOW + 2) == 12


def test_who_has_to_wait_comes_back_one_after_the_other() -> None:
    pace = Pace()
    admitted(pace, 10, 10, NOW)
    waits = [round(pace.admit(7, 10, NOW), 3) for _ in range(5)]
    assert waits == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_router_never_owes_more_than_so_many_answers() -> None:
    pace = Pace()
    while pace.admit(7, 1_000, NOW, urgent=True) == 0.0:
        pass
    assert pace.in_flight(7) == IN_FLIGHT_MAX
    pace.done(7, answered=True, now=NOW)
    assert [pace.admit(7, 1_000, NOW, urgent=True) == 0.0 for _ in range(2)] == [True, False]


def test_a_router_that_is_silent_is_left_alone_then_tried_with_one_request() -> None:
    pace = Pace()
    assert admitted(pace, 50, 8, NOW) == 8
    for _ in range(8):
        pace.done(7, answered=False, now=NOW)
    assert pace.silent(NOW) == [7]
    assert pace.admit(7, 50, NOW) == 30.0
    assert pace.admit(8, 50, NOW) == 0.0  # another router
    assert admitted(pace, 50, 10, NOW + 30) == 1
    pace.done(7, answered=False, now=NOW + 44)
    assert pace.admit(7, 50, NOW + 44) == 60.0
    assert admitted(pace, 50, 10, NOW + 104) == 1
    pace.done(7, answered=True, now=NOW + 105)
    assert pace.silent(NOW + 105) == []
    assert admitted(pace, 50, 10, NOW + 106) == 10


def test_what_was_admitted_and_not_sent_frees_its_place() -> None:
    pace = Pace()
    admitted(pace, 1_000, IN_FLIGHT_MAX, NOW)
    pace.cancel(7)
    assert admitted(pace, 1_000, 5, NOW) == 1


def test_silence_is_not_an_answer(client: CoaClient, port: CoaPort) -> None:
    port.answers = (SILENT,)
    client.send(request(port), now=NOW)
    port.serve()
    assert client.collect(now=NOW + 1) == []
