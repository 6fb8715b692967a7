"""Texts about data that is used up, orders, and answers to what people send."""

from capstan.messaging.rules.texts.making import WITH_PRICES, template

CAP = (
    template(
        "cap.threshold",
        "Most or all data is used: the menu to answer with a letter",
        "name percent cap service letters sizes menu",
        sms={
            "en": "Hi[ {name}]\nUsed {percent}% of {cap}[ on {service}] order top-up reply one of: {letters}"
            " for {sizes} respectively\n{provider}",
            "af": "Hallo[ {name}]\n{percent}% van {cap}[ op {service}] is gebruik. Vir nog data, antwoord een van:"
            " {letters} vir {sizes}\n{provider}",
        },
        variants={
            WITH_PRICES: {
                "en": "Hi[ {name}]\nUsed {percent}% of {cap}[ on {service}]. To top up reply with a letter: {menu}"
                " (incl VAT)\n{provider}",
                "af": "Hallo[ {name}]\n{percent}% van {cap}[ op {service}] is gebruik. Vir nog data, antwoord met 'n"
                " letter: {menu} (BTW ingesluit)\n{provider}",
            }
        },
        must=(("percent",), ("letters", "menu")),
        shrink=("name",),
    ),
    template(
        "cap.threshold.notice",
        "A share of the data is used: for those who get no menu",
        "name percent cap service left until link",
        sms={
            "en": "Hi[ {name}]\nYou have used {percent}% of {cap}[ on {service}].[ {left} left.][ New data on {until}.]"
            "[ Top up: {link}]\n{provider}",
            "af": "Hallo[ {name}]\nJy het {percent}% van {cap}[ op {service}] gebruik.[ {left} oor.]"
            "[ Nuwe data op {until}.][ Kry nog: {link}]\n{provider}",
        },
        titles={
            "en": "You have used {percent}% of your data[ on {service}]",
            "af": "Jy het {percent}% van jou data[ op {service}] gebruik",
        },
        email={
            "en": "Hi[ {name}]\n\nYou have used {percent}% of {cap}[ on {service}].[ You have {left} left.]"
            "[ New data comes on {until}.]\n\n[Need more before then? Top up here: {link}\n\n]{provider}",
            "af": "Hallo[ {name}]\n\nJy het {percent}% van {cap}[ op {service}] gebruik.[ Jy het {left} oor.]"
            "[ Nuwe data kom op {until}.]\n\n[Het jy voor dan meer nodig? Vul hier aan: {link}\n\n]{provider}",
        },
        must=(("percent",),),
        shrink=("name",),
    ),
)

TOPUP = (
    template(
        "topup.added",
        "The answer to an order: what was added, for how much, what is left",
        "size price service left charged reset",
        sms={
            "en": "{size} added for {price} incl VAT[ on {service}].[ You now have {left}.][ {charged}][ {reset}]",
            "af": "{size} bygevoeg vir {price} BTW ingesluit[ op {service}].[ Jy het nou {left}.][ {charged}][ {reset}]",
        },
        titles={"en": "{size} was added", "af": "{size} is bygevoeg"},
        must=(("size",), ("price",)),
    ),
    template(
        "topup.not_back",
        "The connection didn't come back after a top-up",
        "size service support",
        sms={
            "en": "Your {size} was added[ on {service}] but your connection isn't back yet. Please switch your router"
            " off and on.[ Still nothing? Call {support}.]",
            "af": "Jou {size} is bygevoeg[ op {service}] maar jou verbinding is nog nie terug nie. Skakel asseblief jou"
            " roeteerder af en aan.[ Steeds niks? Bel {support}.]",
        },
        titles={"en": "Your connection isn't back yet", "af": "Jou verbinding is nog nie terug nie"},
    ),
    template(
        "topup.taken",
        "Somebody else has already taken this offer",
        "who size when service letter",
        sms={
            "en": "{who} already added {size}[ on {service}] at {when}. Nothing more was added. To order another reply"
            " MORE {letter}",
            "af": "{who} het reeds {size}[ op {service}] om {when} bygevoeg. Niks verder is bygevoeg nie. Om nog een te"
            " bestel antwoord MORE {letter}",
        },
        must=(("letter",),),
        shrink=("who",),
    ),
    template(
        "topup.taken.waits",
        "Somebody else has already ordered this offer, and it waits",
        "who size when service letter",
        sms={
            "en": "{who} already ordered {size}[ on {service}] at {when}; it waits to be allowed or paid. Nothing more was"
            " ordered. To order another reply MORE {letter}",
            "af": "{who} het reeds {size}[ op {service}] om {when} bestel; dit wag vir toestemming of betaling. Niks verder"
            " is bestel nie. Om nog een te bestel antwoord MORE {letter}",
        },
        must=(("letter",),),
        shrink=("who",),
    ),
    template(
        "topup.refused",
        "A top-up can't be added, and why",
        "reason support",
        sms={
            "en": "Nothing was added. {reason}[ Questions? Call {support}.]",
            "af": "Niks is bygevoeg nie. {reason}[ Vrae? Bel {support}.]",
        },
        titles={"en": "Your top-up was not added", "af": "Jou aanvulling is nie bygevoeg nie"},
        must=(("reason",),),
    ),
    template(
        "topup.ambiguous",
        "An answer that could mean more than one thing",
        "letters sizes menu service",
        sms={
            "en": "Not clear what you want: nothing was added. To top up[ {service}] reply only the letter: {menu}",
            "af": "Dit is nie duidelik nie: niks is bygevoeg nie. Vir nog data[ op {service}] antwoord net die letter:"
            " {menu}",
        },
        must=(("letters", "menu"),),
    ),
    template(
        "topup.menu",
        "The answer to TOPUP",
        "letters sizes menu service",
        sms={
            "en": "To top up[ {service}] reply one of: {letters} for {sizes} respectively\n{provider}",
            "af": "Vir nog data[ op {service}] antwoord een van: {letters} vir {sizes}\n{provider}",
        },
        variants={
            WITH_PRICES: {
                "en": "To top up[ {service}] reply with a letter: {menu} (incl VAT)\n{provider}",
                "af": "Vir nog data[ op {service}] antwoord met 'n letter: {menu} (BTW ingesluit)\n{provider}",
            }
        },
        must=(("letters", "menu"),),
    ),
    template(
        "topup.waiting",
        "An order waits for somebody to authorise it",
        "size price service who",
        sms={
            "en": "Your top-up of {size} for {price}[ on {service}] waits until {who} allows it. We'll let you know.",
            "af": "Jou aanvulling van {size} vir {price}[ op {service}] wag totdat {who} dit toelaat. Ons laat jou weet.",
        },
        titles={"en": "Your top-up waits to be allowed", "af": "Jou aanvulling wag vir toestemming"},
    ),
    template(
        "topup.unpaid",
        "An order waits for its payment",
        "size price service support link",
        sms={
            "en": "Your top-up of {size}[ on {service}] is added as soon as {price} is paid.[ Pay by card: {link}]"
            "[ Or call {support}.]",
            "af": "Jou aanvulling van {size}[ op {service}] word bygevoeg sodra {price} betaal is.[ Betaal met kaart:"
            " {link}][ Of bel {support}.]",
        },
        titles={"en": "Your top-up waits for its payment", "af": "Jou aanvulling wag vir betaling"},
    ),
    template(
        "auto.soon",
        "An automatic top-up is about to be made",
        "percent size price service",
        sms={
            "en": "At {percent}% we add {size}[ on {service}] for {price} incl VAT, as agreed. Don't want it? Call us or"
            " switch it off before then.\n{provider}",
            "af": "By {percent}% voeg ons {size}[ op {service}] by vir {price} BTW ingesluit, soos afgespreek. Wil jy dit"
            " nie he nie? Bel ons of skakel dit voor dan af.\n{provider}",
        },
        titles={"en": "We are about to add {size}", "af": "Ons gaan {size} byvoeg"},
        must=(("size",), ("price",)),
    ),
    template(
        "auto.stopped",
        "An automatic top-up was not made, and why",
        "reason service support",
        sms={
            "en": "No data was added by itself[ on {service}]. {reason} For more reply TOPUP[ or call {support}].",
            "af": "Geen data is vanself bygevoeg nie[ op {service}]. {reason} Vir meer antwoord TOPUP[ of bel {support}].",
        },
        titles={"en": "No data was added by itself", "af": "Geen data is vanself bygevoeg nie"},
        must=(("reason",),),
    ),
    template(
        "auto.declined",
        "An automatic top-up was to be paid with the stored card, and wasn't",
        "size service card reason link",
        sms={
            "en": "No {size}[ on {service}]: we could not charge {card}. {reason}[ Pay: {link}]",
            "af": "Nie {size}[ op {service}] nie: {card} werk nie. {reason}[ Betaal: {link}]",
        },
        titles={"en": "{size} was not added: your card", "af": "{size} is nie bygevoeg nie: jou kaart"},
        must=(("reason",),),
    ),
    template(
        "topup.too_late",
        "A payment for a top-up came when it couldn't be added any more",
        "amount service support",
        sms={
            "en": "Your payment of {amount} came too late for the top-up[ on {service}]. It is credit and pays your next"
            " invoice.[ Questions? Call {support}.]",
            "af": "Jou betaling van {amount} was te laat vir die aanvulling[ op {service}]. Dit is krediet en betaal jou"
            " volgende faktuur.[ Vrae? Bel {support}.]",
        },
        titles={
            "en": "Your payment is credit on your account",
            "af": "Jou betaling is krediet op jou rekening",
        },
        must=(("amount",),),
    ),
)

ANSWERS = (
    template(
        "balance",
        "The answer to BAL",
        "left! cap service until",
        sms={
            "en": "{left} left of {cap}[ on {service}].[ New data on {until}.] For more reply TOPUP\n{provider}",
            "af": "{left} oor van {cap}[ op {service}].[ Nuwe data op {until}.] Vir meer antwoord TOPUP\n{provider}",
        },
        must=(("left",),),
    ),
    template(
        "help",
        "The answer to HELP",
        "support",
        sms={
            "en": "Reply BAL to see what is left, TOPUP to get more data, STOP for no more notices, START to get them"
            " again.[ Or call {support}.]\n{provider}",
            "af": "Antwoord BAL om te sien wat oor is, TOPUP vir nog data, STOP vir geen kennisgewings meer nie, START"
            " om hulle weer te kry.[ Of bel {support}.]\n{provider}",
        },
    ),
    template(
        "stopped",
        "The answer to STOP",
        "service",
        sms={
            "en": "You'll get no more notices[ about {service}]. Reply START to get them again.\n{provider}",
            "af": "Jy kry geen kennisgewings meer[ oor {service}] nie. Antwoord START om hulle weer te kry.\n{provider}",
        },
    ),
    template(
        "started",
        "The answer to START",
        "service",
        sms={
            "en": "You'll get notices[ about {service}] again. Reply STOP to end them.\n{provider}",
            "af": "Jy kry weer kennisgewings[ oor {service}]. Antwoord STOP om dit te stop.\n{provider}",
        },
    ),
    template(
        "not_understood",
        "The answer to what nobody understands, once",
        "support",
        sms={
            "en": "Sorry, we didn't understand that and nothing was added. Reply TOPUP to get more data, BAL to see what"
            " is left, or HELP.[ Or call {support}.]",
            "af": "Jammer, ons verstaan nie en niks is bygevoeg nie. Antwoord TOPUP vir nog data, BAL om te sien wat oor"
            " is, of HELP.[ Of bel {support}.]",
        },
    ),
    template(
        "not_allowed",
        "The answer to a number that may not order: it reveals nothing",
        "support",
        sms={
            "en": "Sorry, we can't do that for this number.[ Please call {support}.]\n{provider}",
            "af": "Jammer, ons kan dit nie vir hierdie nommer doen nie.[ Bel asseblief {support}.]\n{provider}",
        },
    ),
)
