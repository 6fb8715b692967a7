"""Fetches what browsers get and isn't ours: `python -m tools.assets`. Does nothing when that is done already.

`package-lock.json` in `capstan/ui/assets/` pins npm packages by version and hash. Their tarballs are fetched from the npm
registry, checked, and kept in `.venv/npm`. Out of them come, in `capstan/ui/static/vendor/`:

- `tabler.css`, the whole stylesheet, for the console;
- `tabler-page.css`, only the rules that public pages use: a customer without data waits for every byte;
- `icons.svg`, a sprite of the icons in `icons.txt`.

Then Django's `collectstatic` puts everything under names with hashes, compressed, into `capstan/ui/built/`, which is what
the web server serves.
"""

import base64
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from tools.stylesheet import classes_in_markup, classes_in_program, only_used, variables_in
from tools.tidy import ROOT

PUBLIC_REGISTRY = "https://registry.npmjs.org"
UI = ROOT / "capstan" / "ui"
LOCK = UI / "assets" / "package-lock.json"
ICONS = UI / "assets" / "icons.txt"
VENDOR = UI / "static" / "vendor"
BUILT = UI / "built"
STAMP = BUILT / "made-from"
KEPT = ROOT / ".venv" / "npm"

NOT_SERVED = ["htmax-4*", "htmx-4*", "htmx-2.js"]
STAFF_APPS = ("console", "demo")  # their pages take the whole stylesheet
STAFF_FRAME = ("console.html", "nav.html")
_SVG = "http://www.w3.org/2000/svg"
_TIMEOUT_SECONDS = 60
_SERVED_SECONDS = 86_400  # as long a web server may have run since its files were made anew


class Broken(Exception):
    """An asset that can't be fetched, or isn't what the lock file says."""


def ensure() -> bool:
    """Make what is missing or out of date; whether there was anything to do. Raises Broken."""
    if _stamp() == sources_hash():
        return False
    with _alone():
        wanted = sources_hash()
        if _stamp() == wanted:
            return False
        VENDOR.mkdir(parents=True, exist_ok=True)
        _make_stylesheets()
        _write("icons.svg", sprite(tarball("@tabler/icons"), ICONS.read_text().split()))
        _collect()
        STAMP.write_text(wanted)
    return True


def sources_hash() -> str:
    """Changes when anything changes that the built assets are made from."""
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def registry() -> str:
    """The npm registry that this user has chosen, else the public one; without a slash at the end."""
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        if chosen := os.environ.get(name):
            return chosen.rstrip("/")
    if npm := shutil.which("npm"):
        asked = subprocess.run(
            [npm, "config", "get", "registry"], capture_output=True, text=True, check=False, cwd=ROOT
        )
        if asked.stdout.strip().startswith("http"):
            return asked.stdout.strip().rstrip("/")
    return PUBLIC_REGISTRY


def tarball(name: str) -> bytes:
    """The locked tarball of an npm package. Raises Broken when it can't be had or has another hash."""
    locked = json.loads(LOCK.read_text())["packages"][f"node_modules/{name}"]
    base = name.rpartition("/")[2]
    kept = KEPT / f"{base}-{locked['version']}.tgz"
    if kept.exists():
        data = kept.read_bytes()
        if matches(data, locked["integrity"]):
            return data
    url = f"{registry()}/{name}/-/{base}-{locked['version']}.tgz"
    data = _fetch(url)
    if not matches(data, locked["integrity"]):
        raise Broken(f"{url} is not what {LOCK.relative_to(ROOT)} pins: its sha512 differs")
    KEPT.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(data)
    return data


def matches(data: bytes, integrity: str) -> bool:
    """Whether these bytes have this hash in npm's notation, `sha512-<base64>`."""
    kind, _, wanted = integrity.partition("-")
    return kind == "sha512" and base64.b64encode(hashlib.sha512(data).digest()).decode() == wanted


def members(archive: bytes, paths: set[str]) -> dict[str, str]:
    """The texts of these files of an npm tarball. Raises Broken when one isn't there."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for entry in tar:
            path = entry.name.removeprefix("package/")
            if path in paths and (content := tar.extractfile(entry)) is not None:
                found[path] = content.read().decode()
    if missing := paths - found.keys():
        raise Broken(f"the package has no {', '.join(sorted(missing))}")
    return found


def sprite(archive: bytes, names: list[str]) -> str:
    """An SVG with one symbol for each of these icons. Raises Broken for one that Tabler doesn't have."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.Element(f"{{{_SVG}}}svg")
    root.append(ElementTree.Comment(" Tabler Icons, MIT licence, https://tabler.io/icons "))
    drawings = members(archive, {f"icons/outline/{name}.svg" for name in names})
    for path, text in sorted(drawings.items()):
        drawing = ElementTree.fromstring(text)  # noqa: S314 - its hash is pinned
        symbol = ElementTree.SubElement(
            root, f"{{{_SVG}}}symbol", {"id": Path(path).stem, "viewBox": "0 0 24 24"}
        )
        symbol.extend(part for part in drawing if part.get("stroke") != "none")
    return ElementTree.tostring(root, encoding="unicode")


def _make_stylesheets() -> None:
    packed = "dist/css/tabler.min.css"
    whole = members(tarball("@tabler/core"), {packed})[packed]
    licence = re.search(r"/\*!.*?\*/", whole, re.DOTALL)
    assert licence, "Tabler's licence has to stay with it"
    own = "".join(path.read_text() for path in (UI / "static" / "ui").glob("*.css"))
    words: set[str] = set()
    for path in _page_sources():
        words |= (classes_in_markup if path.suffix == ".html" else classes_in_program)(path.read_text())
    _write("tabler.css", whole.replace("/*# sourceMappingURL=tabler.min.css.map */", ""))
    _write("tabler-page.css", licence.group() + only_used(whole, words, variables_in(own)))


def _page_sources() -> Iterator[Path]:
    """Where the classes of public pages stand: templates, and the programs that write markup."""
    for path in (ROOT / "capstan").rglob("*"):
        app = path.relative_to(ROOT / "capstan").parts[0]
        in_page = path.suffix in (".html", ".js") or (path.suffix == ".py" and app in ("ui", "portal"))
        if (
            in_page
            and app not in STAFF_APPS
            and path.name not in STAFF_FRAME
            and not {"vendor", "built"} & set(path.parts)
        ):
            yield path


def _sources() -> Iterator[Path]:
    yield from (LOCK, ICONS, ROOT / "uv.lock", ROOT / "tools" / "assets.py", ROOT / "tools" / "stylesheet.py")
    yield from _page_sources()
    for folder in (ROOT / "capstan").glob("*/static"):
        yield from (path for path in folder.rglob("*") if path.is_file() and VENDOR not in path.parents)


def _collect() -> None:
    """Names with hashes, compressed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capstan.config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=NOT_SERVED)
    forget_earlier(BUILT, set(json.loads((BUILT / "staticfiles.json").read_text())["paths"].values()))


def forget_earlier(folder: Path, served: Set[str]) -> None:
    """Remove what no page links to any more, if it was made a day before the last time: a web server that runs may still
    serve what is newer."""
    for path in folder.rglob("*.*"):
        name = str(path.relative_to(folder)).removesuffix(".br").removesuffix(".gz")
        is_old = STAMP.exists() and path.stat().st_mtime < STAMP.stat().st_mtime - _SERVED_SECONDS
        if path.is_file() and is_old and name not in {*served, "staticfiles.json"}:
            path.unlink()


def _fetch(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise Broken(f"{url} is no web address")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - checked above
            return bytes(answer.read())
    except OSError as problem:
        raise Broken(f"can't fetch {url}: {problem}") from problem


def _write(name: str, text: str) -> None:
    part = VENDOR / f".{name}.part"
    part.write_text(text)
    part.replace(VENDOR / name)


def _stamp() -> str:
    return STAMP.read_text() if STAMP.exists() else ""


@contextmanager
def _alone() -> Iterator[None]:
    """Several may ask for the assets at once; one makes them."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    try:
        if ensure():
            print("assets made")
    except Broken as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
