"""Assets come from a registry, are what the lock file pins, and end under names with hashes."""

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.templatetags.static import static

from capstan.config import web
from capstan.config.errors import OperatorError
from tools import assets
from tools.stylesheet import classes_in_markup, classes_in_program, only_used


def npm_tarball(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" stroke="currentColor">
  <path stroke="none" d="M0 0h24v24H0z" fill="none" /><path d="M5 12l5 5l10 -10" /></svg>"""
TARBALL = npm_tarball({"icons/outline/check.svg": ICON, "package.json": "{}"})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """An npm registry with one package, `@made-up/icons` 1.2.3, pinned by a lock file; yields the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = self.path == "/npm/@made-up/icons/-/icons-1.2.3.tgz"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(TARBALL if found else b"")

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_address[1]}/npm/")
    monkeypatch.setattr(assets, "KEPT", tmp_path / "npm")
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    pin(monkeypatch, tmp_path, TARBALL)
    yield asked
    server.shutdown()


def pin(monkeypatch: pytest.MonkeyPatch, folder: Path, tarball: bytes, name: str = "@made-up/icons") -> None:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    lock = folder / "package-lock.json"
    lock.write_text(
        json.dumps({"packages": {f"node_modules/{name}": {"version": "1.2.3", "integrity": integrity}}})
    )
    monkeypatch.setattr(assets, "LOCK", lock)


def test_a_package_is_fetched_once_and_kept(registry: list[str]) -> None:
    assert assets.tarball("@made-up/icons") == TARBALL
    assert assets.tarball("@made-up/icons") == TARBALL
    assert registry == ["/npm/@made-up/icons/-/icons-1.2.3.tgz"]


def test_what_the_lock_does_not_pin_is_refused(
    registry: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch, tmp_path, b"something else")
    with pytest.raises(assets.Broken, match="sha512 differs"):
        assets.tarball("@made-up/icons")
    assert not list((tmp_path / "npm").glob("*.tgz"))


def test_a_kept_package_that_was_changed_is_fetched_anew(registry: list[str]) -> None:
    assets.tarball("@made-up/icons")
    next(assets.KEPT.glob("*.tgz")).write_bytes(b"changed")
    assert assets.tarball("@made-up/icons") == TARBALL
    assert len(registry) == 2


@pytest.mark.parametrize("integrity", ["", "sha1-abc", "sha512-", "sha512-AAAA"])
def test_only_the_right_sha512_matches(integrity: str) -> None:
    assert not assets.matches(b"data", integrity)


def test_a_registry_without_the_package_is_named(
    registry: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin(monkeypatch, tmp_path, TARBALL, name="gone")
    with pytest.raises(assets.Broken, match=r"can't fetch http://127.0.0.1:\d+/npm/gone/-/gone-1.2.3.tgz"):
        assets.tarball("gone")


def test_a_registry_that_is_no_web_address_is_refused(
    registry: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "file:///etc")
    with pytest.raises(assets.Broken, match="no web address"):
        assets.tarball("@made-up/icons")


def test_the_sprite_has_one_symbol_for_each_icon() -> None:
    made = assets.sprite(TARBALL, ["check", "check"])
    assert made.count("<symbol") == 1
    assert '<symbol id="check" viewBox="0 0 24 24"><path d="M5 12l5 5l10 -10" />' in made
    assert "M0 0h24" not in made, "the invisible frame is left out"
    with pytest.raises(assets.Broken, match=r"the package has no icons/outline/cheque\.svg"):
        assets.sprite(TARBALL, ["cheque"])


# --- the stylesheet of public pages ----------------------------------------------------------------------

CSS = (
    '@charset "UTF-8";:root{--used:1px;--through:var(--used);--unused:2px}'
    ".card{margin:var(--through)}.card,.modal{color:red}.modal .card{top:0}a:not(.modal):hover{left:0}"
    '.w-1\\/2{width:50%}.icon::after{content:"}.card{"}'
    "@media (width>9px){.modal{top:0}.card{top:1px}}@media print{.modal{top:0}}@keyframes spin{to{rotate:1turn}}"
)


def test_only_rules_whose_classes_are_used_stay() -> None:
    assert only_used(CSS, {"card", "icon"}) == (
        '@charset "UTF-8";:root{--used:1px;--through:var(--used)}'
        ".card{margin:var(--through)}.card{color:red}a:not(.modal):hover{left:0}"
        '.icon::after{content:"}.card{"}'
        "@media (width>9px){.card{top:1px}}@keyframes spin{to{rotate:1turn}}"
    )


def test_classes_with_odd_letters_and_variables_of_others_stay() -> None:
    kept = only_used(CSS, {"w-1/2"}, {"--unused"})
    assert ".w-1\\/2{width:50%}" in kept
    assert "--unused:2px" in kept
    assert "--used" not in kept.replace("--unused", "")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('<p class="card mb-3" id="table">modal</p>', {"card", "mb-3"}),
        ("<p class='card'>", {"card"}),
        ('{% icon "phone" class="ms-1" %}', {"ms-1"}),
        (
            '<p class="card{% if kind == "b" %} loud{% endif %}">',
            {"card", "if", "kind", "b", "loud", "endif"},
        ),
        ('<p data-class="card">', {"card"}),
    ],
)
def test_classes_are_found_in_templates(template: str, expected: set[str]) -> None:
    assert classes_in_markup(template) == expected


def test_classes_are_found_in_programs() -> None:
    assert classes_in_program("""box.className = "card mb-3"; say('loud', `soft`, table)""") == {
        "card", "mb-3", "loud", "soft",
    }  # fmt: skip


# --- what set-up has made --------------------------------------------------------------------------------


def test_everything_is_made_and_once_is_enough() -> None:
    assert assets.ensure() is False, "tests begin with it"
    whole, page = (assets.VENDOR / name for name in ("tabler.css", "tabler-page.css"))
    assert page.stat().st_size < whole.stat().st_size / 5
    for path in (whole, page):
        assert "Licensed under MIT" in path.read_text()
        assert "http" not in path.read_text().replace("http://www.w3.org", "").replace(
            "https://tabler.io", ""
        ).replace("https://github.com", "")


def test_links_have_hashes_and_files_are_compressed() -> None:
    url = static("ui/capstan.css")
    path = settings.STATIC_ROOT / url.removeprefix(f"/{settings.STATIC_URL.strip('/')}/")
    assert path.name != "capstan.css"
    assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == path.read_bytes()
    assert path.with_name(f"{path.name}.br").exists()
    assert path.read_text() == (assets.UI / "static" / "ui" / "capstan.css").read_text()


def test_files_of_days_ago_that_nothing_links_to_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def made(name: str, hours_ago: int) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        at = path.stat().st_mtime - hours_ago * 3600
        os.utime(path, (at, at))
        return path

    monkeypatch.setattr(assets, "STAMP", made("made-from", 0))
    stay = [
        made("ui/a.111.css", 90),
        made("ui/a.111.css.br", 90),
        made("ui/a.222.css", 3),
        made("staticfiles.json", 90),
    ]
    go = [made("ui/a.333.css", 25), made("ui/a.333.css.gz", 25)]
    assets.forget_earlier(tmp_path, {"ui/a.111.css"})
    assert [path.name for path in stay if not path.exists()] == []
    assert [path.name for path in go if path.exists()] == []


def test_without_them_the_web_server_says_how_to_make_them(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    with pytest.raises(OperatorError, match=r"python -m tools\.assets"):
        web.run()


def test_the_lock_names_no_registry() -> None:
    assert "resolved" not in assets.LOCK.read_text()
    for package in json.loads(assets.LOCK.read_text())["packages"].values():
        assert package.get("integrity", "sha512-").startswith("sha512-")
