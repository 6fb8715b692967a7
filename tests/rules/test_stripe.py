"""Stripe's webhooks and answers, read without Stripe: what is believed, what isn't, and in which words."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.payments.rules.stripe import (
    BODY_MAX,
    EVENTS,
    CardSaid,
    DisputeSaid,
    Happened,
    Intent,
    PaymentSaid,
    RefundSaid,
    charge_fields,
    check_signature,
    customer_fields,
    form,
    intent_fields,
    list_fields,
    read_event,
    read_intent,
    read_page,
    read_problem,
    refund_fields,
    refund_key,
    split_card,
)
from capstan.values.refused import Refused

SECRET = "whsec_made_up_for_tests"
NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
INTENT: dict[str, Any] = {
    "id": "pi_1", "object": "payment_intent", "amount": 3500, "amount_received": 3500, "currency": "zar",
    "status": "succeeded", "metadata": {"token": "tok-1_A"}, "customer": "cus_1", "payment_method": "pm_1",
    "setup_future_usage": None, "client_secret": "pi_1_secret_2",
}  # fmt: skip
CHARGE: dict[str, Any] = {
    "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount": 3500, "amount_refunded": 1000,
    "currency": "zar", "metadata": {"token": "tok-1_A"},
}  # fmt: skip
DISPUTE: dict[str, Any] = {
    "id": "dp_1", "object": "dispute", "payment_intent": "pi_1", "charge": "ch_1", "amount": 3500, "currency": "zar",
    "reason": "fraudulent", "metadata": {},
}  # fmt: skip
SETUP: dict[str, Any] = {
    "id": "seti_1", "object": "setup_intent", "customer": "cus_1", "payment_method": "pm_1", "status": "succeeded",
    "metadata": {"token": "tok-1_A"},
}  # fmt: skip


def body_of(kind: str, found: Any) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": found}}).encode()


def signature(body: bytes, secret: str = SECRET, at: int = AT) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


NO_AMOUNTS: list[Any] = [None, "3500", 35.0, -1, True, 10**15, []]
BODY = body_of("payment_intent.succeeded", INTENT)
RIGHT, WRONG = signature(BODY), signature(BODY, "whsec_another")


def test_known_answer() -> None:
    """A signature made by another program: `printf '1772359200.{}' | openssl dgst -sha256 -hmac whsec_known`."""
    right = "878422fb397ba9dcdc53c034e5394e61bce3e88b37fda904de746ff6c740a98e"
    check_signature(f"t={AT},v1={right}", b"{}", "whsec_known", NOW)


@pytest.mark.parametrize(
    "header",
    [
        f"t={AT},v1={RIGHT}",
        f"v1={RIGHT}, t={AT}",
        f"t={AT},v1={WRONG},v1={RIGHT}",
        f"t={AT},v1={RIGHT},v1={WRONG},v0=anything",
        f"t={AT},v2=anything,v1={RIGHT},",
    ],
)
def test_signed_by_stripe(header: str) -> None:
    check_signature(header, BODY, SECRET, NOW)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_signed_a_little_before_or_after(seconds: int) -> None:
    check_signature(f"t={AT},v1={RIGHT}", BODY, SECRET, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "no time"),
        (f"v1={RIGHT}", "no time"),
        (f"t=,v1={RIGHT}", "no time"),
        (f"t=today,v1={RIGHT}", "no time"),
        (f"t=-{AT},v1={RIGHT}", "no time"),
        (f"t={AT},t={AT},v1={RIGHT}", "no time"),
        (f"t={AT}", "no signature"),
        (f"t={AT},v0={RIGHT}", "no signature"),
        (f"t={AT},v1=", "isn't Stripe's"),
        (f"t={AT},v1={WRONG}", "isn't Stripe's"),
        (f"t={AT},v1={RIGHT.upper()}", "isn't Stripe's"),
        (f"t={AT},v1={RIGHT[:-1]}", "isn't Stripe's"),
        (f"t={AT + 1},v1={RIGHT}", "isn't Stripe's"),
        (f"t=0{AT},v1={RIGHT}", "isn't Stripe's"),
        (f"t={AT},v1=\udc80é", "isn't Stripe's"),
    ],
)
def test_not_signed_by_stripe(header: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_signature(header, BODY, SECRET, NOW)


@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        (301, "signed 301 s before it came"),
        (86400, "before it came"),
        (-301, "301 s in the future: this server's clock"),
    ],
)
def test_too_old_or_from_the_future(seconds: int, why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_signature(f"t={AT},v1={RIGHT}", BODY, SECRET, NOW + timedelta(seconds=seconds))


def test_a_blank_secret_signs_nothing() -> None:
    with pytest.raises(Refused, match="no webhook secret"):
        check_signature(f"t={AT},v1={signature(BODY, '')}", BODY, "", NOW)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_altered_byte(where: int, change: int) -> None:
    altered = BODY[:where] + bytes([BODY[where] ^ change]) + BODY[where + 1 :]
    with pytest.raises(Refused, match="isn't Stripe's"):
        check_signature(f"t={AT},v1={RIGHT}", altered, SECRET, NOW)


@given(st.text(), st.binary())
def test_any_header_is_read_or_refused(header: str, body: bytes) -> None:
    with pytest.raises(Refused):
        check_signature(header, body, SECRET, NOW)


@pytest.mark.parametrize(
    ("kind", "status", "amount"),
    [
        (Happened.SUCCEEDED, "succeeded", 3400),
        (Happened.FAILED, "requires_payment_method", 3500),
        (Happened.CANCELED, "canceled", 3500),
        (Happened.PROCESSING, "processing", 3500),
    ],
)
def test_events_of_payments(kind: Happened, status: str, amount: int) -> None:
    found = {**INTENT, "status": status, "amount_received": 3400 if status == "succeeded" else 0}
    intent = Intent("pi_1", "tok-1_A", status, amount, "", "pi_1_secret_2")
    assert read_event(body_of(kind, found), "ZAR") == PaymentSaid("evt_1", kind, intent)


@pytest.mark.parametrize(
    ("change", "token"),
    [
        ({"setup_future_usage": "off_session"}, "cus_1/pm_1"),
        ({"setup_future_usage": "off_session", "payment_method": {"id": "pm_2"}}, "cus_1/pm_2"),
        ({"setup_future_usage": "on_session"}, ""),
        ({"setup_future_usage": "off_session", "status": "processing", "payment_method": None}, ""),
    ],
)
def test_a_card_that_may_be_charged_again(change: dict[str, Any], token: str) -> None:
    assert read_intent({**INTENT, **change}, "ZAR").card_token == token


@pytest.mark.parametrize(
    ("kind", "found", "said"),
    [
        ("charge.refunded", CHARGE, RefundSaid("evt_1", "pi_1", "tok-1_A", 1000)),
        ("charge.refunded", {**CHARGE, "metadata": {}}, RefundSaid("evt_1", "pi_1", "", 1000)),
        ("charge.dispute.created", DISPUTE, DisputeSaid("evt_1", "pi_1", 3500, "fraudulent")),
        ("setup_intent.succeeded", SETUP, CardSaid("evt_1", "seti_1", "tok-1_A", "cus_1/pm_1")),
    ],
)
def test_other_events(kind: str, found: Any, said: object) -> None:
    assert read_event(body_of(kind, found), "ZAR") == said


def test_yen_are_counted_in_yen() -> None:
    found = {**INTENT, "currency": "jpy", "amount_received": 500}
    said = read_event(body_of(Happened.SUCCEEDED, found), "JPY")
    assert isinstance(said, PaymentSaid)
    assert said.intent.amount_minor == 500


def without(found: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != name}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "event is no JSON"),
        (b"\xff\xfe\x00", "event is no JSON"),
        (b"[" * 50_000, "event is no JSON"),
        (b"9" * 5000, "event is no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "event has no id"),
        (b'{"id": 7}', "event has no id"),
        (b'{"id": "evt_1\\u0000"}', "event has no id"),
        (b'{"id": "evt_1"}', "event has no type"),
        (b'{"id": "evt_1", "type": []}', "event has no type"),
        (b'{"id": "evt_1", "type": "charge.refunded"}', "event has no data"),
        (b'{"id": "evt_1", "type": "charge.refunded", "data": {}}', "event's data has no object"),
        (body_of("invoice.paid", {}), "Nothing is done about an event invoice.paid"),
        (b" " * (BODY_MAX + 1), "longer than any"),
        *(
            (body_of(Happened.SUCCEEDED, without(INTENT, name)), f"payment intent has no {name}")
            for name in ("id", "currency", "status", "metadata")
        ),
        (body_of(Happened.FAILED, {**without(INTENT, "amount"), "status": "canceled"}), "has no amount"),
        (body_of(Happened.SUCCEEDED, {**INTENT, "currency": "usd"}), "is in USD, not in ZAR"),
        *(
            (
                body_of(Happened.SUCCEEDED, {**INTENT, "metadata": metadata}),
                r"no metadata\.token: it isn't one",
            )
            for metadata in ({}, {"token": ""}, {"token": 5}, {"token": "a b"}, {"token": "x" * 101}, "x")
        ),
        *(
            (body_of(Happened.SUCCEEDED, {**INTENT, "amount_received": amount}), "has no amount_received")
            for amount in NO_AMOUNTS
        ),
        *(
            (body_of("charge.refunded", without(CHARGE, name)), f"charge has no {name}")
            for name in ("payment_intent", "amount_refunded", "currency")
        ),
        *(
            (body_of("charge.dispute.created", without(DISPUTE, name)), f"dispute has no {name}")
            for name in ("payment_intent", "amount", "currency", "reason")
        ),
        *(
            (body_of("setup_intent.succeeded", without(SETUP, name)), f"setup intent has no {name}")
            for name in ("id", "customer", "payment_method", "metadata")
        ),
        (
            body_of(Happened.SUCCEEDED, {**without(INTENT, "customer"), "setup_future_usage": "off_session"}),
            "payment intent has no customer",
        ),
    ],
)
def test_what_cannot_be_read(body: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_event(body, "ZAR")


@given(st.binary())
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        read_event(body, "ZAR")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(EVENTS), st.sampled_from([INTENT, CHARGE, DISPUTE, SETUP]), st.data())
def test_any_value_in_any_place_is_read_or_refused(
    kind: str, like: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(like)))
    try:
        said = read_event(body_of(kind, {**like, name: data.draw(ANYTHING)}), "ZAR")
    except Refused:
        return
    assert said.event_id == "evt_1"


def fields_of(made: list[tuple[str, str]]) -> dict[str, str]:
    read = parse_qsl(form(made), keep_blank_values=True)
    assert read == made
    return dict(read)


def test_a_payment_for_a_browser() -> None:
    made = fields_of(
        intent_fields(
            amount_minor=3500, currency="ZAR", token="tok-1", item="10 GB & more\n", customer="cus_1"
        )
    )
    assert made == {
        "amount": "3500", "currency": "zar", "description": "10 GB & more", "metadata[token]": "tok-1",
        "automatic_payment_methods[enabled]": "true", "customer": "cus_1", "setup_future_usage": "off_session",
    }  # fmt: skip
    plain = intent_fields(amount_minor=1, currency="ZAR", token="tok-1", item="10 GB", customer="")
    assert {"customer", "setup_future_usage"}.isdisjoint(dict(plain))


def test_a_charge_of_a_stored_card() -> None:
    made = fields_of(
        charge_fields(amount_minor=900, currency="ZAR", token="tok-1", item="Top-up", card="cus_1/pm_1")
    )
    assert (made["customer"], made["payment_method"]) == ("cus_1", "pm_1")
    assert (made["off_session"], made["confirm"]) == ("true", "true")
    assert made["automatic_payment_methods[allow_redirects]"] == "never"


def pays(amount: int = 1, our_id: str = "tok-1") -> object:
    return intent_fields(amount_minor=amount, currency="ZAR", token=our_id, item="x", customer="")


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda: pays(amount=0), "more than nothing"),
        (lambda: pays(amount=-1), "more than nothing"),
        (lambda: pays(our_id=""), "1 to 100 plain characters"),
        (lambda: pays(our_id="a\r\nb"), "1 to 100 plain characters"),
        (lambda: customer_fields("Zoë", "é"), "1 to 100 plain characters"),
        (lambda: refund_fields("pi_1", 0, "Paid twice"), "more than nothing"),
        (lambda: refund_fields("", 5, "Paid twice"), "payment's id"),
        (lambda: split_card("pm_1"), "looks like cus_…/pm_…"),
        (lambda: split_card("cus_1/"), "looks like cus_…/pm_…"),
        (lambda: split_card("cus_1/pm_1/pm_2"), "looks like cus_…/pm_…"),
    ],
)
def test_what_is_not_sent(ask: Callable[[], object], why: str) -> None:
    with pytest.raises(Refused, match=why):
        ask()


def test_a_refund_is_known_again() -> None:
    key = refund_key("pi_1", 1000, "Paid twice")
    assert key == refund_key("pi_1", 1000, "Paid twice")
    others = [("pi_2", 1000, "Paid twice"), ("pi_1", 1001, "Paid twice"), ("pi_1", 1000, "Wrong line")]
    assert key not in {refund_key(*one) for one in others}
    assert dict(refund_fields("pi_1", 1000, "Paid\ntwice"))["metadata[reason]"] == "Paid twice"


def test_a_page_of_payments() -> None:
    listed = [
        INTENT,
        {**INTENT, "id": "pi_2", "status": "processing"},
        {**INTENT, "id": "pi_3", "metadata": {}},
        {**INTENT, "id": "pi_4", "currency": "usd"},
        {"id": "pi_5"},
    ]
    page = read_page(json.dumps({"data": listed, "has_more": True}), "ZAR")
    assert ([one.reference for one in page.paid], page.after) == (["pi_1"], "pi_5")
    assert read_page('{"data": [], "has_more": false}', "ZAR") == ([], "")
    assert dict(list_fields(NOW, "")) == {"created[gte]": str(AT), "limit": "100"}
    assert dict(list_fields(NOW, "pi_5"))["starting_after"] == "pi_5"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "list is no JSON"),
        ('{"error": {}}', "list has no data"),
        ('{"data": [1]}', "list has no data"),
        ('{"data": [], "has_more": true}', "without data before its end"),
        ('{"data": [{}], "has_more": true}', "has no id"),
        (json.dumps({"data": [{**INTENT, "amount_received": "1"}]}), "has no amount_received"),
    ],
)
def test_what_is_no_page(body: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_page(body, "ZAR")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": {"message": "No.", "code": "card_declined", "decline_code": "lost_card"}}', "No. (lost_card)"),
        ('{"error": {"message": "No.", "code": "card_declined"}}', "No. (card_declined)"),
        ('{"error": {"message": "No."}}', "No."),
        ('{"error": {"message": 5, "code": []}}', "Stripe answered 402"),
        ('{"error": "No."}', "Stripe answered 402"),
        ("<html>", "Stripe answered 402"),
    ],
)  # fmt: skip
def test_problems(body: str, words: str) -> None:
    assert read_problem(402, body).words == words
