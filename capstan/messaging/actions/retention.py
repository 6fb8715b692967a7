"""Old messages go, with their receipts, and what came in."""

from datetime import datetime

from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet

from capstan.messaging.models import BudgetAlarm, Inbound, Message, Receipt

_AT_ONCE = 1_000


@transaction.atomic
def drop_messages(*, before: datetime) -> int:
    """Delete a part of what is older, oldest first; how many, 0 when nothing is left.

    Through the models, as apps above point at messages and say there what becomes of their rows: what they protect,
    such as the menu that an order was made from, stays as long as they keep it. They let go of theirs first
    (`topups.actions.retention`), else the same old messages would be looked at time and again.
    """
    count = 0
    for model, field in ((Message, "queued_at"), (Receipt, "received_at"), (Inbound, "received_at")):
        old = (
            _unprotected(model)
            .filter(**{f"{field}__lt": before})
            .order_by(field)
            .values_list("pk", flat=True)
        )
        ids = list(old[:_AT_ONCE])
        model._default_manager.filter(pk__in=ids).delete()
        count += len(ids)
    BudgetAlarm.objects.filter(raised_at__lt=before).delete()
    return count


def _unprotected(model: type[models.Model]) -> "QuerySet[models.Model]":
    """Rows that no protecting key points at."""
    rows = model._default_manager.all()
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ForeignObjectRel) and relation.on_delete is models.PROTECT:
            pointing = relation.related_model._default_manager.filter(**{relation.field.name: OuterRef("pk")})
            rows = rows.exclude(Exists(pointing))
    return rows
