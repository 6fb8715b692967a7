"""Bank and credit card statements in OFX.

Source: Open Financial Exchange, OFX 1.6 (SGML: a header block, tags of values are not closed) and OFX 2.3 (XML),
sections 2 (header), 3.2.8 (dates, amounts) and 11 (bank statements). Read are STMTRS and CCSTMTRS with their STMTTRN
(DTPOSTED, TRNAMT, FITID, NAME, MEMO, REFNUM, CHECKNUM), LEDGERBAL and CURDEF.

A day is taken as the bank writes it: the time zone in brackets is checked for its form, never used to move a payment
to another day.
"""

import html
import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple
from xml.etree.ElementTree import ParseError  # only the error; defusedxml does the parsing

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]

from capstan.payments.rules.statements.cells import CellError, read_amount
from capstan.payments.rules.statements.content import decoded, not_text
from capstan.payments.rules.statements.fingerprint import fingerprints
from capstan.payments.rules.statements.lines import BankLine, Fault, StatementRead, fault, refused, statement

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9_.]*)(?:\s[^<>]*)?(/?)>([^<]*)")
_DATE_TIME = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})"
    r"(?:[0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:\.[0-9]{1,6})?)?)?)?"
    r"(?:\s*\[[+-]?[0-9]{1,2}(?:\.[0-9]{1,2})?(?::[^\]]{0,10})?\])?"
)
_AMOUNT = re.compile(r"[+-]?(?:[0-9]{1,15}(?:[.,][0-9]{0,8})?|[.,][0-9]{1,8})")
_STATEMENTS = ("STMTRS", "CCSTMTRS")
_GROUP_NAMES = (
    "OFX STMTRS CCSTMTRS BANKTRANLIST STMTTRN LEDGERBAL AVAILBAL BALLIST BAL BANKACCTFROM CCACCTFROM BANKACCTTO"
    " CCACCTTO PAYEE CURRENCY ORIGCURRENCY STATUS SONRS"
)
_GROUPS = frozenset(_GROUP_NAMES.split())


class _Tag(NamedTuple):
    line_no: int
    name: str
    is_close: bool
    value: str


def looks_like_ofx(content: bytes) -> bool:
    """By its header or its first tag, whatever the encoding."""
    start = content[:4000].replace(b"\0", b"").upper()
    return b"OFXHEADER" in start or b"<OFX>" in start


def read_ofx(content: bytes, currency: str) -> StatementRead:
    """All statements of the file. Never raises for any bytes: what can't be read is a fault, and then no line is
    returned. The closing balance is known when the file has one account; the opening balance isn't in OFX.
    """
    if wrong := not_text(content):
        return refused([wrong])
    text = decoded(content, _encodings(content))
    if isinstance(text, Fault):
        return refused([text])
    if _is_xml(text):
        if wrong := _xml_fault(text):
            return refused([wrong])
        text = _flattened(text)
    reading = _Reading(currency)
    for tag in _tags(text):
        reading.take(tag)
    return reading.result()


def _encodings(content: bytes) -> list[str]:
    """UTF-8 first, since banks declare 1252 and write UTF-8; text in 1252 is hardly ever valid UTF-8 by chance."""
    head = content[:1000].decode("ascii", "ignore").upper()
    xml = re.search(r"<\?XML[^>]*ENCODING=[\"']([A-Z0-9_.:-]+)", head)
    sgml = re.search(r"CHARSET:\s*([A-Z0-9-]+)", head)
    named = xml[1] if xml else sgml[1] if sgml else ""
    named = "cp1252" if named in ("", "NONE", "1252", "UTF-8") else named
    named = "iso-8859-1" if named == "8859-1" else named
    return ["utf-8", named]


def _is_xml(text: str) -> bool:
    return (
        text.lstrip()[:5].lower() == "<?xml" or re.search(r"<\?OFX\b", text[:2000], re.IGNORECASE) is not None
    )


class _Nowhere:
    """Takes what the parser finds and keeps nothing: a tree of 50 MB would fill the memory."""

    def start(self, tag: str, attributes: object) -> None: ...
    def end(self, tag: str) -> None: ...
    def data(self, text: str) -> None: ...
    def close(self) -> None: ...


def _xml_fault(text: str) -> Fault | None:
    """Whether it is XML without document types and entities of its own, which OFX has no use for."""
    parser = DefusedXMLParser(target=_Nowhere(), forbid_dtd=True)
    try:
        parser.feed(re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1))
        parser.close()
    except ParseError as error:
        if "no element found" in str(error) or "unclosed" in str(error):
            return _cut_off(text)
        return fault(error.position[0], f"this isn't valid XML ({error}).")
    except (DefusedXmlException, ValueError, LookupError):
        return fault(
            0, "The file has a document type or entities of its own, which no bank's OFX needs: not read."
        )
    return None


def _cut_off(text: str) -> Fault:
    return fault(text.count("\n") + 1, "the file ends before its end (</OFX>): download it again.")


def _flattened(text: str) -> str:
    """XML without what SGML hasn't: comments and marked sections. Line numbers stay."""
    text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"<!\[CDATA\[(.*?)\]\]>", lambda found: html.escape(found[1]), text, flags=re.DOTALL)


def _tags(text: str) -> Iterator[_Tag]:
    line_no, counted = 1, 0
    for found in _TAG.finditer(text):
        line_no += text.count("\n", counted, found.start())
        counted = found.start()
        name = found[2].upper()
        yield _Tag(line_no, name, bool(found[1]), " ".join(html.unescape(found[4]).split()))
        if found[3]:
            yield _Tag(line_no, name, True, "")


class _Reading:
    """Follows the tags of a file and keeps what belongs to statements."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._open: list[str] = []
        self._entry: dict[str, str] = {}
        self._entry_line = 0
        self._last_line = 1
        self._account = ""
        self._block: list[BankLine] = []
        self._lines: list[BankLine] = []
        self._seen: set[str] = set()
        self._closing: dict[str, tuple[str, int]] = {}
        self._balance: dict[str, str] = {}
        self._statements = 0
        self._is_ended = False
        self._faults: list[Fault] = []

    def take(self, tag: _Tag) -> None:
        self._last_line = tag.line_no
        if tag.name in _GROUPS:
            if tag.is_close:
                self._close(tag)
            else:
                self._begin(tag)
        elif not tag.is_close and self._open:
            self._value(tag)

    def result(self) -> StatementRead:
        if not self._is_ended:
            self._fault(self._last_line, "the file ends before its end (</OFX>): download it again.")
        elif not self._statements and not self._faults:
            self._fault(0, "There is no statement in this OFX file.")
        if self._faults:
            return refused(self._faults)
        balances = list(self._closing.values())
        return statement(self._lines, closing_minor=balances[0][1] if len(balances) == 1 else None)

    def _begin(self, tag: _Tag) -> None:
        if tag.name == "STMTTRN":
            if "STMTTRN" in self._open:
                self._fault(self._entry_line, "the transaction that begins here doesn't end (</STMTTRN>).")
                self._open.remove("STMTTRN")
            self._entry, self._entry_line = {}, tag.line_no
        elif tag.name == "LEDGERBAL":
            self._balance = {}
        elif tag.name in _STATEMENTS:
            self._account, self._block = "", []
            self._statements += 1
        self._open.append(tag.name)

    def _close(self, tag: _Tag) -> None:
        if tag.name not in self._open:
            return
        while (closed := self._open.pop()) != tag.name:
            if closed == "STMTTRN":
                self._fault(self._entry_line, "the transaction that begins here doesn't end (</STMTTRN>).")
            elif closed in _STATEMENTS:
                self._fault(tag.line_no, f"the statement above doesn't end (</{closed}>).")
        if tag.name == "STMTTRN":
            self._end_entry()
        elif tag.name == "LEDGERBAL":
            self._end_balance(tag.line_no)
        elif tag.name in _STATEMENTS:
            self._end_statement()
        self._is_ended = tag.name == "OFX"

    def _value(self, tag: _Tag) -> None:
        inside = self._open[-1]
        if inside == "STMTTRN" or (inside == "PAYEE" and tag.name == "NAME"):
            self._entry.setdefault(tag.name, tag.value)
        elif inside == "LEDGERBAL":
            self._balance[tag.name] = tag.value
        elif inside in ("BANKACCTFROM", "CCACCTFROM") and tag.name == "ACCTID":
            self._account = tag.value
        elif tag.name == "CURDEF" and tag.value.upper() != self._currency.upper():
            self._fault(
                tag.line_no, f"the statement is in {tag.value}, but the account is kept in {self._currency}."
            )
        elif inside == "STATUS" and tag.name == "SEVERITY" and tag.value.upper() == "ERROR":
            self._fault(tag.line_no, "the bank reports an error instead of a statement: download it again.")

    def _end_entry(self) -> None:
        entry, line_no = self._entry, self._entry_line
        day, amount = _day(entry.get("DTPOSTED", "")), self._money(line_no, entry.get("TRNAMT", ""))
        if day is None:
            self._fault(line_no, f"“{entry.get('DTPOSTED', '')[:40]}” is no date of OFX (DTPOSTED).")
        if day is None or amount is None:
            return
        name, memo = entry.get("NAME", ""), entry.get("MEMO", "")
        text = memo if memo.casefold().startswith(name.casefold()) else f"{name} {memo}".strip()
        reference = entry.get("REFNUM") or entry.get("CHECKNUM") or ""
        bank_id = entry.get("FITID", "")
        bank_id = bank_id if bank_id.strip("0") else ""  # nothing but zeros says nothing
        self._block.append(BankLine(line_no, day, amount, text, reference, bank_id))

    def _end_balance(self, line_no: int) -> None:
        amount = self._money(line_no, self._balance.get("BALAMT", ""))
        as_of = self._balance.get("DTASOF", "")
        if amount is not None and as_of >= self._closing.get(self._account, ("", 0))[0]:
            self._closing[self._account] = as_of, amount

    def _end_statement(self) -> None:
        """Two statements of one account in a file may overlap; what both have is taken once."""
        lines = [line._replace(account=self._account) for line in self._block]
        for line, known_by in zip(lines, fingerprints(lines, ""), strict=True):
            if known_by not in self._seen:
                self._seen.add(known_by)
                self._lines.append(line)

    def _money(self, line_no: int, text: str) -> int | None:
        plain = text.replace(" ", "")
        try:
            if _AMOUNT.fullmatch(plain) is None:
                raise CellError(f"“{text[:40]}” is no amount of OFX: digits with one point or comma.")
            number = plain.replace(",", ".").removeprefix("+")
            return read_amount(re.sub(r"^(-?)\.", r"\g<1>0.", number).removesuffix("."), self._currency)
        except CellError as error:
            self._fault(line_no, str(error))
            return None

    def _fault(self, line_no: int, what: str) -> None:
        self._faults.append(fault(line_no, what))


def _day(text: str) -> date | None:
    found = _DATE_TIME.fullmatch(text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None
