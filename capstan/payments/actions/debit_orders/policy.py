"""How a brand collects by debit order."""

from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.catalog.models import Brand
from capstan.payments.models import DebitOrderPolicy
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.debit_orders.due import check_day
from capstan.payments.rules.debit_orders.netcash import STANDARD_VENDOR_KEY
from capstan.values.refused import Refused

AGAIN_DAYS_MAX = 30
_FEE_MAX_MINOR = 10**7
_SECRET = ("service_key", "vendor_key")


@transaction.atomic
def set_debit_policy(
    *,
    brand_id: int,
    service_key: str = "",
    vendor_key: str = "",
    instruction: Instruction,
    action_day: int,
    fee_minor: int,
    again_after_days: int | None,
    actor: str,
    now: datetime,
) -> list[str]:
    """Bring how a brand collects to this; returns what changed, `["new"]` at first. An empty key leaves the one there is; a new
    brand's vendor key is then the standard one. Raises Refused."""
    check_day(action_day)
    if again_after_days is not None and not 1 <= again_after_days <= AGAIN_DAYS_MAX:
        raise Refused(f"A debit order is tried again after 1 to {AGAIN_DAYS_MAX} days, or not at all.")
    if not 0 <= fee_minor <= _FEE_MAX_MINOR:
        raise Refused("The fee for a debit order that came back is nothing or a small amount.")
    if any(not key.isascii() or not key.isprintable() for key in (service_key, vendor_key)):
        raise Refused("Netcash's keys have plain letters, digits and dashes: copy it again.")
    Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    there = DebitOrderPolicy.objects.filter(pk=brand_id).first()
    row = there or DebitOrderPolicy(brand_id=brand_id, service_key="", vendor_key=STANDARD_VENDOR_KEY)
    wanted: dict[str, object] = {
        "service_key": service_key.strip() or row.service_key, "vendor_key": vendor_key.strip() or row.vendor_key,
        "instruction": instruction, "action_day": action_day, "fee_minor": fee_minor,
        "again_after_days": again_after_days,
    }  # fmt: skip
    if not wanted["service_key"]:
        raise Refused("Netcash's service key is missing: it is on your Netcash account, below debit orders.")
    changed = [name for name, value in wanted.items() if there is None or getattr(row, name) != value]
    if not changed:
        return []
    for name in changed:
        setattr(row, name, wanted[name])
    row.save()
    details = {name: wanted[name] for name in changed if name not in _SECRET}
    keys = [name for name in changed if name in _SECRET]
    record(
        actor=actor,
        action="debit.policy",
        subject=f"brand:{brand_id}",
        now=now,
        details={**details, "keys": keys},
    )
    return ["new"] if there is None else changed


def policy_of(brand_id: int) -> DebitOrderPolicy:
    """The brand's. Raises Refused for one that doesn't collect by debit order."""
    found = DebitOrderPolicy.objects.filter(pk=brand_id).first()
    if found is None:
        name = Brand.objects.values_list("name", flat=True).get(pk=brand_id)
        raise Refused(
            f"{name} doesn't collect by debit order yet: set Netcash's keys on its page at Prices first."
        )
    return found
