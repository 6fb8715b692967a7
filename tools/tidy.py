"""House rules that no linter knows. Each message says what to do instead. Run by the tests; `python -m tools.tidy` by hand."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent

FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 400
MODELS_LINES_MAX = 600  # an app's tables stand in one place, where everybody looks for them

DOMAIN_APPS = {
    "audit",
    "billing",
    "caps",
    "catalog",
    "customers",
    "helpdesk",
    "identity",
    "ledger",
    "messaging",
}
DOMAIN_APPS |= {"metering", "network", "payments", "services", "topups"}
APP_NAMES = {"__init__", "apps", "migrations", "rules", "models", "queries", "actions", "README"}
APP_EXTRAS = {
    "metering": {"records"},  # the packet log's format: neither rule nor table
    "network": {"radius", "listener", "vendors", "coa"},
}

# A loop paces itself, a program waits for another: they may measure spans, never read the time of day.
MONOTONIC_IN = (
    "bench/",
    "capstan/caps/actions/meter.py",
    "capstan/config/",
    "capstan/demo/",
    "capstan/network/coa/",
    "capstan/network/listener/",
    "capstan/worker/",
    "tests/",
    "tools/",
)
WALL_CLOCK_IN = ("bench/",)  # it stamps what it sends and reports when it ran, as any other program would
CLOCK = "capstan/values/clock.py"

TEXT = {".py", ".md", ".toml", ".sh", ".yaml", ".yml", ".html", ".txt", ".conf", ".cfg", ".c", ".h", ""}


@dataclass(frozen=True)
class File:
    """A file of the repository by its path from the top, with its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py") and "/migrations/" not in self.path

    @property
    def is_product(self) -> bool:
        return self.is_python and self.path.startswith("capstan/")


Found = Iterator[tuple[int, str]]
"""Line and message."""


def long_functions(file: File) -> Found:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield (
                    node.lineno,
                    f"{node.name} has {lines} lines: split it, {FUNCTION_LINES_MAX} fit a screen",
                )


def long_module(file: File) -> Found:
    lines = file.text.count("\n")
    most = MODELS_LINES_MAX if file.path.endswith("/models.py") else MODULE_LINES_MAX
    if lines > most and not file.path.startswith("tests/"):  # tables of cases may be long
        yield (
            1,
            f"{lines} lines: make it a package of the same name with modules of at most {most}",
        )


def filled_init(file: File) -> Found:
    if file.path.endswith("__init__.py") and file.text.strip():
        yield 1, "put this into a named module: __init__.py stays empty"


def stray_file(file: File) -> Found:
    parts = PurePosixPath(file.path).parts
    if len(parts) < 3 or parts[0] != "capstan" or parts[1] not in DOMAIN_APPS:
        return
    name = parts[2].partition(".")[0]
    if name not in APP_NAMES | APP_EXTRAS.get(parts[1], set()):
        yield (
            1,
            f"a domain app has rules, models, queries, actions and README.md: {parts[2]} belongs into one of them",
        )


def clock_reading(file: File) -> Found:
    if file.path == CLOCK:
        return
    wall = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
    wall |= {"timezone.now", "datetime.datetime.now", "datetime.date.today"}
    span = {"time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name in wall and not file.path.startswith(WALL_CLOCK_IN):
                yield (
                    node.lineno,
                    f"{name}: take `now` as an argument; edges and loops ask capstan.values.clock.now()",
                )
            elif name in span and not file.path.startswith(MONOTONIC_IN):
                yield node.lineno, f"{name}: only loops and programs measure spans; take `now` as an argument"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield (
                node.lineno,
                "write `import time` and `time.monotonic()`, so that a reading of a clock is seen",
            )


_SQL_CLOCK = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
    r"|\b(CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME)\b",
    re.IGNORECASE,
)


def sql_clock(file: File) -> Found:
    for node in _texts(file.tree):
        if _SQL_CLOCK.search(str(node.value)):
            yield node.lineno, "SQL asks the server's clock: pass `now` as a parameter"
    for statement in ast.walk(file.tree):
        if isinstance(statement, ast.ImportFrom) and any(alias.name == "Now" for alias in statement.names):
            yield statement.lineno, "Now() asks the server's clock: pass `now` as a value"


def _texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """The string constants that are not docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


_SIGNALS = ("django.dispatch", "django.db.models.signals", "django.core.signals")


def signals(file: File) -> Found:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom) and node.module in _SIGNALS:
            yield node.lineno, "signals hide who acts: call the action where the thing happens"


def overridden_save(file: File) -> Found:
    if PurePosixPath(file.path).name != "models.py":
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef) and node.name in ("save", "delete", "clean"):
            yield (
                node.lineno,
                f"a model decides nothing: do this in an action instead of overriding {node.name}()",
            )


def foreign_keys(file: File) -> Found:
    """A key to another app must not show on that app's model, which knows nothing of those above it."""
    if "/models" not in file.path:
        return
    own = {node.name for node in file.tree.body if isinstance(node, ast.ClassDef)} | {"self"}
    for node in ast.walk(file.tree):
        if not (
            isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".ForeignKey", ".OneToOneField"))
        ):
            continue
        target = ast.unparse(node.args[0]).strip("'\"") if node.args else "?"
        related = {word.arg: ast.unparse(word.value) for word in node.keywords}.get("related_name")
        if target not in own and related != "'+'":
            yield node.lineno, f'the key to {target} of another app needs related_name="+"'


_LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def left_for_later(file: File) -> Found:
    for number, line in enumerate(file.text.splitlines(), 1):
        if _LATER.search(line):
            yield number, "do it, or write an issue: notes for later rot here"


_MACHINE = re.compile(
    r"/wor" + r"k/(main|shared)|/opt/pyp" + r"i|\.pyen" + r"v/|/tmp/(pgde" + r"v|brie" + r"f)"
)
_MAKER = re.compile(
    r"\b(Clau" + r"de|Anthro" + r"pic|Chat" + r"GPT|Cop" + r"ilot|LL" + r"M)\b", re.IGNORECASE
)


def foreign_words(file: File) -> Found:
    for number, line in enumerate(file.text.splitlines(), 1):
        if _MACHINE.search(line):
            yield (
                number,
                "a path of one machine: take it from a setting, an argument or the repository's own place",
            )
        if _MAKER.search(line):
            yield number, "names a tool that made text: say what the code does instead"


_SKIPS = {"pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.importorskip", "pytest.mark.xfail"}


def silent_skip(file: File) -> Found:
    if not file.path.startswith("tests/") or file.path == "tests/needs.py":
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in _SKIPS:
            yield (
                node.lineno,
                f"{ast.unparse(node)}: use tests/needs.py, which fails in CI where something is missing",
            )


ANY_TEXT: tuple[Callable[[File], Found], ...] = (left_for_later, foreign_words, stray_file)
PYTHON = (long_functions, long_module, filled_init, clock_reading, silent_skip)
PRODUCT = (sql_clock, signals, overridden_save, foreign_keys)


def check(file: File) -> Iterator[str]:
    """All that is wrong in a file, as `path:line: message`."""
    rules = list(ANY_TEXT)
    rules += PYTHON if file.is_python else ()
    rules += PRODUCT if file.is_product else ()
    try:
        ast.parse(file.text if file.is_python else "")
    except SyntaxError as wrong:
        yield f"{file.path}:{wrong.lineno}: no Python: {wrong.msg}"
        return
    for rule in rules:
        for line, message in rule(file):
            yield f"{file.path}:{line}: {message}"


def files() -> Iterator[File]:
    """The repository's text files: those under version control and those that soon will be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path in sorted(filter(None, listed.split("\0"))):
        full = ROOT / path
        if full.suffix in TEXT and full.is_file() and path != "uv.lock" and not path.startswith("LICENSE"):
            yield File(path, full.read_text())


def main() -> int:
    found = [line for file in files() for line in check(file)]
    print("\n".join(found) or "tidy")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
