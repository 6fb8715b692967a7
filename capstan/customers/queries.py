"""Who pays, and whom to call."""

from capstan.customers.models import Contact, Customer


def by_account_code(account_code: str) -> Customer | None:
    """The customer with this code, however its case is typed; None if there is none."""
    return Customer.objects.filter(account_code=account_code.strip().upper()).first()


def contacts_by_phone(phone: str) -> list[Contact]:
    """Everybody listed with this number (E.164), by customer:

    one number may belong to contacts of several.
    """
    return list(Contact.objects.filter(phone=phone).select_related("customer").order_by("customer_id", "id"))
