"""seeds/jenny-top-ups.txt, word by word: three ways to top up, and the line is back each time (J1–J7, G1)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import DjangoDbBlocker

from capstan.billing.models import Charge
from capstan.catalog.rules import AtCap
from capstan.config.embedded.server import Server
from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser, set_account_rule
from capstan.topups.models import Order
from capstan.values import clock
from tests.acceptance.town import Town, service_id, town
from tests.browser import Windows, check_page
from tests.product import Product, database, eventually
from tests.provider import GB
from tests.routers import Line, Router
from tests.scene import Scene
from tests.staff import PASSWORD

NBSP = "\N{NO-BREAK SPACE}"
JAN, PIET, BOSS = "+27600000001", "+27600000002", "+27600000003"
SLOW = 512_000


@pytest.fixture(scope="module")
def jenny(
    server: Server, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Town]:
    """Jenny Internet: router, listener, meter, worker and web server at work."""
    folder: Path = tmp_path_factory.mktemp("jenny")
    with django_db_blocker.unblock(), database(server) as url:
        product = Product(url, folder)
        product.environment["CAPSTAN_PUBLIC_URL"] = product.web_url
        scene = Scene(product, 7)
        try:
            with town(scene) as made:
                product.start("radius", "meter", "worker", "web")
                yield made
        finally:
            scene.close()
            product.end()


@pytest.fixture(scope="module")
def router(jenny: Town) -> Router:
    return jenny.scene.router()


def back_online(line: Line) -> None:
    """The router has obeyed: the line has its full speed again."""
    eventually(lambda: line.told_down != SLOW, 15, f"the full speed of {line.username}")


def slowed(line: Line) -> None:
    eventually(lambda: line.told_down == SLOW, 20, f"the cap of {line.username}")


def sign_in(page: Page, jenny: Town) -> None:
    page.goto(f"{jenny.scene.product.web_url}/staff/")
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill("thandi")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    page.wait_for_url(re.compile("/staff/"))


def test_option_1_the_sms(jenny: Town, router: Router) -> None:
    """J1, J2, J3, J7: told at 90 %, told at 100 %, answered with a letter, back online, said so, charged."""
    line = jenny.line(router, "jan@jenny.example", JAN, name="Jan", at_cap=AtCap.THROTTLE)
    jenny.use(router, line, 13_600_000_000)
    assert "Used 90% of 15GB" in jenny.waits_for(JAN, "Used 90%")
    jenny.use(router, line, 15 * GB)
    slowed(line)
    assert jenny.waits_for(JAN, "Used 100%") == (
        "Hi Jan\nUsed 100% of 15GB order top-up reply one of: A,B,C,D,E,F,G for 0.5GB,1GB,2GB,3GB,5GB,9GB,18GB "
        "respectively\nJenny Internet"
    )
    jenny.reply(JAN, "C")
    back_online(line)
    added = jenny.waits_for(JAN, "added")
    assert added.startswith("2GB added for R35 incl VAT. You now have 2GB. It is on your next invoice.")
    order = Order.objects.get(service__username="jan@jenny.example")
    assert Charge.objects.get(service__username="jan@jenny.example").amount_minor == 3500
    eventually(
        lambda: Order.objects.get(pk=order.pk).confirmed_at is not None, 15, "the router's confirmation"
    )
    jenny.use(router, line, 15 * GB + 50_000_000)
    eventually(lambda: Order.objects.get(pk=order.pk).proved_at is not None, 20, "the proof by a packet")
    assert len([text for text in jenny.phone(JAN) if "added" in text]) == 1


def test_option_2_the_website(jenny: Town, router: Router, open_page: Windows) -> None:
    """J4: the button on top, the login of the connection, the drop-down, the total, back online."""
    line = jenny.line(router, "piet@jenny.example", PIET, name="Piet", at_cap=AtCap.THROTTLE)
    jenny.use(router, line, 15 * GB)
    slowed(line)
    page = open_page(390)
    page.goto(jenny.scene.product.web_url)
    page.get_by_role("banner").get_by_role("link", name="Top up").click()
    check_page(page)
    page.get_by_label("Type of connection").select_option("Fibre")
    page.get_by_label("Username of the connection").fill("piet@jenny.example")
    page.get_by_label("Password of the connection").fill("line-passw0rd")
    page.get_by_role("button", name="Next").click()
    check_page(page)
    page.get_by_label("Top-up", exact=True).select_option(label=f"5{NBSP}GB – R{NBSP}75.00")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Add 5{NBSP}GB for R{NBSP}75.00?")
    check_page(page)
    page.get_by_role("button", name=f"Add 5{NBSP}GB").click()
    back_online(line)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Back online"), timeout=20_000)
    check_page(page)
    assert "Not you? Reply NO" in jenny.waits_for(PIET, "on our website")


def test_option_3_the_call_centre(jenny: Town, router: Router, open_page: Windows) -> None:
    """J5, G1: the agent finds the line by its username, adds the top-up for the caller, and sees it come back."""
    line = jenny.line(router, "sara@jenny.example", at_cap=AtCap.THROTTLE)
    jenny.use(router, line, 15 * GB)
    slowed(line)
    page = open_page()
    sign_in(page, jenny)
    check_page(page)
    page.get_by_role("searchbox").first.fill("sara@jenny.example")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/staff/(services|customers)/"))
    check_page(page)
    page.goto(f"{jenny.scene.product.web_url}/staff/services/{service_id('sara@jenny.example')}/technical/")
    check_page(page)
    page.get_by_role("link", name="Add top-up").first.click()
    page.get_by_label("Caller", exact=False).first.fill("Sara Nkosi")
    page.locator("input[name=verified]").first.check()
    page.get_by_role("radio", name=re.compile(r"^\s*2\sGB\b")).check()
    check_page(page)
    page.get_by_role("button", name=re.compile(r"^Add 2\sGB for ")).click()
    back_online(line)
    expect(page.locator(".cap-progress-head").first).to_have_text(re.compile("Back online"), timeout=20_000)
    order = Order.objects.get(service__username="sara@jenny.example")
    assert (order.requested_by, order.actor, order.actor_name) == (
        "Sara Nkosi",
        "staff:thandi",
        "Thandi Mokoena",
    )
    charge = Charge.objects.get(service__username="sara@jenny.example")
    assert "for Sara Nkosi, added by Thandi Mokoena" in charge.description
    jenny.use(router, line, 15 * GB + 20_000_000)
    eventually(lambda: Order.objects.get(pk=order.pk).proved_at is not None, 20, "the proof by a packet")
    page.goto(f"{jenny.scene.product.web_url}/staff/services/{service_id('sara@jenny.example')}/")
    expect(page.get_by_text("Sara Nkosi").first).to_be_visible()
    check_page(page)


def test_some_companies_require_that_it_is_authorised(jenny: Town, router: Router) -> None:
    """J6: an order by SMS waits, the director answers YES with its code, and it is added."""
    clerk = "+27600000004"
    line = jenny.line(router, "office@jenny.example", clerk, name="Ann", at_cap=AtCap.THROTTLE)
    now = clock.now()
    customer_id = Service.objects.get(username=line.username).customer_id
    set_account_rule(
        customer_id=customer_id, needs_authorisation=True, pays_first=False, actor="staff:maria", now=now
    )
    try:
        add_authoriser(
            customer_id=customer_id, name="Ms Dlamini", role="director", phone=BOSS, limit_minor=None,
            actor="staff:maria", now=now,
        )  # fmt: skip
        jenny.use(router, line, 15 * GB)
        slowed(line)
        jenny.waits_for(clerk, "Used 100%")
        jenny.reply(clerk, "B pls")
        jenny.waits_for(clerk, "waits until Ms Dlamini")
        asked = jenny.waits_for(BOSS, r"YES \d{4}")
        assert line.told_down == SLOW
        found = re.search(r"YES \d{4}", asked)
        assert found is not None
        jenny.reply(BOSS, found[0])
        back_online(line)
        jenny.waits_for(BOSS, "It was added")
        jenny.waits_for(clerk, "1GB added for R20")
    finally:
        set_account_rule(
            customer_id=customer_id, needs_authorisation=False, pays_first=False, actor="staff:maria", now=now
        )
