"""Texts as they are searched for: names by the beginnings of their words, MAC addresses in any notation.

What is looked for is folded here as the database folds what is indexed. No extension of PostgreSQL is needed.
"""

import re
import unicodedata
from typing import Any, TypeVar

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db.models import Func, Model, QuerySet, TextField

LONGEST = 200
"""Letters of a text that are looked at; nobody's name is longer."""

_MARKS = re.compile("[\u0300-\u036f]")
_BETWEEN = re.compile(r"[\W_]+")
# Signs that PostgreSQL's parser would take for parts of a word, an address or a number.
_SIGNS = '.,;:!?/\\()[]{}+-_&@#*=|<>~^\u2018\u2019\u2013\u2014"'

_Row = TypeVar("_Row", bound=Model)


class NameWords(Func):
    """The words of a name as an index holds them, without case and accents: `GinIndex(NameWords("name"), …)`."""

    arity = 1
    template = (
        "to_tsvector('simple'::regconfig, translate(regexp_replace(normalize(lower(%(expressions)s), NFKD),"
        f" '[\u0300-\u036f]+', '', 'g'), '{_SIGNS}''', repeat(' ', {len(_SIGNS) + 1})))"
    )
    output_field = SearchVectorField()


class BareMac(Func):
    """A MAC address as 12 upper-case digits, however a router writes it: `Index(BareMac("calling_station"), …)`."""

    arity = 1
    template = "upper(translate(%(expressions)s, ':-.', ''))"
    output_field = TextField()


def name_words(text: str) -> list[str]:
    """The words of what somebody typed, folded as `NameWords` folds names."""
    folded = _MARKS.sub("", unicodedata.normalize("NFKD", text[:LONGEST].lower()))
    return [word for word in _BETWEEN.split(folded) if word]


def named(rows: "QuerySet[_Row]", text: str, *, limit: int, field: str = "name") -> "list[_Row]":
    """At most `limit` rows whose name has for each word of the text one that begins so, whole words first.

    Among more than `limit` it doesn't choose: to sort thousands by name takes longer than to type another letter.
    """
    words = name_words(text)
    if not words:
        return []
    found = list(_having(rows, _query(words, ""), field)[:limit])
    if len(found) < limit:
        others = _having(rows, _query(words, ":*"), field).exclude(pk__in=[row.pk for row in found])
        found += others[: limit - len(found)]
    return found


def _having(rows: "QuerySet[_Row]", query: SearchQuery, field: str) -> "QuerySet[_Row]":
    having: Any = rows.alias(name_words=NameWords(field)).filter(name_words=query)
    return having  # type: ignore[no-any-return]


def _query(words: list[str], ending: str) -> SearchQuery:
    """`ending` is `:*` for words that only begin so. The words hold letters and digits alone."""
    return SearchQuery(" & ".join(f"'{word}'{ending}" for word in words), search_type="raw", config="simple")
