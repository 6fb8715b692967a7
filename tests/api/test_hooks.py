"""Callbacks of SMS gateways: kept once, guarded, and wrong ones are told what is wrong."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from capstan.messaging.models import Gateway, Inbound, Message, Receipt
from capstan.messaging.rules.words import MessageState
from tests.carrier import carrier
from tests.messaging.conftest import TOKEN, Stepped, http_gateway, queue

pytestmark = pytest.mark.django_db

IN = f"/hooks/sms/carrier/{TOKEN}/in"
RECEIPT = f"/hooks/sms/carrier/{TOKEN}/receipt"
SMS = {"from": "27600000001", "to": "31234", "text": "C please", "time": "1772360430", "id": "mo-1"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def client() -> Client:
    """As a gateway would: without cookies, and without a CSRF token."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def gateway() -> Gateway:
    with carrier() as one:
        return http_gateway(one)


def with_settings(**more: Any) -> Gateway:
    with carrier() as one:
        return http_gateway(one, settings=more, hook_key="k" * 20)


def send(client: Client, way: str, item: dict[str, Any], path: str = IN) -> Any:
    match way:
        case "query":
            return client.get(path, item)
        case "query by POST":
            return client.post(f"{path}?{urlencode(item)}", b"", content_type=FORM)
        case "form":
            return client.post(path, urlencode(item), content_type=FORM)
        case "json":
            return client.post(path, json.dumps(item), content_type="application/json; charset=utf-8")
        case "json without saying so":
            return client.post(path, json.dumps(item), content_type="text/plain")
        case "list":
            return client.post(path, json.dumps([item]), content_type="application/json")
    raise AssertionError(way)


WAYS = ["query", "query by POST", "form", "json", "json without saying so", "list"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", ["C please", "", "2GB & é + 100% 😀", "Да"])
def test_an_sms_is_kept_once_however_often_it_is_brought(
    way: str, text: str, client: Client, gateway: Gateway
) -> None:
    for _ in range(3):
        answer = send(client, way, SMS | {"text": text})
        assert (answer.status_code, answer.content) == (200, b"")
    one = Inbound.objects.get()
    assert (one.sender, one.recipient, one.text, one.carrier_id) == ("+27600000001", "31234", text, "mo-1")
    assert (one.gateway, one.times_received) == (gateway, 3)
    assert one.sent_at is not None
    assert one.sent_at.timestamp() == 1772360430


@pytest.mark.parametrize("way", WAYS)
def test_a_receipt_is_applied_once(way: str, client: Client, sender: Stepped) -> None:
    with carrier() as one:
        http_gateway(one)
        message = queue()
        sender.step()
    for _ in range(2):
        answer = send(client, way, {"reference": message.reference, "status": "DELIVRD"}, RECEIPT)
        assert (answer.status_code, answer.content) == (200, b"")
    message.refresh_from_db()
    assert message.state == MessageState.DELIVERED
    assert Receipt.objects.count() == 1


def test_the_url_that_the_carrier_was_given_works(client: Client, sender: Stepped) -> None:
    with carrier() as one:
        http_gateway(one)
        message = queue()
        sender.step()
        url = one.asked[0].form["dlr"]
    assert client.get(url.removeprefix("http://127.0.0.1:8000") + "&status=1").status_code == 200
    message.refresh_from_db()
    assert message.state == MessageState.DELIVERED


@pytest.mark.parametrize("path", [IN, RECEIPT])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TOKEN, "a-token-of-twenty-charz"),
        (TOKEN, "x"),
        (TOKEN, "none"),
        (TOKEN, "Ünicode"),
        ("carrier", "nobody"),
    ],
)
def test_who_doesnt_know_the_token_learns_nothing(
    old: str, new: str, path: str, client: Client, gateway: Gateway
) -> None:
    answer = client.get(path.replace(old, new), SMS)
    assert (answer.status_code, answer.content) == (403, b"")
    assert not Inbound.objects.exists()


def test_a_gateway_without_a_token_can_be_called_by_nobody(client: Client) -> None:
    with carrier() as one:
        http_gateway(one, hook_token="", two_way=False)
    for token in ("none", "", "x"):
        assert client.get(IN.replace(TOKEN, token), SMS).status_code in (403, 404)
    assert not Inbound.objects.exists()


BODY = json.dumps(SMS).encode()


def signed(key: str = "k" * 20, body: bytes = BODY, *, encoding: str = "hex") -> str:
    digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
    return f"sha256={digest.hex() if encoding == 'hex' else base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (signed(), 200),
        (signed("another key"), 403),
        (signed(body=BODY + b" "), 403),
        (signed().removeprefix("sha256="), 200),
        ("", 403),
        ("sha256=", 403),
    ],
)
def test_what_should_be_signed_is_signed(header: str, status: int, client: Client) -> None:
    with_settings(signature={"header": "X-Signature", "prefix": "sha256="})
    answer = client.post(IN, BODY, content_type="application/json", headers={"X-Signature": header})
    assert answer.status_code == status
    assert Inbound.objects.count() == (1 if status == 200 else 0)


def test_a_query_is_not_signed_so_it_doesnt_count(client: Client) -> None:
    with_settings(signature={"header": "X-Signature"})
    key = {"X-Signature": signed(body=b"").removeprefix("sha256=")}
    assert client.get(IN, SMS, headers=key).status_code == 403
    forged = f"{IN}?{urlencode(SMS)}"
    assert client.post(forged, b"", content_type=FORM, headers=key).status_code == 400
    assert not Inbound.objects.exists()
    body = json.dumps({"from": "27600000001", "text": "C", "id": "1"}).encode()
    key = {"X-Signature": signed(body=body).removeprefix("sha256=")}
    answer = client.post(f"{IN}?parent=x", body, content_type="application/json", headers=key)
    assert answer.status_code == 200
    assert Inbound.objects.get().parent_carrier_id == "", "what the query adds isn't signed"


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"{", "application/json", "the body is no JSON"),
        (b"[1]", "application/json", "neither an object nor a list of objects"),
        (b'"x"', "application/json", "neither an object nor a list of objects"),
        (b"[" * 20_000, "application/json", "the body is no JSON"),
        (b'{"text": "C"}', "application/json", "from is missing"),
        (b'{"from": "27600000001"}', "application/json", "text is missing"),
        (b'{"from": ["27600000001"], "text": "C"}', "application/json", "from is missing"),
        (b"text=C", FORM, "from is missing"),
        (b"from=&text=C", FORM, "from is empty"),
        (b"a=1&" * 300, FORM, "too many fields"),
        (b"<sms/>", "application/xml", "neither JSON nor a form"),
        (b"\xff\xfe", "application/octet-stream", "neither JSON nor a form"),
    ],
)
def test_what_cant_be_read_is_named(
    body: bytes, kind: str, why: str, client: Client, gateway: Gateway
) -> None:
    answer = client.post(IN, body, content_type=kind)
    assert answer.status_code == 400
    assert why in answer.content.decode()
    assert not Inbound.objects.exists()


@pytest.mark.parametrize(
    ("item", "why"),
    [({"status": "1"}, "reference and id are missing"), ({"reference": "x"}, "status is missing")],
)
def test_a_receipt_that_cant_be_read_is_named(
    item: dict[str, str], why: str, client: Client, gateway: Gateway
) -> None:
    answer = client.get(RECEIPT, item)
    assert (answer.status_code, answer.content.decode().strip()[: len(why)]) == (400, why)
    assert not Receipt.objects.exists()


def test_of_several_all_are_kept_or_none(client: Client, gateway: Gateway) -> None:
    both = [SMS, {"text": "no sender"}]
    assert client.post(IN, json.dumps(both), content_type="application/json").status_code == 400
    assert not Inbound.objects.exists()
    both[1] = SMS | {"id": "mo-2"}
    assert client.post(IN, json.dumps(both), content_type="application/json").status_code == 200
    assert Inbound.objects.count() == 2


def test_a_large_body_is_refused_unread(client: Client, gateway: Gateway) -> None:
    fits = SMS | {"text": "x" * 60_000}
    assert client.post(IN, json.dumps(fits), content_type="application/json").status_code == 200
    large = SMS | {"text": "x" * 70_000}
    assert client.post(IN, json.dumps(large), content_type="application/json").status_code == 413
    assert Inbound.objects.count() == 1


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options", "head"])
def test_other_methods_are_refused(method: str, client: Client, gateway: Gateway) -> None:
    assert getattr(client, method)(IN).status_code == 405


@pytest.mark.parametrize(
    "item",
    [
        SMS | {"text": "a\0b", "id": "\0", "to": "\0"},
        SMS | {"id": "x" * 10_000, "parent": "y" * 10_000, "to": "z" * 10_000},
        SMS | {"from": "s" * 10_000},
        SMS | {"time": "9" * 14},
        SMS | {"time": "never"},
    ],
)
@pytest.mark.parametrize("way", ["json", "form"])
def test_odd_values_are_kept_as_far_as_can_be(
    item: dict[str, str], way: str, client: Client, gateway: Gateway
) -> None:
    assert send(client, way, item).status_code == 200
    assert send(client, way, item).status_code == 200
    assert Inbound.objects.get().times_received == 2


def test_half_a_surrogate_pair(client: Client, gateway: Gateway) -> None:
    body = b'{"from": "27600000001", "text": "\\ud83d C", "id": "1"}'
    assert client.post(IN, body, content_type="application/json").status_code == 200
    assert Inbound.objects.get().text == "? C"
    receipt = b'{"reference": "r", "status": "1", "note": "\\ud83d \\u0000"}'
    assert client.post(RECEIPT, receipt, content_type="application/json").status_code == 200


def test_fields_by_the_gateways_own_names(client: Client) -> None:
    with_settings(
        inbound={
            "items": "results", "sender": "msisdn", "recipient": "shortcode", "text": "message.body",
            "sent_at": "at", "carrier_id": "eventId", "parent_carrier_id": "message.replyTo",
            "time_format": "%Y%m%d%H%M%S", "time_zone": "Africa/Johannesburg",
        }
    )  # fmt: skip
    item = {
        "msisdn": 27600000001, "shortcode": 31234, "message": {"body": "C", "replyTo": "mt-9"},
        "at": "20260301122030", "eventId": 12345678901,
    }  # fmt: skip
    body = json.dumps({"results": [item]})
    assert client.post(IN, body, content_type="application/json").status_code == 200
    one = Inbound.objects.get()
    assert (one.sender, one.recipient, one.text) == ("+27600000001", "31234", "C")
    assert (one.carrier_id, one.parent_carrier_id) == ("12345678901", "mt-9")
    assert one.sent_at is not None
    assert one.sent_at.isoformat() == "2026-03-01T10:20:30+00:00"


def test_a_text_in_another_charset_that_the_query_names(client: Client) -> None:
    with_settings(inbound={"charset": "charset", "sent_at": "ts"})
    raw = "from=27600000001&id=1&charset=UTF-16BE&text=%04%14%040"
    assert client.get(f"{IN}?{raw}").status_code == 200
    assert Inbound.objects.get().text == "Да"


def test_a_callback_for_a_message_that_nobody_knows_is_kept(client: Client, gateway: Gateway) -> None:
    assert client.get(RECEIPT, {"id": "not yet", "status": "1"}).status_code == 200
    receipt = Receipt.objects.get()
    assert (receipt.message, receipt.raw) == (None, {"id": "not yet", "status": "1"})
    assert receipt.due_at is not None
    assert not Message.objects.exists()


def test_nothing_else_answers_there(gateway: Gateway, client: Client) -> None:
    assert client.get("/hooks/").status_code == 404
    assert client.get(f"/hooks/sms/carrier/{TOKEN}/out").status_code == 404
