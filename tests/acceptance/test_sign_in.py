"""A manager signs in for the first time in a real browser, and all that he meets there can be read and used by everybody."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import DjangoDbBlocker

from capstan.config.embedded.server import Server
from capstan.identity.rules import Role
from capstan.values import clock
from tests.browser import Windows, check_page
from tests.product import Product, database
from tests.staff import PASSWORD, code_at, login
from tools.chromium import DESK, PHONE


@pytest.fixture
def product(server: Server, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Product]:
    """A web server on a database of its own, with an agent and a manager who have never signed in."""
    with django_db_blocker.unblock(), database(server) as url:
        login("sipho")
        login("naledi", Role.MANAGER)
        running = Product(url, tmp_path).start("web")
        yield running
        running.end()


def sign_in(page: Page, at: str, username: str) -> None:
    page.goto(f"{at}/sign-in/?next=/sign-in/two-step/")
    page.get_by_label("Username or e-mail").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (DESK, False)])
def test_the_first_sign_in_of_a_manager(product: Product, open_page: Windows, width: int, dark: bool) -> None:
    at, username = product.web_url, "naledi"
    page = open_page(width, dark=dark)
    page.goto(f"{at}/sign-in/")
    expect(page.get_by_label("Username or e-mail")).to_be_focused()
    check_page(page)
    page.get_by_label("Username or e-mail").fill(username)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This username and password don't belong together.")
    check_page(page)

    sign_in(page, at, username)
    expect(page.get_by_role("heading", level=1)).to_have_text("Two-step sign-in is off")
    check_page(page)
    page.get_by_role("link", name="Set it up").click()
    check_page(page)
    picture = page.get_by_role("img", name="QR code")
    assert picture.evaluate("img => img.complete && img.naturalWidth > 100"), "the policy lets it be shown"
    key = (page.locator("code").text_content() or "").replace(" ", "")
    page.get_by_label("Code that the app shows").fill(code_at(clock.now(), key))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("10 recovery codes")
    recovery = page.locator("code").all_text_contents()
    check_page(page)

    page.goto(f"{at}/sign-in/two-step/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Two-step sign-in is on")
    check_page(page)
    for link in ("New recovery codes", "Another phone, or none"):
        page.get_by_role("link", name=link).click()
        check_page(page)
        page.get_by_role("link", name=re.compile("Keep ")).click()
    page.goto(f"{at}/sign-in/password/")
    check_page(page)
    page.goto(f"{at}/sign-in/again/")
    check_page(page)
    page.get_by_role("link", name="Use a code").click()
    check_page(page)
    page.goto(f"{at}/sign-in/out/")
    check_page(page)
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You have signed out.")).to_be_visible()

    sign_in(page, at, username)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
    check_page(page)
    page.get_by_label("Code").fill(recovery[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("You have 9 recovery codes left")).to_be_visible()


def test_signing_in_needs_no_scripts(product: Product, open_page: Windows) -> None:
    page = open_page(PHONE, scripts=False)
    sign_in(page, product.web_url, "sipho")
    expect(page.get_by_role("heading", level=1)).to_have_text("Two-step sign-in is off")
