"""What is agreed about a customer's and a line's orders."""

from typing import NamedTuple

from django.conf import settings

from capstan.topups.models import AccountRule, Authoriser, LineRule
from capstan.topups.rules.sale import Ceiling
from capstan.values.data import parse_bytes
from capstan.values.money import parse_money


class Account(NamedTuple):
    """How a customer's orders are let through."""

    needs_authorisation: bool
    pays_first: bool


def account_rule(customer_id: int) -> Account:
    row = AccountRule.objects.filter(pk=customer_id).first()
    return Account(False, False) if row is None else Account(row.needs_authorisation, row.pays_first)


def authorisers(customer_id: int) -> list[Authoriser]:
    """Who may authorise, by name."""
    return list(Authoriser.objects.filter(customer_id=customer_id, removed_at=None).order_by("name", "id"))


def ceiling_of(service_id: int) -> Ceiling:
    """The line's own ceilings, else the provider's."""
    options, formats = settings.OPTIONS, settings.FORMATS
    row = LineRule.objects.filter(pk=service_id).first()
    minor = parse_money(options.topup_ceiling, formats.currency) if options.topup_ceiling else None
    size = parse_bytes(options.topup_ceiling_data, formats.units) if options.topup_ceiling_data else None
    if row is not None:
        minor = minor if row.ceiling_minor is None else row.ceiling_minor
        size = size if row.ceiling_bytes is None else row.ceiling_bytes
    return Ceiling(minor, size)
