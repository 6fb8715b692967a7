"""PayFast's protocol, checked against a known answer and against the simulated gateway's own reading of it."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from capstan.demo.gateway import protocol
from capstan.payments.rules.payfast import (
    ItnStatus,
    check_itn,
    checkout_fields,
    is_valid_answer,
    itn_signature,
    read_itn,
    validate_body,
)
from capstan.payments.rules.payfast_api import (
    adhoc_fields,
    adhoc_path,
    api_headers,
    form,
    query_path,
    read_adhoc_answer,
    read_history,
    read_query_answer,
    read_refund_answer,
    refund_fields,
    refund_path,
)
from capstan.payments.rules.payfast_signing import Merchant, encoded
from capstan.values.refused import Refused

MERCHANT = Merchant("10000100", "46f0cd694581a", "jt7NOE43FZPn")
ACCOUNT = protocol.Account(*MERCHANT)

KNOWN = (
    b"m_payment_id=1234&pf_payment_id=1221576&payment_status=COMPLETE&item_name=Order%23123&item_description="
    b"&amount_gross=10.00&amount_fee=-0.23&amount_net=9.77"
    b"&custom_str1=&custom_str2=&custom_str3=&custom_str4=&custom_str5="
    b"&custom_int1=&custom_int2=&custom_int3=&custom_int4=&custom_int5="
    b"&name_first=First&name_last=Last&email_address=test%40test.com&merchant_id=10000100"
)
KNOWN_SIGNATURE = "ac4c3e993d31b5b9d525dc0087051437"
ITN = KNOWN + b"&signature=" + KNOWN_SIGNATURE.encode()

URLS: dict[str, Any] = {
    "return_url": "https://isp.example.com/paid?order=7&x=~a",
    "cancel_url": "https://isp.example.com/cancelled",
    "notify_url": "https://isp.example.com/gateway",
}


def fields(**changes: Any) -> list[tuple[str, str]]:
    usual: dict[str, Any] = {"payment_id": "cap-1", "amount_minor": 3500, "item_name": "10 GB top-up", **URLS}
    return checkout_fields(MERCHANT, **{**usual, **changes})


def altered(**changes: str) -> bytes:
    """The known notification with other values, signed anew by the gateway."""
    pairs = [(name, changes.get(name, value)) for name, value in parse_qsl(KNOWN.decode(), True)]
    return protocol.seal(pairs, MERCHANT.passphrase).encode()


def test_known_answer() -> None:
    itn = read_itn(ITN)
    assert itn_signature(itn.pairs, MERCHANT.passphrase) == KNOWN_SIGNATURE
    assert check_itn(itn, MERCHANT, 1000) == []
    assert itn[:9] == ("1234", "1221576", ItnStatus.COMPLETE, "COMPLETE", 1000, -23, 977, "", "10000100")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Order#123", "Order%23123"),
        ("a b+c", "a+b%2Bc"),
        ("-_.~", "-_.%7E"),
        ("Zoë's café", "Zo%C3%AB%27s+caf%C3%A9"),
        ("https://a.example/?x=1&y=2", "https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D2"),
        ("(*)!", "%28%2A%29%21"),
        ("", ""),
    ],
)
def test_texts_are_encoded_as_php_does(text: str, written: str) -> None:
    assert encoded(text) == protocol.urlencode(text) == written
    assert protocol.urldecode(written.encode()) == text


def test_checkout_fields_come_in_the_documented_order() -> None:
    names = [
        name for name, _ in fields(name_first="Thandi", email_address="thandi@example.com", save_card=True)
    ]
    assert names == [
        *(
            "merchant_id",
            "merchant_key",
            "return_url",
            "cancel_url",
            "notify_url",
            "name_first",
            "email_address",
        ),
        *("m_payment_id", "amount", "item_name", "subscription_type", "signature"),
    ]


@pytest.mark.parametrize(
    ("minor", "amount"),
    [(1, "0.01"), (5, "0.05"), (3500, "35.00"), (3510, "35.10"), (123456789, "1234567.89")],
)
def test_checkout_amount(minor: int, amount: str) -> None:
    assert dict(fields(amount_minor=minor))["amount"] == amount


@pytest.mark.parametrize(
    ("name", "given_text", "sent"),
    [
        ("item_name", "  10\u00a0GB\r\ntop-up\0 ", "10 GB top-up"),
        ("item_name", "x" * 101, "x" * 100),
        ("item_description", "y" * 256, "y" * 255),
        ("name_first", "a\ud800b", "a b"),
        ("name_last", " \t", None),
        ("custom_str1", "ünï ~ + & =", "ünï ~ + & ="),
    ],
)
def test_checkout_texts(name: str, given_text: str, sent: str | None) -> None:
    assert dict(fields(**{name: given_text})).get(name) == sent
    assert protocol.checkout_problems(fields(**{name: given_text}), ACCOUNT) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount_minor": 0}, "more than nothing"),
        ({"amount_minor": -1, "save_card": True}, "more than nothing"),
        ({"payment_id": ""}, "id has 1 to 100"),
        ({"payment_id": "a" * 101}, "id has 1 to 100"),
        ({"payment_id": "a\nb"}, "id has 1 to 100"),
        ({"item_name": " "}, "no name"),
    ],
)
def test_checkout_that_payfast_would_refuse(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        fields(**changes)


def test_a_card_is_stored_only_with_a_passphrase() -> None:
    usual: dict[str, Any] = {"payment_id": "1", "amount_minor": 100, "item_name": "x", **URLS}
    with pytest.raises(Refused, match="passphrase"):
        checkout_fields(MERCHANT._replace(passphrase=""), **usual, save_card=True)
    assert fields(amount_minor=0, save_card=True)[-2] == ("subscription_type", "2")


def test_without_a_passphrase_none_is_signed() -> None:
    plain = MERCHANT._replace(passphrase="")
    sent = checkout_fields(plain, payment_id="1", amount_minor=100, item_name="x", **URLS)
    assert protocol.checkout_problems(sent, protocol.Account(*plain)) == []
    assert protocol.checkout_problems(sent, ACCOUNT) != []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no form"),
        (b"{}", "no form"),
        (b"a=1&&b=2", "no form"),
        (b"=1", "no form"),
        (b"a=1&" * 200, "longer"),
        (b"a=" + b"x" * 70_000, "longer"),
        (KNOWN, "no signature"),
        (KNOWN + b"&signature=", "no signature"),
        (b"payment_status=COMPLETE&" + ITN, "repeats payment_status"),
        (ITN + b"&amount%5Fgross=1.00", "repeats amount_gross"),
        (ITN.replace(b"m_payment_id=1234&", b"", 1), "no m_payment_id"),
        (ITN.replace(b"&merchant_id=10000100", b""), "no merchant_id"),
        (ITN.replace(b"payment_status=COMPLETE", b"payment_status="), "no payment_status"),
        (ITN.replace(b"&pf_payment_id=1221576", b""), "no pf_payment_id"),
        (ITN.replace(b"amount_gross=10.00", b"amount_gross="), "no amount_gross"),
        (ITN.replace(b"=10.00", b"=-10.00"), "negative"),
        (ITN.replace(b"=10.00", b"=10,00"), "amount_gross is no amount"),
        (ITN.replace(b"=10.00", b"=1,000.00"), "amount_gross is no amount"),
        (ITN.replace(b"=10.00", b"=10.000"), "amount_gross is no amount"),
        (ITN.replace(b"=10.00", b"=1e3"), "amount_gross is no amount"),
        (ITN.replace(b"=10.00", b"=%D9%A1%D9%A0.00"), "amount_gross is no amount"),
        (ITN.replace(b"=-0.23", b"=free"), "amount_fee is no amount"),
        (ITN.replace(b"=1234&", b"=" + b"9" * 101 + b"&"), "m_payment_id is longer"),
    ],
)
def test_notifications_that_cannot_be_read(body: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_itn(body)


@pytest.mark.parametrize(
    ("text", "minor"),
    [("10", 1000), ("10.5", 1050), ("0.01", 1), ("35.00", 3500), ("99999999.99", 9_999_999_999)],
)
def test_amounts_of_a_notification(text: str, minor: int) -> None:
    itn = read_itn(altered(amount_gross=text, amount_fee="", amount_net=""))
    assert (itn.gross_minor, itn.fee_minor, itn.net_minor) == (minor, None, None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("COMPLETE", ItnStatus.COMPLETE),
        ("CANCELLED", ItnStatus.CANCELLED),
        ("FAILED", ItnStatus.FAILED),
        ("PENDING", ItnStatus.PENDING),
        ("complete", ItnStatus.OTHER),
        ("REVERSED", ItnStatus.OTHER),
        ("other", ItnStatus.OTHER),
    ],
)
def test_states_of_a_notification(word: str, status: ItnStatus) -> None:
    itn = read_itn(altered(payment_status=word))
    assert (itn.status, itn.status_text) == (status, word)


def test_a_cancellation_may_name_no_amount_and_no_id() -> None:
    itn = read_itn(altered(payment_status="CANCELLED", amount_gross="", pf_payment_id=""))
    assert (itn.gross_minor, itn.pf_payment_id) == (0, "")
    assert check_itn(itn, MERCHANT, 1000) == []


def test_what_follows_the_signature_says_nothing() -> None:
    itn = read_itn(ITN + b"&token=stolen")
    assert itn.token == ""
    assert check_itn(itn, MERCHANT, 1000) == []


def test_a_stored_card_brings_its_token() -> None:
    pairs = [*parse_qsl(KNOWN.decode(), True), ("token", "dc0521d3-55fe-269b-fa00-b647310d760f")]
    itn = read_itn(protocol.seal(pairs, MERCHANT.passphrase).encode())
    assert itn.token == "dc0521d3-55fe-269b-fa00-b647310d760f"
    assert check_itn(itn, MERCHANT, None) == []


@pytest.mark.parametrize(
    ("body", "expected", "wrong"),
    [
        (ITN, None, []),
        (ITN, 1001, ["10.00 was paid, 10.01"]),
        (ITN.replace(b"=10.00", b"=11.00"), 1100, ["signature"]),
        (ITN.replace(KNOWN_SIGNATURE.encode(), KNOWN_SIGNATURE.upper().encode()), 1000, ["signature"]),
        (ITN.replace(KNOWN_SIGNATURE.encode(), "é".encode()), 1000, ["signature"]),
        (altered(merchant_id="10000101"), 1000, ["it is for merchant 10000101"]),
        (altered(payment_status="PENDING"), 999, ["was paid"]),
        (ITN.replace(b"10000100", b"1"), 5, ["signature", "it is for merchant 1,", "was paid"]),
    ],
)
def test_what_is_wrong_with_a_notification(body: bytes, expected: int | None, wrong: list[str]) -> None:
    found = check_itn(read_itn(body), MERCHANT, expected)
    assert len(found) == len(wrong)
    assert all(part in whole for part, whole in zip(wrong, found, strict=True))


def test_a_notification_of_another_passphrase_is_not_believed() -> None:
    assert check_itn(read_itn(ITN), MERCHANT._replace(passphrase="another"), 1000) != []
    assert check_itn(read_itn(ITN), MERCHANT._replace(passphrase=""), 1000) != []


def test_bytes_that_are_no_text_are_signed_as_they_came() -> None:
    pairs = [
        (name, value + "\udcff" if name == "item_name" else value)
        for name, value in parse_qsl(KNOWN.decode(), True)
    ]
    itn = read_itn(protocol.seal(pairs, MERCHANT.passphrase).encode())
    assert check_itn(itn, MERCHANT, 1000) == []


@pytest.mark.parametrize(
    ("body", "posted"),
    [(ITN, KNOWN), (ITN + b"&later=1", KNOWN), (KNOWN, KNOWN), (b"signature=x&a=1", b""), (b"", b"")],
)
def test_what_is_posted_back(body: bytes, posted: bytes) -> None:
    assert validate_body(body) == posted


@pytest.mark.parametrize(
    ("text", "says"),
    [("VALID", True), (" VALID\r\n", True), ("INVALID", False), ("valid", False), ("", False)],
)
def test_answer_to_what_is_posted_back(text: str, says: bool) -> None:
    assert is_valid_answer(text) is says


TEXT = st.text(max_size=40)


@given(name=TEXT, description=TEXT, first=TEXT, custom=TEXT, amount=st.integers(1, 10**9), passphrase=TEXT)
def test_the_gateway_accepts_what_we_sign(
    name: str, description: str, first: str, custom: str, amount: int, passphrase: str
) -> None:
    merchant = MERCHANT._replace(passphrase=passphrase.encode("utf-8", "replace").decode())
    assume(any(one.isprintable() and not one.isspace() for one in name))
    assume(merchant.passphrase.strip() == merchant.passphrase.strip(" \t\n\r\0\x0b"))
    more: dict[str, Any] = {"item_description": description, "name_first": first, "custom_str1": custom}
    sent = checkout_fields(merchant, payment_id="1", amount_minor=amount, item_name=name, **more, **URLS)
    arrived = protocol.read_form(form(dict(sent)))
    assert protocol.checkout_problems(arrived, protocol.Account(*merchant)) == []


@given(description=TEXT, name=TEXT, custom=TEXT, amount=st.integers(0, 10**9))
def test_we_accept_what_the_gateway_signs(description: str, name: str, custom: str, amount: int) -> None:
    facts = {
        "m_payment_id": "7",
        "pf_payment_id": "8",
        "payment_status": "COMPLETE",
        "merchant_id": "10000100",
    }
    texts = {"item_description": description, "name_first": name, "custom_str5": custom}
    amounts = {"amount_gross": protocol.rands(amount), "amount_fee": protocol.rands(protocol.fee_of(amount))}
    body = protocol.seal(protocol.notice({**facts, **texts, **amounts}, ""), MERCHANT.passphrase).encode()
    itn = read_itn(body)
    assert check_itn(itn, MERCHANT, amount) == []
    assert itn.fee_minor == protocol.fee_of(amount)
    assert protocol.read_form(validate_body(body)) == list(itn.pairs[:-1])


@given(position=st.integers(0, len(ITN) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_never_passes(position: int, byte: int) -> None:
    changed = ITN[:position] + bytes([byte]) + ITN[position + 1 :]
    try:
        itn = read_itn(changed)
    except Refused:
        return
    means_the_same = itn.pairs == read_itn(ITN).pairs  # %2b for %2B
    assert means_the_same or check_itn(itn, MERCHANT, 1000) != []


TIME = "2026-03-01T12:00:00+02:00"


@given(item=TEXT, amount=st.integers(1, 10**9))
def test_the_gateway_accepts_our_calls(item: str, amount: int) -> None:
    body = adhoc_fields(amount_minor=amount, item_name=item, m_payment_id="cap-9")
    headers = api_headers(MERCHANT, TIME, body)
    arrived = dict(protocol.read_form(form(body)))
    signature = headers.pop("signature")
    assert signature == protocol.sign_call(headers, arrived, MERCHANT.passphrase)
    assert signature != protocol.sign_call(headers, {**arrived, "amount": f"1{amount}"}, MERCHANT.passphrase)


def test_headers_of_a_call() -> None:
    with_testing = api_headers(MERCHANT, TIME, {"amount": "100", "testing": "true"})
    assert with_testing == api_headers(MERCHANT, TIME, {"amount": "100"})
    assert list(with_testing) == ["merchant-id", "version", "timestamp", "signature"]
    with pytest.raises(Refused, match="passphrase"):
        api_headers(MERCHANT._replace(passphrase=" "), TIME, {})


def test_bodies_and_paths_of_calls() -> None:
    assert adhoc_fields(amount_minor=3500, item_name="Top-up", m_payment_id="cap-1", item_description="") == {
        "amount": "3500",
        "item_name": "Top-up",
        "m_payment_id": "cap-1",
    }
    assert refund_fields(amount_minor=5, reason="Paid twice")["amount"] == "5"
    assert refund_fields(amount_minor=5, reason="Paid twice")["notify_buyer"] == "1"
    assert (adhoc_path("a/b"), refund_path("1"), query_path("é")) == (
        "/subscriptions/a%2Fb/adhoc",
        "/refunds/1",
        "/process/query/%C3%A9",
    )
    for amount, reason in ((0, "Paid twice"), (5, "x")):
        with pytest.raises(Refused):
            refund_fields(amount_minor=amount, reason=reason)
    with pytest.raises(Refused):
        adhoc_fields(amount_minor=0, item_name="x", m_payment_id="1")


def answer(code: int, status: str, **data: Any) -> bytes:
    return json.dumps({"code": code, "status": status, "data": data}).encode()


@pytest.mark.parametrize(
    ("status", "body", "success", "pf_id", "final"),
    [
        (200, answer(200, "success", response=True, message="Success", pf_payment_id="13"), True, "13", True),
        (200, answer(200, "success", response=True, pf_payment_id=13), True, "13", True),
        (200, answer(200, "success", response="true"), False, "", False),
        (200, answer(200, "success", response=False, message="Failure"), False, "", True),
        (200, answer(400, "failed", response=4, message="The subscription …"), False, "", True),
        (400, answer(400, "failed", response=False, message="Declined"), False, "", True),
        (401, b"", False, "", True),
        (500, answer(200, "success", response=True), False, "", False),
        (503, b"Service Unavailable", False, "", False),
        (200, b"<html>", False, "", False),
        (200, b"[1]", False, "", False),
        (200, b'{"data": 5, "status": "success"}', False, "", False),
        (200, b"\xff", False, "", False),
        (200, b"[" * 100_000, False, "", False),
        (302, b"", False, "", False),
    ],
)
def test_answers_to_a_charge(status: int, body: bytes, success: bool, pf_id: str, final: bool) -> None:
    found = read_adhoc_answer(status, body)
    assert (found.is_success, found.pf_payment_id, found.is_final) == (success, pf_id, final)
    assert found.message
    assert read_refund_answer(status, body) == found


@given(status=st.integers(100, 599), body=st.binary(max_size=60))
def test_no_answer_is_an_exception_or_money(status: int, body: bytes) -> None:
    assert not read_adhoc_answer(status, body).is_success
    assert not read_query_answer(status, body).is_found


def test_answers_to_a_query() -> None:
    inner = {"pf_payment_id": 69, "m_payment_id": 232345, "status": "COMPLETE", "amount": 3600}
    found = read_query_answer(200, answer(200, "success", response=inner, message="Success"))
    assert found[:5] == (True, "69", "232345", ItnStatus.COMPLETE, 3600)
    lost = read_query_answer(404, answer(404, "failed", response=False, message="Payment not found"))
    assert (lost.is_found, lost.message) == (False, "Payment not found")
    broken = answer(200, "success", response={**inner, "amount": "36.00"})
    assert not read_query_answer(200, broken).is_found


HISTORY = """"Date","Type","Sign","Party","Currency","Gross","Fee","Balance","M Payment ID","PF Payment ID"
"2020-02-27 13:29:55",FUNDS_RECEIVED,CREDIT,"Test User 01",ZAR,500.00,-24.73,"22,574.02",,994209
"2020-03-02 14:31:30",FUNDS_RECEIVED,CREDIT,"Test User 01",ZAR,"1,121.00",-7.73,"22,780.50",cap-1,995893
"""


def test_history() -> None:
    first, second = read_history(HISTORY)
    assert first == ("2020-02-27 13:29:55", "FUNDS_RECEIVED", "", "994209", 50000)
    assert second == ("2020-03-02 14:31:30", "FUNDS_RECEIVED", "cap-1", "995893", 112100)


@pytest.mark.parametrize(
    "text", ["", "<html>", HISTORY.replace("Gross", "Sum"), HISTORY.replace("500.00", "much")]
)
def test_history_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Refused):
        read_history(text)
