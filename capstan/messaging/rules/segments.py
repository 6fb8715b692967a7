"""How many SMS a text is: the GSM 7-bit alphabet (3GPP TS 23.038 §6.2.1), else UCS-2, and concatenation (TS 23.040 §9.2.3.24)."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"  # each takes two septets: an escape and itself
_UNITS = dict.fromkeys(_BASIC, 1) | dict.fromkeys(_EXTENSION, 2)

_PLAIN = {  # what people and word processors write, where taking an accent off isn't enough
    "’": "'", "‘": "'", "‚": "'", "‛": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "…": "...", "•": "*", "·": ".", "×": "x",
    "\t": " ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2007": " ", "\u200b": "", "\ufeff": "", "\u00ad": "",
    "œ": "oe", "Œ": "OE", "ø": "ø", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
    "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "n", "ə": "e", "ẞ": "SS", "ŉ": "'n",
}  # fmt: skip
_ALWAYS = str.maketrans(dict.fromkeys("\xa0\u2009\u202f\u2007", " ") | {"\u200b": "", "\ufeff": ""})


class Encoding(StrEnum):
    GSM7 = "gsm7"
    UCS2 = "ucs2"


_ALONE = {Encoding.GSM7: 160, Encoding.UCS2: 70}
_JOINED = {Encoding.GSM7: 153, Encoding.UCS2: 67}  # what the header of a part leaves


@dataclass(frozen=True, slots=True)
class Segments:
    """`units` are septets of GSM-7 or 16-bit units of UCS-2; `count` is how many SMS are paid for."""

    encoding: Encoding
    units: int
    count: int


def segments(text: str) -> Segments:
    """What the text takes. Nothing that takes two units, an escaped character or a surrogate pair, is split over two SMS."""
    encoding = Encoding.GSM7 if is_gsm(text) else Encoding.UCS2
    sizes = [_UNITS[char] if encoding == Encoding.GSM7 else 1 + (char > "\uffff") for char in text]
    units = sum(sizes)
    return Segments(encoding, units, 1 if units <= _ALONE[encoding] else _parts(sizes, _JOINED[encoding]))


def is_gsm(text: str) -> bool:
    return all(char in _UNITS for char in text)


def to_gsm(text: str) -> str:
    """The text with what GSM-7 doesn't have written as near as it can be: `ê` as `e`. What has no such form stays."""
    return "".join(map(_nearest, text))


def plain_blanks(text: str) -> str:
    """Blanks that only a printer sees as special made ordinary: one of them doubles the price of an SMS."""
    return text.translate(_ALWAYS)


def _parts(sizes: list[int], room: int) -> int:
    count, left = 1, room
    for size in sizes:
        if size > left:
            count, left = count + 1, room
        left -= size
    return count


def _nearest(char: str) -> str:
    if char in _UNITS:
        return char
    if char in _PLAIN:
        return _PLAIN[char]
    bare = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return bare if bare and is_gsm(bare) else char
