"""The Stripe provider against localstripe, in a process of its own; no database."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capstan.payments.actions.gateways import stripe
from capstan.payments.actions.gateways.port import (
    Access,
    Heard,
    Intent,
    NotDoneError,
    NotGenuineError,
    Outcome,
    Raw,
    UnclearError,
    Wanted,
)
from capstan.payments.actions.gateways.registry import provider_of
from capstan.payments.models import Gateway
from capstan.payments.rules.stripe import API, SCRIPT
from capstan.payments.rules.words import GatewayKind
from capstan.values import clock
from capstan.values.refused import Refused
from tests.carrier import Asked, Carrier, Says, carrier
from tests.payments.local_stripe import DECLINED_CARD, KEYS, SECRETS, Desk, LocalStripe
from tests.product import eventually


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStripe]:
    with LocalStripe(tmp_path_factory.mktemp("stripe")) as running:
        yield running


@pytest.fixture
def desk(behind: LocalStripe) -> Iterator[Desk]:
    with carrier() as front:
        yield Desk(behind, front)


def wanted(token: str, amount: int = 3500, *, save_card: bool = False) -> Wanted:
    return Wanted(
        token, amount, "10 GB & more", "Zoë Example", "zoe@example.com", "https://isp.example.com/paid",
        "https://isp.example.com/cancelled", "https://isp.example.com/hook", save_card,
    )  # fmt: skip


def paid_since(desk: Desk, token: str) -> list[Heard]:
    now = clock.now()
    return [one for one in stripe.look_up(desk.access, now - timedelta(days=2), now) if one.token == token]


def intent_of(page: Intent) -> str:
    return page.client_secret.partition("_secret_")[0]


def told(notices: Carrier, token: str) -> Raw:
    """The webhook about this payment, as it came."""

    def about() -> list[Asked]:
        return [one for one in notices.asked if token in one.body]

    eventually(about, 10, "a webhook")
    return Raw(about()[0].body.encode(), about()[0].headers, "127.0.0.1")


def test_a_checkout_makes_a_payment_that_knows_ours(desk: Desk) -> None:
    page = stripe.start_checkout(desk.access, wanted("tok-checkout"))
    assert (page.publishable_key, page.script) == ("pk_test_made_up", SCRIPT)
    assert desk.sent == {
        "amount": "3500", "currency": "zar", "description": "10 GB & more", "metadata[token]": "tok-checkout",
        "automatic_payment_methods[enabled]": "true",
    }  # fmt: skip
    assert desk.asked[-1].headers["Idempotency-Key"] == "tok-checkout"
    made = json.loads(desk.behind.ask("GET", f"/v1/payment_intents/{intent_of(page)}").body)
    assert (made["amount"], made["currency"]) == (3500, "zar")
    assert made["metadata"] == {"token": "tok-checkout"}
    assert stripe.start_checkout(desk.access, wanted("tok-checkout")) == page


def test_a_checkout_that_stores_the_card(desk: Desk) -> None:
    page = stripe.start_checkout(desk.access, wanted("tok-store", save_card=True))
    assert [one.path for one in desk.asked] == ["/v1/customers", "/v1/payment_intents"]
    assert len({one.headers["Idempotency-Key"] for one in desk.asked}) == 2
    assert desk.sent["setup_future_usage"] == "off_session"
    made = json.loads(desk.behind.ask("GET", f"/v1/payment_intents/{intent_of(page)}").body)
    assert made["customer"] == desk.sent["customer"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": {"code": "amount_too_small", "message": "Pay more."}}', "Pay more."),
        ('{"error": {"message": "No such key sk_test_***"}}', "doesn't work just now. Please call us"),
    ],
)
def test_a_checkout_that_stripe_refuses(desk: Desk, body: str, words: str) -> None:
    desk.says_once = Says(body, 400)
    with pytest.raises(Refused, match=words):
        stripe.start_checkout(desk.access, wanted(f"tok-{len(body)}"))


def test_signed_notifications(desk: Desk) -> None:
    with carrier() as notices:
        desk.behind.tell(notices.url)
        paid, failed = (stripe.start_checkout(desk.access, wanted(one)) for one in ("tok-pays", "tok-fails"))
        assert desk.pay(intent_of(paid)).status == 200
        assert desk.pay(intent_of(failed), DECLINED_CARD).status == 402
        raw, other = told(notices, "tok-pays"), told(notices, "tok-fails")
    now = clock.now()
    heard = stripe.read(desk.access, raw, now)
    assert heard[:2] == ("tok-pays", intent_of(paid))
    assert (heard.outcome, heard.amount_minor, heard.card_token) == (Outcome.PAID, 3500, "")
    assert heard.event_key == f"{intent_of(paid)}:{json.loads(raw.body)['id']}"
    assert stripe.read(desk.access, other, now).outcome == Outcome.FAILED
    stripe.confirm(desk.access, raw)
    lower = {name.lower(): value for name, value in raw.headers.items()}
    assert stripe.read(desk.access, raw._replace(headers=lower), now) == heard
    doubted(desk, raw, now)


def doubted(desk: Desk, raw: Raw, now: datetime) -> None:
    """A genuine notification, altered in any way."""
    rich = raw.body.replace(b"3500", b"9900")
    assert rich != raw.body
    other = Access("stripe", desk.access.settings, {**SECRETS, "webhook_secret": "whsec_of_another"})
    for access, altered, at, why in (
        (desk.access, raw._replace(body=rich), now, "isn't Stripe's"),
        (other, raw, now, "isn't Stripe's"),
        (desk.access, raw._replace(headers={}), now, "no time"),
        (desk.access, raw, now + timedelta(minutes=6), "before it came"),
        (desk.access, raw, now - timedelta(minutes=6), "in the future"),
    ):
        with pytest.raises(NotGenuineError, match=why):
            stripe.read(access, altered, at)


def test_a_payment_whose_notification_was_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capstan.payments.rules.stripe.PAGE", 2)
    pages = [stripe.start_checkout(desk.access, wanted(f"tok-lost-{number}")) for number in range(5)]
    assert desk.pay(intent_of(pages[4])).status == 200
    assert paid_since(desk, "tok-lost-3") == []
    (found,) = paid_since(desk, "tok-lost-4")
    assert (found.reference, found.outcome) == (intent_of(pages[4]), Outcome.PAID)
    assert found.amount_minor == 3500
    assert sum("starting_after" in one.query for one in desk.asked) >= 4
    now = clock.now()
    assert stripe.look_up(desk.access, now + timedelta(hours=1), now) == []


def test_a_stored_card_is_charged(desk: Desk) -> None:
    card = desk.stored_card()
    heard = stripe.charge_card(desk.access, card, wanted("tok-charge", 900), clock.now())
    assert heard[:1] + heard[3:5] == ("tok-charge", Outcome.PAID, 900)
    assert (desk.sent["off_session"], desk.sent["confirm"]) == ("true", "true")
    assert stripe.charge_card(desk.access, card, wanted("tok-charge", 900), clock.now()) == heard
    assert paid_since(desk, "tok-charge") == [heard]


def test_a_declined_card(desk: Desk) -> None:
    card = desk.stored_card(DECLINED_CARD)
    with pytest.raises(NotDoneError, match=r"Your card was declined. \(card_declined\)"):
        stripe.charge_card(desk.access, card, wanted("tok-declined"), clock.now())
    assert paid_since(desk, "tok-declined") == []


@pytest.mark.parametrize("card", ["", "pm_1", "cus_unknown/pm_unknown"])
def test_no_card(desk: Desk, card: str) -> None:
    with pytest.raises(NotDoneError, match=r"cus_…/pm_…|Not Found"):
        stripe.charge_card(desk.access, card, wanted(f"tok-none-{card}"), clock.now())


@pytest.mark.parametrize(
    "said",
    [Says(cut=True), Says("<html>", 502), Says("Wait.", 429), Says("Still at it.", 409), Says("{}"), Says('{"id"')],
)  # fmt: skip
def test_nobody_knows_whether_it_was_charged(desk: Desk, said: Says) -> None:
    """It was. Asked again, it isn't charged again."""
    card, what = desk.stored_card(), wanted(f"tok-unclear-{said.status}-{len(said.body)}-{said.cut}")
    desk.says_once = said
    with pytest.raises(UnclearError):
        stripe.charge_card(desk.access, card, what, clock.now())
    heard = stripe.charge_card(desk.access, card, what, clock.now())
    assert paid_since(desk, what.token) == [heard]


def test_the_same_key_for_something_else(desk: Desk) -> None:
    card = desk.stored_card()
    stripe.charge_card(desk.access, card, wanted("tok-other", 900), clock.now())
    with pytest.raises(UnclearError, match="Other parameters"):
        stripe.charge_card(desk.access, card, wanted("tok-other", 901), clock.now())


@pytest.mark.parametrize(
    ("status", "problem"),
    [("requires_action", NotDoneError), ("canceled", NotDoneError), ("requires_capture", UnclearError)],
)
def test_a_charge_that_came_to_nothing(desk: Desk, status: str, problem: type[Exception]) -> None:
    made = {"id": "pi_9", "status": status, "amount": 900, "currency": "zar", "metadata": {"token": "tok-9"}}
    card, desk.says_once = desk.stored_card(), Says(json.dumps(made))
    with pytest.raises(problem, match=status):
        stripe.charge_card(desk.access, card, wanted(f"tok-{status}", 900), clock.now())


def test_a_charge_that_takes_days(desk: Desk) -> None:
    made = {
        "id": "pi_9",
        "status": "processing",
        "amount": 900,
        "currency": "zar",
        "metadata": {"token": "tok-9"},
    }
    card, desk.says_once = desk.stored_card(), Says(json.dumps(made))
    heard = stripe.charge_card(desk.access, card, wanted("tok-9", 900), clock.now())
    assert heard == Heard("tok-9", "pi_9", "pi_9:processing", Outcome.PENDING, 900)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("processing", Outcome.PENDING),
        ("succeeded", Outcome.PAID),
        ("requires_payment_method", Outcome.FAILED),
        ("canceled", Outcome.FAILED),
    ],
)
def test_a_charge_that_takes_days_is_asked_for_alone(desk: Desk, status: str, outcome: Outcome) -> None:
    made = {"id": "pi_9", "status": status, "amount": 900, "currency": "zar", "metadata": {"token": "tok-9"}}
    desk.says_once = Says(json.dumps(made))
    heard = stripe.ask(desk.access, "pi_9")
    assert heard is not None
    assert (heard.token, heard.reference, heard.outcome) == ("tok-9", "pi_9", outcome)
    desk.says_once = Says('{"error": {"message": "wait"}}', 500)
    with pytest.raises(UnclearError):
        stripe.ask(desk.access, "pi_9")


def refunds_of(desk: Desk, intent: str) -> list[int]:
    listed = json.loads(desk.behind.ask("GET", f"/v1/refunds?payment_intent={intent}").body)
    return sorted(one["amount"] for one in listed["data"])


def test_a_refund_goes_back_once(desk: Desk) -> None:
    now = clock.now()
    paid = stripe.charge_card(desk.access, desk.stored_card(), wanted("tok-refund"), now)
    desk.says_once = Says("", 500)
    with pytest.raises(UnclearError):
        stripe.refund(desk.access, paid.reference, 1000, "Paid twice", "refund-1", now)
    words = [
        stripe.refund(desk.access, paid.reference, 1000, "Paid twice", "refund-1", now) for _ in range(2)
    ]
    assert words[0] == words[1]
    assert words[0].endswith("The money is on its way.")
    assert refunds_of(desk, paid.reference) == [1000]
    stripe.refund(desk.access, paid.reference, 500, "Paid twice", "refund-2", now)
    assert refunds_of(desk, paid.reference) == [500, 1000]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (Says('{"id": "re_1", "status": "failed"}'), NotDoneError), (Says("{}", 400), NotDoneError),
        (Says('{"id": "re_1"}'), UnclearError), (Says(cut=True), UnclearError),
    ],
)  # fmt: skip
def test_refunds_that_fail(desk: Desk, said: Says, problem: type[Exception]) -> None:
    desk.says_once = said
    with pytest.raises(problem):
        stripe.refund(desk.access, "pi_1", 1, "Paid twice", "refund-3", clock.now())


def test_nothing_is_refunded_of_nothing(desk: Desk) -> None:
    with pytest.raises(NotDoneError, match="more than nothing"):
        stripe.refund(desk.access, "pi_1", 0, "Paid twice", "refund-3", clock.now())
    with pytest.raises(NotDoneError, match="Not Found"):
        stripe.refund(desk.access, "pi_unknown", 5, "Paid twice", "refund-3", clock.now())
    assert len(desk.asked) == 1


def test_killed(tmp_path: Path) -> None:
    with LocalStripe(tmp_path) as running, carrier() as front:
        card = Desk(running, front).stored_card()
    now = clock.now()
    access = Access("stripe", {**KEYS, "api": f"http://127.0.0.1:{running.port}"}, SECRETS)
    with pytest.raises(UnclearError, match=r"127\.0\.0\.1"):
        stripe.charge_card(access, card, wanted("tok-killed"), now)
    for ask in (
        lambda: stripe.start_checkout(access, wanted("tok-killed")),
        lambda: stripe.refund(access, "pi_1", 5, "Paid twice", "refund-4", now),
        lambda: stripe.look_up(access, now, now),
    ):
        with pytest.raises(UnclearError):
            ask()


@pytest.mark.parametrize("says", [Says("", 401), Says("<html>"), Says('{"data": [], "has_more": true}')])
def test_no_list_to_be_had(desk: Desk, says: Says) -> None:
    desk.says_once = says
    with pytest.raises(UnclearError):
        stripe.look_up(desk.access, clock.now(), clock.now())


def test_settings_that_work_and_the_registry() -> None:
    stripe.check(KEYS, SECRETS)
    stripe.check({**KEYS, "api": "http://[::1]:8420"}, {**SECRETS, "secret_key": "rk_test_made_up"})
    stripe.check({"publishable_key": "pk_live_made_up"}, {**SECRETS, "secret_key": "sk_live_made_up"})
    assert stripe.Settings.model_validate(KEYS).api == API
    assert provider_of(Gateway(kind=GatewayKind.STRIPE)) is stripe


@pytest.mark.parametrize(
    ("settings", "secrets", "why"),
    [
        ({}, {}, "publishable_key: Field required"),
        ({"publishable_key": "sk_test_made_up"}, {}, "publishable key starts with pk_"),
        ({"other": 1}, {}, "other: Extra"),
        ({"api": "http://127.evil.example"}, {}, "reached by https"),
        ({"api": "http://api.stripe.com"}, {}, "reached by https"),
        ({"api": "https://[x"}, {}, "reached by https"),
        ({"script": "ftp://js.stripe.com"}, {}, "reached by https"),
        ({}, {"secret_key": ""}, "secret key is missing"),
        ({}, {"secret_key": "pk_test_made_up"}, "secret key starts with sk_ or rk_"),
        ({}, {"secret_key": "sk_test_made\r\nup"}, "secret key starts with"),
        ({}, {"secret_key": "sk_live_made_up"}, "for testing and the other isn't"),
        ({}, {"webhook_secret": ""}, "webhook secret is missing"),
        ({}, {"webhook_secret": "made_up_for_tests"}, "webhook secret starts with whsec_"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, object], secrets: dict[str, str], why: str) -> None:
    given = {**KEYS, **settings} if settings or secrets else {}
    with pytest.raises(Refused, match=why):
        stripe.check(given, {**SECRETS, **secrets})
