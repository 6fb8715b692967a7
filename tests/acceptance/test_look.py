"""The frame and the components in a real browser: accessible in both themes at every width, by keyboard, without scripts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from capstan.config.embedded.server import Server
from tests.browser import NARROWEST, Windows, check_axe, check_no_sideways_scroll, check_page
from tests.product import Product, database
from tools.chromium import DESK, PHONE, TABLET

PAGES = ("/demo/gallery", "/demo/gallery/page")
LIGHT = "rgb(245, 246, 248)"
DARK = "rgb(18, 22, 27)"


@pytest.fixture(scope="module")
def site(
    server: Server, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: object
) -> Iterator[str]:
    """The web server as it runs, with the demo's pages."""
    with django_db_blocker.unblock(), database(server) as url:  # type: ignore[attr-defined]
        product = Product(url, tmp_path_factory.mktemp("look"))
        product.environment["CAPSTAN_DEMO"] = "true"
        try:
            yield product.start("web").web_url
        finally:
            product.end()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("path", PAGES)
def test_components_are_accessible_and_fit(
    open_page: Windows, site: str, path: str, width: int, dark: bool
) -> None:
    page = open_page(width, dark=dark)
    page.goto(site + path)
    shows_background(page, DARK if dark else LIGHT)
    check_page(page)


@pytest.mark.parametrize("path", PAGES)
def test_components_fit_a_tablet(open_page: Windows, site: str, path: str) -> None:
    page = open_page(TABLET)
    page.goto(site + path)
    check_no_sideways_scroll(page)


def shows_background(page: Page, colour: str) -> None:
    expect(page.locator("body")).to_have_css("background-color", colour)


def test_at_twice_the_size_nothing_is_cut(open_page: Windows, site: str) -> None:
    page = open_page()
    page.goto(f"{site}/demo/gallery")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    check_no_sideways_scroll(page, narrowest=2 * NARROWEST)


def test_the_theme_follows_the_system_until_somebody_chooses(open_page: Windows, site: str) -> None:
    page = open_page(dark=True)
    page.goto(f"{site}/demo/gallery")
    page.get_by_role("button", name="Light or dark").click()
    shows_background(page, LIGHT)
    page.goto(f"{site}/demo/gallery/page")
    shows_background(page, LIGHT)  # the choice is kept
    assert 'data-bs-theme="light"' in page.content()
    page.get_by_role("button", name="Light or dark").click()
    shows_background(page, DARK)


def test_without_scripts_everything_is_there_but_what_needs_them(open_page: Windows, site: str) -> None:
    page = open_page(PHONE, scripts=False, dark=True)
    page.goto(f"{site}/demo/gallery")
    expect(page.get_by_role("img", name=re.compile("left of 18.GB until"))).to_have_count(2)
    expect(page.get_by_text("2 GB added to")).to_be_in_viewport()
    for button in page.locator(
        "[data-cap-theme], [data-cap-copy], [data-cap-close], [data-cap-dialog]"
    ).all():
        expect(button).to_be_hidden()
    page.locator("summary").first.click()
    expect(page.get_by_role("navigation", name="Main menu")).to_be_visible()


def test_by_keyboard_the_content_is_one_step_away(open_page: Windows, site: str) -> None:
    page = open_page()
    page.goto(f"{site}/demo/gallery/page")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_the_slash_key_leads_to_the_search_but_not_out_of_a_field(open_page: Windows, site: str) -> None:
    page = open_page()
    page.goto(f"{site}/demo/gallery")
    search = page.get_by_role("searchbox")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("192.0.2.1/32")
    expect(search).to_have_value("192.0.2.1/32")


def test_printed_it_is_dark_on_white_even_in_the_dark(open_page: Windows, site: str) -> None:
    page = open_page(dark=True)
    page.goto(f"{site}/demo/gallery")
    page.emulate_media(media="print")
    page.screenshot()  # without a frame the browser keeps the styles of the screen
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator(".cap-meter-of").first).to_have_css("color", "rgb(85, 96, 110)")
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_be_hidden()


def test_a_dangerous_deed_is_asked_about(open_page: Windows, site: str) -> None:
    page = open_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    open_page.allow("status of 405")  # the gallery takes no forms
    page.goto(f"{site}/demo/gallery")
    page.get_by_role("button", name="Take back 1.4 GB").click()
    dialog = page.get_by_role("dialog", name="Take back 1.4 GB of this top-up?")
    expect(dialog).to_be_visible()
    check_axe(page)
    dialog.get_by_role("button", name="No, go back").click()
    expect(dialog).to_have_count(0)
    assert "POST" not in sent
    page.get_by_role("button", name="Take back 1.4 GB").click()
    with page.expect_request(lambda request: request.method == "POST"):
        page.get_by_role("dialog").get_by_role("button", name="Take back 1.4 GB").click()


def test_a_dialog_opens_and_closes(open_page: Windows, site: str) -> None:
    page = open_page()
    page.goto(f"{site}/demo/gallery")
    page.get_by_role("button", name="Add top-up").click()
    dialog = page.get_by_role("dialog", name="Add top-up")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(page.get_by_role("button", name="Add top-up")).to_be_focused()


# --- live parts ------------------------------------------------------------------------------------------

FRESH = """<div id="gallery-live" class="cap-live" data-cap-live="/demo/gallery/live" data-cap-seconds="1">
<p data-cap-say="left">{words}</p><details id="more"><summary>More</summary>Inside</details>
<label>Amount <input id="amount"></label><button id="act">Act</button>
<p class="cap-as-of" data-cap-as-of hidden></p></div>"""
LAST = '<div id="gallery-live" class="cap-live"><p>You are back online</p></div>'


class Answers:
    """What the server says to the live part, and how often it was asked."""

    def __init__(self, page: Page) -> None:
        self.asked = 0
        self.words = "1.4 GB left"
        self.body = FRESH
        self.is_down = False
        page.route("**/demo/gallery/live", self._answer)
        page.clock.install()

    def _answer(self, route: Route) -> None:
        self.asked += 1
        if self.is_down:
            route.abort()
        else:
            route.fulfill(body=self.body.format(words=self.words), content_type="text/html")


@pytest.fixture
def live(open_page: Windows, site: str) -> tuple[Page, Answers]:
    page = open_page()
    answers = Answers(page)
    page.goto(f"{site}/demo/gallery")
    page.clock.run_for(5_500)
    expect(page.get_by_text("1.4 GB left", exact=True).last).to_be_attached()
    return page, answers


def test_a_live_part_renews_itself_and_tells_screen_readers(live: tuple[Page, Answers]) -> None:
    page, answers = live
    answers.words = "1.3 GB left"
    page.clock.run_for(1_100)
    expect(page.locator("#gallery-live p").first).to_have_text("1.3 GB left")
    expect(page.locator("#cap-voice")).to_have_text("1.3 GB left")


def test_it_keeps_focus_and_open_details(live: tuple[Page, Answers]) -> None:
    page, answers = live
    page.locator("#more summary").click()
    page.locator("#act").focus()
    answers.words = "1.2 GB left"
    page.clock.run_for(1_100)
    expect(page.locator("#gallery-live p").first).to_have_text("1.2 GB left")
    expect(page.locator("#more")).to_have_attribute("open", "")
    expect(page.locator("#act")).to_be_focused()


def test_it_leaves_somebody_who_types_alone(live: tuple[Page, Answers]) -> None:
    page, answers = live
    page.locator("#amount").fill("25")
    asked = answers.asked
    page.clock.run_for(5_000)
    assert answers.asked == asked
    expect(page.locator("#amount")).to_have_value("25")


def test_without_a_connection_it_says_since_when_it_is_old(
    open_page: Windows, live: tuple[Page, Answers]
) -> None:
    open_page.allow("ERR_FAILED")
    page, answers = live
    answers.is_down = True
    page.clock.run_for(1_100)
    expect(page.locator("[data-cap-as-of]")).to_have_text(re.compile(r"As of \d\d:\d\d:\d\d – no connection"))
    answers.is_down = False
    page.clock.run_for(1_100)
    expect(page.locator("[data-cap-as-of]")).to_be_hidden()


def test_a_hidden_page_asks_nothing_and_asks_at_once_when_seen_again(live: tuple[Page, Answers]) -> None:
    page, answers = live
    _set_hidden(page, "true")
    asked = answers.asked
    page.clock.run_for(10_000)
    assert answers.asked == asked
    _set_hidden(page, "false")
    page.wait_for_timeout(200)
    assert answers.asked == asked + 1


def _set_hidden(page: Page, hidden: str) -> None:
    page.evaluate(
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden === 'true', configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_the_last_one_is_the_last(live: tuple[Page, Answers]) -> None:
    page, answers = live
    answers.body = LAST
    page.clock.run_for(1_100)
    expect(page.locator("#gallery-live")).to_have_text("You are back online")
    asked = answers.asked
    page.clock.run_for(10_000)
    assert answers.asked == asked


# --- how it arrives --------------------------------------------------------------------------------------


def test_assets_are_compressed_and_kept_for_ever(open_page: Windows, site: str) -> None:
    page = open_page()
    heads: dict[str, dict[str, str]] = {}
    page.on("response", lambda answer: heads.update({answer.url: answer.headers}))
    page.goto(f"{site}/demo/gallery", wait_until="networkidle")
    assets = {Path(url).name: head for url, head in heads.items() if "/static/" in url}
    assert {name.split(".")[0] for name in assets} >= {"tabler", "capstan", "htmx-2", "icons"}
    for head in assets.values():
        assert "immutable" in head["cache-control"]
        assert head["content-encoding"] in ("br", "gzip")
        assert "default-src 'self'" in head["content-security-policy"]


def test_a_public_pages_frame_is_light(open_page: Windows, site: str) -> None:
    """All that a page for customers or sign-in needs, with what it says, comes over a slow line in a second."""
    page = open_page()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    open_page.allow("status of 404")
    page.goto(f"{site}/there-is-no-such-page", wait_until="networkidle")
    assert len(sizes) >= 5
    assert sum(sizes) < 25_000


@pytest.mark.parametrize("width", [NARROWEST, DESK])
def test_error_pages_are_accessible(open_page: Windows, site: str, width: int) -> None:
    open_page.allow("status of 404")
    page = open_page(width)
    page.goto(f"{site}/there-is-no-such-page")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    check_page(page)
