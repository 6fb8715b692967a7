"""Takes out of a stylesheet what no page uses: a rule goes when one of its classes stands in no template."""

import re
from collections.abc import Iterator, Set

_CLASS = re.compile(r"\.(-?[A-Za-z_](?:[\w-]|\\.)*)")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_CLASS_ATTRIBUTE = re.compile(r"""\bclass=(["'])(.*?)\1""", re.DOTALL)
_QUOTED = re.compile(r"""(["'`])(.*?)\1""")
_NESTING = ("@media", "@supports", "@container", "@layer")


def only_used(css: str, words: Set[str], asked_elsewhere: Set[str] = frozenset()) -> str:
    """The rules of minified `css` whose classes are all in `words`, and the variables that those or others need."""
    kept = "".join(_used_rules(_without_comments(css), words))
    while True:
        asked = variables_in(kept) | asked_elsewhere
        slimmer = "".join(_used_variables(kept, asked))
        if slimmer == kept:
            return kept
        kept = slimmer


def variables_in(css: str) -> set[str]:
    """The custom properties that a stylesheet asks for."""
    return set(re.findall(r"var\(\s*(--[\w-]+)", css))


def classes_in_markup(text: str) -> set[str]:
    """Everything in a template that could be the name of a class: the words of `class=` attributes and arguments."""
    without_quotes_in_tags = re.sub(r"{[%{].*?[%}]}", lambda tag: re.sub("[\"']", " ", tag.group()), text)
    given = _CLASS_ATTRIBUTE.findall(text) + _CLASS_ATTRIBUTE.findall(without_quotes_in_tags)
    return {word for _, value in given for word in _WORD.findall(value)}


def classes_in_program(text: str) -> set[str]:
    """Everything in a program that could be: the words between quotes."""
    return {word for _, value in _QUOTED.findall(text) for word in _WORD.findall(value)}


def rules(css: str) -> Iterator[tuple[str, str | None]]:
    """(prelude, body) of each rule at the top level; the body is None for a statement such as @charset."""
    start = at = depth = 0
    opened = 0
    while at < len(css):
        char = css[at]
        if char in "\"'":
            at = _end_of_string(css, at)
        elif char == "\\":
            at += 1
        elif char == "{":
            depth += 1
            if depth == 1:
                opened = at
        elif char == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : at]
                start = at + 1
        elif char == ";" and depth == 0:
            yield css[start:at].strip(), None
            start = at + 1
        at += 1


def _end_of_string(css: str, at: int) -> int:
    quote = css[at]
    at += 1
    while css[at] != quote:
        at += 2 if css[at] == "\\" else 1
    return at


def _without_comments(css: str) -> str:
    return re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)


def _used_rules(css: str, words: Set[str]) -> Iterator[str]:
    for prelude, body in rules(css):
        if body is None:
            yield f"{prelude};"
        elif prelude.startswith(_NESTING):
            inside = "".join(_used_rules(body, words))
            if inside:
                yield f"{prelude}{{{inside}}}"
        elif prelude.startswith("@"):
            yield f"{prelude}{{{body}}}"
        else:
            selectors = [one for one in _selectors(prelude) if _classes(one) <= words]
            if selectors:
                yield f"{','.join(selectors)}{{{body}}}"


def _selectors(prelude: str) -> list[str]:
    """The members of a selector list: commas inside brackets don't part them."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(prelude):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(prelude[start:at])
            start = at + 1
    return [*parts, prelude[start:]]


def _classes(selector: str) -> set[str]:
    """The classes an element must have; those in :not() it must not have."""
    plain = re.sub(r":not\([^()]*(?:\([^()]*\)[^()]*)*\)", "", selector)
    plain = re.sub(r"\[[^\]]*\]", "", plain)
    return {name.replace("\\", "") for name in _CLASS.findall(plain)}


def _used_variables(css: str, asked: Set[str]) -> Iterator[str]:
    """The same rules without the custom properties that nothing asks for."""
    for prelude, body in rules(css):
        if body is None:
            yield f"{prelude};"
        elif prelude.startswith(_NESTING):
            inside = "".join(_used_variables(body, asked))
            if inside:
                yield f"{prelude}{{{inside}}}"
        elif prelude.startswith(("@keyframes", "@-")):
            yield f"{prelude}{{{body}}}"
        elif not prelude.startswith("@property") or prelude.split()[-1] in asked:
            left = ";".join(one for one in _declarations(body) if _is_needed(one, asked))
            if left:
                yield f"{prelude}{{{left}}}"


def _is_needed(declaration: str, asked: Set[str]) -> bool:
    name = declaration.partition(":")[0].strip()
    return bool(name) and (not name.startswith("--") or name in asked)


def _declarations(body: str) -> list[str]:
    parts, depth, start, at = [], 0, 0, 0
    while at < len(body):
        char = body[at]
        if char in "\"'":
            at = _end_of_string(body, at)
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == ";" and depth == 0:
            parts.append(body[start:at])
            start = at + 1
        at += 1
    return [*parts, body[start:]]
