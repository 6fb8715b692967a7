"""A reply's text, cut into words, letters and sizes."""

import re
import unicodedata
from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from capstan.topups.rules.reply_words import (
    EMOJI,
    LOOKALIKES,
    NUMBER_WORDS,
    PHRASE_WORDS_MAX,
    QUOTE_BEGINS,
    SENT_FROM,
    UNIT_OF,
    VOCABULARY,
    Says,
    without_accents,
)
from capstan.values.data import Units

CODE_DIGITS = range(4, 7)
_UNITS = "|".join(sorted((word for word in UNIT_OF if len(word) > 1), key=len, reverse=True))
_NUMBER_WORD = re.compile(rf"\b({'|'.join(NUMBER_WORDS)})(?=[ -]{{1,3}}(?:{_UNITS})\b)")
_TOKEN = re.compile(
    rf"(?P<fraction>[0-9]{{1,2}}/[1-9][0-9]?)[ -]{{0,3}}(?P<of>{_UNITS})(?![^\W\d_])"
    r"|(?P<number>[0-9]+(?:[.,][0-9]+)?|(?<![\w.,])[.,][0-9]+)"
    rf"(?:[ -]{{0,3}}(?P<unit>{_UNITS})(?![^\W\d_])|(?P<touching>[gm])(?!\w))?"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<sign>[^\s])"
)
_VULGAR = {"½": " 1/2 ", "¼": " 1/4 ", "¾": " 3/4 "}
_TELLING_SIGNS = "%+&~$"
"""They change what the words beside them say, as every sign does that isn't ASCII or punctuation."""


class Token(NamedTuple):
    """`text` as typed, in lower case; `sizes` are the bytes that an amount may mean, as written first."""

    says: Says
    text: str
    sizes: tuple[int, ...] = ()


def own_words(text: str, menus: Collection[frozenset[str]]) -> str:
    """The text without what a phone adds: a quoted original, a signature. `menus` are the letters of each, lower case.

    Below the first line everything is our own message quoted if it has all the letters of a menu.
    """
    lines = [line for line in SENT_FROM.sub("", text).splitlines() if not line.lstrip().startswith(">")]
    kept: list[str] = []
    for line in lines:
        if not QUOTE_BEGINS.fullmatch(line):
            kept.append(line)
        elif any(before.strip() for before in kept):
            break
    first = next((place for place, line in enumerate(kept, 1) if line.strip()), 0)
    below = set(re.findall(r"[a-z]+", " ".join(kept[first:]).lower()))
    is_quoted = any(len(letters) > 2 and letters <= below for letters in menus)
    return " ".join(kept[:first] if is_quoted else kept)


def plain(text: str) -> str:
    """In lower case; blanks, full-width letters and emoji in their usual form, without invisible characters."""
    lowered = "".join(map(_plain, unicodedata.normalize("NFC", text)))
    smiled = re.sub(r"(?<!\S)(?::['-]?[dpobc3]|<3)(?!\w)", " ", lowered)
    marked = re.sub(r"(?<=\S)[:;]['-]?(?=[dpobc](?!\w))|(?<!\S);(?=[a-z](?!\w))", " % ", smiled)
    multiplied = re.sub(r"(?<=[0-9]) ?\*|\*(?= ?[0-9])", " % ", marked)
    return re.sub(r"(?<!\w)'n(?= +\w)", " ", multiplied)  # af. 'n, the article


def _plain(char: str) -> str:
    if char.isascii():
        return " " if unicodedata.category(char) == "Cc" else char.lower()
    if char in EMOJI or char in _VULGAR:
        return EMOJI.get(char) or _VULGAR[char]
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0).lower()
    if char in "’‘´":
        return "'"
    category = unicodedata.category(char)
    if category == "Cf" or "\ufe00" <= char <= "\ufe0f":
        return ""
    if category in ("Zs", "Zl", "Zp", "Cc") or _is_picture(char, category):
        return " "
    return char


def _is_picture(char: str, category: str) -> bool:
    return (
        category in ("So", "Sk")
        and char >= "\u2600"
        and not "\U0001f100" <= char < "\U0001f1e6"
        and char != "\ufffd"
    )


def latin(text: str) -> str:
    """What a text looks like to somebody who knows Latin letters and digits only."""
    return "".join(map(_latin, text))


def _latin(char: str) -> str:
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    bare = without_accents(char)
    return "".join(LOOKALIKES.get(part.upper(), part) for part in LOOKALIKES.get(char, bare)).lower()


def tokens(text: str, letters: Collection[str], names: Collection[str], units: Units) -> list[Token]:
    """Cut a plain text. `letters` are those on menus; any other single Latin letter is one as well."""
    joined = re.sub(r"(?<=[^\W\d_])['`](?=[^\W\d_])", "", text)
    counted = _NUMBER_WORD.sub(lambda match: NUMBER_WORDS[match[1]], joined)
    pieces = [match for match in _TOKEN.finditer(counted) if not match["sign"] or _is_telling(match["sign"])]
    found: list[Token] = []
    place = 0
    while place < len(pieces):
        piece = pieces[place]
        taken = 1
        if piece["word"]:
            run = [match["word"] or "" for match in pieces[place : place + PHRASE_WORDS_MAX]]
            token, taken = _word(run, letters, names)
        else:
            token = Token(Says.OTHER, piece["sign"]) if piece["sign"] else _number(piece, units)
        found.append(token)
        place += taken
    return found


def _word(words: list[str], letters: Collection[str], names: Collection[str]) -> tuple[Token, int]:
    """The longest phrase that we know at the start of these words, and how many words it takes. An empty word ends it."""
    run = words[: words.index("")] if "" in words else words
    for taken in range(len(run), 0, -1):
        phrase = " ".join(run[:taken]).lower()
        says = VOCABULARY.get(phrase) or VOCABULARY.get(without_accents(phrase))
        if says is not None:
            return Token(says, phrase), taken
    word = run[0]
    if word in letters or (len(word) == 1 and word.isascii()):
        return Token(Says.LETTER, word), 1
    return Token(Says.NAME if without_accents(word).lower() in names else Says.OTHER, word), 1


def _is_telling(sign: str) -> bool:
    return sign in _TELLING_SIGNS or not (sign.isascii() or unicodedata.category(sign).startswith("P"))


def _number(piece: re.Match[str], units: Units) -> Token:
    if piece["fraction"]:
        top, bottom = piece["fraction"].split("/")
        unit = UNIT_OF[piece["of"]]
        return Token(Says.SIZE, piece[0], _sizes(Decimal(top) / Decimal(bottom), unit, units))
    number = piece["number"].replace(",", ".")
    unit = UNIT_OF.get(piece["unit"] or piece["touching"] or "", "")
    whole = number.partition(".")[0]
    if len(number) > 9 or (not unit and len(whole) > CODE_DIGITS[-1]):
        return Token(Says.OTHER, number)
    is_unclear = whole.startswith("0") and whole != "0"  # is 05 five, or a half?
    is_code = not unit and len(whole) >= CODE_DIGITS[0]
    sizes = () if is_unclear or is_code else _sizes(Decimal(number), unit, units)
    return Token(Says.SIZE if unit else Says.NUMBER, number, sizes)


def _sizes(amount: Decimal, unit: str, units: Units) -> tuple[int, ...]:
    """A bare number is GB, from 100 on MB if the menu has it. 500 and 512 MB are half a GB, whatever a GB is here."""
    giga = Decimal(int(units) ** 3)
    exact = {"gb": giga, "tb": giga * units, "mb": giga / units, "": giga}[unit]
    factors = [exact]
    if unit == "mb" or (not unit and amount >= 100):
        factors += [giga / units, giga / 1000, giga / 1024]
    return tuple(dict.fromkeys(int(amount * factor) for factor in factors))
