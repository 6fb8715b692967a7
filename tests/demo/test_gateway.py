"""The simulated payment gateway, over real sockets, against the product's own reading of the protocol."""

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from capstan.demo.gateway.faults import FAULTS
from capstan.demo.gateway.server import Gateway
from capstan.demo.gateway.wire import Request
from capstan.payments.rules.payfast import ItnStatus, check_itn, checkout_fields, read_itn, validate_body
from capstan.payments.rules.payfast_api import (
    HISTORY_PATH,
    Answer,
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
from capstan.payments.rules.payfast_signing import Merchant
from tests.carrier import Asked, Carrier, Says, carrier

MERCHANT = Merchant("10000100", "46f0cd694581a", "simulated-passphrase")
TIME = "2026-03-01T12:00:00+02:00"
QUICK = (0.01, 0.02, 0.05)


class Heard(NamedTuple):
    status: int
    body: bytes
    location: str


class Shop:
    """A merchant and its customer, with a gateway and an address that notifications come to."""

    def __init__(self, gateway: Gateway, notices: Carrier) -> None:
        self.gateway, self.notices = gateway, notices

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Heard:
        parts = urlsplit(self.gateway.url)
        conn = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            conn.request(method, target, body=body, headers=headers or {})
            answer = conn.getresponse()
            return Heard(answer.status, answer.read(), answer.getheader("Location") or "")
        finally:
            conn.close()

    def call(self, method: str, path: str, fields: dict[str, str], merchant: Merchant = MERCHANT) -> Heard:
        headers = api_headers(merchant, TIME, fields)
        if method == "GET":
            return self.ask(method, f"{path}?{urlencode({**fields, 'testing': 'true'})}", b"", headers)
        return self.ask(method, f"{path}?testing=true", form(fields), headers)

    def begin(self, payment_id: str = "cap-1", amount: int = 3500, **more: Any) -> str:
        """The path of the hosted page of a new payment."""
        fields = checkout_fields(
            MERCHANT,
            payment_id=payment_id,
            amount_minor=amount,
            item_name="10 GB <top-up>",
            item_description="For line 7",
            return_url="https://isp.example.com/paid",
            cancel_url="https://isp.example.com/cancelled",
            notify_url=f"{self.notices.url}/itn",
            name_first="Zoë",
            email_address="zoe@example.com",
            **more,
        )
        heard = self.ask("POST", "/eng/process", form(dict(fields)))
        assert heard.status == 303, heard.body
        return heard.location

    def press(self, page: str, action: str, card: str = "4111 1111 1111 1111") -> Heard:
        return self.ask("POST", page, urlencode({"action": action, "card": card}).encode())

    def pay(self, payment_id: str = "cap-1", amount: int = 3500, **more: Any) -> None:
        assert self.press(self.begin(payment_id, amount, **more), "pay").location.endswith("/paid")

    def token(self, card: str = "4111 1111 1111 1111") -> str:
        """A stored card's token, as the notification brings it."""
        self.press(self.begin(save_card=True), "pay", card)
        self.settled(1)
        return read_itn(self.bodies()[0]).token

    def charge(self, token: str, payment_id: str = "cap-2", amount: int = 900) -> Answer:
        fields = adhoc_fields(amount_minor=amount, item_name="Top-up", m_payment_id=payment_id)
        heard = self.call("POST", adhoc_path(token), fields)
        return read_adhoc_answer(heard.status, heard.body)

    def settled(self, number: int) -> None:
        """Until so many notifications are answered with 200."""
        assert self.gateway.wait(
            lambda: sum(one["state"] == "delivered" for one in self.gateway.itns()) >= number
        )

    def bodies(self) -> list[bytes]:
        return [one.body.encode() for one in self.notices.asked]

    def wrong(self, body: bytes, amount: int = 3500) -> list[str]:
        return check_itn(read_itn(body), MERCHANT, amount)

    def validated(self, body: bytes) -> str:
        return self.ask("POST", "/eng/query/validate", validate_body(body)).body.decode()


@contextmanager
def open_shop(state: Path | None = None, gaps: tuple[float, ...] = QUICK) -> Iterator[Shop]:
    with carrier() as notices, Gateway(state=state, gaps=gaps, seconds=30) as gateway:
        yield Shop(gateway, notices)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as one:
        yield one


def test_a_whole_checkout(shop: Shop) -> None:
    page = shop.begin()
    seen = shop.ask("GET", page).body.decode()
    assert "R 35.00" in seen
    assert "10 GB &lt;top-up&gt;" in seen
    assert "no money moves" in seen
    assert "<script" not in seen
    heard = shop.press(page, "pay")
    assert (heard.status, heard.location) == (303, "https://isp.example.com/paid")
    shop.settled(1)
    (body,) = shop.bodies()
    itn = read_itn(body)
    assert shop.wrong(body) == []
    assert shop.validated(body) == "VALID"
    assert (itn.payment_id, itn.status, itn.gross_minor, itn.token) == ("cap-1", ItnStatus.COMPLETE, 3500, "")
    assert itn.net_minor == itn.gross_minor + (itn.fee_minor or 0)
    assert dict(itn.pairs)["name_first"] == "Zoë"


def test_paying_twice_pays_once(shop: Shop) -> None:
    page = shop.begin()
    assert shop.press(page, "pay").location == shop.press(page, "pay").location
    assert shop.press(page, "cancel").location == "https://isp.example.com/paid"
    assert "is made" in shop.ask("GET", page).body.decode()
    assert len(shop.gateway.payments()) == len(shop.gateway.itns()) == 1


def test_declined_then_paid(shop: Shop) -> None:
    page = shop.begin()
    heard = shop.press(page, "decline")
    assert (heard.status, b"The bank declined" in heard.body) == (402, True)
    shop.gateway.fault("decline_cards")
    assert shop.press(page, "pay").status == 402
    assert shop.press(page, "pay").status == 303
    shop.settled(1)
    assert len(shop.bodies()) == 1


def test_cancelled(shop: Shop) -> None:
    assert shop.press(shop.begin(), "cancel").location == "https://isp.example.com/cancelled"
    shop.settled(1)
    (body,) = shop.bodies()
    assert (read_itn(body).status, shop.wrong(body)) == (ItnStatus.CANCELLED, [])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("amount", "36.00", "signature is wrong"),
        ("amount", "35,00", "no amount"),
        ("merchant_key", "another", "not those"),
        ("item_name", "", "item_name is missing"),
        ("return_url", "javascript:alert(1)", "no address"),
        ("return_url", "http://a.example/\r\nX: y", "no address"),
        ("surprise", "1", "no field"),
        ("signature", "", "signature is missing"),
    ],
)
def test_a_wrong_form_is_refused_with_the_reason(shop: Shop, name: str, value: str, said: str) -> None:
    right = checkout_fields(
        MERCHANT,
        payment_id="cap-1",
        amount_minor=3500,
        item_name="Top-up",
        return_url="https://isp.example.com/paid",
        cancel_url="",
        notify_url="",
    )
    heard = shop.ask("POST", "/eng/process", form({**dict(right), name: value}))
    assert heard.status == 400
    assert said in heard.body.decode()


def test_a_notification_is_repeated_until_it_is_answered_with_200(shop: Shop) -> None:
    answers = iter([Says(status=500), Says(cut=True), Says(status=302), Says(status=404)])
    shop.notices.answer = lambda asked: next(answers, Says())
    shop.pay()
    shop.settled(1)
    assert len(set(shop.bodies())) == 1
    assert shop.gateway.itns()[0]["attempts"] == [500, 0, 302, 404, 200]


def test_a_restart_loses_no_notification(tmp_path: Path) -> None:
    with open_shop(tmp_path, gaps=(3600.0,)) as shop:
        shop.notices.answer = lambda asked: Says(status=503)
        shop.press(shop.begin(save_card=True), "pay")
        assert shop.gateway.wait(lambda: shop.gateway.itns()[0]["attempts"] == [503])
        token = shop.gateway.payments()[0]["token"]
        first = shop.bodies()[0]
        shop.gateway.stop()
        with (tmp_path / "gateway.jsonl").open("a") as file:
            file.write('{"kind": "Payme')  # killed while it wrote
        shop.notices.answer = lambda asked: Says()
        with Gateway(state=tmp_path, gaps=QUICK) as again:
            later = Shop(again, shop.notices)
            later.settled(1)
            assert shop.bodies() == [first, first]
            assert later.validated(first) == "VALID"
            assert later.charge(token).is_success
            later.settled(2)
        with Gateway(state=tmp_path, gaps=QUICK) as third:
            assert len(third.payments()) == 2
            assert all(one["state"] == "delivered" for one in third.itns())


def test_late(shop: Shop) -> None:
    shop.gateway.fault("itn_late", seconds=0.05)
    shop.pay()
    shop.settled(1)
    assert shop.gateway.itns()[0]["delay"] == 0.05
    assert shop.wrong(shop.bodies()[0]) == []


def test_twice_at_the_same_moment(shop: Shop) -> None:
    both = threading.Barrier(2)

    def answer(asked: Asked) -> Says:
        both.wait(30)  # neither is answered before the other is here
        return Says()

    shop.notices.answer = answer
    shop.gateway.fault("itn_twice")
    shop.pay()
    shop.settled(1)
    first, second = shop.bodies()
    assert first == second
    assert shop.gateway.itns()[0]["attempts"] == [200, 200]


def test_lost_but_found_by_asking(shop: Shop) -> None:
    shop.gateway.fault("itn_lost")
    shop.pay(amount=123456)
    shop.pay("cap-2")
    shop.settled(1)
    assert [read_itn(body).payment_id for body in shop.bodies()] == ["cap-2"]
    lost, _ = shop.gateway.itns()
    assert (lost["state"], lost["attempts"]) == ("lost", [])
    days = {"from": "2000-01-01", "to": "2999-12-31"}
    found = {one.payment_id: one for one in read_history(shop.call("GET", HISTORY_PATH, days).body.decode())}
    assert (found["cap-1"].gross_minor, found["cap-1"].kind) == (123456, "FUNDS_RECEIVED")
    heard = shop.call("GET", query_path(found["cap-1"].pf_payment_id), {})
    asked = read_query_answer(heard.status, heard.body)
    assert asked[:5] == (True, found["cap-1"].pf_payment_id, "cap-1", ItnStatus.COMPLETE, 123456)
    assert read_history(shop.call("GET", HISTORY_PATH, {**days, "to": "2000-01-02"}).body.decode()) == []
    assert not read_query_answer(*shop.call("GET", query_path("cap-1"), {})[:2]).is_found


@pytest.mark.parametrize("fault", ["itn_tampered", "itn_wrong_signature"])
def test_forged_first_then_genuine(shop: Shop, fault: str) -> None:
    asked = []

    def answer(one: Asked) -> Says:
        body = one.body.encode()
        asked.append((bool(check_itn(read_itn(body), MERCHANT, 3500)), shop.validated(body)))
        return Says(status=400 if asked[-1][0] else 200)

    shop.notices.answer = answer
    shop.gateway.fault(fault)
    shop.pay()
    shop.settled(1)
    assert asked == [(True, "INVALID"), (False, "VALID")]


def test_less_than_asked(shop: Shop) -> None:
    shop.gateway.fault("itn_short")
    shop.pay()
    shop.settled(1)
    (body,) = shop.bodies()
    assert shop.wrong(body) == ["34.00 was paid, 35.00 was to be paid"]
    assert shop.validated(body) == "VALID"


def test_a_payment_that_nobody_knows(shop: Shop) -> None:
    shop.gateway.fault("itn_unknown_payment")
    shop.pay()
    shop.settled(2)
    assert all(shop.wrong(body) == [] and shop.validated(body) == "VALID" for body in shop.bodies())
    ids = {read_itn(body).payment_id for body in shop.bodies()}
    assert len(ids) == len({read_itn(body).pf_payment_id for body in shop.bodies()}) == 2
    assert "cap-1" in ids


def test_pending_after_complete(shop: Shop) -> None:
    shop.gateway.fault("itn_out_of_order")
    shop.pay()
    shop.settled(2)
    first, second = (read_itn(body) for body in shop.bodies())
    assert (first.status, second.status) == (ItnStatus.COMPLETE, ItnStatus.PENDING)
    assert first.pf_payment_id == second.pf_payment_id


def test_nobody_says_whether_it_is_genuine(shop: Shop) -> None:
    shop.pay()
    shop.settled(1)
    shop.gateway.fault("validate_down")
    assert shop.validated(shop.bodies()[0]) == "Service Unavailable"
    assert shop.validated(shop.bodies()[0]) == "VALID"
    assert shop.validated(b"m_payment_id=1&signature=x") == "INVALID"


def test_a_stored_card_is_charged_as_often_as_asked(shop: Shop) -> None:
    token = shop.token()
    first, second = shop.charge(token), shop.charge(token)
    assert first.is_success
    assert second.is_success
    assert first.pf_payment_id != second.pf_payment_id
    shop.settled(3)
    later = {read_itn(body).pf_payment_id: body for body in shop.bodies()[1:]}
    assert set(later) == {first.pf_payment_id, second.pf_payment_id}
    assert all(shop.wrong(body, 900) == [] and read_itn(body).token == token for body in later.values())
    heard = shop.call("GET", query_path(token), {})
    assert read_query_answer(heard.status, heard.body).pf_payment_id == second.pf_payment_id


def test_json_bodies_are_read_too(shop: Shop) -> None:
    token = shop.token()
    signed = {"amount": "900", "item_name": "Top-up", "itn": "1"}
    headers = {**api_headers(MERCHANT, TIME, signed), "Content-Type": "application/json"}
    body = json.dumps({"amount": 900, "item_name": "Top-up", "itn": True}).encode()
    assert shop.ask("POST", adhoc_path(token), body, headers).status == 200


def test_declined_cards(shop: Shop) -> None:
    token = shop.token("4000 0000 0000 0002")
    refused = shop.charge(token)
    assert (refused.is_success, refused.is_final) == (False, True)
    assert "Declined" in refused.message
    assert not shop.charge("no-such-token").is_success
    shop.pay("cap-5", save_card=True)
    other = shop.gateway.payments()[-1]["token"]
    shop.gateway.fault("decline_cards")
    assert not shop.charge(other).is_success
    assert shop.charge(other).is_success
    shop.gateway.decline_token(other)
    assert not shop.charge(other).is_success


@pytest.mark.parametrize(
    ("fault", "status", "charged"), [("api_down", 503, False), ("charge_but_answer_500", 500, True)]
)
def test_nobody_knows_whether_it_was_charged(shop: Shop, fault: str, status: int, charged: bool) -> None:
    token = shop.token()
    shop.gateway.fault(fault)
    answer = shop.charge(token)
    assert (answer.is_success, answer.is_final, str(status) in answer.message) == (False, False, True)
    assert len(shop.gateway.payments()) == 1 + charged


def test_a_slow_answer_comes_after_the_charge(shop: Shop) -> None:
    token = shop.token()
    shop.gateway.fault("api_slow", seconds=3600)
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(shop.charge(token)))
    asking.start()
    shop.settled(2)  # the notification is there before the answer
    assert answers == []
    shop.gateway.stop()  # which ends the waiting
    asking.join(30)
    assert answers[0].is_success


def test_calls_must_be_signed(shop: Shop) -> None:
    token = shop.token()
    fields = adhoc_fields(amount_minor=900, item_name="Top-up", m_payment_id="cap-2")
    right = api_headers(MERCHANT, TIME, fields)
    for headers, body, status in (
        ({}, form(fields), 400),
        ({**right, "signature": "0" * 32}, form(fields), 401),
        ({**right, "timestamp": "2026-03-01T12:00:01+02:00"}, form(fields), 401),
        ({**right, "timestamp": "now"}, form(fields), 400),
        ({**right, "version": "v2"}, form(fields), 400),
        ({**right, "merchant-id": "1"}, form(fields), 401),
        (right, form({**fields, "amount": "901"}), 401),
        (right, form(fields) + b"&amount=901", 400),
    ):
        heard = shop.ask("POST", adhoc_path(token), body, headers)
        answer = read_adhoc_answer(heard.status, heard.body)
        assert (heard.status, answer.is_success, answer.is_final) == (status, False, True)
    assert len(shop.gateway.payments()) == 1


def test_refunds_up_to_what_was_paid(shop: Shop) -> None:
    shop.pay()
    key = shop.gateway.payments()[0]["pf_payment_id"]
    for amount, success in ((3000, True), (600, False), (500, True), (1, False)):
        heard = shop.call("POST", refund_path(key), refund_fields(amount_minor=amount, reason="Paid twice"))
        answer = read_refund_answer(heard.status, heard.body)
        assert (answer.is_success, answer.is_final) == (success, True)
    left = json.loads(shop.call("GET", f"/refunds/query/{key}", {}).body)
    assert (left["amount_available_for_refund"], left["status"]) == (0, "COMPLETED")
    missing = shop.call("POST", refund_path("1"), refund_fields(amount_minor=1, reason="Paid twice"))
    assert missing.status == 404


def control(shop: Shop, asked: Any) -> Heard:
    return shop.ask("POST", "/control", json.dumps(asked).encode())


def test_control(shop: Shop) -> None:
    assert control(shop, {"fault": "itn_short", "times": 2}).status == 200
    shop.pay()
    shop.pay("cap-2")
    shop.settled(2)
    control(shop, {"fault": "itn_late", "seconds": 9})
    told = json.loads(shop.ask("GET", "/control").body)
    assert [one["gross"] for one in told["payments"]] == [3400, 3400]
    assert told["itns"][0]["pairs"]["m_payment_id"] == "cap-1"
    assert told["itns"][0]["attempts"] == [200]
    assert told["faults"] == {"itn_late": {"times": 1, "seconds": 9.0}}
    assert set(told["known_faults"]) == set(FAULTS)
    assert json.loads(control(shop, {"fault": "none"}).body) == {"faults": {}}


@pytest.mark.parametrize(
    "asked",
    [
        *({}, [], {"fault": "rain"}, {"fault": "itn_late", "times": 0}, {"fault": "itn_late", "times": True}),
        *(
            {"fault": "itn_late", "seconds": -1},
            {"fault": "itn_late", "seconds": "1"},
            {"decline_token": "?"},
        ),
    ],
)
def test_control_refuses_nonsense(shop: Shop, asked: Any) -> None:
    assert control(shop, asked).status == 400


@pytest.mark.parametrize(
    ("client", "status"), [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.7", 403)]
)
def test_control_answers_this_machine_only(shop: Shop, client: str, status: int) -> None:
    assert shop.gateway.answer(Request("GET", "/control", "", {}, b"", client)).status == status


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/style.css", 200),
        ("GET", "/eng/pay/none", 404),
        ("POST", "/eng/pay/none", 404),
        ("GET", "/nothing", 404),
        ("GET", "/process/query/1", 400),
    ],
)
def test_other_addresses(shop: Shop, method: str, target: str, status: int) -> None:
    assert shop.ask(method, target).status == status


def test_as_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "capstan.demo.gateway", "--port", "0", "--state", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            parts = urlsplit(process.stdout.readline().split()[-1])
            conn = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
            conn.request("GET", "/control")
            assert json.loads(conn.getresponse().read())["payments"] == []
            conn.close()
        finally:
            process.terminate()
    assert process.returncode == 0


def test_no_code_of_the_product() -> None:
    """In a process of its own, so that nothing else has been imported."""
    code = (
        "import sys, capstan.demo.gateway.__main__;"
        "print(*sorted(one for one in sys.modules if one.startswith(('capstan.', 'django'))))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    foreign = [one for one in loaded.split() if not one.startswith("capstan.demo")]
    assert foreign == ["capstan.values", "capstan.values.clock"]
