"""Every template with our own texts, in English and Afrikaans. Providers edit them in the console; see `TemplateEdit`.

SMS texts stay within the GSM alphabet, which has no ê, ë or ô: each of them would more than double the price.
"""

from collections.abc import Mapping

from capstan.messaging.rules.templates import ENGLISH, Template
from capstan.messaging.rules.texts.billing import CARDS, DEBIT_ORDERS, DUNNING, INVOICES, PREPAID
from capstan.messaging.rules.texts.people import LIST, ORDERS, STAFF
from capstan.messaging.rules.texts.topups import ANSWERS, CAP, TOPUP

TEMPLATES: Mapping[str, Template] = {
    one.code: one
    for one in (
        *CAP,
        *TOPUP,
        *ANSWERS,
        *LIST,
        *ORDERS,
        *STAFF,
        *INVOICES,
        *CARDS,
        *PREPAID,
        *DUNNING,
        *DEBIT_ORDERS,
    )
}

LANGUAGES = tuple(
    sorted(
        {tag for one in TEMPLATES.values() for texts in one.texts.values() for tag in texts},
        key=lambda tag: (tag != ENGLISH, tag),
    )
)
"""The languages that there are texts of ours in, English first."""
