"""The desk in a real browser: accessible in light and dark, on a phone and on a desk, with and without scripts."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import DjangoDbBlocker

from capstan.caps.actions.cap import grant
from capstan.caps.models import ThresholdCrossing
from capstan.caps.rules.words import BucketKind
from capstan.config.embedded.server import Server
from capstan.customers.actions import add_contact
from capstan.identity.rules import Role
from capstan.metering.models import UsageHour
from capstan.services.models import Service
from capstan.services.rules import ServiceStatus
from capstan.topups.actions.agreements import add_authoriser, set_account_rule
from capstan.values import clock
from tests.browser import Windows, browser, check_axe, check_page, open_page
from tests.product import Product, database
from tests.provider import ACTOR, GB, MB, Provider
from tests.staff import PASSWORD, login
from tools.chromium import DESK, PHONE

__all__ = ["browser", "open_page"]
pytestmark = pytest.mark.xdist_group("processes")

THANDI = "thandi.nkosi@example.net"


class Desk:
    """A web server with a customer, two lines and staff."""

    def __init__(self, product: Product) -> None:
        self.url = product.web_url
        self.provider = Provider()
        by = {"actor": ACTOR, "now": self.provider.now}
        self.line = self.provider.service(THANDI)
        self.provider.service("sipho@example.net")
        customer = self.provider.customer.pk
        add_contact(
            customer_id=customer, name="Thandi Nkosi", phone="060 000 1234", email="t@example.net", role="owner",
            actor=ACTOR, now=self.provider.now,
        )  # fmt: skip
        set_account_rule(customer_id=customer, needs_authorisation=True, pays_first=False, **by)  # type: ignore[arg-type]
        add_authoriser(
            customer_id=customer, name="Ruth Nel", role="director", phone="060 000 0001", limit_minor=5000, **by  # type: ignore[arg-type]
        )  # fmt: skip
        for hour in range(40):
            at = int((self.provider.now - timedelta(hours=hour)).timestamp()) // 3600
            UsageHour.objects.create(
                service_id=self.line.pk, hour=at, bytes_up=hour * MB, bytes_down=9 * hour * MB
            )
        login("sipho")
        login("naledi", Role.MANAGER)

    def sign_in(self, page: Page, username: str = "sipho", then: str = "/staff/") -> Page:
        page.goto(f"{self.url}/sign-in/?next={then}")
        page.get_by_label("Username or e-mail").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        return page

    def open(self, page: Page, path: str) -> Page:
        page.goto(f"{self.url}{path}")
        return page

    @property
    def line_path(self) -> str:
        return f"/staff/services/{self.line.pk}/"

    @property
    def pages(self) -> list[str]:
        parts = ("", "technical/", "usage/", "explain/")
        lists = ("", "search/?q=nkosi", "search/?q=nobody", "customers/", "capped/", "network/")
        customer = f"/staff/customers/{self.provider.customer.account_code}/"
        return [*(f"/staff/{one}" for one in lists), customer, *(f"{self.line_path}{one}" for one in parts)]


@pytest.fixture(scope="module")
def desk(
    server: Server, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("desk")
    with django_db_blocker.unblock(), database(server) as url:
        running = Product(url, folder)
        made = Desk(running)
        running.start("web")
        yield made
        running.end()


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (PHONE, False), (DESK, True), (DESK, False)])
def test_every_page_can_be_read_and_used_by_everybody(
    desk: Desk, open_page: Windows, width: int, dark: bool
) -> None:
    page = desk.sign_in(open_page(width, dark=dark))
    for path in desk.pages:
        desk.open(page, path)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        check_page(page)
    desk.open(page, desk.line_path)
    closed = page.locator("details.cap-panel:not([open]) > summary")
    while closed.count():
        closed.first.click()
    check_page(page)


def test_what_isnt_there_is_told_within_the_console(desk: Desk, open_page: Windows) -> None:
    open_page.allow("status of 404")
    page = desk.sign_in(open_page(PHONE))
    desk.open(page, "/staff/services/999999/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no service 999999.")
    expect(page.get_by_role("searchbox")).to_be_visible()
    check_page(page)


def test_the_search_answers_while_one_types_and_enter_opens(desk: Desk, open_page: Windows) -> None:
    page = desk.sign_in(open_page())
    box = page.get_by_role("searchbox", name="Who is calling?")
    expect(box).to_be_focused()
    box.press_sequentially("nkos", delay=20)
    expect(page.get_by_text("customer fits")).to_be_visible()
    expect(page.get_by_role("link", name=THANDI)).to_be_visible()
    expect(box).to_be_focused()
    check_axe(page)
    box.fill("060 000 1234")
    expect(page.get_by_text("open it")).to_be_visible()
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("A. Customer")


def test_the_search_is_a_key_away_everywhere(desk: Desk, open_page: Windows) -> None:
    page = desk.sign_in(open_page(), then=desk.line_path)
    page.keyboard.press("/")
    page.keyboard.type(THANDI)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(THANDI)


def test_the_meter_follows_without_moving_focus_or_scroll(desk: Desk, open_page: Windows) -> None:
    page = desk.sign_in(open_page(), then=desk.line_path)
    left = page.locator(".cap-meter-of")
    expect(left).to_contain_text("left of 1 GB")
    summary = page.locator("#buckets > summary")
    summary.click()
    expect(summary).to_be_focused()
    page.mouse.wheel(0, 150)
    page.wait_for_function("window.scrollY > 0")
    before = summary.bounding_box()
    grant(
        service_id=desk.line.pk, kind=BucketKind.GOODWILL, size_bytes=2 * GB, source="staff", actor=ACTOR, reason="test",
        now=clock.now(),
    )  # fmt: skip
    expect(left).to_contain_text("left of 3 GB", timeout=20_000)
    expect(summary).to_be_focused()
    after = summary.bounding_box()
    assert before
    assert after
    assert after["y"] == pytest.approx(before["y"], abs=2)
    expect(page.locator("#buckets")).to_have_attribute("open", "")


def test_a_link_in_a_part_that_renews_itself_keeps_the_focus(desk: Desk, open_page: Windows) -> None:
    page = desk.sign_in(open_page())
    link = page.get_by_role("link", name="their cap today")
    link.focus()
    ThresholdCrossing.objects.create(
        service=desk.line, limit="cycle", period_start=clock.now(), percent=100, arming=7, crossed_at=clock.now(),
        recorded_at=clock.now(), drawn_bytes=GB, remaining_bytes=0,
    )  # fmt: skip
    changed = page.get_by_role("link", name="line at its cap today")
    expect(changed).to_be_visible(timeout=20_000)
    expect(changed).to_be_focused()


def test_putting_a_line_on_hold_is_asked_about_and_then_said(desk: Desk, open_page: Windows) -> None:
    page = desk.sign_in(open_page(), then=desk.line_path)
    page.locator("#hold > summary").click()
    page.locator("#hold-reason").fill("debit order returned")
    page.locator("#hold").get_by_role("button", name="Put on hold").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Put this line on hold?")
    check_axe(page)
    question.get_by_role("button", name="No, go back").click()
    assert status(desk) == ServiceStatus.ACTIVE
    page.locator("#hold").get_by_role("button", name="Put on hold").click()
    page.get_by_role("dialog").get_by_role("button", name="Put on hold").click()
    expect(page.get_by_text(f"{THANDI} is on hold.")).to_be_visible()
    assert status(desk) == ServiceStatus.SUSPENDED
    page.locator("#resume > summary").click()
    page.locator("#resume-reason").fill("paid")
    page.locator("#resume").get_by_role("button", name="Take off hold").click()
    page.get_by_role("dialog").get_by_role("button", name="Take off hold").click()
    expect(page.get_by_text(f"{THANDI} is off hold.")).to_be_visible()


def test_the_story_is_filtered_in_place(desk: Desk, open_page: Windows) -> None:
    page = desk.sign_in(open_page(), then=f"/staff/customers/{desk.provider.customer.account_code}/")
    page.locator("#note > summary").click()
    page.get_by_label("Note for colleagues").fill("Has two dogs")
    page.get_by_role("button", name="Keep the note").click()
    page.get_by_role("navigation", name="Show").get_by_role("link", name="Notes").click()
    expect(page.get_by_role("navigation", name="Show").get_by_role("link", name="Notes")).to_have_attribute(
        "aria-current", "true"
    )
    expect(page.get_by_text("Has two dogs")).to_be_visible()
    expect(page.get_by_text("Authoriser added")).to_have_count(0)


def test_everything_works_without_scripts(desk: Desk, open_page: Windows) -> None:
    page = desk.sign_in(open_page(PHONE, scripts=False))
    page.get_by_role("searchbox").fill(THANDI)
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(THANDI)
    page.locator("#hold > summary").click()
    page.locator("#hold-reason").fill("no scripts here")
    page.locator("#hold").get_by_role("button", name="Put on hold").click()
    expect(page.get_by_text(f"{THANDI} is on hold.")).to_be_visible()
    page.locator("#resume > summary").click()
    page.locator("#resume-reason").fill("paid")
    page.locator("#resume").get_by_role("button", name="Take off hold").click()
    expect(page.get_by_text(f"{THANDI} is off hold.")).to_be_visible()
    page.get_by_role("link", name="Usage").click()
    page.get_by_role("link", name="Technical support").click()
    expect(page.get_by_role("heading", name="Enforcement attempts")).to_be_visible()


def status(desk: Desk) -> str:
    return str(Service.objects.values_list("status", flat=True).get(pk=desk.line.pk))
