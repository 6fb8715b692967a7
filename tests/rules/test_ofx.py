"""OFX: both versions, what banks get wrong, and files that break off."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capstan.payments.rules.statements.detect import read_statement
from capstan.payments.rules.statements.ofx import looks_like_ofx, read_ofx

SGML = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX>
<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260331<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>0<STATUS><CODE>0<SEVERITY>INFO</STATUS>
<STMTRS><CURDEF>ZAR
<BANKACCTFROM><BANKID>250655<ACCTID>62000000001<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260301<DTEND>20260331
<STMTTRN>
<TRNTYPE>CREDIT
<DTPOSTED>20260302120000.000[+2:SAST]
<TRNAMT>400.00
<FITID>F1
<REFNUM>R77
<NAME>SMITH & SON
<MEMO>ACC 10451
</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260303<TRNAMT>-50,00<FITID>0<CHECKNUM>12<NAME>FEE<MEMO>FEE MARCH</STMTTRN>
</BANKTRANLIST>
<LEDGERBAL><BALAMT>1350.00<DTASOF>20260331</LEDGERBAL>
<AVAILBAL><BALAMT>9999.00<DTASOF>20260331</AVAILBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
XML = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><!-- <STMTTRN> -->
<CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><CURDEF>ZAR</CURDEF>
<CCACCTFROM><ACCTID>card-1</ACCTID></CCACCTFROM>
<BANKTRANLIST><DTSTART>20260301</DTSTART><DTEND>20260331</DTEND>
<STMTTRN><TRNTYPE>PAYMENT</TRNTYPE><DTPOSTED>20260302</DTPOSTED><TRNAMT>400</TRNAMT><FITID>F1</FITID>
<PAYEE><NAME>Anél &amp; Co</NAME><ADDR1>Long Street</ADDR1></PAYEE><MEMO><![CDATA[ACC <10451>]]></MEMO></STMTTRN>
</BANKTRANLIST></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>
"""


def test_reads_version_1() -> None:
    read = read_ofx(SGML.encode("cp1252"), "ZAR")
    assert read.faults == ()
    paid, fee = read.lines
    assert paid == (17, date(2026, 3, 2), 40_000, "SMITH & SON ACC 10451", "R77", "F1", None, "62000000001")
    assert fee[1:] == (date(2026, 3, 3), -5_000, "FEE MARCH", "12", "", None, "62000000001")
    assert (read.opening_minor, read.closing_minor) == (None, 135_000)
    assert (read.first_day, read.last_day) == (date(2026, 3, 2), date(2026, 3, 3))


def test_reads_version_2() -> None:
    read = read_ofx(XML.encode(), "ZAR")
    assert read.faults == ()
    (line,) = read.lines
    assert (line.text, line.amount_minor, line.account) == ("Anél & Co ACC <10451>", 40_000, "card-1")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_reads_what_is_written_whatever_is_declared(encoding: str) -> None:
    text = SGML.replace("SMITH", "ANÉL")
    assert read_ofx(text.encode(encoding), "ZAR").lines[0].text.startswith("ANÉL")


def test_several_statements_of_which_two_overlap() -> None:
    body = SGML[SGML.index("<STMTTRNRS>") : SGML.index("</BANKMSGSRSV1>")]
    other = body.replace("62000000001", "62000000002").replace("1350.00", "7.00")
    read = read_ofx(SGML.replace(body, body + body + other).encode(), "ZAR")
    assert [line.account[-1] for line in read.lines] == ["1", "1", "2", "2"]
    assert read.closing_minor is None


BROKEN = {  # replaced in the sample, by what => the sentence has
    ("</OFX>", ""): "the file ends before its end",
    ("20260302120000.000[+2:SAST]", "2 March"): "Line 17: “2 March” is no date of OFX",
    ("20260302120000", "20260232120000"): "is no date of OFX",
    ("<TRNAMT>400.00", "<TRNAMT>1,400.00"): "Line 17: “1,400.00” is no amount of OFX",
    ("<TRNAMT>400.00", "<TRNAMT>four"): "is no amount of OFX",
    ("<TRNAMT>400.00", ""): "is no amount of OFX",
    ("<TRNAMT>400.00", "<TRNAMT>400.005"): "more decimals than ZAR has",
    ("<CURDEF>ZAR", "<CURDEF>USD"): "the statement is in USD, but the account is kept in ZAR",
    ("ACC 10451\n</STMTTRN>", "ACC 10451\n"): "Line 17: the transaction that begins here doesn't end",
    ("</STMTRS>", ""): "the statement above doesn't end",
    ("<BALAMT>1350.00", "<BALAMT>?"): "“?” is no amount",
    ("0<SEVERITY>INFO</STATUS>\n", "2000<SEVERITY>ERROR</STATUS>\n"): "the bank reports an error",
}


@pytest.mark.parametrize("change", BROKEN)
def test_says_what_is_wrong(change: tuple[str, str]) -> None:
    assert change[0] in SGML
    read = read_ofx(SGML.replace(*change).encode(), "ZAR")
    assert read.lines == ()
    assert any(BROKEN[change] in one.sentence for one in read.faults), read.faults


def test_entities_of_a_file_are_not_followed() -> None:
    bomb = XML.replace("<OFX>", '<!DOCTYPE OFX [<!ENTITY a "aaaaaaaaaa">]><OFX>').replace("Anél", "&a;")
    assert "entities" in read_ofx(bomb.encode(), "ZAR").faults[0].sentence


def test_broken_xml_names_the_line() -> None:
    assert (
        "isn't valid XML" in read_ofx(XML.replace("</FITID>", "</FITD>").encode(), "ZAR").faults[0].sentence
    )
    assert "ends before its end" in read_ofx(XML.replace("</OFX>", "").encode(), "ZAR").faults[0].sentence


def test_a_file_without_a_statement() -> None:
    assert "no statement" in read_ofx(b"OFXHEADER:100\n\n<OFX>\n</OFX>", "ZAR").faults[0].sentence


def test_is_recognised_by_its_content() -> None:
    assert looks_like_ofx(SGML.encode("utf-16"))
    assert not looks_like_ofx(b"Date,Amount\n")
    assert len(read_statement(SGML.encode(), None, "ZAR").lines) == 2
    assert len(read_statement(SGML.encode("utf-16"), None, "ZAR").lines) == 2


@pytest.mark.parametrize("sample", [SGML, XML])
def test_wherever_it_breaks_off_nothing_is_imported(sample: str) -> None:
    whole = sample.rstrip()
    for length in range(0, len(whole), 7):
        read = read_ofx(whole[:length].encode(), "ZAR")
        assert read.faults, length
        assert read.lines == ()


@given(
    head=st.sampled_from(["OFXHEADER:100\n\n<OFX>", '<?xml version="1.0"?><OFX>', SGML[:700], XML[:500]]),
    tail=st.binary(),
)
@example(head="<?xml?><OFX>", tail=b"<![CDATA[")
@example(head="OFXHEADER:100<OFX>", tail=b"<STMTRS><STMTTRN></OFX></STMTTRN>")
def test_any_bytes_give_lines_or_faults(head: str, tail: bytes) -> None:
    read = read_ofx(head.encode() + tail, "ZAR")
    assert bool(read.lines) != bool(read.faults)


@given(data=st.data(), sample=st.sampled_from([SGML, XML]))
def test_a_damaged_file_never_raises(data: st.DataObject, sample: str) -> None:
    content = bytearray(sample.encode())
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[at] = byte
    read = read_ofx(bytes(content), "ZAR")
    assert not (read.lines and read.faults)
