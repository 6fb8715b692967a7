"""How many SMS a text is, by 3GPP TS 23.038 and TS 23.040."""

import pytest

from capstan.messaging.rules.segments import Encoding, is_gsm, plain_blanks, segments, to_gsm

GSM, UCS = Encoding.GSM7, Encoding.UCS2

# Every character of TS 23.038 §6.2.1, in the table's order, and of its extension.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = "\f^{}\\[~]|€"


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", GSM, 0, 1),
        ("C", GSM, 1, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("a" * 459, GSM, 459, 3),
        ("a" * 460, GSM, 460, 4),
        ("€" * 80, GSM, 160, 1),
        ("€" * 80 + "a", GSM, 161, 2),
        ("a" * 159 + "€", GSM, 161, 2),
        ("€" * 152, GSM, 304, 2),  # 76 fit into a part of 153: the escape isn't torn from its character
        ("€" * 153, GSM, 306, 3),
        ("a" + "€" * 76 + "a" * 153, GSM, 306, 2),
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),  # 306 septets, but a pair would straddle two parts
        ("a" * 151 + "€" + "a" * 153, GSM, 306, 2),
        ("ê", UCS, 1, 1),
        ("a" * 69 + "ê", UCS, 70, 1),
        ("a" * 70 + "ê", UCS, 71, 2),
        ("ê" * 134, UCS, 134, 2),
        ("ê" * 135, UCS, 135, 3),
        ("😀" * 35, UCS, 70, 1),
        ("😀" * 36, UCS, 72, 2),
        ("😀" * 66, UCS, 132, 2),  # 33 fit into a part of 67: a pair isn't torn
        ("😀" * 67, UCS, 134, 3),
        ("a" + "😀" * 33 + "a" * 67, UCS, 134, 2),
        ("Ünïcode", UCS, 7, 1),
        ("Добрый день", UCS, 11, 1),
        ("\u00a0", UCS, 1, 1),
    ],
)
def test_a_text_takes(text: str, encoding: Encoding, units: int, count: int) -> None:
    taken = segments(text)
    assert (taken.encoding, taken.units, taken.count) == (encoding, units, count)


def test_the_alphabet_is_complete() -> None:
    assert len(BASIC) == 127  # 128 places, one of which is the escape
    assert segments(BASIC).units == 127
    assert segments(EXTENDED) == segments("aa" * 10)
    others = [chr(code) for code in range(0x20, 0x2FFF) if chr(code) not in BASIC + EXTENDED]
    assert not any(map(is_gsm, others))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Zoë", "Zoe"),  # noqa: RUF100
        ("Renê", "Rene"),
        ("José", "José"),
        ("François", "Francois"),
        ("Łukasz Żółć", "Lukasz Zolc"),
        ("Ngũgĩ", "Ngugi"),
        ("Şermin ılık", "Sermin ilik"),
        ("“Jenny’s”", '"Jenny\'s"'),
        ("12–14…", "12-14..."),
        ("13.6\u00a0GB", "13.6 GB"),
        ("ﬁbre", "fibre"),
        ("½", "½"),  # its parts are not in the alphabet either
        ("Олена", "Олена"),
        ("李", "李"),
        ("Ω Δ ß ñ Ñ à", "Ω Δ ß ñ Ñ à"),
    ],
)
def test_the_nearest_in_the_gsm_alphabet(text: str, written: str) -> None:
    assert to_gsm(text) == written


def test_a_blank_that_only_printers_know_becomes_plain() -> None:
    assert plain_blanks("13.6\u00a0GB\u202f!\u200b") == "13.6 GB !"
