"""What customers who pay ahead are told: asked, not paid yet, waits, there. Each is said once for a period."""

from datetime import date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from capstan.billing.actions.dunning_tell import day, money, tell
from capstan.billing.actions.pay_links import invoice_link
from capstan.billing.models import BillingTerms, DunningHold, PrepaidPeriod
from capstan.billing.queries.prepaid import waiting_of
from capstan.billing.rules.dunning import HoldKind
from capstan.billing.rules.words import Method, Told

log = structlog.get_logger()

_OPENS, _CLOSES = 8, 18
"""Nobody is written to before or after these hours of the provider's day."""
_TEMPLATES = {
    Told.ASKED: "prepaid.asked",
    Told.REMINDED: "prepaid.reminder",
    Told.WAITS: "prepaid.waits",
}


def to_tell(row: PrepaidPeriod, today: date) -> Told | None:
    """What is to be said of an open period today, the latest of it; None: it was. Who is asked the day before isn't reminded."""
    if row.first <= today:
        return Told.WAITS if row.told != Told.WAITS else None
    if not row.told:
        return Told.ASKED
    return Told.REMINDED if row.told == Told.ASKED and row.first - timedelta(days=1) <= today else None


def tell_due(*, now: datetime, limit: int) -> int:
    """Tell customers of what they are asked to pay ahead; returns how many periods were looked at."""
    local = settings.FORMATS.local(now)
    if not _OPENS <= local.hour < _CLOSES:
        return 0
    today = local.date()
    due = _due(today)
    told = 0
    for period_id in list(due.order_by("pk").values_list("pk", flat=True)[:limit]):
        try:
            told += _tell(period_id, today, now)
        except Exception:  # one customer's trouble mustn't hold up the others
            log.exception("a customer can't be told of what he is to pay ahead", period=period_id)
    return told


def _due(today: date) -> QuerySet[PrepaidPeriod]:
    """Of whom a debit order is on its way hears nothing, and who pays by stored card isn't reminded: it is charged on that day,
    and he is told if it wasn't."""
    his = {"customer_id": OuterRef("customer_id")}
    on_its_way = DunningHold.objects.filter(kind=HoldKind.COLLECTION, ended_at=None, until__gte=today, **his)
    by_card = BillingTerms.objects.filter(method=Method.CARD, **his)
    tomorrow = today + timedelta(days=1)
    to_remind = Q(told=Told.ASKED, first=tomorrow) & ~Exists(by_card)
    begun = Q(told__in=(Told.ASKED, Told.REMINDED), first__lte=today)
    open_ones = PrepaidPeriod.objects.filter(
        paid_at=None, withdrawn_at=None, request__isnull=False, end__gt=today
    )
    return open_ones.filter(Q(told="") | to_remind | begun).exclude(Exists(on_its_way))


@transaction.atomic
def _tell(period_id: int, today: date, now: datetime) -> bool:
    claimed = PrepaidPeriod.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    row = claimed.filter(pk=period_id, paid_at=None, withdrawn_at=None).first()
    said = to_tell(row, today) if row is not None else None
    if row is None or said is None:
        return False
    waiting = next((one for one in waiting_of(row.customer_id, today=today) if one.period.pk == row.pk), None)
    if waiting is not None and waiting.left_minor and row.request is not None:
        values = {
            "amount": money(waiting.left_minor), "due": day(waiting.due_on), "days": days_of(row),
            "number": row.request.number, "link": invoice_link(row.request.pk, now=now),
        }  # fmt: skip
        tell(
            row.customer, _TEMPLATES[said], values, cause=f"{row.reference}:{said}", by_sms=said == Told.WAITS, now=now
        )  # fmt: skip
    row.told = said
    row.save(update_fields=["told"])
    return True


def tell_paid(row: PrepaidPeriod, *, now: datetime) -> None:
    """The data is there that waited: said only to who was told that it waits."""
    if row.told == Told.WAITS:
        tell(
            row.customer, "prepaid.paid", {"days": days_of(row)}, cause=f"{row.reference}:paid", by_sms=True,
            may_wait=False, now=now,
        )  # fmt: skip


def days_of(row: PrepaidPeriod) -> str:
    """The period in words."""
    return settings.FORMATS.days(row.first, row.end)
