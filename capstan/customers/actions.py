"""Entering customers and their contacts."""

import re
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


_VAT_NUMBER = re.compile(r"[A-Z0-9]{4,20}", re.ASCII)


@transaction.atomic
def change_papers(
    *,
    customer_id: int,
    physical_address: str,
    postal_address: str,
    company_number: str,
    vat_number: str,
    actor: str,
    now: datetime,
) -> list[str]:
    """What invoices say of a customer from now on; those that were issued keep what they said. Returns what changed.

    Raises Refused for a VAT number that is none.
    """
    number = "".join(vat_number.split()).upper()
    if number and not _VAT_NUMBER.fullmatch(number):
        raise Refused(f"{vat_number!r} is no VAT number: it has 4 to 20 letters and digits.")
    wanted = {
        "physical_address": _lines(physical_address), "postal_address": _lines(postal_address),
        "company_number": company_number.strip(), "vat_number": number,
    }  # fmt: skip
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    changed = {field: value for field, value in wanted.items() if getattr(customer, field) != value}
    if changed:
        Customer.objects.filter(pk=customer_id).update(**changed)
        subject = f"customer:{customer_id}"
        record(actor=actor, action="customer.papers", subject=subject, now=now, details=changed)
    return list(changed)


def _lines(address: str) -> str:
    return "\n".join(line.strip() for line in address.splitlines() if line.strip())


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
