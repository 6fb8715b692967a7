"""A message as e-mail (RFC 5322): plain text, and the same as simple HTML."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from capstan.messaging.actions.transports.port import Outgoing
from capstan.messaging.rules.gateways import SmtpSettings

_LINK = re.compile(r"https?://[^\s<>]+[^\s<>.,;:!?)]")


def compose(outgoing: Outgoing, settings: SmtpSettings, sender: str) -> EmailMessage:
    """Its Message-ID is made of our reference, so that a repeat is known for one.

    `Auto-Submitted` (RFC 3834 §5) keeps holiday notices from answering.
    """
    local, _, domain = sender.rpartition("@")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(settings.from_name or outgoing.brand_name, local, domain)
    mail["To"] = Address("", *_split(outgoing.to))
    mail["Subject"] = outgoing.title
    mail["Date"] = format_datetime(outgoing.at)
    mail["Message-ID"] = f"<{outgoing.reference}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if settings.reply_to:
        mail["Reply-To"] = settings.reply_to
    mail.set_content(outgoing.text + "\n")
    mail.add_alternative(html(outgoing.text), subtype="html")
    return mail


def html(text: str) -> str:
    """Paragraphs where the text has empty lines, links where it has addresses."""
    paragraphs = "".join(f"<p>{_lines(part)}</p>\n" for part in text.split("\n\n"))
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n{paragraphs}</body></html>\n'


def _lines(paragraph: str) -> str:
    place, pieces = 0, []
    for found in _LINK.finditer(paragraph):
        pieces.append(escape(paragraph[place : found.start()]))
        pieces.append(f'<a href="{escape(found[0])}">{escape(found[0])}</a>')
        place = found.end()
    return "".join([*pieces, escape(paragraph[place:])]).replace("\n", "<br>\n")


def _split(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return local, domain
