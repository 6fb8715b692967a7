"""Any HTTP carrier: how its request looks, how its answer is read, and what every kind of failure means."""

import base64
import socket
import threading
from typing import Any

import pytest

from capstan.messaging.models import Message
from capstan.messaging.rules.words import MessageState, Reason
from tests.carrier import Asked, Carrier, Says
from tests.config.running import free_port
from tests.messaging.conftest import NOW, TOKEN, Stepped, http_gateway, queue

pytestmark = pytest.mark.django_db

S = MessageState


def sent(
    carrier: Carrier, sender: Stepped, *, message: dict[str, Any] | None = None, **gateway: Any
) -> Message:
    http_gateway(carrier, **gateway)
    one = queue(**(message or {}))
    sender.step()
    one.refresh_from_db()
    return one


def test_a_form(carrier: Carrier, sender: Stepped) -> None:
    message = sent(carrier, sender, message={"values": {"reason": "a&b=c %2B +é€"}})
    asked = carrier.asked[0]
    assert (asked.method, asked.path, asked.query) == ("POST", "/send", {})
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert asked.form == {
        "to": "+27600000001",
        "from": "31234",
        "text": "Nothing was added. a&b=c %2B +é€",
        "ref": message.reference,
        "dlr": f"http://127.0.0.1:8000/hooks/sms/carrier/{TOKEN}/receipt?reference={message.reference}",
    }
    assert (message.state, message.sent_at, message.attempts) == (S.SENT, NOW, 1)


def test_a_query_with_name_and_password(carrier: Carrier, sender: Stepped) -> None:
    request = {
        "url": f"{carrier.url}/cgi-bin/sendsms?charset=UTF-8", "method": "GET",
        "query": {
            "username": "{username}", "password": "{password}", "to": "{to_digits}", "text": "{text}",
            "coding": "{coding}",
        },
    }  # fmt: skip
    sent(
        carrier, sender, settings={"request": request, "username": "us er"}, password="p&ss",
        message={"values": {"reason": "Да"}},
    )  # fmt: skip
    assert carrier.asked[0].method == "GET"
    assert carrier.asked[0].query == {
        "charset": "UTF-8", "username": "us er", "password": "p&ss", "to": "27600000001",
        "text": "Nothing was added. Да", "coding": "2",
    }  # fmt: skip


def test_json_with_a_bearer_token(carrier: Carrier, sender: Stepped) -> None:
    request = {
        "url": f"{carrier.url}/v1/{{reference}}", "headers": {"X-Ref": "{reference}", "X-Text": "{text}"},
        "json": {"messages": [{"to": "{to}", "text": "{text}"}], "max": 5},
    }  # fmt: skip
    carrier.answer = lambda asked: Says('{"messages": [{"id": "abc-1"}]}', 202)
    message = sent(
        carrier, sender, password="s3cret", message={"values": {"reason": "Да"}},
        settings={"request": request, "auth": "bearer", "answer": {"carrier_id": {"json": "messages.0.id"}}},
    )  # fmt: skip
    asked = carrier.asked[0]
    assert asked.path == f"/v1/{message.reference}"
    assert (asked.headers["Authorization"], asked.headers["X-Ref"]) == ("Bearer s3cret", message.reference)
    assert asked.headers["X-Text"].encode("latin-1").decode() == "Nothing was added. Да"
    assert asked.json == {"messages": [{"to": "+27600000001", "text": "Nothing was added. Да"}], "max": 5}
    assert message.carrier_id == "abc-1"


def test_basic_authentication(carrier: Carrier, sender: Stepped) -> None:
    sent(carrier, sender, settings={"auth": "basic", "username": "us"}, password="p:w")
    scheme, _, pair = carrier.asked[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"us:p:w")


def test_without_a_number_of_its_own_the_brand_is_the_sender(carrier: Carrier, sender: Stepped) -> None:
    http_gateway(carrier, sender="")
    queue()
    sender.step()
    assert carrier.asked[0].form["from"] == "Sandpiper"


ANSWER = {
    "success": {"regex": r"^(\d): "},
    "success_values": ["0", "3"],
    "error": {"regex": r"error=(.*)"},
    "unknown_subscriber": ["no such number"],
    "retry": ["busy"],
}


@pytest.mark.parametrize(
    ("says", "state", "reason"),
    [
        (Says("0: Accepted for delivery", 202), S.SENT, ""),
        (Says("3: Queued for later delivery", 202), S.SENT, ""),
        (Says("1: no"), S.FAILED, Reason.REFUSED),
        (Says(""), S.FAILED, Reason.REFUSED),
        (Says("error=no such number"), S.FAILED, Reason.UNKNOWN_SUBSCRIBER),
        (Says("error=No Such Number", 400), S.FAILED, Reason.UNKNOWN_SUBSCRIBER),
        (Says("error=we are busy"), S.QUEUED, Reason.THROTTLED),
        (Says("0: x", 400), S.FAILED, Reason.REFUSED),
        (Says("0: x", 301, headers={"Location": "/other"}), S.FAILED, Reason.REFUSED),
        (Says("0: x", 401), S.QUEUED, Reason.CREDENTIALS),
        (Says("0: x", 403), S.QUEUED, Reason.CREDENTIALS),
        (Says("0: x", 429), S.QUEUED, Reason.THROTTLED),
        (Says("0: x", 503), S.QUEUED, Reason.THROTTLED),
        (Says("0: x", 500), S.UNCERTAIN, Reason.NO_ANSWER),
        (Says("0: x", 504), S.UNCERTAIN, Reason.NO_ANSWER),
        (Says(cut=True), S.UNCERTAIN, Reason.NO_ANSWER),
    ],
)
def test_what_an_answer_means(
    says: Says, state: MessageState, reason: str, carrier: Carrier, sender: Stepped
) -> None:
    carrier.answer = lambda asked: says
    message = sent(carrier, sender, settings={"answer": ANSWER})
    assert (message.state, message.reason) == (state, reason)
    assert len(carrier.asked) == 1
    assert bool(message.detail) is (state != S.SENT)
    assert bool(message.due_at) is (state == S.QUEUED)


def test_no_answer_in_time_is_uncertain_and_not_repeated(carrier: Carrier, sender: Stepped) -> None:
    late = threading.Event()
    carrier.answer = lambda asked: Says(after=late)
    try:
        message = sent(carrier, sender, settings={"read_seconds": 0.2})
        assert (message.state, message.reason, message.due_at) == (S.UNCERTAIN, Reason.NO_ANSWER, None)
        for _ in range(5):
            sender.later(3600)
            assert sender.step() == 0
        assert len(carrier.asked) == 1
    finally:
        late.set()


def test_no_answer_is_repeated_with_the_same_reference_where_the_carrier_dedupes(
    carrier: Carrier, sender: Stepped
) -> None:
    answers = [Says(cut=True), Says("no", 500), Says()]
    carrier.answer = lambda asked: answers.pop(0)
    message = sent(carrier, sender, settings={"dedupes": True})
    for _ in range(2):
        assert message.state == S.QUEUED
        sender.later(120)
        sender.step()
        message.refresh_from_db()
    assert (message.state, message.attempts, message.reason) == (S.SENT, 3, "")
    assert {asked.form["ref"] for asked in carrier.asked} == {message.reference}


def test_what_may_have_left_is_never_called_failed_for_being_late(carrier: Carrier, sender: Stepped) -> None:
    carrier.answer = lambda asked: Says("no", 500)
    message = sent(carrier, sender, settings={"dedupes": True})
    for _ in range(100):
        sender.later(1800)
        sender.step()
        message.refresh_from_db()
    assert (message.state, message.due_at) == (S.UNCERTAIN, None)


def test_a_refused_connection_is_tried_again(sender: Stepped, carrier: Carrier) -> None:
    nobody = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}/send"
    message = sent(carrier, sender, settings={"request": {"url": nobody}})
    assert (message.state, message.reason) == (S.QUEUED, Reason.UNREACHABLE)
    assert "127.0.0.1" in message.detail


def test_a_name_that_doesnt_resolve_is_tried_again(sender: Stepped, carrier: Carrier) -> None:
    message = sent(carrier, sender, settings={"request": {"url": "http://sms.invalid/send"}})
    assert (message.state, message.reason) == (S.QUEUED, Reason.UNREACHABLE)


def test_a_server_that_speaks_no_tls_is_never_told_anything(sender: Stepped, carrier: Carrier) -> None:
    message = sent(carrier, sender, settings={"request": {"url": carrier.url.replace("http", "https")}})
    assert (message.state, message.reason) == (S.QUEUED, Reason.UNREACHABLE)
    assert carrier.asked == []


def test_an_endless_answer_is_cut_off(carrier: Carrier, sender: Stepped) -> None:
    def long(asked: Asked) -> Says:
        return Says("OK" + "x" * (3 << 20))

    carrier.answer = long
    assert sent(carrier, sender, settings={"answer": {"success": {"regex": "^OK"}}}).state == S.SENT


def test_a_dripping_server_holds_no_thread_for_ever(carrier: Carrier) -> None:
    from capstan.messaging.actions.transports.limit import limited

    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours, theirs, limited(ours, 0.05):
        assert ours.recv(1) == b""
