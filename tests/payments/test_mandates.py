"""Mandates: only a second person makes one active, a customer has one, and what it says never changes."""

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from capstan.audit.models import AuditEntry
from capstan.billing.models import BillingTerms
from capstan.billing.rules.words import Method
from capstan.payments.actions.debit_orders import mandates
from capstan.payments.models import Mandate
from capstan.payments.rules.debit_orders.mandates import AccountType
from capstan.payments.rules.words import MandateState
from capstan.values.refused import Refused
from tests.billing.desk import ACTOR, Desk, at
from tests.payments.debits import ACCOUNT, SECOND, WANTED, mandated

DAY = "2026-01-05"


def states() -> list[str]:
    return list(Mandate.objects.order_by("pk").values_list("state", flat=True))


def draft(desk: Desk, **more: Any) -> Mandate:
    customer = desk.customer()
    return mandates.draft(customer_id=customer.pk, wanted=WANTED._replace(**more), actor=ACTOR, now=at(DAY))


def sign(mandate: Mandate, on: str = DAY, by: str = "J Smith") -> Mandate:
    return mandates.note_signed(
        mandate_id=mandate.pk, signed_on=date.fromisoformat(on), signed_by=by, actor=ACTOR, now=at(DAY)
    )


def test_from_draft_to_active_and_he_pays_by_debit_order(desk: Desk) -> None:
    customer = desk.customer()
    made = mandated(customer)
    made.refresh_from_db()
    assert (made.state, made.reference, made.bank_name) == (
        MandateState.ACTIVE,
        f"DO-{customer.pk}-1",
        "Absa",
    )
    assert (made.entered_by, made.approved_by, made.signed_by) == (ACTOR, SECOND, "J Smith")
    assert BillingTerms.objects.get(pk=customer.pk).method == Method.DEBIT_ORDER
    noted = AuditEntry.objects.filter(action__startswith="mandate.").order_by("pk")
    assert [one.action for one in noted] == [
        "mandate.draft",
        "mandate.send_out",
        "mandate.signed",
        "mandate.approve",
    ]
    assert ACCOUNT not in str([one.details for one in noted])


def test_the_account_number_is_sealed_in_the_database(desk: Desk) -> None:
    draft(desk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_number FROM payments_mandate")
        assert ACCOUNT.encode() not in bytes(cursor.fetchone()[0])


def test_who_entered_the_bank_details_cannot_approve_them(desk: Desk) -> None:
    made = sign(draft(desk))
    with pytest.raises(Refused, match="somebody else compares them"):
        mandates.approve(mandate_id=made.pk, actor=ACTOR, now=at(DAY))
    with pytest.raises(IntegrityError), transaction.atomic():
        Mandate.objects.update(approved_by=ACTOR)
    assert states() == [MandateState.WAITING]


def test_nothing_is_approved_before_it_is_signed(desk: Desk) -> None:
    made = draft(desk)
    with pytest.raises(Refused, match="a mandate that is drafted"):
        mandates.approve(mandate_id=made.pk, actor=SECOND, now=at(DAY))
    mandates.send_out(mandate_id=made.pk, actor=ACTOR, now=at(DAY))
    with pytest.raises(Refused, match="isn't signed yet"):
        mandates.approve(mandate_id=made.pk, actor=SECOND, now=at(DAY))


WRONG: dict[str, dict[str, Any]] = {
    "six digits": {"branch_code": "63200"},
    "digits only": {"account_number": "40x"},
    "a card": {"account_number": "4000000000000002"},
    "holder's name": {"holder": " "},
    "Which bank": {"branch_code": "123456"},
    "above nothing": {"max_minor": 0},
    "from 1 to 28": {"action_day": 30},
    "usually have 8 to 11 digits; this one has 7. If the number is right": {"account_number": "1234567"},
}


@pytest.mark.parametrize("why", WRONG)
def test_refuses_what_cannot_be_an_account(desk: Desk, why: str) -> None:
    with pytest.raises(Refused, match=why):
        draft(desk, **WRONG[why])
    assert not Mandate.objects.exists()


def test_an_unusual_number_may_be_kept_by_who_is_sure(desk: Desk) -> None:
    made = draft(desk, account_number="123 4567", is_sure=True, account_type=AccountType.SAVINGS)
    assert Mandate.objects.get(pk=made.pk).account_number == "1234567"


def test_another_mandate_replaces_the_active_one_when_it_is_approved(desk: Desk) -> None:
    customer = desk.customer()
    mandated(customer)
    second = mandates.draft(customer_id=customer.pk, wanted=WANTED, actor=ACTOR, now=at(DAY))
    third = mandates.draft(customer_id=customer.pk, wanted=WANTED, actor=ACTOR, now=at(DAY))
    assert states() == [MandateState.ACTIVE, MandateState.CANCELLED, MandateState.DRAFTED]
    assert len({second.reference, third.reference, f"DO-{customer.pk}-1"}) == 3
    sign(third)
    mandates.approve(mandate_id=third.pk, actor=SECOND, now=at(DAY))
    assert states() == [MandateState.REPLACED, MandateState.CANCELLED, MandateState.ACTIVE]


def test_the_database_keeps_to_one_active_mandate(desk: Desk) -> None:
    customer = desk.customer()
    mandated(customer)
    mandates.draft(customer_id=customer.pk, wanted=WANTED, actor=ACTOR, now=at(DAY))
    with pytest.raises(IntegrityError), transaction.atomic():
        Mandate.objects.update(state=MandateState.ACTIVE)


def test_suspended_resumed_cancelled(desk: Desk) -> None:
    customer = desk.customer()
    made = mandated(customer)
    mandates.suspend(mandate_id=made.pk, reason="the bank asked", actor=ACTOR, now=at(DAY))
    assert states() == [MandateState.SUSPENDED]
    mandates.resume(mandate_id=made.pk, reason="cleared", actor=ACTOR, now=at(DAY))
    assert states() == [MandateState.ACTIVE]
    mandates.cancel(mandate_id=made.pk, reason="he moved", actor=ACTOR, now=at(DAY))
    assert states() == [MandateState.CANCELLED]
    assert BillingTerms.objects.get(pk=customer.pk).method == Method.EFT
    with pytest.raises(Refused, match="a mandate that is cancelled"):
        mandates.resume(mandate_id=made.pk, reason="again", actor=ACTOR, now=at(DAY))


def test_refuses_words_that_are_missing_and_days_to_come(desk: Desk) -> None:
    made = draft(desk)
    with pytest.raises(Refused, match="Whose name"):
        sign(made, by=" ")
    with pytest.raises(Refused, match="still to come"):
        sign(made, on="2026-01-06")
    with pytest.raises(Refused, match="Say why"):
        mandates.cancel(mandate_id=made.pk, reason=" ", actor=ACTOR, now=at(DAY))
