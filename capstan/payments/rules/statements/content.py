"""From a file's bytes to its text, or the reason why there is none."""

import codecs
from collections.abc import Sequence

from capstan.payments.rules.statements.lines import Fault, fault

SIZE_MAX = 50 * 1024 * 1024
"""Bytes. Years of statements fit; more is the wrong file, and would only fill the memory."""

_SIGNATURES = (
    (b"PK\x03\x04", "This is an Excel workbook (or a ZIP archive): save it as CSV, then import that file."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook: save it as CSV, then import that file."),
    (b"%PDF", "This is a PDF: download the statement from the bank as CSV or OFX."),
    (b"\x1f\x8b", "This is a compressed file: unpack it, then import what is in it."),
    (b"\x89PNG", "This is a picture: download the statement from the bank as CSV or OFX."),
    (b"\xff\xd8\xff", "This is a picture: download the statement from the bank as CSV or OFX."),
)
_WEB_PAGE = (
    "This is a web page, as some banks name .xls: open it in a spreadsheet program and save it as CSV."
)
_UTF_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def not_text(content: bytes) -> Fault | None:
    """Why these bytes can't be a statement in text, whatever its layout; None when they may be."""
    if len(content) > SIZE_MAX:
        return fault(0, f"The file is larger than {SIZE_MAX // 1024 // 1024} MB: that is no bank statement.")
    if not content.strip():
        return fault(0, "The file is empty.")
    for signature, sentence in _SIGNATURES:
        if content.startswith(signature):
            return fault(0, sentence)
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table")):
        return fault(0, _WEB_PAGE)
    return None


def decoded(content: bytes, encodings: Sequence[str]) -> str | Fault:
    """The text by the first encoding that fits. A mark at the start and UTF-16 are recognised by themselves."""
    tried = _marked(content) or list(encodings)
    wrong: UnicodeDecodeError | None = None
    for encoding in tried:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            wrong = error
        except (UnicodeError, LookupError):
            continue
        else:
            return _without_nul(text)
    names = " and ".join(name.removesuffix("-sig").upper() for name in tried) or "none"
    if wrong is None:
        return fault(0, f"The file can't be read as text. Tried: {names}.")
    line_no = content.count(b"\n", 0, wrong.start) + 1
    byte = content[wrong.start]
    return fault(line_no, f"the byte {byte:02X} is no letter in the encodings that were tried ({names}).")


def _marked(content: bytes) -> list[str]:
    """The encoding that the bytes themselves show; UTF-16 is what Excel calls Unicode text."""
    if content.startswith(codecs.BOM_UTF8):
        return ["utf-8-sig"]
    for mark, encoding in _UTF_16:
        if content.startswith(mark):
            return [encoding]
    head = content[:2000]
    nul_even, nul_odd = head[::2].count(0), head[1::2].count(0)
    if nul_odd > len(head) // 4 and not nul_even:
        return ["utf-16-le"]
    if nul_even > len(head) // 4 and not nul_odd:
        return ["utf-16-be"]
    return []


def _without_nul(text: str) -> str | Fault:
    at = text.find("\0")
    if at < 0:
        return text.removeprefix("\ufeff")
    line_no = text.count("\n", 0, at) + 1
    return fault(line_no, "there are NUL bytes in it, so the file is damaged or no text file.")
