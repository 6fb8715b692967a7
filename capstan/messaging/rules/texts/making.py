"""The values that texts may use, and the short way to write a template."""

from collections.abc import Mapping

from capstan.messaging.rules.templates import Template, Text, Variable
from capstan.messaging.rules.words import Medium

WITH_PRICES = "with prices"

_VARIABLES = {
    one.name: one
    for one in (
        Variable("name", "Jenny", "who the message is for", may_be_empty=True),
        Variable("percent", "100", "share of the data that is used"),
        Variable("cap", "15GB", "data of this cycle, top-ups included"),
        Variable("service", "Fibre, 12 Long St", "the line, when this number has several", may_be_empty=True),
        Variable("letters", "A,B,C,D,E,F,G", "the letters on offer"),
        Variable("sizes", "0.5GB,1GB,2GB,3GB,5GB,9GB,18GB", "their sizes, in the same order"),
        Variable("menu", "A 0.5GB R12, B 1GB R20, C 2GB R35", "letters, sizes and prices"),
        Variable("provider", "Sandpiper Net", "the brand"),
        Variable("left", "2.1GB", "data that is left", may_be_empty=True),
        Variable("until", "1 Dec", "when new data comes", may_be_empty=True),
        Variable("link", "https://topup.example.net/t/5Kx9", "where to top up, or to pay", may_be_empty=True),
        Variable("size", "2GB", "the top-up"),
        Variable("price", "R35", "its price, VAT included"),
        Variable("amount", "R648", "an amount of money"),
        Variable("charged", "It is on your next invoice.", "when it is paid, a sentence", may_be_empty=True),
        Variable("reset", "Your connection resets briefly.", "what happens to the line", may_be_empty=True),
        Variable("support", "021 555 0100", "the call centre's number", may_be_empty=True),
        Variable("who", "Thabo", "who did it or asks for it"),
        Variable("outcome", "it was allowed and added.", "what became of the order"),
        Variable("when", "14:02", "when he did it"),
        Variable("letter", "C", "the letter on offer"),
        Variable("reason", "You have reached your limit for this month.", "why not, a sentence"),
        Variable("code", "4821", "the code"),
        Variable("minutes", "10", "how long the code works"),
        Variable("may_order", "You can order by SMS: reply TOPUP.", "whether he may, a sentence", True),
        Variable("text", "Our technician comes today between 14:00 and 15:00.", "what was written"),
        Variable("username", "jenny@example.net", "of the line"),
        Variable("password", "correct horse", "of the line"),
        Variable("number", "INV0001234", "the invoice's number"),
        Variable("due", "8 Dec 2026", "the day by which to pay"),
        Variable("account", "EX1234", "the reference for payments"),
        Variable("bank", "Example Bank, account 0000000000", "the brand's bank details", may_be_empty=True),
        Variable("again", "8 Dec 2026", "the day on which a debit order is tried again", may_be_empty=True),
        Variable("card", "the Visa card ending 4242", "a stored card"),
        Variable("days", "1 – 31 Dec 2026", "the days that are paid ahead"),
        Variable("suspends", "14 Dec 2026", "the day on which the lines are put on hold", may_be_empty=True),
    )
}


def template(
    code: str,
    purpose: str,
    variables: str,
    *,
    sms: Mapping[str, str] | None = None,
    titles: Mapping[str, str] | None = None,
    email: Mapping[str, str] | None = None,
    variants: Mapping[str, Mapping[str, str]] | None = None,
    must: tuple[tuple[str, ...], ...] = (),
    shrink: tuple[str, ...] = (),
    secret: tuple[str, ...] = (),
) -> Template:
    """With `titles` it is for e-mail too, with the SMS text unless `email` has a longer one.

    A variable that is written `link!` may not be empty here.
    """
    texts: dict[Medium, dict[str, Text]] = {}
    if sms:
        texts[Medium.SMS] = {language: Text(body) for language, body in sms.items()}
    if titles:
        bodies = {**(sms or {}), **(email or {})}
        texts[Medium.EMAIL] = {tag: Text(bodies[tag], title) for tag, title in titles.items()}
    other = {
        name: {tag: Text(body) for tag, body in bodies.items()} for name, bodies in (variants or {}).items()
    }
    chosen = tuple(
        _VARIABLES[name.rstrip("!")]._replace(may_be_empty=False) if name.endswith("!") else _VARIABLES[name]
        for name in [*variables.split(), "provider"]
    )
    return Template(code, purpose, chosen, texts, other, must, shrink, secret)
