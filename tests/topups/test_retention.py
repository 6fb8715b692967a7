"""Offers that nobody can take any more go, with their messages; what was ordered from stays."""

from datetime import datetime, timedelta

from django.conf import settings

from capstan.messaging.models import Message
from capstan.topups.actions.notices import tell_crossings
from capstan.topups.actions.retention import drop_invitations
from capstan.topups.models import Invitation, Menu
from capstan.worker.steps import housekeeping
from tests.topups.shop import GB, NUMBER, Shop


def invited(shop: Shop, username: str, address: str) -> Invitation:
    service = shop.line(username)
    shop.listed(service, address)
    shop.use(GB, user=username)
    tell_crossings(now=shop.now, limit=10)
    return Invitation.objects.get(service=service)


def message_retention(now: datetime) -> None:
    do = next(step.do for step in housekeeping() if step.name == "retention of messages")
    while do(now):
        pass


def test_old_menus_go_with_their_messages_and_what_was_ordered_from_stays(shop: Shop) -> None:
    invited(shop, "thandi@example.net", NUMBER)
    taken = invited(shop, "jan@example.net", "+27600000002")
    taken.order = shop.order(taken.service).order
    taken.save()
    kept = Menu.objects.get(invitation=taken)
    days = settings.OPTIONS.message_days
    message_retention(shop.now + timedelta(days=days - 1))
    assert Invitation.objects.count() == Menu.objects.count() == 2
    message_retention(shop.now + timedelta(days=days + 1))
    assert list(Invitation.objects.all()) == [taken]
    assert list(Menu.objects.all()) == [kept]
    assert list(Message.objects.values_list("pk", flat=True)) == [kept.message_id]


def test_an_offer_that_still_holds_stays_however_short_messages_are_kept(shop: Shop) -> None:
    invited(shop, "thandi@example.net", NUMBER)
    later = shop.now + timedelta(days=6)
    assert drop_invitations(before=later, now=later) == 0
    later = shop.now + timedelta(days=7)
    assert drop_invitations(before=later, now=later) == 1
    assert drop_invitations(before=later, now=later) == 0
    assert not Menu.objects.exists()
