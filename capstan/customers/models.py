"""Who pays, and whom to call."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower, Reverse

from capstan.catalog.models import Brand
from capstan.customers.rules import CustomerKind
from capstan.db.text import NameWords


class Customer(models.Model):
    account_code = models.TextField(unique=True, help_text="printed as the reference for payments")
    name = models.TextField()
    kind = models.TextField(
        choices=[(k.value, k.name.capitalize()) for k in CustomerKind], default=CustomerKind.INDIVIDUAL
    )
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    company_number = models.TextField(blank=True)
    vat_number = models.TextField(blank=True)
    physical_address = models.TextField(blank=True, help_text="lines")
    postal_address = models.TextField(
        blank=True, help_text="lines; documents print it, else the physical one"
    )

    class Meta:
        indexes = [GinIndex(NameWords("name"), name="customer_words")]


class Contact(models.Model):
    """A person of this customer, with the language he reads."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contacts")
    name = models.TextField()
    role = models.TextField(blank=True, help_text="owner, manager, accounts, technical, …")
    phone = models.TextField(blank=True, help_text="E.164")
    email = models.TextField(blank=True)
    language = models.TextField(default="en", help_text="BCP 47")

    class Meta:
        indexes = [
            models.Index(fields=["phone"], name="contact_phone"),
            models.Index(OpClass(Reverse("phone"), "text_pattern_ops"), name="contact_phone_end"),
            models.Index(OpClass(Lower("email"), "text_pattern_ops"), name="contact_email"),
            GinIndex(NameWords("name"), name="contact_words"),
        ]
