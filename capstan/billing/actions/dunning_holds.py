"""How a brand chases debt, and people's word that one isn't chased for now: a promise to pay, a dispute, staff's own hold."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from capstan.audit.actions import record
from capstan.billing.actions import terms
from capstan.billing.actions.dunning import look_at
from capstan.billing.models import DunningHold, DunningPolicy, DunningState, Invoice
from capstan.billing.queries.dunning import public_holidays
from capstan.billing.rules.dunning import PROMISE_DAYS_MAX, HoldKind, Policy, check, rows_of
from capstan.billing.rules.words import InvoiceKind
from capstan.catalog.models import Brand
from capstan.customers.models import Customer
from capstan.values.refused import Refused


@transaction.atomic
def set_dunning_policy(
    *, brand_id: int, policy: Policy, country: str = "", actor: str, now: datetime
) -> list[str]:
    """Bring how a brand chases debt to this; returns what changed. From the first time on its debts are chased.

    `country` (ISO 3166) is whose public holidays count; empty: the provider's. Raises Refused.
    """
    check(policy)
    _check_country(country, settings.FORMATS.local(now).year)
    Brand.objects.select_for_update(no_key=True).get(pk=brand_id)
    there = DunningPolicy.objects.filter(pk=brand_id).first()
    row = there or DunningPolicy(brand_id=brand_id, since=now)
    wanted = {**policy._asdict(), "steps": rows_of(policy.steps), "country": country}
    changed = {name: value for name, value in wanted.items() if there is None or getattr(row, name) != value}
    if not changed:
        return []
    for name, value in changed.items():
        setattr(row, name, value)
    row.save()
    owing = Invoice.objects.filter(customer__brand_id=brand_id, kind=InvoiceKind.INVOICE, open_minor__gt=0)
    look_at([(one, now) for one in owing.values_list("customer_id", flat=True).distinct()], now=now)
    record(
        actor=actor, action="billing.dunning.policy", subject=f"brand:{brand_id}", now=now, details=changed
    )
    return list(changed)


@transaction.atomic
def promise(
    *,
    customer_id: int,
    until: date,
    amount_minor: int | None = None,
    reason: str = "",
    by_manager: bool = False,
    actor: str,
    now: datetime,
) -> DunningHold:
    """He pays by the end of that day; until then nothing is chased, and lines that are on hold for the debt come back.

    Raises Refused for a day that is over or beyond 31 days, for an amount of nothing, where nothing is owed, and for a second
    promise in one episode unless a manager gives it.
    """
    today = settings.FORMATS.local(now).date()
    if not today <= until <= today + timedelta(days=PROMISE_DAYS_MAX):
        raise Refused(f"A promise is for today or one of the next {PROMISE_DAYS_MAX} days.")
    if amount_minor is not None and amount_minor <= 0:
        raise Refused("A promise is about more than nothing.")
    terms.lock(customer_id, now=now)
    _check_owing(customer_id)
    if not by_manager and _has_promised(customer_id):
        raise Refused("He has promised once already: a manager can take another promise.")
    _open(customer_id, HoldKind.PROMISE).update(
        ended_at=now, ended_by=actor, ended_because="another promise took its place"
    )
    return _hold(
        DunningHold(
            customer_id=customer_id, kind=HoldKind.PROMISE, until=until, amount_minor=amount_minor, reason=reason.strip(),
            actor=actor, made_at=now,
        )
    )  # fmt: skip


@transaction.atomic
def dispute(
    *, invoice_id: int, reason: str, until: date | None = None, actor: str, now: datetime
) -> DunningHold:
    """This invoice doesn't count while it is disputed; the others do. Raises Refused without a reason, for what isn't an open
    invoice, and where it is disputed already."""
    invoice = Invoice.objects.get(pk=invoice_id)
    terms.lock(invoice.customer_id, now=now)
    invoice.refresh_from_db(fields=["open_minor"])
    _check_word(reason, until, now)
    if invoice.kind != InvoiceKind.INVOICE or not invoice.open_minor:
        raise Refused("Nothing is open of this document.")
    if _open(invoice.customer_id, HoldKind.DISPUTE).filter(invoice=invoice).exists():
        raise Refused("This invoice is disputed already.")
    return _hold(
        DunningHold(
            customer_id=invoice.customer_id, kind=HoldKind.DISPUTE, invoice=invoice, until=until, reason=reason.strip(),
            actor=actor, made_at=now,
        )
    )  # fmt: skip


@transaction.atomic
def hold(
    *, customer_id: int, reason: str, until: date | None = None, actor: str, now: datetime
) -> DunningHold:
    """Nothing of this customer is chased, until a day or until it is ended. Raises Refused without a reason, and for a second."""
    terms.lock(customer_id, now=now)
    _check_word(reason, until, now)
    if _open(customer_id, HoldKind.STAFF).exists():
        raise Refused("This customer isn't chased already.")
    return _hold(
        DunningHold(
            customer_id=customer_id, kind=HoldKind.STAFF, until=until, reason=reason.strip(), actor=actor, made_at=now
        )
    )  # fmt: skip


def hold_for_collection(customer_ids: Iterable[int], until: date, *, actor: str, now: datetime) -> None:
    """Debit orders of these customers are on their way: nothing is chased until that day. Within the caller's transaction,
    who has their locks. Whose lines are on hold for the debt gets none: they would come back before the money is there.
    """
    suspended = DunningState.objects.exclude(suspended_services=[]).values("pk")
    ids = list(
        Customer.objects.filter(pk__in=customer_ids).exclude(pk__in=suspended).values_list("pk", flat=True)
    )
    DunningHold.objects.bulk_create(
        DunningHold(customer_id=one, kind=HoldKind.COLLECTION, until=until, actor=actor, made_at=now)
        for one in ids
    )
    look_at([(one, now) for one in ids], now=now)


def end_collection(customer_ids: Iterable[int], because: str, *, actor: str, now: datetime) -> None:
    """They came back or were dropped: from now on it is chased again. Within the caller's transaction."""
    held = DunningHold.objects.filter(customer_id__in=customer_ids, kind=HoldKind.COLLECTION, ended_at=None)
    ids = list(held.values_list("customer_id", flat=True))
    held.update(ended_at=now, ended_by=actor, ended_because=because)
    look_at([(one, now) for one in sorted(set(ids))], now=now)


@transaction.atomic
def warned_by_hand(*, customer_id: int, how: str, actor: str, now: datetime) -> None:
    """Somebody told him that his lines will be on hold, where every message failed: from today on the suspension may follow.

    Raises Refused without a word how, and where no warning failed.
    """
    if not how.strip():
        raise Refused("Say how he was told: by phone, at the door, and who took it.")
    terms.lock(customer_id, now=now)
    state = DunningState.objects.select_for_update().filter(pk=customer_id).first()
    if state is None or state.episode_since is None or not state.failed_warnings or state.warned_on:
        raise Refused("No warning to this customer has failed.")
    state.warned_on, state.failed_warnings = settings.FORMATS.local(now).date(), 0
    state.save(update_fields=["warned_on", "failed_warnings"])
    record(
        actor=actor, action="billing.dunning.warned_by_hand", subject=f"customer:{customer_id}", reason=how.strip(),
        now=now, details={},
    )  # fmt: skip
    look_at([(customer_id, now)], now=now)


@transaction.atomic
def end_hold(*, hold_id: int, because: str, actor: str, now: datetime) -> None:
    """From now on it is chased again. Raises Refused without a reason, and for one that has ended."""
    if not because.strip():
        raise Refused("Say why.")
    terms.lock(DunningHold.objects.values_list("customer_id", flat=True).get(pk=hold_id), now=now)
    one = DunningHold.objects.get(pk=hold_id)
    if one.ended_at is not None:
        raise Refused("This has ended already.")
    one.ended_at, one.ended_by, one.ended_because = now, actor, because.strip()
    one.save(update_fields=["ended_at", "ended_by", "ended_because"])
    _told("end_hold", one, actor, because.strip(), now)


def _hold(one: DunningHold) -> DunningHold:
    one.save(force_insert=True)
    _told(one.kind, one, one.actor, one.reason, one.made_at)
    return one


def _told(deed: str, one: DunningHold, actor: str, reason: str, now: datetime) -> None:
    """Audited, and looked at at once."""
    record(
        actor=actor, action=f"billing.dunning.{deed}", subject=f"customer:{one.customer_id}", reason=reason, now=now,
        details={"hold": one.pk, "until": one.until, "amount_minor": one.amount_minor, "invoice": one.invoice_id},
    )  # fmt: skip
    look_at([(one.customer_id, now)], now=now)


def _open(customer_id: int, kind: HoldKind) -> QuerySet[DunningHold]:
    return DunningHold.objects.filter(customer_id=customer_id, kind=kind, ended_at__isnull=True)


def _has_promised(customer_id: int) -> bool:
    """In this episode; before one, a promise that still stands."""
    if _open(customer_id, HoldKind.PROMISE).exists():
        return True
    since = DunningState.objects.filter(pk=customer_id).values_list("episode_since", flat=True).first()
    if since is None:
        return False
    given = DunningHold.objects.filter(customer_id=customer_id, kind=HoldKind.PROMISE)
    begins = datetime.combine(since, datetime.min.time(), settings.FORMATS.zone)
    return given.filter(made_at__gte=begins).exists()


def _check_owing(customer_id: int) -> None:
    rows = Invoice.objects.filter(customer_id=customer_id, kind=InvoiceKind.INVOICE, open_minor__gt=0)
    if not rows.exists():
        raise Refused("This customer owes nothing.")


def _check_word(reason: str, until: date | None, now: datetime) -> None:
    if not reason.strip():
        raise Refused("Say why.")
    if until is not None and until < settings.FORMATS.local(now).date():
        raise Refused("That day is over.")


def _check_country(country: str, year: int) -> None:
    try:
        public_holidays(country or settings.OPTIONS.country, year)
    except NotImplementedError as problem:
        raise Refused(
            f"The public holidays of {country or settings.OPTIONS.country} aren't known."
        ) from problem
