"""What a gateway's settings may say, and what its callbacks mean by them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from capstan.messaging.rules.callbacks import (
    InboundSms,
    is_signed,
    items,
    kind_of,
    read_inbound,
    read_receipt,
)
from capstan.messaging.rules.gateways import (
    InboundFields,
    Reading,
    ReceiptFields,
    Signature,
    at_path,
    check_gateway,
    fill,
    read_settings,
)
from capstan.messaging.rules.senders import read_sender
from capstan.messaging.rules.states import ReceiptKind
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.values.refused import Refused

URL = "https://sms.example.net/send"


def http(**more: object) -> dict[str, object]:
    return {"request": {"url": URL}} | more


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        (GatewayKind.HTTP, {}, "The setting 'request' is missing."),
        (GatewayKind.HTTP, http(reqest={}), "There is no setting 'reqest'."),
        (GatewayKind.HTTP, {"request": {"url": "sms.example.net"}}, "request.url: write it like https://"),
        (
            GatewayKind.HTTP,
            {"request": {"url": "https://x.example/a b"}},
            "request.url: write it like https://",
        ),
        (
            GatewayKind.HTTP,
            {"request": {"url": "https://x.example/sé"}},
            "request.url: write it like https://",
        ),
        (GatewayKind.HTTP, {"request": {"url": "https://x.example:port/"}}, "request.url"),
        (GatewayKind.HTTP, {"request": {"url": URL, "form": {}, "json": {}}}, "give form or json, not both"),
        (GatewayKind.HTTP, {"request": {"url": URL, "method": "GET", "form": {}}}, "GET has no body"),
        (
            GatewayKind.HTTP,
            {"request": {"url": URL, "query": {"t": "{txt}"}}},
            "there is no {txt}; there are",
        ),
        (
            GatewayKind.HTTP,
            {"request": {"url": URL, "json": {"a": [{"b": "{nobody}"}]}}},
            "there is no {nobody}",
        ),
        (GatewayKind.HTTP, http(answer={"carrier_id": {}}), "answer.carrier_id: give json or regex"),
        (GatewayKind.HTTP, http(answer={"success": {"regex": "("}}), "no regular expression"),
        (GatewayKind.HTTP, http(inbound={"time_zone": "Mars/Base"}), "no such time zone"),
        (GatewayKind.HTTP, http(read_seconds=3600), "read_seconds"),
        (GatewayKind.SMTP, {}, "The setting 'host' is missing."),
        (GatewayKind.SMTP, {"host": "mail.example.net", "encryption": "ssl"}, "encryption"),
        (GatewayKind.LOOPBACK, {"host": "x"}, "There is no setting 'host'."),
    ],
)
def test_wrong_settings_are_named(kind: GatewayKind, given: dict[str, object], why: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_settings(kind, given)
    assert why in str(refusal.value)


@pytest.mark.parametrize("name", ["", "Kannel", "a b", "a/b", "-a", "x" * 41])
def test_a_gateways_name_is_a_part_of_an_address(name: str) -> None:
    with pytest.raises(Refused, match="can't be a gateway's name"):
        check_gateway(name, GatewayKind.HTTP, Medium.SMS)


def test_mail_servers_carry_no_sms() -> None:
    with pytest.raises(Refused, match="A gateway of kind smtp doesn't carry sms"):
        check_gateway("mail", GatewayKind.SMTP, Medium.SMS)


@pytest.mark.parametrize(
    ("reading", "body", "found"),
    [
        ({"json": "messages.0.id"}, '{"messages": [{"id": "x1"}]}', "x1"),
        ({"json": "id"}, '{"id": 17}', "17"),
        ({"json": "a.b"}, '{"a.b": "flat"}', "flat"),
        ({"json": "ok"}, '{"ok": true}', "true"),
        ({"json": "messages.1.id"}, '{"messages": [{"id": "x1"}]}', None),
        ({"json": "id"}, '{"id": null}', None),
        ({"json": "id"}, '{"id": {"x": 1}}', None),
        ({"json": "id"}, "no JSON", None),
        ({"regex": r"^0: (.*)$"}, "0: Accepted for delivery", "Accepted for delivery"),
        ({"regex": r"OK"}, "OK 17", "OK"),
        ({"regex": r"OK"}, "ERR", None),
    ],
)
def test_where_something_stands_in_an_answer(reading: dict[str, str], body: str, found: str | None) -> None:
    assert Reading.model_validate(reading).read(body) == found


def test_placeholders_are_filled_in_wherever_they_stand() -> None:
    given = {"to": ["{to}"], "text": "{text}!", "n": 5, "deep": [{"ref": "{reference}"}], "x": "{unset}"}
    values = {"to": "+27600000001", "text": "{to} Hi", "reference": "r"}
    assert fill(given, values) == {
        "to": ["+27600000001"], "text": "{to} Hi!", "n": 5, "deep": [{"ref": "r"}], "x": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "path", "found"),
    [
        ({"a": [{"b": 1}]}, "a.0.b", 1),
        ({"a": 1}, "a.b", None),
        ([1, 2], "1", 2),
        ([1], "x", None),
        (None, "a", None),
    ],
)
def test_a_path_into_a_document(document: object, path: str, found: object) -> None:
    assert at_path(document, path) == found


AT = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "item", "sms"),
    [
        ({}, {"from": "27600000001", "text": "C"}, InboundSms("27600000001", "", "C", None, "", "")),
        (
            {},
            {"from": "1", "to": "2", "text": " C ", "time": "1772360430", "id": "x", "parent": "p"},
            InboundSms("1", "2", " C ", AT, "x", "p"),
        ),
        ({}, {"from": "1", "text": "", "time": 1772360430000}, InboundSms("1", "", "", AT, "", "")),
        (
            {},
            {"from": "1", "text": "C", "time": "2026-03-01T12:20:30+02:00"},
            InboundSms("1", "", "C", AT, "", ""),
        ),
        (
            {"time_zone": "Africa/Johannesburg"},
            {"from": "1", "text": "C", "time": "2026-03-01 12:20:30"},
            InboundSms("1", "", "C", AT, "", ""),
        ),
        (
            {"time_format": "%d/%m/%Y %H.%M.%S"},
            {"from": "1", "text": "C", "time": "01/03/2026 10.20.30"},
            InboundSms("1", "", "C", AT, "", ""),
        ),
        ({}, {"from": "1", "text": "C", "time": "yesterday"}, InboundSms("1", "", "C", None, "", "")),
        (
            {"sender": "msisdn", "text": "payload.body", "carrier_id": "payload.id"},
            {"msisdn": 27600000001, "payload": {"body": "C", "id": 5}},
            InboundSms("27600000001", "", "C", None, "5", ""),
        ),
    ],
)
def test_an_sms_is_read_by_the_gateways_own_words(
    fields: dict[str, Any], item: dict[str, object], sms: InboundSms
) -> None:
    assert read_inbound(InboundFields(**fields), item) == sms


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"text": "C"}, "from is missing"),
        ({"from": "1"}, "text is missing"),
        ({"from": " ", "text": "C"}, "from is empty"),
    ],
)
def test_an_sms_without_a_sender_or_text_is_refused(item: dict[str, object], why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_inbound(InboundFields(), item)


@pytest.mark.parametrize(
    ("item", "why"),
    [({"status": "1"}, "reference and id are missing"), ({"id": "x"}, "status is missing")],
)
def test_a_receipt_says_of_what_and_what(item: dict[str, object], why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_receipt(ReceiptFields(), item)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("1", "", ReceiptKind.DELIVERED),
        ("DELIVRD", "", ReceiptKind.DELIVERED),
        ("2", "", ReceiptKind.FAILED),
        ("EXPIRED", "", ReceiptKind.FAILED),
        ("failed", "Unknown subscriber", ReceiptKind.UNKNOWN_SUBSCRIBER),
        ("delivered", "unknown subscriber", ReceiptKind.DELIVERED),
        ("8", "", ReceiptKind.PROGRESS),
        ("purple", "", ReceiptKind.UNKNOWN),
    ],
)
def test_what_a_receipt_says(status: str, error: str, kind: ReceiptKind) -> None:
    assert kind_of(ReceiptFields(), status, error) == kind


def test_several_at_once() -> None:
    assert items({"a": 1}, "") == [{"a": 1}]
    assert items([{"a": 1}, {"a": 2}], "") == [{"a": 1}, {"a": 2}]
    assert items({"m": [{"a": 1}]}, "m") == [{"a": 1}]
    for wrong in ([1], "x", None, {"m": 5}):
        with pytest.raises(Refused, match="neither an object nor a list"):
            items(wrong, "m")


# printf body | openssl dgst -sha256 -hmac key
HEX = "515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1"
BASE64 = "UVquEztDXUAAlWcx9orlz164XU8NxqVG0r/NNZXsGuE="


@pytest.mark.parametrize(
    ("given", "signature", "body", "is_right"),
    [
        (HEX, {}, b"body", True),
        (f" {HEX.upper()} ", {}, b"body", True),
        (f"sha256={HEX}", {"prefix": "sha256="}, b"body", True),
        (BASE64, {"encoding": "base64"}, b"body", True),
        (HEX, {}, b"body.", False),
        (f"sha256={HEX}", {}, b"body", False),
        (BASE64.lower(), {"encoding": "base64"}, b"body", False),
        (HEX[:-1], {}, b"body", False),
        ("", {}, b"body", False),
        ("Übel", {}, b"body", False),
    ],
)
def test_a_callbacks_signature(given: str, signature: dict[str, Any], body: bytes, is_right: bool) -> None:
    made = Signature(header="X-Signature", **signature)
    assert is_signed(made, "key", given, body) is is_right
    assert not is_signed(made, "another key", given, body)


@pytest.mark.parametrize(
    ("text", "address", "is_automatic"),
    [
        ("+27600000001", "+27600000001", False),
        ("27600000001", "+27600000001", False),
        ("0027600000001", "+27600000001", False),
        ("0600000001", "+27600000001", False),
        ("060 000 0001", "+27600000001", False),
        ("+27 (60) 000-0001", "+27600000001", False),
        ("447700900123", "+447700900123", False),
        ("+1 202 555 0143", "+12025550143", False),
        ("12025550143", "+12025550143", False),
        ("31234", "31234", True),
        ("MTN-Info", "MTN-Info", True),
        ("4 Bank", "4 Bank", True),
        ("123456789012345678", "123456789012345678", True),
    ],
)
def test_who_an_sms_came_from(text: str, address: str, is_automatic: bool) -> None:
    assert read_sender(text, "ZA") == (address, is_automatic)
