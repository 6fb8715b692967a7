"""Mandates: drafted, signed, approved by a second person, and ended. Bank details are never edited, but replaced by another."""

from datetime import date, datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.billing.actions import pay_by_debit, terms
from capstan.billing.rules.words import Method
from capstan.payments.models import Mandate
from capstan.payments.rules.debit_orders.due import check_day
from capstan.payments.rules.debit_orders.mandates import (
    AccountType,
    BankAccount,
    bank_of,
    check_account,
    doubts,
    masked,
    plain,
)
from capstan.payments.rules.words import OPEN_MANDATES, MandateState
from capstan.values.refused import Refused

_LIVE = (MandateState.ACTIVE, MandateState.SUSPENDED)


class Wanted(NamedTuple):
    """What somebody enters. `max_minor`: the most that one debit order may be, or None; `is_sure`: doubts were looked at."""

    holder: str
    branch_code: str
    account_number: str
    account_type: AccountType
    action_day: int
    bank_name: str = ""
    max_minor: int | None = None
    is_sure: bool = False


@transaction.atomic
def draft(*, customer_id: int, wanted: Wanted, actor: str, now: datetime) -> Mandate:
    """Enter a mandate that is to be signed; one that wasn't approved yet gives way to it, an active one stays until then.

    Raises Refused for an account that can't be, and, until somebody is sure, for one that is unusual.
    """
    account = _checked(wanted)
    terms.lock(customer_id, now=now)
    before = Mandate.objects.filter(customer_id=customer_id)
    for one in before.filter(state__in=OPEN_MANDATES):
        _end(one, MandateState.CANCELLED, "another one was entered", actor, now)
    made = Mandate.objects.create(
        customer_id=customer_id, reference=f"DO-{customer_id}-{before.count() + 1}", holder=account.account_name,
        bank_name=account.bank_name, branch_code=account.branch_code, account_number=account.account_number,
        account_type=account.account_type, max_minor=wanted.max_minor, action_day=wanted.action_day, entered_by=actor,
        entered_at=now,
    )  # fmt: skip
    _noted("draft", made, actor, now, {"account": masked(made.account_number), "bank": made.bank_name})
    return made


def _checked(wanted: Wanted) -> BankAccount:
    """As it is stored: blanks and hyphens left out."""
    branch = plain(wanted.branch_code)
    known = bank_of(branch)
    account = BankAccount(
        known.name if known else wanted.bank_name.strip(), branch, wanted.holder.strip(), wanted.account_type,
        plain(wanted.account_number),
    )  # fmt: skip
    if wrong := check_account(account):
        raise Refused(" ".join(wrong))
    if not account.bank_name:
        raise Refused("Which bank has this branch code? It isn't one of the universal ones.")
    if wanted.max_minor is not None and wanted.max_minor <= 0:
        raise Refused("The most that may be debited is above nothing, or empty.")
    check_day(wanted.action_day)
    if not wanted.is_sure and (unusual := doubts(account)):
        raise Refused(f"{' '.join(unusual)} If the number is right all the same, say so and send it again.")
    return account


@transaction.atomic
def send_out(*, mandate_id: int, actor: str, now: datetime) -> Mandate:
    """The form went to the customer, to be signed. Raises Refused."""
    mandate = _locked(mandate_id, now, MandateState.DRAFTED)
    mandate.state, mandate.sent_at = MandateState.WAITING, now
    mandate.save(update_fields=["state", "sent_at"])
    _noted("send_out", mandate, actor, now)
    return mandate


@transaction.atomic
def note_signed(*, mandate_id: int, signed_on: date, signed_by: str, actor: str, now: datetime) -> Mandate:
    """The signed form is back. It is debited once a second person has approved it. Raises Refused."""
    if not signed_by.strip():
        raise Refused("Whose name is below the form?")
    if signed_on > settings.FORMATS.local(now).date():
        raise Refused("That day is still to come: a form is signed on the day or before.")
    mandate = _locked(mandate_id, now, *OPEN_MANDATES)
    mandate.state, mandate.sent_at = MandateState.WAITING, mandate.sent_at or now
    mandate.signed_on, mandate.signed_by = signed_on, signed_by.strip()
    mandate.save(update_fields=["state", "sent_at", "signed_on", "signed_by"])
    _noted("signed", mandate, actor, now, {"signed_on": signed_on, "signed_by": mandate.signed_by})
    return mandate


@transaction.atomic
def approve(*, mandate_id: int, actor: str, now: datetime) -> Mandate:
    """The bank details agree with the signed form: from now on the account is debited, and a former mandate is no more.

    Raises Refused for whoever entered them, and before it is signed.
    """
    mandate = _locked(mandate_id, now, MandateState.WAITING)
    if mandate.signed_on is None:
        raise Refused("The form isn't signed yet: note the day and who signed it first.")
    if mandate.entered_by == actor:
        raise Refused(
            "You entered these bank details: somebody else compares them with the form and approves them."
        )
    for one in Mandate.objects.filter(customer_id=mandate.customer_id, state__in=_LIVE):
        _end(one, MandateState.REPLACED, f"{mandate.reference} took its place", actor, now)
    mandate.state, mandate.approved_by, mandate.approved_at = MandateState.ACTIVE, actor, now
    mandate.save(update_fields=["state", "approved_by", "approved_at"])
    pay_by_debit.set_method(mandate.customer_id, Method.DEBIT_ORDER, actor=actor, now=now)
    _noted("approve", mandate, actor, now)
    return mandate


@transaction.atomic
def cancel(*, mandate_id: int, reason: str, actor: str, now: datetime) -> Mandate:
    """No debit order is made with it any more; one that is on its way may still arrive. He pays by EFT, if it was the live one.

    Raises Refused without a reason, and for one that has ended.
    """
    _check_reason(reason)
    mandate = _locked(mandate_id, now, *OPEN_MANDATES, *_LIVE)
    was_live = mandate.state in _LIVE
    _end(mandate, MandateState.CANCELLED, reason.strip(), actor, now)
    if was_live:
        pay_by_debit.set_method(mandate.customer_id, Method.EFT, actor=actor, now=now)
    return mandate


@transaction.atomic
def suspend(*, mandate_id: int, reason: str, actor: str, now: datetime) -> Mandate:
    """Nothing is debited until it is resumed. Raises Refused without a reason, and for one that isn't active."""
    _check_reason(reason)
    mandate = _locked(mandate_id, now, MandateState.ACTIVE)
    _end(mandate, MandateState.SUSPENDED, reason.strip(), actor, now)
    return mandate


@transaction.atomic
def resume(*, mandate_id: int, reason: str, actor: str, now: datetime) -> Mandate:
    """The bank or the customer has cleared what stopped it. Raises Refused without a reason, and for one that isn't suspended."""
    _check_reason(reason)
    mandate = _locked(mandate_id, now, MandateState.SUSPENDED)
    mandate.state, mandate.ended_at, mandate.ended_by, mandate.ended_because = (
        MandateState.ACTIVE,
        None,
        "",
        "",
    )
    mandate.save(update_fields=["state", "ended_at", "ended_by", "ended_because"])
    _noted("resume", mandate, actor, now, reason=reason.strip())
    return mandate


@transaction.atomic
def forgive(*, customer_id: int, reason: str, actor: str, now: datetime) -> None:
    """Top-ups go on the invoice again although a debit order came back. Raises Refused."""
    pay_by_debit.forgive_returned(customer_id, reason=reason, actor=actor, now=now)


def _end(mandate: Mandate, state: MandateState, reason: str, actor: str, now: datetime) -> None:
    mandate.state, mandate.ended_at, mandate.ended_by, mandate.ended_because = state, now, actor, reason
    mandate.save(update_fields=["state", "ended_at", "ended_by", "ended_because"])
    _noted(_DEEDS[state], mandate, actor, now, reason=reason)


_DEEDS = {
    MandateState.CANCELLED: "cancel",
    MandateState.SUSPENDED: "suspend",
    MandateState.REPLACED: "replace",
}


def suspend_locked(mandate: Mandate, reason: str, *, actor: str, now: datetime) -> None:
    """The same within the caller's transaction, under the lock on the customer's money; what isn't active stays as it is."""
    if mandate.state == MandateState.ACTIVE:
        _end(mandate, MandateState.SUSPENDED, reason, actor, now)


def _locked(mandate_id: int, now: datetime, *states: MandateState) -> Mandate:
    """The mandate, its customer's money locked first. Raises Refused in another state."""
    customer_id = Mandate.objects.values_list("customer_id", flat=True).get(pk=mandate_id)
    terms.lock(customer_id, now=now)
    mandate = Mandate.objects.get(pk=mandate_id)
    if mandate.state not in states:
        raise Refused(f"This can't be done with a mandate that is {mandate.state}.")
    return mandate


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("Say why: the reason stays with it.")


def _noted(
    deed: str,
    mandate: Mandate,
    actor: str,
    now: datetime,
    details: dict[str, object] | None = None,
    reason: str = "",
) -> None:
    record(
        actor=actor, action=f"mandate.{deed}", subject=f"customer:{mandate.customer_id}", reason=reason, now=now,
        details={"of": mandate.reference, **(details or {})},
    )  # fmt: skip


def account_of(mandate: Mandate) -> BankAccount:
    """The account in clear, for the batch's file and the form: never for a page."""
    return BankAccount(
        mandate.bank_name,
        mandate.branch_code,
        mandate.holder,
        AccountType(mandate.account_type),
        mandate.account_number,
    )
