"""The browser's watch notices what it is there for."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from capstan.config.headers import POLICY
from tests.browser import Windows, check_axe, check_no_sideways_scroll

_FRAME = '<!doctype html><html lang="en"><title>Page</title><main><h1>Page</h1>{}</main>'
PAGES = {
    "/good": "<p>Nothing to see.</p>",
    "/inline-script": "<script>document.title = 'x'</script>",
    "/inline-style": '<p style="color: red">Red.</p>',
    "/inline-handler": '<img src="/good.png" alt="" onerror="alert(1)">',
    "/foreign-picture": '<img src="http://192.0.2.1/x.png" alt="">',
    "/broken-script": '<script src="/broken.js"></script>',
    "/missing": '<script src="/none.js"></script>',
    "/wide": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" width="1500" height="10" alt="">',
    "/wide-on-small-phones": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" width="340" height="10" alt="">',
    "/unlabelled": '<input type="text">',
}
FILES = {"/broken.js": ("text/javascript", "nothing.here();"), "/favicon.ico": ("image/x-icon", "")}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, body = FILES.get(self.path, ("text/html", _FRAME.format(PAGES.get(self.path, ""))))
        known = self.path in PAGES or self.path in FILES
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/inline-script", "Content Security Policy"),
        ("/inline-style", "Content Security Policy"),
        ("/inline-handler", "Content Security Policy"),
        ("/foreign-picture", "Content Security Policy"),
        ("/broken-script", "exception: nothing is not defined"),
        ("/missing", "404"),
    ],
)
def test_a_breach_is_noticed(browser: Browser, site: str, path: str, expected: str) -> None:
    windows = Windows(browser)
    page = windows()
    page.goto(site + path, wait_until="networkidle")
    windows.close()
    assert any(expected in problem for problem in windows.problems), windows.problems


def test_a_request_to_another_host_is_noticed(browser: Browser, site: str) -> None:
    windows = Windows(browser)
    page = windows()
    page.context.route("**/*", lambda route: route.fulfill(body="<title>x</title>"))
    page.goto("http://other.example/")
    windows.close()
    assert windows.problems == ["asks another host: http://other.example/"]


def test_a_good_page_passes(open_page: Windows, site: str) -> None:
    page = open_page()
    page.goto(f"{site}/good")
    check_axe(page)
    check_no_sideways_scroll(page)


def test_what_a_test_means_to_happen_is_no_problem(open_page: Windows, site: str) -> None:
    open_page.allow("status of 404")
    open_page().goto(f"{site}/missing", wait_until="networkidle")


@pytest.mark.parametrize(("path", "width"), [("/wide", 1280), ("/wide-on-small-phones", 390)])
def test_a_page_wider_than_its_window_is_noticed(
    open_page: Windows, site: str, path: str, width: int
) -> None:
    page = open_page(width)
    page.goto(site + path)
    with pytest.raises(AssertionError, match="wider than"):
        check_no_sideways_scroll(page)


def test_an_unlabelled_field_is_noticed(open_page: Windows, site: str) -> None:
    page = open_page()
    page.goto(f"{site}/unlabelled")
    with pytest.raises(AssertionError, match="label"):
        check_axe(page)
