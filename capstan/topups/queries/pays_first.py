"""Whether a line's top-ups are paid before they are added, and why (S6)."""

from datetime import datetime

from django.conf import settings

from capstan.billing.queries.standing import standing_of
from capstan.catalog.models import Package
from capstan.services.models import Service
from capstan.services.queries import package_in_force
from capstan.topups.queries.rules_of import account_rule


def pays_first_because(service_id: int, *, now: datetime) -> str:
    """In words; empty: it goes on an invoice. What was agreed comes first, then the package, then what is overdue."""
    customer_id = Service.objects.values_list("customer_id", flat=True).get(pk=service_id)
    if account_rule(customer_id).pays_first:
        return "the account pays first"
    if Package.objects.filter(pk=package_in_force(service_id, now), pays_first=True).exists():
        return "lines of this package pay first"
    return standing_of(customer_id, today=settings.FORMATS.local(now).date()).pays_first_because
