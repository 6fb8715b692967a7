"""Offers that nobody can take any more go, and so their messages can."""

from datetime import datetime

from django.db import transaction

from capstan.topups.models import Invitation, Menu

_AT_ONCE = 1_000


@transaction.atomic
def drop_invitations(*, before: datetime, now: datetime) -> int:
    """Delete a part of what was made before then and has expired, menus too; how many, 0 when nothing is left.

    What an order was made from stays: it shows the price that was told.
    """
    old = Invitation.objects.filter(made_at__lt=before, expires_at__lte=now, order=None).order_by("pk")
    held = old.select_for_update(skip_locked=True, of=("self",))
    ids = list(held.values_list("pk", flat=True)[:_AT_ONCE])
    Menu.objects.filter(invitation__in=ids).delete()
    Invitation.objects.filter(pk__in=ids).delete()
    return len(ids)
