"""The message lane and the callbacks against a real SMS gateway: Kannel, with a simulated SMS centre behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import unquote_to_bytes

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from capstan.config.embedded.server import Server
from capstan.messaging.actions.gateways import enter_gateway
from capstan.messaging.actions.send import send
from capstan.messaging.models import Gateway, Inbound, Message, Receipt
from capstan.messaging.rules.words import GatewayKind, InboundState, Medium, MessageState, Reason
from capstan.values import clock
from tests.messaging.conftest import draft
from tests.peers.kannel import PASSWORD, Kannel
from tests.product import Product, database, eventually

TOKEN = "kannel-token-0123456789"
OUR_NUMBER = "12345"

_numbers = count(1)


@dataclass(frozen=True)
class Lab:
    product: Product
    kannel: Kannel


@pytest.fixture(scope="module")
def lab(
    server: Server, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Lab]:
    with django_db_blocker.unblock(), database(server) as url:
        product = Product(url, tmp_path_factory.mktemp("product"))
        kannel = Kannel(tmp_path_factory.mktemp("kannel"), f"{product.web_url}/hooks/sms/kannel/{TOKEN}")
        enter(kannel)
        try:
            kannel.start()
            product.start("worker", "web")
            yield Lab(product, kannel)
            product.stop()
        finally:
            product.end()
            kannel.stop()
            for log in sorted(kannel.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")


def enter(kannel: Kannel, password: str = PASSWORD) -> Gateway:
    return enter_gateway(
        name="kannel", kind=GatewayKind.HTTP, medium=Medium.SMS, settings=kannel.settings(), password=password,
        hook_token=TOKEN, sender=OUR_NUMBER, two_way=True, cost_minor=22, actor="test", now=clock.now(),
    )[0]  # fmt: skip


def number() -> str:
    return f"+2760000{next(_numbers):04}"


def sms(to: str, reason: str) -> Message:
    with transaction.atomic():
        return send(draft(recipient=to, values={"reason": reason}, two_way=True), now=clock.now())


def wait_state(message: Message, state: MessageState, seconds: float = 30) -> Message:
    def there() -> bool:
        message.refresh_from_db()
        return message.state == state

    eventually(there, seconds, f"{state}, it is {message.state}")
    return message


@pytest.mark.parametrize(
    ("text", "kind", "segments"),
    [
        ("2GB for R35 {ok} [x] ~ €5 é", "text", 1),
        ("Да, 2 ГБ", "ucs-2", 1),
        ("2GB for R35. " * 20, "text", 2),
    ],
)
def test_an_sms_reaches_the_telephone_and_its_receipt_comes_back(
    text: str, kind: str, segments: int, lab: Lab
) -> None:
    to = number()
    with lab.kannel.phones() as phones:
        message = wait_state(sms(to, text), MessageState.DELIVERED)
        arrived = [got for got in phones.got if got[1] == to]
    assert message.segments == segments
    assert {(got[0], got[2]) for got in arrived} <= {(OUR_NUMBER, kind), (OUR_NUMBER, "udh")}
    if kind == "text" and segments == 1:
        assert [got[3] for got in arrived] == [message.text]
    if kind == "ucs-2":
        assert [unquote_to_bytes(got[3].replace("+", " ")).decode("utf-16-be") for got in arrived] == [
            message.text
        ]
    if segments > 1:
        assert len(arrived) == segments
    assert (message.attempts, message.cost_minor) == (1, 22 * segments)
    assert message.carrier_id, "the SMS centre's own id, from the receipt"
    told = Receipt.objects.filter(message=message).values_list("status", flat=True)
    eventually(lambda: set(told.all()) >= {"8", "1"}, 20, "both receipts, in whatever order")
    assert wait_state(message, MessageState.DELIVERED).carrier_id


@pytest.mark.parametrize(
    ("sent", "text"),
    [("text C please", "C please"), ("data %C3%A9%E2%82%AC%26x%3D1", "é€&x=1"), ("ucs2 %04%14%04%30", "Да")],
)
def test_an_sms_that_comes_in_is_stored_once(sent: str, text: str, lab: Lab) -> None:
    sender = number()
    with lab.kannel.phones(f"{sender.removeprefix('+')} {OUR_NUMBER} {sent}"):
        eventually(lambda: Inbound.objects.filter(sender=sender).exists(), 30, "the SMS")
    one = Inbound.objects.get(sender=sender)
    assert (one.text, one.recipient, one.times_received) == (text, OUR_NUMBER, 1)
    assert one.carrier_id
    assert one.sent_at is not None
    assert abs((one.sent_at - clock.now()).total_seconds()) < 300
    eventually(lambda: Inbound.objects.get(pk=one.pk).state != InboundState.NEW, 30, "what came of it")
    assert "a step of the worker failed" not in lab.product.log("worker")


def test_what_comes_in_while_the_web_server_is_away_comes_when_it_is_back(lab: Lab) -> None:
    """Kannel repeats what wasn't acknowledged; stored and then killed before the answer, it would be stored once."""
    sender = number()
    lab.product.kill("web")
    with lab.kannel.phones(f"{sender.removeprefix('+')} {OUR_NUMBER} text BAL"):
        lab.product.start("web")
        eventually(lambda: Inbound.objects.filter(sender=sender).exists(), 60, "the SMS")
    assert Inbound.objects.filter(sender=sender).count() == 1


def test_what_kannel_queues_while_the_sms_centre_is_away_is_delivered_later(lab: Lab) -> None:
    message = wait_state(sms(number(), "later"), MessageState.SENT)
    assert message.attempts == 1
    with lab.kannel.phones() as phones:
        wait_state(message, MessageState.DELIVERED, 60)
        assert [got[3] for got in phones.got if got[1] == message.recipient] == [message.text]


def test_a_wrong_password_is_the_gateways_trouble_and_mended_it_goes_on(lab: Lab) -> None:
    enter(lab.kannel, password="wrong")
    message = sms(number(), "patience")
    eventually(
        lambda: Message.objects.get(pk=message.pk).reason == Reason.CREDENTIALS, 30, "what Kannel says"
    )
    assert Gateway.objects.get().trouble.startswith("status 403")
    enter(lab.kannel)
    with lab.kannel.phones():
        wait_state(message, MessageState.DELIVERED, 60)
    assert Gateway.objects.get().trouble == ""
