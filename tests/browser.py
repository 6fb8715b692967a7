"""A real browser that looks at the product as people do.

`open_page` opens windows of a size, in light or dark, with or without scripts. An error on the console, an exception in a
script, a breach of the content security policy and a request to another host fail the test, whatever it looked for.
`check_axe`, `check_no_sideways_scroll` and `check_page` say what is wrong with a page.
"""

import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import DEFAULT_DB_ALIAS, connections
from playwright.sync_api import Browser, Page

from tests import needs
from tools import chromium
from tools.chromium import DESK, Watch

NARROWEST = 320
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_UNSAFE = "DJANGO_ALLOW_ASYNC_UNSAFE"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module. Playwright's event loop runs in this thread meanwhile: Django has to be told that this is
    harmless, and `asyncio.run` of other modules' tests would refuse it.

    Beside a loop Django keeps its connections in another place, where one to an earlier module's database may have stayed
    open: it is given the thread's own.
    """
    before, database = os.environ.get(_UNSAFE), connections[DEFAULT_DB_ALIAS]
    os.environ[_UNSAFE] = "true"
    try:
        with chromium.started(needs.program("chromium", "chromium")) as running:
            connections[DEFAULT_DB_ALIAS] = database
            yield running
    finally:
        if before is None:
            del os.environ[_UNSAFE]


class Windows:
    """Opens windows of the browser and watches them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._watch = Watch()
        self._pages: list[Page] = []

    def __call__(self, width: int = DESK, *, dark: bool = False, scripts: bool = True) -> Page:
        """A window of its own, with its own cookies."""
        page = chromium.open_window(self._browser, width, dark=dark, scripts=scripts)
        self._pages.append(page)
        return self._watch.over(page)

    def allow(self, pattern: str) -> None:
        """A problem that this test means to happen, such as `status of 404`."""
        self._watch.allow(pattern)

    @property
    def problems(self) -> list[str]:
        return self._watch.problems

    def close(self) -> None:
        for page in self._pages:
            page.context.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Windows]:
    """Call it for a window; what went wrong in any of them fails the test."""
    windows = Windows(browser)
    yield windows
    windows.close()
    assert not windows.problems, "\n".join(windows.problems)


def check_page(page: Page) -> None:
    """Accessible, and nothing to scroll sideways."""
    check_axe(page)
    check_no_sideways_scroll(page)


def check_axe(page: Page) -> None:
    """No finding of axe-core at WCAG 2.2 A and AA."""
    answer = Axe().run(page, options={"runOnly": _RULES})
    found = [
        f"{rule['id']}: {rule['help']}\n    {node['html'][:200]}\n    {node['failureSummary']}"
        for rule in answer.response["violations"]
        for node in rule["nodes"]
    ]
    assert not found, f"{page.url}:\n" + "\n".join(found)


def check_no_sideways_scroll(page: Page, *, narrowest: int = NARROWEST) -> None:
    """Nothing wider than the window, as it is and at the narrowest."""
    size = page.viewport_size
    assert size is not None
    for width in {size["width"], narrowest}:
        page.set_viewport_size({"width": width, "height": size["height"]})
        wide = page.evaluate(_TOO_WIDE)
        assert not wide, f"{page.url} is wider than {width} px: {wide}"
    page.set_viewport_size(size)


_TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const wide = Array.from(document.querySelectorAll("body *")).filter(
    (one) => one.getBoundingClientRect().right > room + 1);
  return wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120)).concat(
    [`${document.documentElement.scrollWidth} px`]);
}"""
