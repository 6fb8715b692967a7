"""Texts that keep the right people in the know: the list, authorisation, links, logins."""

from capstan.messaging.rules.texts.making import template

LIST = (
    template(
        "list.code",
        "A code that confirms a number or address",
        "code minutes",
        sms={
            "en": "{code} is your code from {provider}. It works for {minutes} minutes. Never give it to anybody who"
            " calls you.",
            "af": "{code} is jou kode van {provider}. Dit werk vir {minutes} minute. Moet dit nooit gee aan iemand wat"
            " jou bel nie.",
        },
        titles={"en": "Your code from {provider}", "af": "Jou kode van {provider}"},
        must=(("code",),),
        secret=("code",),
    ),
    template(
        "list.added",
        "A number or address was put on a line's list",
        "service may_order",
        sms={
            "en": "You'll get data notices[ for {service}] from {provider}.[ {may_order}] Not you? Reply WRONG",
            "af": "Jy kry datakennisgewings[ vir {service}] van {provider}.[ {may_order}] Nie jy nie? Antwoord WRONG",
        },
        titles={"en": "You'll get data notices", "af": "Jy kry datakennisgewings"},
        email={
            "en": "You'll get data notices[ for {service}] from {provider} at this address.[ {may_order}]\n\n"
            "Not you? Answer this e-mail and we'll take it off.",
            "af": "Jy kry datakennisgewings[ vir {service}] van {provider} by hierdie adres.[ {may_order}]\n\n"
            "Nie jy nie? Antwoord hierdie e-pos en ons haal dit af.",
        },
    ),
    template(
        "list.removed",
        "A number or address was taken off a line's list",
        "service support",
        sms={
            "en": "You'll get no more data notices[ for {service}] and can't order for it by SMS."
            "[ A mistake? Call {support}.]\n{provider}",
            "af": "Jy kry nie meer datakennisgewings[ vir {service}] nie en kan nie daarvoor per SMS bestel nie."
            "[ 'n Fout? Bel {support}.]\n{provider}",
        },
        titles={"en": "You'll get no more data notices", "af": "Jy kry nie meer datakennisgewings nie"},
    ),
    template(
        "list.how_to",
        "How to top up oneself",
        "service link",
        sms={
            "en": "To top up[ {service}] yourself: SMS TOPUP to this number[, or go to {link}]. SMS BAL to see what is"
            " left.\n{provider}",
            "af": "Om self[ op {service}] aan te vul: SMS TOPUP na hierdie nommer[, of gaan na {link}]. SMS BAL om te"
            " sien wat oor is.\n{provider}",
        },
        titles={"en": "How to top up yourself", "af": "Hoe om self aan te vul"},
    ),
)

ORDERS = (
    template(
        "authorise.ask",
        "Asks an authoriser to allow a top-up",
        "who size price service code link",
        sms={
            "en": "{who} asks for {size} for {price}[ on {service}]. To allow it reply YES {code}[ or open {link}] To"
            " refuse reply NO {code}\n{provider}",
            "af": "{who} vra {size} vir {price}[ op {service}]. Laat toe: antwoord YES {code}[ of gaan na {link}]"
            " Weier: antwoord NO {code}\n{provider}",
        },
        titles={
            "en": "{who} asks for a top-up of {size}",
            "af": "{who} vra vir 'n aanvulling van {size}",
        },
        email={
            "en": "{who} asks for {size} for {price}[ on {service}].\n\n[Allow or refuse it here: {link}\n\n]{provider}",
            "af": "{who} vra {size} vir {price}[ op {service}].\n\n[Laat dit toe of weier dit hier: {link}\n\n]{provider}",
        },
        must=(("code", "link"),),
        shrink=("who",),
        secret=("code", "link"),
    ),
    template(
        "authorise.done",
        "A top-up was authorised",
        "who size price service",
        sms={
            "en": "{who} has allowed {size} for {price}[ on {service}]. It was added.\n{provider}",
            "af": "{who} het {size} vir {price}[ op {service}] toegelaat. Dit is bygevoeg.\n{provider}",
        },
        titles={"en": "Your top-up was allowed", "af": "Jou aanvulling is toegelaat"},
        shrink=("who",),
    ),
    template(
        "authorise.unpaid",
        "A top-up was authorised and waits for its payment",
        "who size price service",
        sms={
            "en": "{who} has allowed {size} for {price}[ on {service}]. It is added as soon as it is paid.\n{provider}",
            "af": "{who} het {size} vir {price}[ op {service}] toegelaat. Dit word bygevoeg sodra dit betaal is."
            "\n{provider}",
        },
        titles={"en": "Your top-up was allowed", "af": "Jou aanvulling is toegelaat"},
        shrink=("who",),
    ),
    template(
        "authorise.late",
        "An answer about a top-up that does not wait any more",
        "who size price service outcome",
        sms={
            "en": "About {size} for {price}[ on {service}]: {outcome}\n{provider}",
            "af": "Oor {size} vir {price}[ op {service}]: {outcome}\n{provider}",
        },
        titles={"en": "This top-up was seen to already", "af": "Hierdie aanvulling is reeds afgehandel"},
    ),
    template(
        "authorise.declined",
        "A top-up was not authorised",
        "who size price service",
        sms={
            "en": "{who} did not allow {size} for {price}[ on {service}]. Nothing was added.\n{provider}",
            "af": "{who} het {size} vir {price}[ op {service}] nie toegelaat nie. Niks is bygevoeg nie.\n{provider}",
        },
        titles={"en": "Your top-up was not allowed", "af": "Jou aanvulling is nie toegelaat nie"},
        shrink=("who",),
    ),
    template(
        "website.ordered",
        "A top-up was ordered on the website",
        "size price service",
        sms={
            "en": "{size} for {price} was ordered[ for {service}] on our website. Not you? Reply NO\n{provider}",
            "af": "{size} vir {price} is[ vir {service}] op ons webwerf bestel. Nie jy nie? Antwoord NO\n{provider}",
        },
        titles={"en": "A top-up was ordered on our website", "af": "'n Aanvulling is op ons webwerf bestel"},
        email={
            "en": "{size} for {price} was ordered[ for {service}] on our website.\n\nNot you? Answer this e-mail.\n\n"
            "{provider}",
            "af": "{size} vir {price} is[ vir {service}] op ons webwerf bestel.\n\nNie jy nie? Antwoord hierdie e-pos."
            "\n\n{provider}",
        },
    ),
    template(
        "website.disputed",
        "The answer to NO after an order on the website",
        "support",
        sms={
            "en": "Thank you. Somebody will look into that order and call you.[ Or call {support}.]\n{provider}",
            "af": "Dankie. Iemand sal na daardie bestelling kyk en jou bel.[ Of bel {support}.]\n{provider}",
        },
    ),
    template(
        "website.link",
        "A link that works once, for who has forgotten the line's login",
        "service link! minutes",
        sms={
            "en": "To top up[ {service}] open {link} It works once, for {minutes} minutes.\n{provider}",
            "af": "Om[ op {service}] aan te vul gaan na {link} Dit werk een keer, vir {minutes} minute.\n{provider}",
        },
        titles={"en": "Your link to top up", "af": "Jou skakel om aan te vul"},
        must=(("link",),),
        secret=("link",),
    ),
    template(
        "line.login",
        "The line's username and password, for its router",
        "username password",
        sms={
            "en": "The login of your connection\nUsername: {username}\nPassword: {password}\n{provider}",
            "af": "Die aanmelding van jou verbinding\nGebruikersnaam: {username}\nWagwoord: {password}\n{provider}",
        },
        titles={"en": "The login of your connection", "af": "Die aanmelding van jou verbinding"},
        must=(("username",), ("password",)),
        secret=("password",),
    ),
)

STAFF = (
    template(
        "staff.reply",
        "An SMS that somebody of the staff wrote",
        "text",
        sms={"en": "{text}\n{provider}", "af": "{text}\n{provider}"},
        must=(("text",),),
    ),
    template(
        "staff.test",
        "Tries a gateway out",
        "when",
        sms={
            "en": "This is a test, sent at {when}. Nothing has to be done.\n{provider}",
            "af": "Dit is 'n toets wat {when} gestuur is. Niks hoef gedoen te word nie.\n{provider}",
        },
        titles={"en": "A test", "af": "'n Toets"},
    ),
)
