"""Who pays, and whom to call."""

from django.db.models.functions import Lower, Reverse

from capstan.customers.models import Contact, Customer
from capstan.db.text import named


def by_account_code(account_code: str) -> Customer | None:
    """The customer with this code, however its case is typed; None if there is none."""
    return Customer.objects.filter(account_code=account_code.strip().upper()).first()


def contacts_by_phone(phone: str) -> list[Contact]:
    """Everybody listed with this number (E.164), by customer:

    one number may belong to contacts of several.
    """
    return list(Contact.objects.filter(phone=phone).select_related("customer").order_by("customer_id", "id"))


# --- for search: each reads an index, and finds at most `limit` ----------------------------------------------


def codes_from(start: str, *, limit: int) -> list[Customer]:
    """Customers whose account code begins so (upper case), by code."""
    return list(Customer.objects.filter(account_code__startswith=start).order_by("account_code")[:limit])


def customers_named(text: str, *, limit: int) -> list[Customer]:
    """Customers with a name whose words begin so: see `db.text.named`."""
    return named(Customer.objects.all(), text, limit=limit)


def contacts_named(text: str, *, limit: int) -> list[Contact]:
    """The same for contacts."""
    return named(Contact.objects.select_related("customer"), text, limit=limit)


def contacts_by_phone_end(digits: str, *, limit: int) -> list[Contact]:
    """Contacts whose number ends in these digits."""
    found = Contact.objects.alias(end=Reverse("phone")).filter(end__startswith=digits[::-1])
    return list(found.select_related("customer").order_by("pk")[:limit])


def contacts_by_email(start: str, *, limit: int) -> list[Contact]:
    """Contacts whose e-mail address begins so (small letters), by address."""
    found = Contact.objects.alias(small=Lower("email")).filter(small__startswith=start)
    return list(found.select_related("customer").order_by("small", "pk")[:limit])
