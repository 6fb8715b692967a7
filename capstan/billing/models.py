"""What customers owe for, before and after it is on an invoice."""

from django.db import models

from capstan.billing.rules import ChargeKind
from capstan.customers.models import Customer
from capstan.services.models import Service


class Charge(models.Model):
    """Something sold, at the price that was told: minor units of the provider's currency, VAT included.

    A charge is never edited. What is given back is another one with a negative amount that names the first.
    """

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="+")
    kind = models.TextField(choices=[(kind.value, kind.value) for kind in ChargeKind])
    description = models.TextField(help_text="the line's text on the invoice")
    amount_minor = models.BigIntegerField()
    occurred_at = models.DateTimeField(help_text="the day of supply: its VAT rate is due")
    reference = models.TextField(unique=True, help_text="what it is for, such as order:17; charged once")
    paid_with = models.TextField(
        blank=True, help_text="how it was paid before it was made; empty: the next invoice asks for it"
    )
    returns = models.ForeignKey("self", models.PROTECT, null=True, related_name="given_back")
    actor = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["customer", "occurred_at"], name="charge_customer"),
            models.Index(fields=["service", "occurred_at"], name="charge_service"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(returns__isnull=True, amount_minor__gte=0)
                | models.Q(returns__isnull=False, amount_minor__lte=0),
                name="charge_sign",
            )
        ]
