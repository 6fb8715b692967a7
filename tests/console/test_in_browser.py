"""Adding a top-up in a real browser, and how the console's pages look there: accessible, and nothing to scroll sideways."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from django.test import Client
from playwright.sync_api import Page, Route, expect

from capstan.messaging.models import BudgetAlarm
from capstan.messaging.rules.words import MessageState, Reason
from capstan.services.models import Service
from capstan.topups.actions.agreements import set_account_rule
from capstan.topups.actions.waiting import mark_paid
from capstan.topups.models import ListEntry, Order
from capstan.topups.rules.words import OrderState, Restore
from tests import staff
from tests.browser import Windows, browser, check_page, open_page
from tests.console.desk import offer
from tests.console.post import came, handset, told, trouble
from tests.console.site import serving
from tests.topups.shop import GB, NUMBER, Shop
from tools.chromium import DESK, PHONE

__all__ = ["browser", "open_page"]

Window = Callable[..., Page]


@pytest.fixture
def shop(metered: Shop) -> Shop:
    """Here its rows are committed: the browser's server reads them by connections of its own."""
    return metered


@pytest.fixture
def line(shop: Shop) -> Service:
    made = shop.line()
    shop.use(GB)
    return made


@pytest.fixture
def site(shop: Shop) -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def window(open_page: Windows, site: str) -> Window:
    """Opens a page of the site as somebody who is signed in."""

    def opened(
        path: str, client: Client, width: int = DESK, *, dark: bool = False, scripts: bool = True
    ) -> Page:
        page = open_page(width, dark=dark, scripts=scripts)
        session = client.cookies["sessionid"].value
        page.context.add_cookies(
            [{"name": "sessionid", "value": session, "domain": "127.0.0.1", "path": "/"}]
        )
        page.goto(f"{site}{path}")
        return page

    return opened


def form_of(line: Service) -> str:
    return f"/staff/services/{line.pk}/top-up/"


def tap(page: Page, name: str, value: str) -> None:
    page.locator(f"label:has(input[name={name}][value='{value}'])").click()


def back_online(shop: Shop) -> None:
    """The router confirms the one order that there is, 1.2 s after it."""
    order = Order.objects.get()
    at = shop.now + timedelta(seconds=1.2)
    Order.objects.filter(pk=order.pk).update(
        state=OrderState.PROVED, restore=Restore.DONE, confirmed_at=at, proved_at=at + timedelta(seconds=3)
    )


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_top_up_by_taps_and_the_line_comes_back_before_ones_eyes(
    shop: Shop, line: Service, window: Window, width: int
) -> None:
    line.customer.contacts.create(name="Jan Smit", phone=NUMBER)
    page = window(form_of(line), staff.agent(), width)
    expect(page.get_by_role("heading", level=1)).to_contain_text("all data is used")
    page.get_by_label("Caller's name").fill("Jan Smit")
    tap(page, "verified", "contact")
    tap(page, "what", offer("C"))
    page.get_by_role("button", name="Add 2 GB for R 35.00").click()
    expect(page.locator("#top-up-progress")).to_contain_text("Added")
    order = Order.objects.get()
    assert (order.size_bytes, order.requested_by, order.actor_name) == (2 * GB, "Jan Smit", "Thandi Nkosi")
    page.evaluate("window.isTheSamePage = true")
    back_online(shop)
    expect(page.locator("#top-up-progress")).to_contain_text("Back online – 1.2 s")
    expect(page.locator("#top-up-progress[data-cap-live]")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage") is True
    page.get_by_role("button", name="Add the number and send it").click()
    expect(page.locator("#messages")).to_contain_text("an SMS says how to top up oneself")
    assert ListEntry.objects.get().address == NUMBER


def test_a_price_that_was_typed_is_never_written_over_however_late_the_answers_come(
    shop: Shop, line: Service, window: Window
) -> None:
    page = window(form_of(line), staff.agent())
    answers: list[Route] = []

    def hold(route: Route) -> None:
        answers.append(route)

    page.route("**/top-up/price/**", hold)
    tap(page, "what", "own")
    page.locator("input[name=size]").fill("250 GB")
    page.wait_for_timeout(600)
    page.locator("input[name=price]").press_sequentially("10", delay=20)
    page.wait_for_timeout(600)
    assert len(answers) == 2, "one for the size, one for the price that was typed"
    answers[1].continue_()
    button = page.locator(".cap-act [type=submit]")
    expect(button).to_have_text("Add 250 GB for R 10.00")
    answers[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("input[name=price]")).to_have_value("10")
    expect(button).to_have_text("Add 250 GB for R 10.00")
    expect(page.locator("#size-read")).to_have_text("= 250 GB costs R 4 750.00")


def test_the_price_of_a_size_appears_while_it_is_typed_and_a_double_click_adds_once(
    shop: Shop, line: Service, window: Window
) -> None:
    page = window(form_of(line), staff.agent())
    expect(page.locator("input[name=size]")).to_be_hidden()
    tap(page, "what", "own")
    page.locator("input[name=size]").press_sequentially("1.5 GB", delay=20)
    expect(page.locator("#size-read")).to_have_text("= 1.5 GB costs R 28.50")
    expect(page.locator("input[name=price]")).to_have_attribute("placeholder", "28.50")
    expect(page.locator("input[name=price]")).to_have_value("")
    page.get_by_label("Caller's name").fill("Jan Smit")
    expect(page.get_by_label("How, if in another way")).to_be_hidden()
    tap(page, "verified", "other")
    page.get_by_label("How, if in another way").fill("knew his serial number")
    page.get_by_role("button", name="Add 1.5 GB for R 28.50").dblclick()
    page.wait_for_url(re.compile("/staff/orders/"))
    order = Order.objects.get()
    assert (order.size_bytes, order.price_minor, order.verified_how) == (
        1_500_000_000,
        2850,
        "knew his serial number",
    )


def test_what_can_be_done_follows_the_order_when_it_moves_on(
    shop: Shop, line: Service, window: Window
) -> None:
    set_account_rule(
        customer_id=line.customer_id, needs_authorisation=False, pays_first=True, actor="test", now=shop.now
    )
    order = shop.order(line, "C").order
    page = window(f"/staff/orders/{order.pk}/", staff.agent())
    expect(page.locator("#cancel")).to_be_visible()
    page.evaluate("window.isTheSamePage = true")
    mark_paid(order_id=order.pk, reference="receipt 7", actor="test", now=shop.now)
    expect(page.locator("#reverse")).to_be_visible(timeout=20_000)
    expect(page.locator("#cancel")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage") is True


def test_without_scripts_it_is_only_less_comfortable(shop: Shop, line: Service, window: Window) -> None:
    page = window(form_of(line), staff.agent(), PHONE, scripts=False)
    page.get_by_label("Caller's name").fill("Jan Smit")
    tap(page, "verified", "code")
    tap(page, "what", "own")
    page.locator("input[name=size]").fill("2 GB")
    page.get_by_role("button", name="Work out the price").click()
    expect(page.locator("#size-read")).to_have_text("= 2 GB costs R 35.00")
    expect(page.get_by_label("Caller's name")).to_have_value("Jan Smit")
    page.get_by_role("button", name="Add 2 GB for R 35.00").click()
    expect(page.locator("#top-up-progress")).to_contain_text("Added")
    back_online(shop)
    page.reload()
    expect(page.locator("#top-up-progress")).to_contain_text("Back online – 1.2 s")


def test_the_preview_of_a_text_follows_the_typing(shop: Shop, window: Window) -> None:
    page = window("/staff/messages/templates/topup.added/sms/", staff.manager())
    page.get_by_label("Text").fill("Dankie, ")
    page.get_by_label("Text").press_sequentially("{size} vir {price}, geniet dit mê", delay=5)
    expect(page.locator("#preview")).to_contain_text("Dankie, 2GB vir R35")
    expect(page.locator("#preview")).to_contain_text("leaves the GSM alphabet because of “ê”")


@pytest.mark.parametrize(("width", "dark"), [(PHONE, False), (DESK, True)])
def test_the_pages_are_accessible_and_fit(
    shop: Shop, line: Service, window: Window, width: int, dark: bool
) -> None:
    told(shop.listed(line), state=MessageState.FAILED, reason=Reason.UNREACHABLE)
    came(shop, "A technician never came")
    order = shop.order(line, "C").order
    Order.objects.filter(pk=order.pk).update(needs_person="The line isn't back.")
    trouble(handset(), shop.now)
    BudgetAlarm.objects.create(
        month=date(2026, 3, 1), percent=80, budget_minor=10000, spent_minor=8100, raised_at=shop.now
    )
    manager = staff.manager()
    for path in (
        form_of(line), f"/staff/orders/{order.pk}/?line=x", "/staff/orders/", "/staff/waiting/",
        f"/staff/services/{line.pk}/notification-list/", "/staff/needs-a-person/", "/staff/messages/",
        "/staff/messages/templates/", "/staff/messages/templates/cap.threshold/sms/", "/staff/messages/gateways/",
        "/staff/logins/",
    ):  # fmt: skip
        page = window(path, manager, width, dark=dark)
        check_page(page)
