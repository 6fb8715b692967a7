"""What a customer's SMS says. Money hangs on it: an order is only what names one line of a menu and says nothing else.

`read_reply` cuts the text into tokens once. What it may say then depends on which kinds of words are in it: a word that
we don't know makes it a sentence, a letter or a size an order, a code an authorisation, anything else a command.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from capstan.topups.rules.reply_tokens import CODE_DIGITS, Token, latin, own_words, plain, tokens
from capstan.topups.rules.reply_words import (
    AUTOMATIC,
    COURTEOUS,
    FOLLOWS,
    LEADS,
    LEADS_TO_NUMBER,
    NAMING,
    PROBABLY_AUTOMATIC,
    REACTION,
    SLANG,
    UNSTRESSED,
    Says,
    without_accents,
)
from capstan.values.data import Units, format_bytes


class Choice(NamedTuple):
    """A line of a menu that is open on this number."""

    menu_id: int
    letter: str
    size_bytes: int
    offer_id: int


class AskWhy(StrEnum):
    """Why an answer has to be asked about."""

    SEVERAL = "several"  # more than one line of the menus, or more than one of them
    CONTRADICTION = "contradiction"  # a letter with another's size
    NOT_ON_MENU = "not on the menu"
    SENTENCE = "sentence"  # words beside the letter that may mean something else
    QUESTION = "question"
    LOOKALIKE = "lookalike"  # letters or digits of another alphabet, or with accents
    YES_ALONE = "yes alone"  # to what?
    CODE_ALONE = "code alone"  # yes or no?


@dataclass(frozen=True, slots=True)
class Pick:
    """He orders this."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class More:
    """He orders this once more (`MORE C`). No open menu has it: `choice` is None, and letter and size are what he named."""

    choice: Choice | None
    letter: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Nothing is ordered. `choices` are what he may have meant; `letter` is the one he named if no menu has it."""

    choices: tuple[Choice, ...]
    why: AskWhy
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """An order that waits under this code may go ahead."""

    code: str


@dataclass(frozen=True, slots=True)
class Decline:
    code: str


@dataclass(frozen=True, slots=True)
class Balance:
    """How much data is left?"""


@dataclass(frozen=True, slots=True)
class Menu:
    """What can be ordered?"""


@dataclass(frozen=True, slots=True)
class Help:
    pass


@dataclass(frozen=True, slots=True)
class Stop:
    """No more notices."""


@dataclass(frozen=True, slots=True)
class Start:
    """Notices again."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """You have the wrong number."""


@dataclass(frozen=True, slots=True)
class No:
    """It wasn't me."""


@dataclass(frozen=True, slots=True)
class Courtesy:
    """Thanks, a thumb up, no thanks: understood, and wants no answer."""


@dataclass(frozen=True, slots=True)
class AutoReply:
    """A program wrote it: an answer could be answered for ever."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    pass


Command = Balance | Menu | Help | Stop | Start | Wrong | No | Courtesy | AutoReply | NotUnderstood
Reply = Pick | More | Ask | Approve | Decline | Command

LONGEST = 2_000
"""Characters. An order with all that a phone may add is shorter; what is longer a person reads."""

_COMMANDS: dict[frozenset[Says], Command] = {
    frozenset({Says.BALANCE}): Balance(),
    frozenset({Says.BALANCE, Says.DATA}): Balance(),
    frozenset({Says.MENU}): Menu(),
    frozenset({Says.DATA}): Menu(),
    frozenset({Says.MORE}): Menu(),
    frozenset({Says.MENU, Says.DATA}): Menu(),
    frozenset({Says.MORE, Says.DATA}): Menu(),
    frozenset({Says.HELP}): Help(),
    frozenset({Says.HELP, Says.DATA}): Help(),
    frozenset({Says.STOP}): Stop(),
    frozenset({Says.STOP, Says.NO}): Stop(),
    frozenset({Says.START}): Start(),
    frozenset({Says.WRONG}): Wrong(),
    frozenset({Says.WRONG, Says.NO}): Wrong(),
    frozenset({Says.WRONG, Says.STOP}): Wrong(),
    frozenset({Says.NO}): No(),
}
"""By what is left of a text without its courtesies."""


_shown = lru_cache(maxsize=1_000)(format_bytes)


class _Text(NamedTuple):
    """A text cut up, and what it may be about."""

    found: list[Token]
    says: frozenset[Says]
    is_question: bool
    choices: Sequence[Choice]
    units: Units

    def named(self, wanted: Iterable[Token]) -> tuple[Choice, ...]:
        """The lines of menus that any of these tokens names."""
        tokens_wanted = tuple(wanted)
        return tuple(
            choice for choice in self.choices if any(self.names(token, choice) for token in tokens_wanted)
        )

    def names(self, token: Token, choice: Choice) -> bool:
        """Sizes to the three figures that a menu prints."""
        if token.says == Says.LETTER:
            return token.text == choice.letter.lower()
        shown = _shown(choice.size_bytes, self.units)
        return any(shown == _shown(size, self.units) for size in token.sizes)


def read_reply(text: str, choices: Sequence[Choice], *, units: Units, names: Collection[str] = ()) -> Reply:
    """Read an answer to the menus that are open on its sender's number: of each line the newest one.

    `names` are the provider's and the sender's own, which may stand beside an order (`C thanks Jenny`). Never raises.
    """
    if len(text) > LONGEST:
        return NotUnderstood()
    if REACTION.match(text):
        return Courtesy()
    menus: dict[int, set[str]] = {}
    for choice in choices:
        menus.setdefault(choice.menu_id, set()).add(choice.letter.lower())
    words = plain(own_words(text, [frozenset(letters) for letters in menus.values()]))
    known = frozenset(
        part for name in names for part in without_accents(name).lower().split() if len(part) > 1
    )
    answer = _read(words, choices, known, units)
    resembling = latin(words)
    if resembling == words or not isinstance(answer, Ask | NotUnderstood):
        return answer
    guess = _read(resembling, choices, known, units)
    if isinstance(guess, Pick | More) and guess.choice is not None:
        return Ask((guess.choice,), AskWhy.LOOKALIKE)
    if isinstance(guess, More | Approve | Decline | Wrong | No):
        return Ask((), AskWhy.LOOKALIKE)
    return guess


def _read(words: str, choices: Sequence[Choice], names: Collection[str], units: Units) -> Reply:
    found = tokens(words, {choice.letter.lower() for choice in choices}, names, units)
    text = _Text(found, frozenset(token.says for token in found), "?" in words, choices, units)
    if Says.OTHER in text.says:
        return _sentence(text)
    if not text.says & NAMING:
        return _command(text)
    return _authorisation(text) or _order(text)


def _sentence(text: _Text) -> Reply:
    """It buys nothing. It is asked about if it begins with a letter of a menu, or names a line of one beyond doubt."""
    words = " ".join(token.text for token in text.found)
    if AUTOMATIC.search(words):
        return AutoReply()
    about = text.named(
        token
        for place, token in enumerate(text.found)
        if token.says == Says.SIZE
        or (token.says == Says.LETTER and (place == 0 or token.text not in UNSTRESSED))
    )
    if about:
        return Ask(about, AskWhy.SENTENCE if len(about) == 1 else AskWhy.SEVERAL)
    return AutoReply() if PROBABLY_AUTOMATIC.search(words) else NotUnderstood()


def _command(text: _Text) -> Reply:
    says = text.says
    what = says - COURTEOUS
    if what == {Says.NO} and Says.THANKS in says:
        return Courtesy()
    if what == {Says.NO} and Says.YES in says:
        return NotUnderstood()
    if what:
        return _COMMANDS.get(what, NotUnderstood())
    if Says.YES in says or (Says.OK in says and text.choices and not says & {Says.THANKS, Says.NICE}):
        return Ask(tuple(text.choices), AskWhy.YES_ALONE)
    if says & {Says.THANKS, Says.OK, Says.NICE}:
        return Courtesy()
    if Says.ORDER in says:
        return Menu()
    return Help() if text.is_question and not says else NotUnderstood()


def _authorisation(text: _Text) -> Reply | None:
    """`YES 4821`, `NO 4821`, also digit by digit; None if it isn't about a code."""
    agrees, refuses = text.says & {Says.YES, Says.OK}, text.says & {Says.NO, Says.REFUSE}
    if text.says - COURTEOUS - refuses - {Says.NUMBER}:
        return None
    parts = [token.text for token in text.found if token.says == Says.NUMBER]
    codes = [part for part in parts if _is_code(part)]
    joined = "".join(parts)
    if (agrees or refuses) and _is_code(joined) and max(map(len, parts)) == 1:
        parts = codes = [joined]
    if not codes or codes != parts:
        return None
    if text.is_question:
        return Ask((), AskWhy.QUESTION)
    if len(codes) > 1 or (agrees and refuses):
        return Ask((), AskWhy.SEVERAL)
    if not agrees and not refuses:
        return Ask((), AskWhy.CODE_ALONE)
    return Approve(joined) if agrees else Decline(joined)


def _is_code(digits: str) -> bool:
    return digits.isdigit() and len(digits) in CODE_DIGITS


def _order(text: _Text) -> Reply:
    naming = [token for token in text.found if token.says in NAMING]
    letters = [token.text for token in naming if token.says == Says.LETTER]
    amounts = [token for token in naming if token.says != Says.LETTER]
    about = text.named(naming)
    is_one = len(set(letters)) <= 1 and len(amounts) <= 1 and not _is_doubled(letters, text.choices)
    if about and not is_one:
        return Ask(about, AskWhy.SEVERAL)
    doubt = _doubt(text)
    if not about:
        letter = letters[0].upper() if letters and is_one else ""
        size = next((token.sizes[0] for token in amounts if token.sizes), None)
        is_clear = is_one and doubt is None and all(token.sizes for token in amounts)
        is_more = Says.MORE in text.says and is_clear
        return More(None, letter, size) if is_more else Ask((), AskWhy.NOT_ON_MENU, letter)
    meant = tuple(choice for choice in about if all(text.names(token, choice) for token in naming))
    if len(meant) != 1:
        return Ask(meant or about, AskWhy.SEVERAL if meant else AskWhy.CONTRADICTION)
    if doubt is not None:
        return Ask(meant, doubt)
    (choice,) = meant
    return More(choice, choice.letter, choice.size_bytes) if Says.MORE in text.says else Pick(choice)


def _doubt(text: _Text) -> AskWhy | None:
    """What stands against taking this for an order of the line that it names."""
    kinds = [token.says for token in text.found]
    first = next(place for place, kind in enumerate(kinds) if kind in NAMING)
    leads = LEADS_TO_NUMBER if kinds[first] == Says.NUMBER else LEADS
    if not (leads.issuperset(kinds[:first]) and FOLLOWS.issuperset(kinds[first:])):
        return AskWhy.SENTENCE
    if kinds[first] == Says.NUMBER and Says.LETTER in text.says:  # "2 C": twice?
        return AskWhy.CONTRADICTION
    is_slang = any(token.says == Says.LETTER and token.text in SLANG for token in text.found)
    if is_slang and not text.says & {Says.SIZE, Says.NUMBER} and text.says & {Says.THANKS, Says.OK, Says.YES}:
        return AskWhy.SENTENCE
    return AskWhy.QUESTION if text.is_question and Says.PLEASE not in text.says else None


def _is_doubled(letters: list[str], choices: Sequence[Choice]) -> bool:
    """`A A` is A, unless a menu has a line AA."""
    return len(letters) > 1 and any(choice.letter.lower() == "".join(letters) for choice in choices)
