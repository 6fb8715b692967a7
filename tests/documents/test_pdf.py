"""PDFs say what the document says, to eyes and to screen readers, in the same bytes everywhere."""

import hashlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from capstan.documents.colour import contrast_with_white, pale, readable
from capstan.documents.document import Column, Document, Look, Party, Row, Table
from capstan.documents.pdf import render
from tests.documents.samples import EVERY, INVOICE, LINES, MANDATE, STATEMENT, rand

MANY = INVOICE._replace(
    tables=(LINES._replace(rows=tuple(Row((f"Line {n}", "1", "2", "3", "4")) for n in range(300))),)
)


def read(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


def root(content: bytes) -> Any:
    """The catalogue of the file: language, structure, metadata."""
    return read(content).trailer["/Root"]


def promises(content: bytes) -> bool:
    """Whether the file claims PDF/UA."""
    return b"pdfuaid:part" in root(content)["/Metadata"].get_object().get_data()


def texts(content: bytes) -> list[str]:
    """Each page as one line of words."""
    return [" ".join(page.extract_text().split()) for page in read(content).pages]


def letters(text: str) -> str:
    """Without spaces: where a line breaks is not what these tests are about."""
    return "".join(text.split())


def says(document: Document) -> list[str]:
    """Every text a reader must find."""
    shown = [document.title, document.number, document.stamp, document.footer, *document.headline]
    for party in (document.issuer, document.recipient):
        shown += [party.name, *party.lines, *(text for fact in party.facts for text in fact)]
    for pairs in (document.facts, document.payment, document.bands):
        shown += [text for pair in pairs for text in pair]
    for table in document.tables:
        shown += [table.title, *(column.title for column in table.columns)]
        shown += [text for row in table.rows for text in (*row.cells, row.note)]
    shown += [text for total in document.totals for text in (total.label, total.amount)]
    return [*shown, *document.notes, *document.signature_fields]


def places(content: bytes) -> list[float]:
    """How far from the left each piece of text begins, in points; A4 is 595 wide, its margins 56.7."""
    found: list[float] = []

    def visit(text: str, page: list[float], line: list[float], _font: Any, _size: float) -> None:
        if text.strip():
            found.append(line[4] * page[0] + line[5] * page[2] + page[4])

    for page in read(content).pages:
        page.extract_text(visitor_text=visit)
    return found


def tags(content: bytes) -> list[str]:
    """The structure from its root, depth first: `Document`, `H1`, `Table`, `TH`…"""
    found: list[str] = []
    waiting: list[Any] = [root(content)["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, DictionaryObject):
            if "/S" in node:
                found.append(str(node["/S"])[1:])
            children: Any = node["/K"].get_object() if "/K" in node else []
            waiting += reversed(children if isinstance(children, list) else [children])
    return found


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_says_all_it_has_to_say(name: str) -> None:
    content = render(EVERY[name])
    [page] = texts(content)
    for text in says(EVERY[name]):
        assert letters(text) in letters(page)


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_is_tagged_for_screen_readers(name: str) -> None:
    content = render(EVERY[name])
    assert root(content)["/MarkInfo"]["/Marked"]
    assert root(content)["/Lang"] == "en-ZA"
    assert root(content)["/ViewerPreferences"]["/DisplayDocTitle"]
    assert promises(content)
    found = tags(content)
    assert found.count("H1") == 1
    assert {"Table", "TH", "TD"} <= set(found)


def test_title_author_and_day_are_set() -> None:
    about = read(render(INVOICE)).metadata
    assert about is not None
    assert about.title == "Tax invoice INV-2026-004512"
    assert about.author == "Kestrel Fibre (Pty) Ltd"
    assert str(about.creation_date_raw).startswith("D:20261201")


def test_without_a_day_none_is_made_up() -> None:
    about = read(render(INVOICE._replace(made_on=None))).metadata
    assert about is not None
    assert about.creation_date_raw is None


def test_the_logo_is_named_for_those_who_cannot_see_it() -> None:
    assert "Figure" in tags(render(INVOICE))
    assert "Figure" not in tags(render(INVOICE._replace(look=Look())))


def test_same_document_same_bytes_here_and_in_another_process() -> None:
    code = (
        "import hashlib; from capstan.documents.pdf import render; from tests.documents.samples import EVERY;"
        "print([hashlib.sha256(render(one)).hexdigest() for one in EVERY.values()])"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for _ in range(2):
        assert (
            str([hashlib.sha256(render(one)).hexdigest() for one in EVERY.values()]) == other.stdout.strip()
        )


def test_threads_do_not_mix_up_their_documents() -> None:
    documents = [INVOICE._replace(number=f"INV-{n:04}") for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        rendered = list(pool.map(render, documents))
    assert rendered == [render(document) for document in documents]


def test_three_hundred_lines_repeat_their_header_and_count_their_pages() -> None:
    pages = texts(render(MANY))
    assert len(pages) > 5
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert ("Thandiwe Mokoena Tax invoice INV-2026-004512" in page) == (number > 1)
        if "Line" in page:
            assert "Excl. VAT" in page
    found = " ".join(pages).split()
    assert [int(after) for word, after in pairwise(found) if word == "Line"] == list(range(300))


def test_one_page_is_not_counted() -> None:
    assert "Page 1" not in texts(render(INVOICE))[0]


HOSTILE = (
    "#panic() #let x = 1",
    "$ x^2 $ *bold* _soft_ `code` = title",
    "\"quotes\" 'single' \\ back\\slash \\u{41}",
    "@label <label> // comment /* more */ ~ -- ---",
    "{{ name }} {% x %} <script>alert(1)</script> &amp;",
    "- list + list / term: no",
    "]]}})) ((({{[[",
    "https://example.test/a?b=c&d=e",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_printed_as_they_are(text: str) -> None:
    document = INVOICE._replace(
        title=text,
        number=text,
        stamp=text,
        headline=(text, text),
        recipient=Party(text, (text,), ((text, text),)),
        issuer=Party(text),
        tables=(Table(text, (Column(text), Column(text, True)), (Row((text, text), text),)),),
        notes=(text,),
        footer=text,
        look=Look(),
    )
    content = render(document)
    assert letters("".join(texts(content))).count(letters(text)) >= 14
    about = read(content).metadata
    assert about is not None
    assert about.title == f"{text} {text}"


@pytest.mark.parametrize("text", ["Zoë Müller – Łódź", "Ωμέγα Жук", "😀 🚀 👩‍🔧", "مرحبا", "½ ² € ₿ → ✓"])
def test_letters_of_the_world_keep_the_promise_to_screen_readers(text: str) -> None:
    content = render(INVOICE._replace(notes=(text,)))
    shown = "".join(page.extract_text() for page in read(content).pages)
    assert promises(content)
    assert {letter for letter in text if letter.isprintable()} <= set(shown) | {" "}


@pytest.mark.parametrize("text", ["日本語", "\u0000\u0007bell", "\ud800 half", "\ufdd0", "\U000f0000"])
def test_what_no_font_has_does_not_stop_an_invoice(text: str) -> None:
    [page] = texts(render(INVOICE._replace(notes=(text,))))
    assert "Thandiwe Mokoena" in page


@pytest.mark.parametrize("text", ["x" * 4000, "word " * 800, "m" * 60 + "@example.test"])
def test_long_texts_stay_on_the_paper(text: str) -> None:
    row = Row(("Fibre", "1", rand("1.00"), rand("1.00"), text), note=text)
    content = render(INVOICE._replace(notes=(text,), tables=(LINES._replace(rows=(row,)),)))
    shown = letters("".join(texts(content)))
    assert shown.count(letters(text)[:4]) >= 3
    assert 56 <= min(places(content)) <= max(places(content)) < 595 - 56
    if " " not in text:
        assert (
            len([place for place in places(content) if place > 300]) > 10
        )  # in pieces, so their places say enough


def test_a_table_without_rows_says_why() -> None:
    [page] = texts(render(STATEMENT._replace(tables=(STATEMENT.tables[0]._replace(rows=()),))))
    assert "Nothing happened in this period." in page
    assert render(INVOICE._replace(tables=(Table("Lines", (), (), "Nothing."),)))


def test_an_empty_document_is_a_page() -> None:
    bare = Document("invoice", "", "", "", Look(), Party(""), Party(""))
    assert len(read(render(bare)).pages) == 1


@pytest.mark.parametrize(
    "look",
    [
        Look(logo=b"no image", logo_kind="png"),
        Look(logo=b"\x89PNG\r\n\x1a\n" + b"\0" * 40, logo_kind="png"),
        Look(logo=b"<svg", logo_kind="svg"),
        Look(logo=b"\xff\xd8\xff\xe0", logo_kind="jpeg"),
        Look(logo=b"something", logo_kind=""),
    ],
)
def test_a_broken_logo_prints_the_name_instead(look: Look) -> None:
    content = render(INVOICE._replace(look=look))
    assert texts(content)[0].count("Kestrel Fibre (Pty) Ltd") == 3
    assert promises(content)


def test_a_row_that_does_not_fit_its_table_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs 5 cells"):
        render(INVOICE._replace(tables=(LINES._replace(rows=(Row(("one",)),)),)))


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("af", "af"),
        ("en-ZA", "en-ZA"),
        ("en_GB", "en-GB"),
        ("zu", "zu"),
        ("", "en"),
        ("English", "en"),
        ("ar", "ar"),
    ],
)
def test_language_of_the_file(code: str, language: str) -> None:
    assert root(render(MANDATE._replace(language=code)))["/Lang"] == language


@pytest.mark.parametrize(
    "accent", ["#ffd200", "#ffffff", "#00ffcc", "#0b6e4f", "#000000", "#ff0000", "#1f4e79"]
)
def test_an_accent_is_printed_so_that_it_can_be_read(accent: str) -> None:
    assert contrast_with_white(readable(accent)) >= 4.5
    assert contrast_with_white(pale(accent)) < 1.3
    if contrast_with_white(accent) >= 4.5:
        assert readable(accent) == accent
