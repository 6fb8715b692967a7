"""Old messages go, with their receipts, and what came in."""

from datetime import datetime

from django.db import transaction

from capstan.messaging.models import BudgetAlarm, Inbound, Message, Receipt

_AT_ONCE = 1_000


@transaction.atomic
def drop_messages(*, before: datetime) -> int:
    """Delete a part of what is older, oldest first; how many, 0 when nothing is left.

    Row by row through the models, as other apps point at messages and say there what becomes of their rows.
    """
    count = 0
    for model, field in ((Message, "queued_at"), (Receipt, "received_at"), (Inbound, "received_at")):
        old = model.objects.filter(**{f"{field}__lt": before}).order_by(field).values_list("pk", flat=True)
        ids = list(old[:_AT_ONCE])
        model.objects.filter(pk__in=ids).delete()
        count += len(ids)
    BudgetAlarm.objects.filter(raised_at__lt=before).delete()
    return count
