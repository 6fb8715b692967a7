"""Entering customers and their contacts."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from capstan.audit.actions import record
from capstan.customers.models import Contact, Customer
from capstan.customers.rules import CustomerKind, check_language, normalise_account_code, normalise_email
from capstan.values.phone import normalise_phone
from capstan.values.refused import Refused


@transaction.atomic
def create_customer(
    *,
    account_code: str,
    name: str,
    brand_id: int,
    kind: CustomerKind = CustomerKind.INDIVIDUAL,
    actor: str,
    now: datetime,
) -> Customer:
    """A new customer.

    Raises Refused for a code that is taken or can't be printed as a reference, and without a name.
    """
    code = normalise_account_code(account_code)
    if not name.strip():
        raise Refused("The customer's name is missing.")
    if Customer.objects.filter(account_code=code).exists():
        raise Refused(f"There is a customer with the account code {code} already.")
    customer = Customer.objects.create(
        account_code=code, name=name.strip(), kind=kind, brand_id=brand_id, created_at=now
    )
    subject = f"customer:{customer.pk}"
    record(actor=actor, action="customer.create", subject=subject, now=now, details={"account_code": code})
    return customer


@transaction.atomic
def add_contact(
    *,
    customer_id: int,
    name: str,
    phone: str = "",
    email: str = "",
    role: str = "",
    language: str = "en",
    actor: str,
    now: datetime,
) -> Contact:
    """A person of this customer. A number without a country code is one of the provider's country.

    Raises Refused for what isn't a number, an address or a language, and for a contact that can't be reached
    at all.
    """
    if not name.strip():
        raise Refused("The contact's name is missing.")
    if not phone and not email:
        raise Refused("A contact needs a telephone number or an e-mail address.")
    contact = Contact.objects.create(
        customer_id=customer_id,
        name=name.strip(),
        role=role.strip(),
        phone=normalise_phone(phone, settings.OPTIONS.country) if phone else "",
        email=normalise_email(email) if email else "",
        language=check_language(language),
    )
    subject = f"customer:{customer_id}"
    record(
        actor=actor, action="customer.add_contact", subject=subject, now=now, details={"contact": contact.pk}
    )
    return contact


NOTE = "customer.note"
"""The action under which the audit trail keeps notes of staff; the text is its reason."""

_NOTE_LONGEST = 4000


@transaction.atomic
def add_note(*, customer_id: int, text: str, actor: str, now: datetime) -> None:
    """Something about this customer that colleagues should know. It stays as it is. Raises Refused for an empty one."""
    said = text.strip()
    if not said:
        raise Refused("The note is empty.")
    if len(said) > _NOTE_LONGEST:
        raise Refused(f"A note has at most {_NOTE_LONGEST} letters.")
    record(actor=actor, action=NOTE, subject=f"customer:{customer_id}", reason=said, now=now)
