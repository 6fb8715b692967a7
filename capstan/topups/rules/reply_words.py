"""What customers write: the words of each language, what phones add to an answer, and letters that look like others.

Words are in lower case, without apostrophes; without accents unless the accent tells two words apart (af. `môre`).
A word that isn't here turns an order into a question, so an addition to `FOLLOWS` or `LEADS` is a decision about money.
"""

import re
import unicodedata
from enum import StrEnum, auto


class Says(StrEnum):
    """What a word, or a run of words, says."""

    LETTER = auto()
    SIZE = auto()  # with its unit
    NUMBER = auto()  # without
    OTHER = auto()  # nothing we know

    PLEASE = auto()
    THANKS = auto()
    YES = auto()
    OK = auto()
    HELLO = auto()
    NICE = auto()  # closes a conversation, orders nothing
    ORDER = auto()  # "I want"
    LEAD = auto()  # "option", "just"
    FILLER = auto()  # "for"
    AND = auto()  # or "or"
    NAME = auto()  # the provider's, or the customer's own
    MORE = auto()

    DATA = auto()
    MENU = auto()
    BALANCE = auto()
    HELP = auto()
    STOP = auto()
    START = auto()
    WRONG = auto()
    NO = auto()
    REFUSE = auto()


NAMING = frozenset({Says.LETTER, Says.SIZE, Says.NUMBER})

LEADS = NAMING | {
    Says.HELLO, Says.PLEASE, Says.YES, Says.OK, Says.ORDER, Says.LEAD, Says.FILLER, Says.NAME, Says.DATA, Says.MORE,
}  # fmt: skip
"""May stand before the letter. No thanks: `Thanks B` is how Ben signs."""

LEADS_TO_NUMBER = LEADS - {Says.LEAD, Says.FILLER, Says.MORE}
"""May stand before a number without its unit: `option 2` may be the second, `me 2` is "me too", `more 2` are two more."""

FOLLOWS = NAMING | {Says.PLEASE, Says.THANKS, Says.YES, Says.OK, Says.FILLER, Says.NAME, Says.DATA}
"""May stand after it."""

COURTEOUS = frozenset(
    {
        Says.PLEASE,
        Says.THANKS,
        Says.YES,
        Says.OK,
        Says.HELLO,
        Says.NICE,
        Says.ORDER,
        Says.LEAD,
        Says.FILLER,
        Says.AND,
        Says.NAME,
    }
)
"""May stand around a command like STOP, or around a code."""

# With its article data is data: in `I want a top up` there is no letter.
_WORDS: dict[Says, dict[str, str]] = {
    Says.PLEASE: {
        "en": "please, pleas, pleaze, plese, plase, plaese, pleae, pls, plz, plse, plss, plez, kindly, can i have, can i get,"
        " can i please have, can i pls have, can i please get, could i have, may i have, may i please have",
        "af": "asb, asseblief, assblief, aseblief, asblief, asseblieif, kan ek kry, mag ek kry",
        "zu": "ngicela, sicela",
        "xh": "ndicela, nceda",
    },
    Says.THANKS: {
        "en": "thanks, thank, thankyou, thank you, thank u, thanku, thanx, thnx, thnks, thx, tnx, tks, thks, tx, ty, ta, cheers,"
        " thanks a lot, thanks a million, thanks so much, thank you so much, thank you very much, many thanks,"
        " much appreciated, appreciated, regards, kind regards, best regards, thanks for the data, thank you for the data,"
        " thanks for the topup, thanks for the top up, thank you for the topup, thank you for the top up",
        "af": "dankie, danki, danke, dankie vir die data, baie dankie, dankie baie, groete, vriendelike groete",
        "zu": "ngiyabonga, siyabonga",
        "xh": "enkosi, enkosi kakhulu, ndiyabulela",
    },
    Says.YES: {
        "en": "yes, yess, yep, yeah, yea, yup, approve, approved, i approve, authorise, authorised, authorize, authorized,"
        " confirm, confirmed, agreed, accept, accepted, go ahead, yes to",
        "af": "ja, jip, yip, goedgekeur, ek keur goed, bevestig",
        "zu": "yebo",
        "xh": "ewe",
    },
    Says.OK: {"en": "ok, okay, okey, okie, oki, oky, sure, alright", "af": "oukei, reg"},
    Says.HELLO: {
        "en": "hi, hello, hey, good morning, good day, good afternoon, good evening, morning",
        "af": "hallo, môre, goeie more, goeiemore, goeie dag, goeiedag, goeie middag, goeiemiddag, goeie naand, goeienaand",
        "zu": "sawubona, sanibonani",
        "xh": "molo, molweni",
    },
    Says.NICE: {
        "en": "great, good, fine, perfect, awesome, nice, wonderful, cool, a ok, a okay, got it, received, noted, no problem,"
        " no worries, pleasure, sorry, lol, haha",
        "af": "lekker, sharp, goed so, jammer",
    },
    Says.ORDER: {
        "en": "i want, i would like, id like, i need, i will take, ill take, ill have, i choose, i take, give me, gimme, send,"
        " send me, add, load, buy, take, order, get, get me, make it, activate",
        "af": "ek wil hê, ek wil graag, ek wil, ek soek, ek vat, ek kies, ek neem, gee my, gee vir my, stuur, stuur my, laai,"
        " koop, neem, bestel",
    },
    Says.LEAD: {
        "en": "just, only, the, option, letter, choice, code, answer, reply, re",
        "af": "net, opsie, keuse, antwoord",
    },
    Says.FILLER: {"en": "for, me, my, us, asap", "af": "vir, ons, hê, he"},
    Says.AND: {"en": "and, or", "af": "en, of"},
    Says.MORE: {"en": "more, another, another one, one more, extra", "af": "nog, nog een, ekstra"},
    Says.DATA: {
        "en": "topup, top up, topups, top ups, toppup, top me up, top up my account, topup my account, data, bundle, recharge,"
        " a topup, a top up, a data, a data bundle, a bundle, a recharge, i want to top up, i want to topup,"
        " i would like to top up, id like to top up, i need to top up",
        "af": "aanvulling, aanvullings, aanvul, herlaai, n aanvulling, n topup, n top up, n data, n bundle",
    },
    Says.MENU: {
        "en": "menu, options, list, price, prices, price list, pricelist",
        "af": "opsies, pryse, pryslys, lys, spyskaart",
    },
    Says.BALANCE: {
        "en": "bal, balance, balances, ballance, balanc, data balance, my balance, check balance, balance check, usage, my usage,"
        " data usage, data left, remaining data, data remaining, how much data do i have, how much data do i have left,"
        " how much data have i got, how much data have i got left, how much data is left, how much data left,"
        " how much data, how much is left, how much do i have left, how much have i used, what is my balance, whats my balance",
        "af": "balans, saldo, my balans, wat is my balans, hoeveel data het ek, hoeveel data het ek oor, hoeveel data is oor,"
        " hoeveel het ek oor, hoeveel is oor",
    },
    Says.HELP: {
        "en": "help, help me, hlp, info, how, how does this work, how does it work, how do i top up, how to top up,"
        " how do i order, what must i do, what do i do, commands",
        "af": "hulp, help my, hoe, hoe werk dit, hoe werk die",
        "zu": "usizo",
        "xh": "uncedo",
    },
    Says.STOP: {
        "en": "stop, stopp, stop all, stopall, unsubscribe, unsub, opt out, optout, end, quit, remove me, stop it, stop this,"
        " stop sms, stop smses, stop messages, stop sending, stop sending messages, stop sending sms, stop sending smses,"
        " stop sending me, stop sending me messages, stop sending me smses, stop messaging me, stop smsing me,"
        " no more sms, no more smses, no more messages, do not sms me, dont sms me",
        "af": "hou op, teken uit, moenie my sms nie",
    },
    Says.START: {
        "en": "start, start again, unstop, resume, subscribe, opt in, optin",
        "af": "begin, begin weer",
    },
    Says.WRONG: {
        "en": "wrong, wrong number, wrong no, wrong nr, wrong num, wrong person, wrong cell number, you have the wrong number,"
        " this is the wrong number, this is a wrong number, not my account",
        "af": "verkeerd, verkeerde nommer, verkeerde nr, verkeerde persoon, jy het die verkeerde nommer",
    },
    Says.NO: {
        "en": "no, nope, nah, not me, not mine, wasnt me, it wasnt me, it was not me, that wasnt me, this wasnt me, was not me,"
        " i didnt order this, i did not order this, i didnt order, i did not order",
        "af": "nee, nie ek nie, dit was nie ek nie, was nie ek nie, ek het nie bestel nie",
        "zu": "cha",
        "xh": "hayi",
    },
    Says.REFUSE: {
        "en": "decline, declined, reject, rejected, refuse, refused, deny, denied, dont approve, do not approve, not approved",
        "af": "weier, afgekeur, ek keur af",
    },
}

VOCABULARY: dict[str, Says] = {
    phrase.strip(): says
    for says, languages in _WORDS.items()
    for phrases in languages.values()
    for phrase in phrases.split(",")
}
PHRASE_WORDS_MAX = max(phrase.count(" ") + 1 for phrase in VOCABULARY)

NUMBER_WORDS = {
    "half a": "0.5", "half": "0.5", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "een": "1", "twee": "2", "drie": "3", "vier": "4", "vyf": "5", "ses": "6",
    "sewe": "7", "agt": "8", "nege": "9", "tien": "10",
}  # fmt: skip
"""Only in front of a unit: `two gb`."""

_UNIT_WORDS = {
    "mb": "mb mbs mbyte mbytes meg megs mega megas megabyte megabytes",
    "gb": "gb gbs gbyte gbytes gig gigs giga gigas gigabyte gigabytes bg",
    "tb": "tb tbs tera teras terabyte terabytes",
}
UNIT_OF = {word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()} | {
    "g": "gb",
    "m": "mb",
}
"""`g` and `m` are units only when they touch the number (`2g`), for they are letters of menus too."""

SLANG = frozenset("knoxy")
"""`K thanks`, `N thanks`, `O dankie`, `Thanks x` are ok, no, oh and a kiss: with such words these letters are asked about."""

UNSTRESSED = frozenset("ainru")
"""Letters that are words inside a sentence: `send a technician`, `wanneer kom n tegnikus`, `how r u`."""

# What programs send. Matched in lower-case words without punctuation.
AUTOMATIC = re.compile(
    r"\b(?:auto(?:mated|matic)? ?(?:reply|response|responder|message|answer)"
    r"|out of (?:the )?office|(?:do not disturb )?while driving|driving (?:mode|focus)|not receiving notifications"
    r"|^missed calls?|you have (?:\w+ )?(?:new )?(?:missed calls?|voice ?mails?)|called you at"
    r"|(?:thank you|thanks) for (?:contacting|your message|reaching out|getting in touch|your sms|your email)"
    r"|received your message|do not reply to this|number you (?:called|dialled)|is now available to (?:call|take calls)"
    r"|outomatiese (?:antwoord|boodskap)|buite (?:die )?kantoor|uit die kantoor|dankie vir (?:u|jou) boodskap)\b"
)
PROBABLY_AUTOMATIC = re.compile(
    r"\b(?:(?:im|i am|currently) driving|cant talk|cannot talk|in a meeting|(?:im|i am) (?:busy|on leave)"
    r"|call (?:you|u) (?:back|later|right back)|call back later|away from (?:my|the) (?:phone|desk)|on (?:vacation|holiday)"
    r"|(?:not|un)available (?:right now|at the moment)|(?:get back to|respond to|reply to) you"
    r"|ek bestuur|in vergadering|bel (?:jou|u) (?:terug|later)|met verlof)\b"
)
"""So might a person write: it is one who names a line of the menu."""

REACTION = re.compile(
    r"\s*(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|reacted .{1,12} to|removed an? [\w ]{1,20} from)"
    r"\s+(?:[\"'“”‘«„]|an? (?:image|message))",
    re.IGNORECASE,
)
"""A phone's "like" of our message: `Liked “Hi Jan …”`."""

QUOTE_BEGINS = re.compile(
    r"\s*(?:-{2,}\s*(?:original|forwarded|oorspronklike)\b.*|on .{5,80}\bwrote:?|op .{5,80}\bhet .{0,60}geskryf:?"
    r"|(?:from|van|sent|gestuur):\s.*|_{5,}|-{2,})\s*",
    re.IGNORECASE,
)
"""A line after which an answer repeats what it answers, or a signature follows."""

_DEVICE = r"(?:iphone|ipad|samsung|huawei|android|blackberry|nokia|xiaomi|redmi|outlook|gmail|yahoo|phone|cellphone|cell|mobile)"
SENT_FROM = re.compile(
    rf"\W*\b(?:(?:sent|gestuur|verstuur) (?:from|via|vanaf|van)|get) (?:my )?{_DEVICE}"
    r"(?: (?:galaxy|smartphone|device|phone|mobile|mail|note|ultra|plus|pro|max|for|android|ios|[a-z]?\d{1,3}))*\W*$",
    re.IGNORECASE | re.MULTILINE,
)

EMOJI = {
    "👍": " ok ", "👌": " ok ", "🆗": " ok ", "✅": " ok ", "✔": " ok ", "☑": " ok ", "👎": " no ", "❌": " no ", "✖": " no ",
    "🚫": " no ", "⛔": " no ", "🙅": " no ", "❓": "?", "❔": "?",
}  # fmt: skip
"""Those that say something; all others are blanks."""

_CYRILLIC = dict(zip("АВЕЗІЈКМНОРСТУХЅԚԜҮ", "abe3ijkmhopctyxsqwy", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "abezhikmnoptyxc", strict=True))
_SIGNS = {"ı": "i", "©": "c", "®": "r"}
_BOXED = {chr(start + n): chr(ord("a") + n) for start in (0x1F150, 0x1F170) for n in range(26)}
LOOKALIKES: dict[str, str] = _CYRILLIC | _GREEK | _SIGNS | _BOXED
"""Capital letter or sign to the Latin letter that it resembles, or that a phone makes it of: `(C)` becomes `©`."""


def without_accents(text: str) -> str:
    return "".join(
        part for part in unicodedata.normalize("NFKD", text) if unicodedata.category(part) not in ("Mn", "Me")
    )
