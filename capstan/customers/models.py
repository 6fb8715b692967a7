"""Who pays, and whom to call."""

from django.db import models

from capstan.catalog.models import Brand
from capstan.customers.rules import CustomerKind


class Customer(models.Model):
    account_code = models.TextField(unique=True, help_text="printed as the reference for payments")
    name = models.TextField()
    kind = models.TextField(
        choices=[(k.value, k.name.capitalize()) for k in CustomerKind], default=CustomerKind.INDIVIDUAL
    )
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()


class Contact(models.Model):
    """A person of this customer, with the language he reads."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contacts")
    name = models.TextField()
    role = models.TextField(blank=True, help_text="owner, manager, accounts, technical, …")
    phone = models.TextField(blank=True, help_text="E.164")
    email = models.TextField(blank=True)
    language = models.TextField(default="en", help_text="BCP 47")

    class Meta:
        indexes = [models.Index(fields=["phone"], name="contact_phone")]
