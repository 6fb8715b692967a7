"""What a template is, and how a text becomes a message.

In a text `{name}` stands for a value, `[ on {service}]` for a part that is left out when one of its values is empty.
`{{`, `}}`, `[[` and `]]` are the brackets themselves.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from capstan.messaging.rules.segments import Segments, is_gsm, plain_blanks, segments, to_gsm
from capstan.messaging.rules.words import Medium
from capstan.values.refused import Refused

SEGMENTS_MAX = 10
ENGLISH = "en"
_TOKEN = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{([a-z_]+)\}|[\[\]{}]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MASK = "******"


class Text(NamedTuple):
    """`title` is the subject of an e-mail; an SMS has none."""

    body: str
    title: str = ""


class Variable(NamedTuple):
    name: str
    sample: str
    meaning: str
    may_be_empty: bool = False


@dataclass(frozen=True)
class Template:
    """`texts` are ours, by medium and language; the provider's own are rows.

    `must` lists what a text has to contain, each entry a choice (`menu` or `letters`). `shrink` names values that are cut
    rather than paying for another SMS, `secret` values that are not kept in the clear.
    """

    code: str
    purpose: str
    variables: tuple[Variable, ...]
    texts: Mapping[Medium, Mapping[str, Text]]
    variants: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)
    must: tuple[tuple[str, ...], ...] = ()
    shrink: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()

    @property
    def media(self) -> tuple[Medium, ...]:
        return tuple(self.texts)

    @property
    def samples(self) -> dict[str, str]:
        return {variable.name: variable.sample for variable in self.variables}


class Rendered(NamedTuple):
    """`masked` is the text with secret values hidden; `segments` is None for an e-mail."""

    title: str
    text: str
    masked: str
    segments: Segments | None


class _Part(NamedTuple):
    """A literal, a variable, or an optional run of both."""

    literal: str = ""
    variable: str = ""
    optional: "tuple[_Part, ...]" = ()


def default_text(template: Template, medium: Medium, language: str) -> Text:
    """Our text in this language (`af-ZA` reads `af`), else in English. Raises KeyError for a medium it isn't for."""
    texts = template.texts[medium]
    return next(texts[tag] for tag in languages(language) if tag in texts)


def languages(language: str) -> tuple[str, ...]:
    """The tags to look under, in order: `af-ZA`, `af`, `en`."""
    short = language.partition("-")[0].lower()
    return tuple(dict.fromkeys((language, short, ENGLISH)))


def check(template: Template, medium: Medium, text: Text) -> None:
    """Refuse an edited text that couldn't be filled in, says too little, or is too long to send."""
    used: set[str] = set()
    for piece in (text.body, text.title):
        used |= set(_variables(_parse(piece)))
    known = [variable.name for variable in template.variables]
    if unknown := sorted(used - set(known)):
        raise Refused(
            f"There is no {{{unknown[0]}}} in this message; you can use {', '.join(f'{{{k}}}' for k in known)}."
        )
    body = set(_variables(_parse(text.body)))
    for choice in template.must:
        if not body & set(choice):
            raise Refused(f"The text must contain {' or '.join(f'{{{name}}}' for name in choice)}.")
    if not text.body.strip():
        raise Refused("The text is empty.")
    if medium == Medium.EMAIL and not text.title.strip():
        raise Refused("An e-mail needs a subject.")
    taken = render(template, medium, text, template.samples).segments
    if taken is not None and taken.count > SEGMENTS_MAX:
        raise Refused(f"The text takes {taken.count} SMS; {SEGMENTS_MAX} are the most.")


def render(template: Template, medium: Medium, text: Text, values: Mapping[str, str]) -> Rendered:
    """Fill the text in. Raises ValueError for values that the template doesn't know or that it lacks: a mistake of ours."""
    cleaned = _checked(template, values)
    masks = {name: _MASK for name in template.secret if cleaned[name]}
    parts = _parse(text.body)
    if medium == Medium.EMAIL:
        title = " ".join(_fill(_parse(text.title), cleaned).split())
        return Rendered(title, _fill(parts, cleaned), _fill(parts, cleaned | masks), None)
    fitted = fit(text.body, cleaned, shrink=template.shrink)
    filled = _fill_sms(parts, fitted)
    return Rendered("", filled, _fill_sms(parts, fitted | masks), segments(filled))


def fit(body: str, values: Mapping[str, str], *, shrink: Sequence[str] = ()) -> dict[str, str]:
    """The values as an SMS carries them: where those named in `shrink` would cost another SMS they are cut, others never.

    Whole words are kept if one fits, else letters.
    """
    parts, fitted = _parse(body), dict(values)

    def count() -> int:
        return segments(_fill_sms(parts, fitted)).count

    fitted |= dict.fromkeys(shrink, "")
    least = count()
    for name in reversed(shrink):  # the last named keeps the most
        for shorter in _shorter(values[name]):
            fitted[name] = shorter
            if count() <= least:
                break
    return fitted


def _shorter(value: str) -> Iterator[str]:
    """The value itself, then without its last words, then without the last letters of the first, then nothing."""
    words = value.split(" ")
    for number in range(len(words), 0, -1):
        yield " ".join(words[:number])
    for length in range(len(words[0]) - 1, -1, -1):
        yield words[0][:length]


def _checked(template: Template, values: Mapping[str, str]) -> dict[str, str]:
    unknown = values.keys() - {variable.name for variable in template.variables}
    empty = [v.name for v in template.variables if not v.may_be_empty and not values.get(v.name, "").strip()]
    if unknown or empty:
        raise ValueError(
            f"template {template.code}: unknown values {sorted(unknown)}, lacking values {empty}"
        )
    return {variable.name: _clean(values.get(variable.name, "")) for variable in template.variables}


def _clean(value: str) -> str:
    """Without control characters, which could forge a header or a line; line breaks of a list stay."""
    return "\n".join(" ".join(_CONTROL.sub(" ", line).split()) for line in value.splitlines())


def _fill_sms(parts: tuple[_Part, ...], values: Mapping[str, str]) -> str:
    """Values are written in the GSM alphabet if that keeps the whole SMS in it; else they stay as they are."""
    plain = _fill(parts, {name: to_gsm(value) for name, value in values.items()})
    return plain if is_gsm(plain) else _fill(parts, values)


def _fill(parts: tuple[_Part, ...], values: Mapping[str, str]) -> str:
    text = plain_blanks("".join(_pieces(parts, values)))
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _pieces(parts: tuple[_Part, ...], values: Mapping[str, str]) -> Iterator[str]:
    for part in parts:
        if part.optional:
            if all(values[name] for name in _variables(part.optional)):
                yield from _pieces(part.optional, values)
        else:
            yield values[part.variable] if part.variable else part.literal


def _variables(parts: tuple[_Part, ...]) -> Iterator[str]:
    for part in parts:
        if part.variable:
            yield part.variable
        yield from _variables(part.optional)


def _parse(text: str) -> tuple[_Part, ...]:
    """Raises Refused for brackets that don't match."""
    parts: list[_Part] = []
    inner: list[_Part] | None = None
    place = 0
    for token in _TOKEN.finditer(text):
        target = parts if inner is None else inner
        target.append(_Part(text[place : token.start()]))
        place = token.end()
        word = token[0]
        if token[1]:
            target.append(_Part(variable=token[1]))
        elif len(word) > 1:
            target.append(_Part(word[0]))
        elif word == "[" and inner is None:
            inner = []
        elif word == "]" and inner is not None:
            parts.append(_Part(optional=tuple(inner)))
            inner = None
        else:
            raise Refused(
                f"A {word} stands alone or in another optional part; write {word * 2} for the bracket itself."
            )
    if inner is not None:
        raise Refused("A [ has no ] after it.")
    return (*parts, _Part(text[place:]))
