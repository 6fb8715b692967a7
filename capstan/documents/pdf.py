"""A document as a PDF: A4, tagged for screen readers (PDF/UA-1), the same bytes for the same document on every machine."""

import json
import re
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any

from typst import Compiler, Fonts, TypstError

from capstan.documents.colour import pale, readable
from capstan.documents.document import Document, Pair, Party, Table

_HERE = Path(__file__).parent
_SOURCES = {path.name: path.read_bytes() for path in sorted((_HERE / "templates").glob("*.typ"))}
TYPST_FORMATS = {"png": "png", "jpeg": "jpg", "svg": "svg"}
_PAGE = re.compile(rb"/Type\s*/Page\b")

_TOO_LONG = re.compile(r"[^ \n\-]{26,}")
_NARROW_LETTERS = 18  # a column with no longer text is as wide as its texts; the others share the rest
_WIDE_LETTERS = 60
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([A-Za-z]{2}))?")

_mine = threading.local()


def render(document: Document) -> bytes:
    """The PDF of `document`. Takes some milliseconds and may be called from any thread.

    Nothing a person typed or uploaded makes it fail: a logo that can't be read is replaced by the issuer's name; a
    letter no font of ours has is printed as a box, in a file that is tagged but doesn't claim PDF/UA.
    ValueError: a row without exactly one cell for each column, or an accent other than `#rrggbb`.
    """
    for table in document.tables:
        _check(table)
    logos = (True, False) if document.look.logo and document.look.logo_kind else (False,)
    failed = None
    for is_universal in (True, False):
        for has_logo in logos:
            try:
                return _compiled(document, has_logo, is_universal)
            except TypstError as error:
                failed = failed or error
    raise RuntimeError(f"the layout is at fault, not the document: {failed}")


def compiler() -> Compiler:
    """This thread's own, with the fonts we ship and typst's, none of the machine's.

    A compiler keeps the inputs of its last run, so two threads must not share one; making one costs some milliseconds.
    """
    if not hasattr(_mine, "compiler"):
        fonts = Fonts(include_system_fonts=False, font_paths=[str(_HERE / "fonts")])
        _mine.compiler = Compiler(font_paths=fonts, ignore_system_fonts=True)
    mine: Compiler = _mine.compiler
    return mine


@lru_cache(maxsize=16)
def logo_file(content: bytes) -> bytes:
    """The bytes as a JSON list of numbers: typst takes nothing but text as a file that isn't on a disk."""
    return json.dumps(list(content), separators=(",", ":")).encode()


def _compiled(document: Document, has_logo: bool, is_universal: bool) -> bytes:
    """Most documents fit on a page; counting pages costs a second layout, so it is done for those that don't."""
    content = _laid_out(document, has_logo, is_universal, is_numbered=False)
    if len(_PAGE.findall(content)) > 1:
        return _laid_out(document, has_logo, is_universal, is_numbered=True)
    return content


def _laid_out(document: Document, has_logo: bool, is_universal: bool, *, is_numbered: bool) -> bytes:
    """The texts travel as a file of their own, never as source; a changed `sys.inputs` would empty typst's caches."""
    data = _data(document, has_logo) | {"is_numbered": is_numbered}
    files = _SOURCES | {
        "document.json": json.dumps(data, ensure_ascii=False).encode(),
        "logo.json": logo_file(document.look.logo if has_logo else b""),
    }
    made = document.made_on
    content = compiler().compile(
        input=files,  # type: ignore[type-var]
        format="pdf",
        pdf_standards=["ua-1"] if is_universal else [],
        # Noon, so that readers in any zone show the same day. Without a day the template leaves the date out.
        timestamp=datetime.combine(made, time(12), UTC) if made else 0,
    )
    assert isinstance(content, bytes)
    return content


def _data(document: Document, has_logo: bool) -> dict[str, Any]:
    """What the template reads. A text is a string, or a list of one string that may be broken inside a word."""
    accent = readable(document.look.accent)
    language, region = _language(document.language)
    title = " ".join(part for part in (document.title, document.number) if part)
    return {
        "file_title": _clean(title) or _clean(document.issuer.name) or "–",
        "lang": language,
        "region": region,
        "is_dated": document.made_on is not None,
        "look": {
            "accent": accent,
            "pale": pale(accent),
            "format": TYPST_FORMATS.get(document.look.logo_kind, "") if has_logo else "",
        },
        "words": {name: _clean(word) for name, word in document.words._asdict().items()},
        "title": _text(document.title),
        "number": _text(document.number),
        "issuer": _party(document.issuer),
        "recipient": _party(document.recipient),
        "facts": _pairs(document.facts),
        "stamp": _text(document.stamp),
        "headline": _pairs([document.headline])[0] if any(document.headline) else None,
        "tables": [_table(table) for table in document.tables],
        "totals": [[_text(label), _text(amount), strong] for label, amount, strong in document.totals],
        "notes": _texts(document.notes),
        "payment": _pairs(document.payment),
        "bands": _pairs(document.bands),
        "signature_fields": _texts(document.signature_fields),
        "footer": _text(document.footer),
    }


def _party(party: Party) -> dict[str, Any]:
    return {
        "name": _text(party.name),
        "plain_name": _clean(party.name) or "–",
        "lines": _texts(party.lines),
        "facts": _pairs(party.facts),
    }


def _table(table: Table) -> dict[str, Any]:
    shares = _shares(table)
    return {
        "title": _text(table.title),
        "empty": _text(table.empty),
        "note_in": _described(table),
        "columns": [
            {"title": _text(column.title), "is_number": column.is_number, "share": share}
            for column, share in zip(table.columns, shares, strict=True)
        ],
        "rows": [
            {
                "cells": _texts(row.cells),
                "note": _text(row.note),
                "is_strong": row.is_strong,
            }
            for row in table.rows
        ],
    }


def _described(table: Table) -> int:
    """The column that says what a row is, and has its note: the one with the longest text."""
    texts = [place for place, column in enumerate(table.columns) if not column.is_number]
    longest = _longest(table)
    return max(texts, key=lambda place: longest[place], default=0)


def _shares(table: Table) -> list[int]:
    """For each column its share of the room the narrow ones leave; 0 for a narrow one."""
    longest = _longest(table)
    if max(longest, default=0) <= _NARROW_LETTERS:
        shares = [0 if column.is_number else 1 for column in table.columns]
    else:
        shares = [min(letters, _WIDE_LETTERS) if letters > _NARROW_LETTERS else 0 for letters in longest]
    if shares:  # a column as wide as its longest note would leave no room for the others
        notes = max((len(row.note) for row in table.rows), default=0)
        shares[_described(table)] = max(shares[_described(table)], min(notes, _WIDE_LETTERS), 1)
    return shares


def _longest(table: Table) -> list[int]:
    """Letters of the longest text of each column."""
    rows = [[column.title for column in table.columns], *(row.cells for row in table.rows)]
    return [max(map(len, texts)) for texts in zip(*rows, strict=True)]


def _check(table: Table) -> None:
    if any(len(row.cells) != len(table.columns) for row in table.rows):
        raise ValueError(f"{table.title!r}: each row needs {len(table.columns)} cells, one for each column")


def _language(code: str) -> tuple[str, str | None]:
    found = _LANGUAGE.match(code)
    return (found[1], found[2].upper() if found[2] else None) if found else ("en", None)


def _pairs(pairs: Iterable[Pair]) -> list[list[str | list[str]]]:
    return [_texts(pair) for pair in pairs]


def _texts(texts: Iterable[str]) -> list[str | list[str]]:
    return [_text(text) for text in texts]


def _text(text: str) -> str | list[str]:
    clean = _clean(text)
    return [clean] if _TOO_LONG.search(clean) else clean


def _clean(text: str) -> str:
    """Without what no printer has a shape for: control characters and halves of surrogate pairs."""
    return _UNPRINTABLE.sub("", text)
