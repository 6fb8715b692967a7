"""Letters of menus, and how a menu is written into an SMS."""

from string import ascii_uppercase
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.topups.rules.menu import Line, letters_for, menu_size, menu_words
from capstan.topups.rules.reply import Choice, Pick, read_reply
from capstan.values.data import Units
from capstan.values.formats import Formats

FORMATS = Formats("en_ZA", "ZAR", ZoneInfo("Africa/Johannesburg"), Units.DECIMAL)


@pytest.mark.parametrize(
    ("own", "taken", "letters"),
    [
        ("ABCDEFG", "", "A B C D E F G"),
        ("ABCDEFG", "ABCDEFG", "H I J K L M N"),
        ("ABCDEFG", "ABCDEFGHIJKLMN", "O P Q R S T U"),
        ("ABCDEFG", "HIJKLMN", "A B C D E F G"),  # the first line's own are free again
        ("ACX", "HI", "A C X"),
        ("ACX", "X", "A B C"),
        ("ABC", "BF", "C D E"),  # in one run
        ("AB", ascii_uppercase, "AA BB"),
        ("ABC", ascii_uppercase[:24], "Y Z AA"),
        ("", "ABC", ""),
    ],
)
def test_letters(own: str, taken: str, letters: str) -> None:
    assert letters_for(list(own), set(taken)) == letters.split()


OFFERS = st.lists(st.sampled_from(ascii_uppercase), min_size=1, max_size=9, unique=True).map(sorted)


@given(menus=st.lists(OFFERS, max_size=6))
def test_no_two_lines_share_a_letter_and_each_can_be_picked(menus: list[list[str]]) -> None:
    taken: list[str] = []
    choices: list[Choice] = []
    for menu_id, own in enumerate(menus):
        letters = letters_for(own, taken)
        assert len(letters) == len(own)
        taken += letters
        choices += [
            Choice(menu_id, letter, (place + 1) * 10**9, place) for place, letter in enumerate(letters)
        ]
    assert len(set(taken)) == len(taken)
    for choice in choices:
        assert read_reply(f"{choice.letter.lower()} please", choices, units=Units.DECIMAL) == Pick(choice)


def test_the_words_of_a_menu() -> None:
    lines = [Line("A", 500_000_000, 900), Line("B", 1_000_000_000, 1_550), Line("C", 18_000_000_000, 18_000)]
    assert menu_words(lines, FORMATS) == {
        "letters": "A,B,C",
        "sizes": "0.5GB,1GB,18GB",
        "menu": "A 0.5GB R9,B 1GB R15.50,C 18GB R180",
    }
    assert menu_words([], FORMATS) == {"letters": "", "sizes": "", "menu": ""}


@pytest.mark.parametrize(
    ("size_bytes", "units", "text"),
    [
        (500_000_000, Units.DECIMAL, "0.5GB"),
        (100_000_000, Units.DECIMAL, "0.1GB"),
        (250_000_000, Units.DECIMAL, "250MB"),
        (50_000_000, Units.DECIMAL, "50MB"),
        (1_500_000_000, Units.DECIMAL, "1.5GB"),
        (1_000_000_000_000, Units.DECIMAL, "1TB"),
        (2**29, Units.BINARY, "0.5GB"),
        (500 * 2**20, Units.BINARY, "500MB"),
        (18 * 2**30, Units.BINARY, "18GB"),
    ],
)
def test_size(size_bytes: int, units: Units, text: str) -> None:
    assert menu_size(size_bytes, FORMATS._replace(units=units)) == text


@given(size_bytes=st.integers(10**7, 10**13), units=st.sampled_from(Units))
def test_a_size_is_ordered_as_the_menu_writes_it(size_bytes: int, units: Units) -> None:
    choice = Choice(1, "A", size_bytes, 1)
    text = menu_size(size_bytes, FORMATS._replace(units=units))
    assert read_reply(text, [choice], units=units) == Pick(choice)
