"""Who sent a reply, and what stands open with that number."""

from dataclasses import dataclass
from datetime import datetime

from capstan.messaging.models import Inbound, Message
from capstan.topups.models import ListEntry, Menu
from capstan.topups.queries.menus import open_menus
from capstan.topups.rules.reply import Choice
from capstan.topups.rules.words import EntryState


@dataclass(frozen=True, slots=True)
class Conversation:
    """A reply with what it may refer to. `entries` are the lists this number is on, confirmed or not."""

    inbound: Inbound
    number: str
    entries: tuple[ListEntry, ...]
    menus: tuple[Menu, ...]
    parent_service_id: int | None  # the line of the message that it answers, if the carrier says so

    @property
    def confirmed(self) -> tuple[ListEntry, ...]:
        return tuple(entry for entry in self.entries if entry.state == EntryState.CONFIRMED)

    @property
    def may_order(self) -> bool:
        return any(entry.may_order for entry in self.confirmed)

    def choices(self) -> list[Choice]:
        """Every line of the menus that this number may order from, newest first."""
        may = {entry.service_id for entry in self.confirmed if entry.may_order}
        return [
            Choice(menu.pk, line["letter"], line["size_bytes"], line["offer"] or 0)
            for menu in self.menus
            if menu.invitation.service_id in may
            for line in menu.lines
        ]

    def meant(self, *, unconfirmed: bool = False) -> tuple[ListEntry, ...]:
        """The lists that a word about "this line" means: that of the message it answers, of the newest menu, else all.

        Those on which nobody has confirmed the number only if they are asked for: it may be on them by mistake.
        """
        listed = self.entries if unconfirmed else self.confirmed
        service_id = self.parent_service_id
        if service_id is None and self.menus:
            service_id = self.menus[0].invitation.service_id
        found = tuple(entry for entry in listed if entry.service_id == service_id)
        return found or listed


def conversation(inbound: Inbound, now: datetime) -> Conversation:
    """The conversation that this reply belongs to."""
    number = inbound.sender
    entries = (
        ListEntry.objects.filter(address=number).exclude(state=EntryState.REMOVED).order_by("service_id")
    )
    menus = open_menus(number, now=now)
    parent = _parent(inbound)
    service_id = None
    if parent is not None:
        answered = Menu.objects.filter(message=parent).select_related("invitation").first()
        if answered is not None and answered.invitation.expires_at > now:
            menus = [answered]
        kind, _, key = parent.subject.partition(":")
        service_id = int(key) if kind == "service" and key.isdigit() else None
    return Conversation(inbound, number, tuple(entries), tuple(menus), service_id)


def _parent(inbound: Inbound) -> Message | None:
    if not inbound.parent_carrier_id:
        return None
    sent = Message.objects.filter(recipient=inbound.sender, carrier_id=inbound.parent_carrier_id)
    return sent.order_by("-pk").first()
