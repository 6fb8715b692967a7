"""What of a file of results could not be booked: a person has seen to it."""

from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.payments.models import DebitResults
from capstan.values.refused import Refused


@transaction.atomic
def look_after_results(*, results_id: int, remark: str, actor: str, now: datetime) -> None:
    """Its problems leave the list of what needs a person, and are kept. Raises Refused without a remark, and for a file that has
    none or that somebody has looked after."""
    if not remark.strip():
        raise Refused("Say what you did about it.")
    results = DebitResults.objects.select_for_update().get(pk=results_id)
    if results.looked_after_by:
        raise Refused("Somebody has looked after this file already.")
    if not results.problems:
        raise Refused("All of this file was booked: there is nothing to look after.")
    results.looked_after_by = actor
    results.save(update_fields=["looked_after_by"])
    record(
        actor=actor, action="debit.looked_after", subject=f"debitresults:{results.pk}", reason=remark.strip(), now=now,
        details={"file": results.file_name},
    )  # fmt: skip
