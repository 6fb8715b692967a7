"""What staff may do to an account: notes for all, what is agreed about top-ups for managers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django import forms

from capstan.console.forms.account import AuthoriserForm, NoteForm, RemoveForm, RuleForm
from capstan.customers.actions import add_note
from capstan.customers.models import Customer
from capstan.identity.rules import Actor, Permission
from capstan.topups.actions import agreements
from capstan.topups.models import Authoriser
from capstan.values.refused import Refused


class Deed(NamedTuple):
    form: type[forms.Form]
    do: Callable[[Customer, dict[str, Any], Actor, datetime], str]
    permission: Permission | None = None


def _note(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    add_note(customer_id=customer.pk, text=given["text"], actor=actor.key, now=now)
    return "The note is kept; it stands on top of what happened."


def _rule(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    agreements.set_account_rule(customer_id=customer.pk, **given, actor=actor.key, now=now)
    return "It holds from the next order on; what waits already keeps waiting."


def _add(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    made = agreements.add_authoriser(customer_id=customer.pk, **given, actor=actor.key, now=now)
    return f"{made.name} may authorise top-ups from now on."


def _remove(customer: Customer, given: dict[str, Any], actor: Actor, now: datetime) -> str:
    listed = Authoriser.objects.filter(customer=customer, pk=given["authoriser"]).first()
    if listed is None:
        raise Refused("This authoriser isn't listed with this customer.")
    agreements.remove_authoriser(authoriser_id=listed.pk, actor=actor.key, now=now)
    return f"{listed.name} can't authorise top-ups any more."


DEEDS = {
    "note": Deed(NoteForm, _note),
    "rule": Deed(RuleForm, _rule, Permission.EDIT_LIMITS),
    "add-authoriser": Deed(AuthoriserForm, _add, Permission.EDIT_LIMITS),
    "remove-authoriser": Deed(RemoveForm, _remove, Permission.EDIT_LIMITS),
}


def perform(name: str, customer: Customer, form: forms.Form, actor: Actor, *, now: datetime) -> str | None:
    """Do it and say what was done; None when the form has errors, those of a refusal included."""
    if not form.is_valid():
        return None
    try:
        return DEEDS[name].do(customer, form.cleaned_data, actor, now)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return None
