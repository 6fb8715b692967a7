"""The public pages: who knows the line's login may top it up, and nobody learns anything else."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from capstan.catalog.models import OfferPrice, TopUpOffer
from capstan.identity.models import AttemptCount
from capstan.messaging.models import Message
from capstan.portal.views import top_up
from capstan.services.actions.status import end_service, suspend
from capstan.services.models import Service
from capstan.topups.actions.agreements import set_ceiling
from capstan.topups.models import Order
from capstan.topups.rules.words import Channel, OrderState
from capstan.values import clock
from tests.topups.shop import GB, NUMBER, Shop, buckets

LOGIN = {"connection_type": "fibre", "username": "thandi@example.net", "password": "line-passw0rd"}


@pytest.fixture
def at_home(shop: Shop) -> Service:
    """A line used up, with one confirmed number; the pages live in the present."""
    shop.now = clock.now()
    from capstan.caps.actions.cap import roll

    line = shop.line()
    Service.objects.filter(pk=line.pk).update(line_password=LOGIN["password"])
    roll(line.pk, now=shop.now)
    shop.listed(line)
    return line


def post(client: Client, url: str, **data: Any) -> Any:
    return client.post(url, data, follow=False)


def test_from_the_login_to_the_line_that_is_back(client: Client, at_home: Service, shop: Shop) -> None:
    assert 'href="/top-up/"' in client.get("/").content.decode()
    first = post(client, "/top-up/", **LOGIN)
    assert first.status_code == 302
    page = client.get(first.url).content.decode()
    offers = dict(re.findall(r'<option value="(\d+)">([^<]+)</option>', page))
    chosen = next(number for number, words in offers.items() if words.startswith("2\N{NO-BREAK SPACE}GB"))
    confirm = post(client, first.url, offer=chosen).content.decode()
    assert "R\N{NO-BREAK SPACE}35.00" in confirm
    assert not Order.objects.exists(), "nothing is ordered before it is confirmed"
    done = post(client, first.url, offer=chosen, confirmed="yes", price=3500)
    assert done.status_code == 302
    again = post(client, first.url, offer=chosen, confirmed="yes", price=3500)
    assert again.url == done.url, "a second tap shows the same order"
    order = Order.objects.get()
    assert (order.channel, order.state, order.price_minor) == (Channel.WEBSITE, OrderState.GRANTED, 3500)
    assert [one.size_bytes for one in buckets(at_home)] == [2 * GB]
    shown = client.get(done.url).content.decode()
    assert "You now have" in shown
    told = Message.objects.get(template="website.ordered")
    assert (told.recipient, told.text.endswith("Not you? Reply NO\nExample Net")) == (NUMBER, True)


@pytest.mark.parametrize(
    "wrong",
    [{"username": "nobody@example.net"}, {"password": "guess"}, {"connection_type": "adsl"}],
    ids=["username", "password", "type"],
)
def test_whatever_is_wrong_the_answer_is_the_same(
    client: Client, at_home: Service, wrong: dict[str, str]
) -> None:
    from capstan.services.models import ConnectionType

    ConnectionType.objects.create(code="adsl", name="ADSL")
    answer = post(client, "/top-up/", **(LOGIN | wrong))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "We can&#x27;t find that connection." in text
    assert "guess" not in text, "a password isn't sent back"


def test_guessing_locks_the_guesser_and_not_the_customer(client: Client, at_home: Service) -> None:
    for _ in range(5):
        post(client, "/top-up/", **(LOGIN | {"password": "guess"}))
    locked = post(client, "/top-up/", **LOGIN)
    assert "Too many wrong tries" in locked.content.decode()
    elsewhere = client.post("/top-up/", LOGIN, REMOTE_ADDR="192.0.2.77")
    assert elsewhere.status_code == 302
    assert AttemptCount.objects.exists()


def test_a_line_that_data_would_not_open_is_told_what_to_do(
    client: Client, at_home: Service, shop: Shop
) -> None:
    suspend(service_id=at_home.pk, reason="overdue", actor="staff:m", now=shop.now)
    page = client.get(post(client, "/top-up/", **LOGIN).url).content.decode()
    assert "please pay first" in page
    assert "<select" not in page
    end_service(service_id=at_home.pk, reason="moved", actor="staff:m", now=shop.now)
    assert post(client, "/top-up/", **LOGIN).status_code == 422


def test_a_price_that_changed_meanwhile_is_shown_again(client: Client, at_home: Service, shop: Shop) -> None:
    url = post(client, "/top-up/", **LOGIN).url
    offer = OfferPrice.objects.get(price_minor=3500).offer
    OfferPrice.objects.create(offer=offer, valid_from=clock.now(), price_minor=4000)
    answer = post(client, url, offer=offer.pk, confirmed="yes", price=3500)
    assert answer.status_code == 422
    assert "has just changed to" in answer.content.decode()
    assert not Order.objects.exists()
    assert post(client, url, offer=offer.pk, confirmed="yes", price=4000).status_code == 302


def test_another_offer_with_a_link_that_was_used_is_said_not_to_be_ordered(
    client: Client, at_home: Service, shop: Shop
) -> None:
    url = post(client, "/top-up/", **LOGIN).url
    bought, other = (TopUpOffer.objects.get(letter=letter) for letter in "CD")
    post(client, url, offer=bought.pk, confirmed="yes", price=3500)
    again = client.get(post(client, url, offer=bought.pk, confirmed="yes", price=3500).url).content.decode()
    assert "was not ordered" not in again
    second = client.get(post(client, url, offer=other.pk, confirmed="yes", price=5000).url).content.decode()
    assert "3\N{NO-BREAK SPACE}GB was not ordered" in second
    assert Order.objects.count() == 1


def test_an_order_that_is_refused_leaves_the_link_for_another(
    client: Client, at_home: Service, shop: Shop
) -> None:
    set_ceiling(service_id=at_home.pk, ceiling_minor=2500, ceiling_bytes=None, actor="test", now=shop.now)
    url = post(client, "/top-up/", **LOGIN).url
    large, small = (TopUpOffer.objects.get(letter=letter) for letter in "CB")
    refused = post(client, url, offer=large.pk, confirmed="yes", price=3500)
    assert refused.status_code == 422
    assert "Please choose a smaller one" in refused.content.decode()
    assert post(client, url, offer=small.pk, confirmed="yes", price=2000).status_code == 302
    assert sorted(Order.objects.values_list("state", flat=True)) == ["granted", "refused"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [({"authorised": True}, "top-ups authorised"), ({"paid_first": True}, "as soon as it is paid")],
)
def test_what_the_account_demands_is_said_before_it_is_ordered(
    client: Client, at_home: Service, shop: Shop, rule: dict[str, bool], words: str
) -> None:
    shop.demand(**rule)
    url = post(client, "/top-up/", **LOGIN).url
    page = post(client, url, offer=TopUpOffer.objects.get(letter="C").pk).content.decode()
    assert words in page
    assert "next invoice" not in page


def test_slow_answers_hold_few_threads_and_where_guessing_is_locked_none(
    client: Client, at_home: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("capstan.portal.views.top_up.time.sleep", slept.append)
    wrong = LOGIN | {"password": "guess"}
    for _ in range(5):
        post(client, "/top-up/", **wrong)
    assert slept == [0.25]
    post(client, "/top-up/", **wrong)
    assert len(slept) == 1, "locked: nothing is looked at"
    elsewhere = {"REMOTE_ADDR": "192.0.2.77"}
    top_up._slow_answers.acquire()
    top_up._slow_answers.acquire()
    try:
        assert "Too many people are trying" in client.post("/top-up/", wrong, **elsewhere).content.decode()  # type: ignore[arg-type]
    finally:
        top_up._slow_answers.release(2)
    assert len(slept) == 1


def test_forgotten_sends_a_link_to_the_confirmed_and_says_the_same_to_all(
    client: Client, at_home: Service
) -> None:
    known = post(client, "/top-up/forgotten/", who="Thandi@Example.net").content.decode()
    unknown = post(client, "/top-up/forgotten/", who="nobody@example.net").content.decode()
    assert re.sub(r'value="[^"]+"', "", known) == re.sub(r'value="[^"]+"', "", unknown)
    link = Message.objects.get(template="website.link")
    assert (link.recipient, link.sealed_text is not None) == (NUMBER, True)
    path = re.search(re.escape(settings.PUBLIC_URL) + r"(\S+)", link.sealed_text or "")
    assert path is not None
    assert "How much data?" in client.get(path[1]).content.decode()
    assert path[1] not in link.text, "staff can't read it"
    post(client, "/top-up/forgotten/", who="060 000 0001")
    assert Message.objects.filter(template="website.link").count() == 2


def test_links_are_counted_by_place_and_one_ipv6_customer_is_one_place(
    client: Client, at_home: Service
) -> None:
    def ask(address: str) -> str:
        return client.post(
            "/top-up/forgotten/", {"who": "nobody@example.net"}, REMOTE_ADDR=address
        ).content.decode()

    for number in range(10):
        assert "Too many links" not in ask(f"2001:db8::{number + 1:x}")
    assert "Too many links" in ask("2001:db8::ffff")
    assert "Too many links" not in ask("2001:db8:0:1::1")


@pytest.mark.parametrize("url", ["/top-up/nonsense/", "/authorise/nonsense", "/top-up/done/17-x/"])
def test_made_up_addresses_lead_nowhere(client: Client, db: None, url: str) -> None:
    assert client.get(url).status_code in (404, 410)


def test_the_pages_are_small(client: Client, at_home: Service) -> None:
    from django.contrib.staticfiles import finders

    style = finders.find("portal/public.css")
    assert isinstance(style, str)
    css = Path(style).stat().st_size
    url = post(client, "/top-up/", **LOGIN).url
    for page in ("/", "/top-up/", "/top-up/forgotten/", url):
        content = client.get(page).content
        assert len(content) + css < 30_000
        assert b"<script" not in content
