"""What a gateway told us and nobody believed: a person has looked at it."""

from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.payments.models import Notification
from capstan.payments.rules.words import NotificationState
from capstan.values.refused import Refused


@transaction.atomic
def look_after(*, notification_id: int, remark: str, actor: str, now: datetime) -> None:
    """It leaves the list of what needs a person and is kept as it came. Raises Refused without a remark, and for one that
    wasn't refused: money for nothing of ours is given to its customer instead."""
    if not remark.strip():
        raise Refused("Say what you found out.")
    notification = Notification.objects.select_for_update(of=("self",)).get(pk=notification_id)
    if notification.looked_after_by:
        raise Refused("Somebody has looked after this already.")
    if notification.state != NotificationState.REFUSED:
        raise Refused(f"This one is {notification.state}: only those that were refused are put away.")
    notification.looked_after_by = actor
    notification.save(update_fields=["looked_after_by"])
    record(
        actor=actor, action="notification.looked_after", subject=f"notification:{notification.pk}",
        reason=remark.strip(), now=now, details={},
    )  # fmt: skip
