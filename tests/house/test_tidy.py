"""The house rules hold, and each of them would notice."""

import pytest

from tools import tidy

LONG = "def f():\n" + "    x = 1\n" * tidy.FUNCTION_LINES_MAX
LONGEST = "def f():\n" + "    x = 1\n" * (tidy.FUNCTION_LINES_MAX - 1)
LATER = "TO" + "DO"
MAKER = "Chat" + "GPT"
MACHINE = "/wor" + "k/main"

CASES = [
    # path, text, part of the message, or "" where the rule must keep quiet
    ("capstan/caps/rules.py", LONG, "f has 61 lines"),
    ("capstan/caps/rules.py", LONGEST, ""),
    ("capstan/caps/rules.py", "x = 1\n" * 401, "make it a package"),
    ("capstan/caps/rules.py", "x = 1\n" * 400, ""),
    ("capstan/caps/__init__.py", "from x import y\n", "__init__.py stays empty"),
    ("capstan/caps/__init__.py", "", ""),
    ("capstan/caps/services.py", "", "services.py belongs into one of them"),
    ("capstan/caps/utils/text.py", "", "utils belongs into one of them"),
    ("capstan/caps/rules/words.py", "", ""),
    ("capstan/metering/records.py", "", ""),
    ("capstan/caps/records.py", "", "records.py belongs into one of them"),
    ("capstan/caps/actions.py", "now = datetime.now(tz=UTC)\n", "take `now` as an argument"),
    ("capstan/caps/actions.py", "at = timezone.now()\n", "take `now` as an argument"),
    ("capstan/caps/actions.py", "field = DateTimeField(default=timezone.now)\n", "take `now` as an argument"),
    ("capstan/caps/actions.py", "s = time.time()\n", "take `now` as an argument"),
    ("capstan/caps/actions.py", "from time import time\n", "write `import time`"),
    ("capstan/caps/actions.py", "s = time.monotonic()\n", "only loops and programs measure spans"),
    ("capstan/worker/loop.py", "s = time.monotonic()\n", ""),
    ("capstan/values/clock.py", "now = datetime.now(tz=UTC)\n", ""),
    ("capstan/caps/actions.py", "now = clock.now()\n", ""),
    ("capstan/caps/actions.py", 'q = "UPDATE t SET at = now()"\n', "pass `now` as a parameter"),
    ("capstan/caps/actions.py", 'q = f"UPDATE {t} SET at = NOW ( )"\n', "pass `now` as a parameter"),
    ("capstan/caps/actions.py", 'q = "SELECT current_timestamp"\n', "pass `now` as a parameter"),
    ("capstan/caps/actions.py", 'q = "SELECT CURRENT_DATE + 1"\n', "pass `now` as a parameter"),
    (
        "capstan/caps/actions.py",
        "from django.db.models.functions import Now\n",
        "Now() asks the server's clock",
    ),
    ("capstan/caps/actions.py", '"""SQL never calls now()."""\n', ""),
    ("capstan/caps/actions.py", 'q = "SELECT %(now)s"\n', ""),
    ("capstan/caps/actions.py", "from django.dispatch import receiver\n", "signals hide who acts"),
    ("capstan/caps/models.py", "class A:\n    def save(self): ...\n", "instead of overriding save()"),
    (
        "capstan/caps/models.py",
        'x = models.ForeignKey(Service, related_name="caps")\n',
        'needs related_name="+"',
    ),
    ("capstan/caps/models.py", "x = models.OneToOneField('services.Service')\n", 'needs related_name="+"'),
    ("capstan/caps/models.py", 'x = models.ForeignKey(Service, related_name="+")\n', ""),
    ("capstan/caps/models.py", 'class A: ...\nx = models.ForeignKey(A, related_name="all")\n', ""),
    ("capstan/caps/actions.py", f"x = 1  # {LATER}: more\n", "do it, or write an issue"),
    ("docs/ARCHITECTURE.md", f"{LATER}\n", "do it, or write an issue"),
    ("docs/ARCHITECTURE.md", f"see {MACHINE}/docs\n", "a path of one machine"),
    ("docs/ARCHITECTURE.md", f"written by {MAKER}\n", "names a tool that made text"),
    ("tests/caps/test_a.py", "pytest.skip('no root')\n", "use tests/needs.py"),
    ("tests/caps/test_a.py", "@pytest.mark.skipif(True)\ndef f(): ...\n", "use tests/needs.py"),
    ("tests/needs.py", "pytest.skip('no root')\n", ""),
    ("capstan/caps/actions.py", "def f(:\n", "no Python"),
    ("capstan/caps/migrations/0001_initial.py", LONG, ""),
]


@pytest.mark.parametrize(("path", "text", "expected"), CASES)
def test_each_rule_notices(path: str, text: str, expected: str) -> None:
    found = list(tidy.check(tidy.File(path, text)))
    if expected:
        assert len(found) == 1, found
        assert found[0].startswith(f"{path}:")
        assert expected in found[0]
    else:
        assert found == []


def test_every_rule_has_a_case() -> None:
    files = [tidy.File(path, text) for path, text, expected in CASES if expected not in ("", "no Python")]
    python = [file for file in files if file.is_python]
    quiet = [rule.__name__ for rule in tidy.ANY_TEXT if not any(list(rule(file)) for file in files)]
    quiet += [
        rule.__name__ for rule in (*tidy.PYTHON, *tidy.PRODUCT) if not any(list(rule(f)) for f in python)
    ]
    assert quiet == []


def test_the_repository_is_tidy() -> None:
    found = [line for file in tidy.files() for line in tidy.check(file)]
    assert not found, "\n" + "\n".join(found)
