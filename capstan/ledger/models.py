"""Accounts, journals and entries. Journals and entries are added and never change: the database refuses it."""

from django.db import models

from capstan.ledger.rules import Code, Side


class Account(models.Model):
    """One account. `subject` is an opaque key, so that nothing below points up."""

    code = models.TextField(choices=[(code.value, code.value) for code in Code])
    subject = models.TextField(blank=True)
    side = models.TextField(choices=[(side.value, side.value) for side in Side])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "subject"], name="account_once")]


class Journal(models.Model):
    """Entries that were made together, for one reason."""

    source = models.TextField(help_text="what it was made for, such as invoice:17")
    kind = models.TextField(help_text="issued, paid, allocated, reversed, …")
    occurred_on = models.DateField(help_text="the day it counts for, in the provider's zone")
    description = models.TextField()
    actor = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["occurred_on", "id"], name="journal_day")]
        constraints = [models.UniqueConstraint(fields=["source", "kind"], name="journal_once")]


class Entry(models.Model):
    """One movement: the amount, above zero, from the credited account to the debited one."""

    journal = models.ForeignKey(Journal, models.PROTECT, related_name="entries")
    debit = models.ForeignKey(Account, models.PROTECT, related_name="debits")
    credit = models.ForeignKey(Account, models.PROTECT, related_name="credits")
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="entry_amount"),
            models.CheckConstraint(condition=~models.Q(debit=models.F("credit")), name="entry_moves"),
        ]
