"""Sentences that are a value of a template, in the reader's language: `{charged}`, `{reset}`, `{may_order}`."""

from enum import StrEnum

from capstan.messaging.rules.templates import languages


class Phrase(StrEnum):
    NEXT_INVOICE = "next invoice"
    OWN_INVOICE = "own invoice"
    PAID = "paid"
    FREE = "free"
    RESETS = "resets"
    NEXT_LOGIN = "next login"
    MAY_ORDER = "may order"
    WAS_ADDED = "was added"
    WAITS_FOR_PAYMENT = "waits for payment"
    WAS_DECLINED = "was declined"
    HAS_EXPIRED = "has expired"
    WAS_TAKEN_BACK = "was taken back"


_PHRASES = {
    "en": {
        Phrase.NEXT_INVOICE: "It is on your next invoice.",
        Phrase.OWN_INVOICE: "Its invoice follows.",
        Phrase.PAID: "It is paid.",
        Phrase.FREE: "It is free.",
        Phrase.RESETS: "Your connection resets briefly.",
        Phrase.NEXT_LOGIN: "It works from your next connection on.",
        Phrase.MAY_ORDER: "You can order by SMS: reply TOPUP.",
        Phrase.WAS_ADDED: "it was allowed and added.",
        Phrase.WAITS_FOR_PAYMENT: "it was allowed and is added as soon as it is paid.",
        Phrase.WAS_DECLINED: "it was refused and nothing was added.",
        Phrase.HAS_EXPIRED: "it waited too long and nothing was added.",
        Phrase.WAS_TAKEN_BACK: "it was taken back.",
    },
    "af": {
        Phrase.NEXT_INVOICE: "Dit is op jou volgende faktuur.",
        Phrase.OWN_INVOICE: "Die faktuur volg.",
        Phrase.PAID: "Dit is betaal.",
        Phrase.FREE: "Dit is gratis.",
        Phrase.RESETS: "Jou verbinding herbegin kortliks.",
        Phrase.NEXT_LOGIN: "Dit werk vanaf jou volgende verbinding.",
        Phrase.MAY_ORDER: "Jy kan per SMS bestel: antwoord TOPUP.",
        Phrase.WAS_ADDED: "dit is toegelaat en bygevoeg.",
        Phrase.WAITS_FOR_PAYMENT: "dit is toegelaat en word bygevoeg sodra dit betaal is.",
        Phrase.WAS_DECLINED: "dit is geweier en niks is bygevoeg nie.",
        Phrase.HAS_EXPIRED: "dit het te lank gewag en niks is bygevoeg nie.",
        Phrase.WAS_TAKEN_BACK: "dit is teruggeneem.",
    },
}


def phrase(which: Phrase, language: str) -> str:
    return next(_PHRASES[tag][which] for tag in languages(language) if tag in _PHRASES)
