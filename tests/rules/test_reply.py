"""What a customer's SMS says: a table of answers, and what holds for any text."""

import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from capstan.topups.rules.reply import (
    Approve,
    Ask,
    AskWhy,
    AutoReply,
    Choice,
    Decline,
    More,
    NotUnderstood,
    Pick,
    Reply,
    read_reply,
)
from capstan.topups.rules.reply_words import NUMBER_WORDS, UNIT_OF, VOCABULARY
from capstan.values.data import Units, parse_bytes

NAMES = ("Jenny", "Sandpiper Net", "Jan Botha")


def _menu(menu_id: int, lines: str, units: Units = Units.DECIMAL) -> list[Choice]:
    """`A 0.5GB, B 1GB` as an open menu."""
    return [
        Choice(menu_id, letter, parse_bytes(size, units), offer_id)
        for offer_id, (letter, size) in enumerate((line.split() for line in lines.split(",")), menu_id * 100)
    ]


JENNY = _menu(1, "A 0.5GB, B 1GB, C 2GB, D 3GB, E 5GB, F 9GB, G 18GB")
SECOND = _menu(2, "H 1GB, I 2GB, J 5GB, K 10GB, L 20GB, M 50GB, N 100GB")
MENUS = {
    "A to G": JENNY,
    "A to G and H to N": SECOND + JENNY,
    "only B": _menu(1, "B 1GB"),
    "A to AB": _menu(1, "Y 1GB, Z 2GB, AA 3GB, BB 5GB"),
    "O and X": _menu(1, "O 1GB, X 2GB"),
    "A and AA": _menu(1, "A 1GB, AA 2GB"),
    "the same letter twice": _menu(2, "C 3GB") + _menu(1, "C 2GB"),
    "none": [],
}


class Case(NamedTuple):
    line: int
    menus: str
    text: str
    said: str


def _cases() -> list[Case]:
    cases: list[Case] = []
    menus = ""
    for number, line in enumerate((Path(__file__).parent / "replies.txt").read_text().splitlines(), 1):
        if line.startswith("[") and line.endswith("]"):
            menus = line[1:-1]
        elif " => " in line and not line.startswith("# "):
            text, _, said = line.rpartition(" => ")
            cases.append(Case(number, menus, _typed(text), said))
    return cases


def _typed(text: str) -> str:
    escapes = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "\\": "\\"}
    return re.sub(
        r"\\(?:u([0-9a-f]{4})|([nrts\\]))",
        lambda found: chr(int(found[1], 16)) if found[1] else escapes[found[2]],
        text,
    )


def _said(reply: Reply) -> str:
    match reply:
        case Pick(choice):
            return f"pick {choice.letter}"
        case More(choice, letter):
            return f"more {letter}".strip() + ("" if choice else ", not on a menu")
        case Ask(choices, why, letter):
            named = sorted((choice.letter for choice in choices), key=lambda one: (len(one), one)) or [letter]
            return f"ask {why}: {' '.join(named)}".removesuffix(": ")
        case Approve(code):
            return f"approve {code}"
        case Decline(code):
            return f"decline {code}"
        case AutoReply():
            return "auto-reply"
        case NotUnderstood():
            return "not understood"
        case _:
            return type(reply).__name__.lower()


@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case.line}-{case.text!r}"[:60])
def test_reads(case: Case) -> None:
    assert _said(read_reply(case.text, MENUS[case.menus], units=Units.DECIMAL, names=NAMES)) == case.said


def test_the_table_is_as_long_as_life() -> None:
    cases = _cases()
    assert len({(case.menus, case.text) for case in cases}) == len(cases) >= 180


@pytest.mark.parametrize("text", ["C", "C 2GB", "2GB", "2048MB", "2000 MB", "2", "2 gigs"])
def test_a_binary_gb_is_asked_for_in_the_same_words(text: str) -> None:
    menu = _menu(1, "B 1GB, C 2GB", Units.BINARY)
    assert read_reply(text, menu, units=Units.BINARY) == Pick(menu[1])


@pytest.mark.parametrize("text", ["1.23GB", "1.23", "A 1.23GB"])
def test_an_odd_size_is_asked_for_as_it_is_shown(text: str) -> None:
    menu = [Choice(1, "A", 1_234_567_890, 1)]
    assert read_reply(text, menu, units=Units.DECIMAL) == Pick(menu[0])


def test_a_size_that_two_lines_of_a_menu_have_is_asked_about() -> None:
    menu = _menu(1, "A 2GB, B 2GB")
    assert read_reply("2GB", menu, units=Units.DECIMAL) == Ask(tuple(menu), AskWhy.SEVERAL)
    assert read_reply("B 2GB", menu, units=Units.DECIMAL) == Pick(menu[1])


def test_a_name_is_a_courtesy_only_where_it_is_known() -> None:
    assert read_reply("C Jenny", JENNY, units=Units.DECIMAL) == Ask((JENNY[2],), AskWhy.SENTENCE)
    assert read_reply("C Jénny", JENNY, units=Units.DECIMAL, names=["JENNY Internet"]) == Pick(JENNY[2])


def test_more_of_what_no_open_menu_has_says_what_he_named() -> None:
    assert read_reply("more c", [], units=Units.DECIMAL) == More(None, "C", None)
    assert read_reply("more C 2GB", [], units=Units.DECIMAL) == More(None, "C", 2_000_000_000)
    assert read_reply("another 500MB", [], units=Units.DECIMAL) == More(None, "", 500_000_000)


@pytest.mark.parametrize(
    "text", ["C " + "please call me " * 900, "2GB " * 10_000, "9" * 50_000, "C" + " " * 50_000]
)
def test_what_is_longer_than_an_order_can_be_is_left_to_a_person(text: str) -> None:
    assert read_reply(text, JENNY, units=Units.DECIMAL) == NotUnderstood()


# What customers type, so that hypothesis finds orders and not only noise.
LEADS = "|please|yes|ok|I want|Hi|more|Option|can I have|no|thanks|2|'n|not|> "
KEYS = "A|b|C|G|h|K|n|2GB|2|0.5|500MB|1/2 gb|18|10 gigs|4821|STOP|С|Ç|\uff23|½"
FOLLOWS = (
    "||||please|asb|dankie|thanks a lot|for 2GB|=0.5|(1GB)|2|A|or B|and|not|no|+|*|?|,|;B|:D|👍|👎|\u200b|\u00a0|\n|\n--|C|g|x|GB"
    "|technician"
)


def _one_of(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words.split("|"))


TYPED = st.builds(
    lambda glue, lead, key, follows: glue.join(part for part in (lead, key, *follows) if part),
    _one_of(" | |"),
    _one_of(LEADS),
    _one_of(KEYS),
    st.lists(_one_of(FOLLOWS), max_size=2),
)
MENU = st.sampled_from(list(MENUS.values()))


def _orders(reply: Reply) -> bool:
    return isinstance(reply, Pick | More | Approve)


@given(text=st.text(max_size=60) | TYPED, choices=MENU, units=st.sampled_from(Units))
def test_any_text_is_read(text: str, choices: list[Choice], units: Units) -> None:
    reply = read_reply(text, choices, units=units)
    if isinstance(reply, Pick):
        assert reply.choice in choices


def _fits(text: str, choices: list[Choice]) -> list[Choice]:
    """A simpler reading, that knows letters, numbers and nothing of the words between."""
    said = re.sub(r"thanks a lot|I want|can I have|:D|'n|(?<=\d)[gG](?!\w)|\u200b", " ", text)
    said = said.replace("½", " 0.5 ").replace("1/2", "0.5").replace("\uff23", "C").lower()
    letters = set(re.findall(r"(?<![a-z])[a-z](?![a-z])", said)) & {one.letter.lower() for one in choices}
    numbers = {float(found) for found in re.findall(r"\d+(?:\.\d+)?|\.\d+", said)}
    return [
        choice
        for choice in choices
        if (letters or numbers)
        and letters <= {choice.letter.lower()}
        and all(choice.size_bytes in (number * 10**9, number * 10**6) for number in numbers)
    ]


def test_an_order_names_one_line_and_no_other() -> None:
    choices, picks = MENUS["A to G and H to N"], 0
    spaced = product(LEADS.split("|"), KEYS.split("|"), FOLLOWS.split("|"))
    touching = product(KEYS.split("|"), FOLLOWS.split("|"))
    for text in sorted(
        {" ".join(parts).strip() for parts in spaced} | {"".join(parts) for parts in touching}
    ):
        reply = read_reply(text, choices, units=Units.DECIMAL)
        if isinstance(reply, Pick):
            picks += 1
            assert _fits(text, choices) == [reply.choice], text
    assert picks > 1_000


@given(
    text=TYPED,
    choices=MENU,
    before=st.text(" \t\n\u00a0", max_size=3),
    after=st.text(" \t\n\u00a0.!", max_size=3),
)
def test_case_outer_blanks_and_stops_at_the_end_dont_matter(
    text: str, choices: list[Choice], before: str, after: str
) -> None:
    assume(not text.rstrip().endswith("--"))  # a line of its own, below which a signature stands
    reply = read_reply(text, choices, units=Units.DECIMAL)
    for same in (text.lower(), text.upper(), text.swapcase(), f"{before}{text}{after}"):
        assert read_reply(same, choices, units=Units.DECIMAL) == reply


WORDS = {part for phrase in VOCABULARY for part in phrase.split()} | {
    *UNIT_OF,
    *" ".join(NUMBER_WORDS).split(),
}


@given(
    pieces=st.tuples(
        _one_of("|please|yes|ok|I want|Hi|more|Option|can I have"),
        _one_of("A|b|C|G|2GB|2|0.5|1/2 gb"),
        _one_of("|please|asb dankie|thanks a lot|👍|."),
    ).map(list),
    word=st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=10)
    | st.text("дфцщ你好αβ", min_size=1, max_size=4),
    place=st.integers(0, 3),
)
@example(pieces=["C"], word="never", place=1)
@example(pieces=["C", "thanks a lot"], word="cancel", place=2)
def test_a_word_that_is_not_in_the_list_makes_an_order_a_question(
    pieces: list[str], word: str, place: int
) -> None:
    assume(word not in WORDS)
    assume(_orders(read_reply(" ".join(pieces), JENNY, units=Units.DECIMAL)))
    pieces.insert(place, word)
    assert not _orders(read_reply(" ".join(pieces), JENNY, units=Units.DECIMAL))


def test_words_are_known_once_and_none_is_a_letter() -> None:
    assert all(
        len(phrase) > 1 and phrase == phrase.lower().strip() and "'" not in phrase for phrase in VOCABULARY
    )
    assert not set(VOCABULARY) & set(UNIT_OF)
