"""Entering customers and contacts, and finding them again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from capstan.audit.models import AuditEntry
from capstan.catalog import actions as catalog
from capstan.customers import actions, queries
from capstan.customers.models import Contact, Customer
from capstan.customers.rules import CustomerKind, normalise_email
from capstan.values.refused import Refused

pytestmark = pytest.mark.django_db

BY: dict[str, Any] = {"actor": "staff:naledi", "now": datetime(2026, 3, 10, 12, tzinfo=UTC)}


@pytest.fixture
def brand_id() -> int:
    return catalog.create_brand(name="Example Net", **BY).pk


@pytest.fixture
def customer(brand_id: int) -> Customer:
    return actions.create_customer(
        account_code="ex-0001", name=" Jenny Example ", kind=CustomerKind.COMPANY, brand_id=brand_id, **BY
    )


def test_a_customer_is_found_by_code_however_typed(customer: Customer) -> None:
    assert queries.by_account_code(" Ex-0001 ") == customer
    assert customer.account_code == "EX-0001"
    assert customer.name == "Jenny Example"
    assert queries.by_account_code("EX-0002") is None


@pytest.mark.parametrize(
    ("code", "name", "why"),
    [
        ("EX-0001", "Other", "already"),
        ("x", "Other", "can't be"),
        ("has blank", "Other", "can't be"),
        ("E2", " ", "name"),
    ],
)
def test_customers_refused(customer: Customer, brand_id: int, code: str, name: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        actions.create_customer(account_code=code, name=name, brand_id=brand_id, **BY)


def test_contacts_are_found_by_number(customer: Customer) -> None:
    added = actions.add_contact(
        customer_id=customer.pk,
        name="Jenny",
        phone="021 555 0123",
        email="Jenny@EXAMPLE.net",
        role="owner",
        language="af",
        **BY,
    )
    found = queries.contacts_by_phone("+27215550123")
    assert found == [added]
    assert (found[0].email, found[0].language, found[0].customer) == ("Jenny@example.net", "af", customer)
    assert queries.contacts_by_phone("+27215550124") == []
    assert (
        AuditEntry.objects.filter(action="customer.add_contact", subject=f"customer:{customer.pk}").count()
        == 1
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"phone": "12"}, "digits"),
        ({"email": "jenny"}, "e-mail"),
        ({"language": "English"}, "language"),
        ({"phone": ""}, "needs a telephone number or"),
        ({"name": ""}, "name"),
    ],
)
def test_contacts_refused(customer: Customer, changed: dict[str, str], why: str) -> None:
    given: dict[str, Any] = {"name": "Jenny", "phone": "021 555 0123", **changed}
    with pytest.raises(Refused, match=why):
        actions.add_contact(customer_id=customer.pk, **given, **BY)
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    "text", ["a@b", "a b@example.net", "@example.net", "a@@example.net", "a@.net", "x" * 250 + "@e.net"]
)
def test_email_refused(text: str) -> None:
    with pytest.raises(Refused):
        normalise_email(text)
