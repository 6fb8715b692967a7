"""Numbers without gaps, for each brand and kind of document by itself."""

from datetime import datetime

from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.billing.models import Series
from capstan.billing.rules.numbers import check_prefix, number
from capstan.billing.rules.words import SeriesKind
from capstan.values.refused import Refused

_PREFIXES = {
    SeriesKind.INVOICE: "INV", SeriesKind.PROFORMA: "PF", SeriesKind.CREDIT_NOTE: "CN", SeriesKind.RECEIPT: "REC",
}  # fmt: skip
_TAKE = """
    UPDATE billing_series SET next_number = next_number + %s WHERE brand_id = %s AND kind = %s
    RETURNING next_number - %s, prefix, width
"""


def take(brand_id: int, kind: SeriesKind, count: int) -> list[str]:
    """The next `count` numbers. The series is ours until the transaction ends, and back where it was if that fails:
    so take them last."""
    assert connection.in_atomic_block
    if count == 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [count, brand_id, kind.value, count])
        row = cursor.fetchone()
        if row is None:
            Series.objects.bulk_create(
                [Series(brand_id=brand_id, kind=kind, prefix=_PREFIXES[kind])], ignore_conflicts=True
            )
            cursor.execute(_TAKE, [count, brand_id, kind.value, count])
            row = cursor.fetchone()
        first, prefix, width = row
    return [number(prefix, running, width) for running in range(first, first + count)]


@transaction.atomic
def set_series(
    *, brand_id: int, kind: SeriesKind, prefix: str, next_number: int, actor: str, now: datetime
) -> Series:
    """Where a series goes on, when the provider moves in from another system. Raises Refused for a number that was given out."""
    series, created = Series.objects.select_for_update().get_or_create(
        brand_id=brand_id, kind=kind, defaults={"prefix": _PREFIXES[kind]}
    )
    wanted = check_prefix(prefix) or ("" if series.pk and not created else _PREFIXES[kind])
    reached = {**series.reached, series.prefix: series.next_number}
    least = reached.get(wanted, 1)
    if next_number < least:
        raise Refused(
            f"The next number of this series is {number(wanted, least, series.width)}; a number is never given twice, so it"
            " can only go up, or on with another prefix."
        )
    series.prefix, series.next_number, series.reached = wanted, next_number, reached
    series.save(update_fields=["prefix", "next_number", "reached"])
    record(
        actor=actor, action="billing.series", subject=f"brand:{brand_id}", now=now,
        details={"kind": kind.value, "prefix": wanted, "next": next_number},
    )  # fmt: skip
    return series
