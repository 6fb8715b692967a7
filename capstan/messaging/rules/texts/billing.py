"""Texts about invoices and debts. Where access is at stake they are SMS too."""

from capstan.messaging.rules.texts.making import template

_HOW = {
    "en": "[Pay here: {link}\n\n]"
    "Use {account} as the reference when you pay by EFT.[\n\n{bank}][\n\nQuestions? Call {support}.]\n\n{provider}",
    "af": "[Betaal hier: {link}\n\n]"
    "Gebruik {account} as verwysing wanneer jy per EFT betaal.[\n\n{bank}][\n\nVrae? Bel {support}.]\n\n{provider}",
}
_HI = {"en": "Hi[ {name}]\n\n", "af": "Hallo[ {name}]\n\n"}


def _letter(en: str, af: str, *, asks: bool = True) -> dict[str, str]:
    """An e-mail's two languages: a greeting, the words, and how to pay if it asks for that."""
    words = {"en": en, "af": af}
    return {tag: _HI[tag] + words[tag] + ("\n\n" + _HOW[tag] if asks else "\n\n{provider}") for tag in words}


_PAYING = "name amount account bank support link"

INVOICES = (
    template(
        "invoice.issued",
        "An invoice was issued and is to be paid",
        f"{_PAYING} number due",
        titles={"en": "Invoice {number}: {amount} by {due}", "af": "Faktuur {number}: {amount} teen {due}"},
        email=_letter(
            "Your invoice {number} is ready. {amount} is to be paid by {due}.",
            "Jou faktuur {number} is gereed. {amount} is betaalbaar teen {due}.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "invoice.issued_paid",
        "An invoice was issued that the account's credit has paid",
        "name amount number support",
        titles={"en": "Invoice {number} is paid", "af": "Faktuur {number} is betaal"},
        email=_letter(
            "Your invoice {number} of {amount} is ready. Your account's credit has paid it: there is nothing to do.",
            "Jou faktuur {number} van {amount} is gereed. Jou rekening se krediet het dit betaal: jy hoef niks te doen nie.",
            asks=False,
        ),
    ),
)

CARDS = (
    template(
        "card.declined",
        "A stored card was to be charged for an invoice, and wasn't",
        "name amount card reason link support",
        sms={
            "en": "We could not charge {card} with {amount}. {reason}[ Pay {link}]\n{provider}",
            "af": "Ons kon nie {amount} van {card} kry nie. {reason}[ Betaal {link}]\n{provider}",
        },
        titles={
            "en": "Your card was not charged with {amount}",
            "af": "Jou kaart is nie met {amount} gedebiteer nie",
        },
        email=_letter(
            "We wanted to charge {card} with {amount} and could not. {reason}[\n\nPlease pay here: {link}][\n\nQuestions? Call"
            " {support}.]",
            "Ons wou {amount} van {card} verhaal en kon nie. {reason}[\n\nBetaal asseblief hier: {link}][\n\nVrae? Bel"
            " {support}.]",
            asks=False,
        ),
        must=(("amount",), ("reason",)),
    ),
)

PREPAID = (
    template(
        "prepaid.asked",
        "Prepaid: the next days are to be paid",
        f"{_PAYING} number due days",
        titles={
            "en": "Your data for {days}: {amount} by {due}",
            "af": "Jou data vir {days}: {amount} teen {due}",
        },
        email=_letter(
            "Your data for {days} comes when {amount} is paid. Please pay it by {due}. The request is {number}.",
            "Jou data vir {days} kom wanneer {amount} betaal is. Betaal dit asseblief teen {due}. Die versoek is {number}.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "prepaid.reminder",
        "Prepaid: the days that aren't paid begin tomorrow",
        f"{_PAYING} due days",
        titles={"en": "Not paid yet: your data for {days}", "af": "Nog nie betaal nie: jou data vir {days}"},
        email=_letter(
            "Your data for {days} is not paid yet. Pay {amount} by {due} and it is there as the days begin.",
            "Jou data vir {days} is nog nie betaal nie. Betaal {amount} teen {due} en dit is daar wanneer die dae begin.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "prepaid.waits",
        "Prepaid: the days have begun, and the data waits for payment",
        f"{_PAYING} days",
        sms={
            "en": "Your data for {days} waits for {amount}. Ref {account}.[ Pay {link}][ Call {support}.]\n{provider}",
            "af": "Jou data vir {days} wag vir {amount}. Verw {account}.[ Betaal {link}][ Bel {support}.]\n{provider}",
        },
        titles={"en": "Your data waits for payment", "af": "Jou data wag vir betaling"},
        email=_letter(
            "Your data for {days} waits for payment of {amount}. Once we have it, all of it is there at once.",
            "Jou data vir {days} wag vir betaling van {amount}. Sodra ons dit het, is alles dadelik daar.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "prepaid.paid",
        "Prepaid: data that waited for payment is there",
        "name days support",
        sms={
            "en": "Thank you. Your data for {days} is there.\n{provider}",
            "af": "Dankie. Jou data vir {days} is daar.\n{provider}",
        },
        titles={"en": "Your data is there", "af": "Jou data is daar"},
        email=_letter(
            "Thank you. Your data for {days} is there.[ Something not right? Call {support}.]",
            "Dankie. Jou data vir {days} is daar.[ Iets nie reg nie? Bel {support}.]",
            asks=False,
        ),
    ),
)

DUNNING = (
    template(
        "dunning.soon",
        "A payment is due in a few days",
        f"{_PAYING} due",
        titles={"en": "{amount} is due on {due}", "af": "{amount} is betaalbaar op {due}"},
        email=_letter(
            "A friendly reminder: {amount} is due on {due}. If you have paid already, thank you.",
            "'n Vriendelike herinnering: {amount} is betaalbaar op {due}. As jy reeds betaal het, dankie.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "dunning.overdue",
        "A payment is late: the first reminder",
        f"{_PAYING} due",
        titles={"en": "Your payment of {amount} is late", "af": "Jou betaling van {amount} is laat"},
        email=_letter(
            "{amount} was due on {due} and has not reached us. Please pay it as soon as you can.",
            "{amount} was op {due} betaalbaar en het ons nog nie bereik nie. Betaal dit asseblief so gou as jy kan.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "dunning.overdue_again",
        "A payment is late: the reminders after the first",
        f"{_PAYING} due",
        titles={"en": "Still unpaid: {amount}", "af": "Nog nie betaal nie: {amount}"},
        email=_letter(
            "{amount} has been overdue since {due}. Please pay it now, or tell us when you will.",
            "{amount} is sedert {due} agterstallig. Betaal dit asseblief nou, of laat weet ons wanneer jy sal.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "dunning.warning",
        "A line will be put on hold for a debt",
        f"{_PAYING} due suspends",
        sms={
            "en": "{amount} is overdue.[ Your internet is put on hold on {suspends} unless you pay.] Ref {account}."
            "[ Pay {link}][ Call {support}.]\n{provider}",
            "af": "{amount} is agterstallig.[ Jou internet stop op {suspends} tensy jy betaal.] Verw {account}."
            "[ Betaal {link}][ Bel {support}.]\n{provider}",
        },
        titles={
            "en": "Your internet will be put on hold[ on {suspends}]",
            "af": "Jou internet word opgeskort[ op {suspends}]",
        },
        email=_letter(
            "{amount} has been overdue since {due}.[ Your internet is put on hold on {suspends} unless you pay before then.]"
            " If you can't, tell us when you can.",
            "{amount} is sedert {due} agterstallig.[ Jou internet word op {suspends} opgeskort tensy jy voor dan betaal.]"
            " As jy nie kan nie, laat weet ons wanneer jy kan.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "dunning.suspended",
        "A line was put on hold for a debt: what to pay to be back",
        f"{_PAYING} due",
        sms={
            "en": "Your internet is on hold. Pay {amount} and you are back at once. Reference {account}."
            "[ Pay: {link}][ Call {support}.]\n{provider}",
            "af": "Jou internet is opgeskort. Betaal {amount} en jy is dadelik terug. Verwysing {account}."
            "[ Betaal: {link}][ Bel {support}.]\n{provider}",
        },
        titles={"en": "Your internet is on hold", "af": "Jou internet is opgeskort"},
        email=_letter(
            "Your internet is on hold, as {amount} has been overdue since {due}. Once we have it you are back at once.",
            "Jou internet is opgeskort, want {amount} is sedert {due} agterstallig. Sodra ons dit het, is jy dadelik terug.",
        ),
        must=(("amount",), ("account",)),
    ),
    template(
        "dunning.restored",
        "A line that was on hold for a debt works again",
        "name support",
        sms={
            "en": "Thank you. You are online again.\n{provider}",
            "af": "Dankie. Jy is weer aanlyn.\n{provider}",
        },
        titles={"en": "You are online again", "af": "Jy is weer aanlyn"},
        email=_letter(
            "Thank you. You are online again.[ Something not right? Call {support}.]",
            "Dankie. Jy is weer aanlyn.[ Iets nie reg nie? Bel {support}.]",
            asks=False,
        ),
    ),
)

DEBIT_ORDERS = (
    template(
        "debit.returned",
        "A debit order came back unpaid: why, what to pay, and whether it is tried again",
        f"{_PAYING} reason again",
        sms={
            "en": "Your debit order of {amount} came back.[ We try again, not before {again}.] To pay now use reference"
            " {account}.[ Call {support}.]\n{provider}",
            "af": "Jou debietorder van {amount} is teruggestuur.[ Ons probeer weer, nie voor {again} nie.] Om nou te betaal,"
            " gebruik verwysing {account}.[ Bel {support}.]\n{provider}",
        },
        titles={
            "en": "Your debit order of {amount} came back",
            "af": "Jou debietorder van {amount} is teruggestuur",
        },
        email=_letter(
            "Your bank sent our debit order of {amount} back: {reason} The amount is open again.[ We try once"
            " more, not before {again}; if you pay before then, you need to do nothing else.] Data that you"
            " have stays yours. Until a debit order is paid,"
            " top-ups are added when they are paid.",
            "Jou bank het ons debietorder van {amount} teruggestuur: {reason} Die bedrag is weer oop.[ Ons probeer nog een keer,"
            " nie voor {again} nie; as jy voor dan betaal, hoef jy niks anders te doen nie.] Data wat jy het, bly joune. Totdat"
            " 'n debietorder betaal is, word aanvullings bygevoeg wanneer hulle betaal is.",
        ),
        must=(("amount",), ("account",)),
    ),
)
