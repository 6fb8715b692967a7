"""Debian's Chromium, driven by Playwright: for tests and for screenshots."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState, sync_playwright

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--hide-scrollbars",
)  # fmt: skip
PATIENCE_MS = 15_000
PHONE, TABLET, DESK = 390, 768, 1280  # CSS pixels
_HEIGHTS = {PHONE: 844, TABLET: 1024}


@contextmanager
def started(program: str) -> Iterator[Browser]:
    """A headless browser. While it runs, this thread has a running event loop (Playwright's)."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def open_window(
    browser: Browser,
    width: int = DESK,
    *,
    dark: bool = False,
    scripts: bool = True,
    signed_in: StorageState | None = None,
) -> Page:
    """A window of its own, with its own cookies, or with those of somebody who is signed in."""
    scheme: Literal["dark", "light"] = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": width, "height": _HEIGHTS.get(width, 900)},
        color_scheme=scheme,
        java_script_enabled=scripts,
        locale="en-GB",
        reduced_motion="reduce",
        storage_state=signed_in,
    )
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


class Watch:
    """Writes down what goes wrong in a window: console errors, exceptions, breaches of the policy, foreign hosts."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """What matches is meant to happen in this test."""
        self._allowed.append(re.compile(pattern))

    def over(self, page: Page) -> Page:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"exception: {error}"))
        page.on("request", self._request)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in (
            "127.0.0.1",
            "localhost",
        ):
            self._note(f"asks another host: {request.url}")

    def _note(self, problem: str) -> None:
        if not any(pattern.search(problem) for pattern in self._allowed):
            self.problems.append(problem)
