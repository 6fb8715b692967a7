"""`make screenshots`: pictures of every page, and one contact sheet of all, in out/screenshots/.

Starts the product with the demo provider – own data dir, own ports –, signs in, and visits the pages of
`screenshot_pages.py` at 390 and 1280 px, in light and dark. Names as arguments take those pages only. Ends with status 1
when a page breaks, logs an error or breaches the content security policy.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, SOCK_STREAM, SocketKind, socket

from playwright.sync_api import Browser, StorageState

from tools import chromium
from tools.chromium import DESK, PHONE, Watch
from tools.screenshot_pages import NOBODY, PAGES, Shot
from tools.tidy import ROOT

OUT = ROOT / "out" / "screenshots"
README = ROOT / "docs" / "screenshots"
STAFF = {"agent": "Sipho Dlamini", "manager": "Anna Maree"}
PASSWORD = "pictures are taken here"  # noqa: S105 - of a database that lives for a minute
LOOKS = [(width, dark) for width in (PHONE, DESK) for dark in (False, True)]
_PATIENCE_SECONDS = 600
_NEEDED = {"web", "radius", "meter", "worker", "routers"}


@contextmanager
def demo() -> Iterator[str]:
    """The product with the demo provider, from nothing; its address. Raises TimeoutError when it doesn't come up."""
    folder = tempfile.mkdtemp(prefix="capstan-screenshots-")
    address = f"127.0.0.1:{_free_port(SOCK_STREAM)}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAPSTAN_")}
    kept.pop("DATABASE_URL", None)
    environment = kept | {
        "CAPSTAN_DATA_DIR": folder,
        "CAPSTAN_WEB_BIND": address,
        "CAPSTAN_RADIUS_AUTH_PORT": str(_free_port(SOCK_DGRAM)),
        "CAPSTAN_RADIUS_ACCT_PORT": str(_free_port(SOCK_DGRAM)),
        "CAPSTAN_DEMO": "true",
    }
    command = [sys.executable, "-m", "capstan.config.cli"]
    log = Path(folder, "up.log")
    with log.open("wb") as said:
        running = subprocess.Popen(
            [*command, "up", "--demo"], cwd=ROOT, env=environment, stdout=said, stderr=said
        )
    try:
        _wait_for(f"http://{address}", running, log)
        for role, name in STAFF.items():
            subprocess.run(
                [*command, "staff", "add", role, "--name", name, "--role", role],
                cwd=ROOT, env=environment, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True,
            )  # fmt: skip
        yield f"http://{address}"
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if running.poll() is not None:
            raise RuntimeError(f"capstan up has ended:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 - ours
                if json.load(answer)["processes"].keys() >= _NEEDED:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise TimeoutError(f"capstan up doesn't come up:\n{log.read_text()[-3000:]}")


def _free_port(kind: SocketKind) -> int:
    with socket(AF_INET, kind) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Photographer:
    """Visits pages and takes their pictures."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._signed_in: dict[str, StorageState] = {}
        self.problems: list[str] = []

    def take(self, shot: Shot) -> list[Path]:
        return [self._take(shot, width, dark=dark) for width, dark in LOOKS]

    def _take(self, shot: Shot, width: int, *, dark: bool) -> Path:
        watch = Watch()
        watch.allow("status of 404")
        page = watch.over(
            chromium.open_window(self._browser, width, dark=dark, signed_in=self._cookies(shot.who))
        )
        answer = page.goto(self._url + shot.path)
        if shot.then is not None:
            shot.then(page)
        page.evaluate("document.fonts.ready")
        path = OUT / f"{shot.name}-{width}-{'dark' if dark else 'light'}.png"
        page.screenshot(path=path, full_page=True)
        if answer is not None and answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            watch.problems.append(f"status {answer.status}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            watch.problems.append(f"scrolls sideways at {width} px")
        self.problems += [f"{path.stem}: {problem}" for problem in watch.problems]
        page.context.close()
        return path

    def _cookies(self, who: str) -> StorageState | None:
        if who == NOBODY:
            return None
        if who not in self._signed_in:
            page = chromium.open_window(self._browser)
            page.goto(f"{self._url}/sign-in/")
            page.fill("input[name=login]", who)
            page.fill("input[name=password]", PASSWORD)
            page.press("input[name=password]", "Enter")
            page.wait_for_url(lambda url: not url.endswith("/sign-in/"))
            self._signed_in[who] = page.context.storage_state()
            page.context.close()
        return self._signed_in[who]


def contact_sheet(browser: Browser, taken: dict[str, list[Path]]) -> Path:
    """All pictures on one page, and a picture of that page."""
    rows = "".join(
        f"<h2>{escape(name)}</h2><div>"
        + "".join(f'<a href="{path.name}"><img src="{path.name}" alt="{path.stem}"></a>' for path in paths)
        + "</div>"
        for name, paths in taken.items()
    )
    sheet = OUT / "index.html"
    sheet.write_text(
        f'<!doctype html><html lang="en"><title>All pages</title><style>{_SHEET_STYLE}</style>{rows}'
    )
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.goto(sheet.as_uri())
    page.screenshot(path=OUT / "contact-sheet.png", full_page=True)
    return sheet


_SHEET_STYLE = (
    "body{font:14px sans-serif;margin:1rem;background:#888}h2{margin:1rem 0 .25rem;color:#fff}"
    "div{display:flex;gap:.5rem;align-items:flex-start}img{height:420px;max-width:560px;object-fit:cover;"
    "object-position:top;border:1px solid #444;display:block}"
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m tools.screenshots", description="pictures of the product's pages")
    parser.add_argument("names", nargs="*", help="only these pages")
    parser.add_argument("--readme", action="store_true", help="renew the pictures in docs/screenshots")
    chosen = parser.parse_args(arguments)
    shots = [shot for shot in PAGES if not chosen.names or shot.name in chosen.names]
    program = shutil.which("chromium")
    if program is None or not shots:
        print(
            "there is no chromium: tools/apt.sh installs it" if shots else "there is no such page",
            file=sys.stderr,
        )
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    with demo() as url, chromium.started(program) as browser:
        photographer = Photographer(browser, url)
        taken = {shot.name: photographer.take(shot) for shot in shots}
        sheet = contact_sheet(browser, taken)
    if chosen.readme:
        README.mkdir(parents=True, exist_ok=True)
        for shot in shots:
            if shot.in_readme:
                shutil.copy(OUT / f"{shot.name}-{DESK}-light.png", README / f"{shot.name}.png")
    print(f"{sum(map(len, taken.values()))} pictures: {sheet.relative_to(ROOT)}")
    print("\n".join(photographer.problems))
    return bool(photographer.problems)


if __name__ == "__main__":
    sys.exit(main())
