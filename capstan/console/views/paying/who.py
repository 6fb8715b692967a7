"""Whose money it is, as somebody typed it: an account code is enough, anything else is put before him to choose."""

from typing import Any, NamedTuple

from django.forms import Form

from capstan.customers.models import Customer
from capstan.customers.queries import by_account_code
from capstan.operator.search.find import search
from capstan.values import clock

_SHOWN = 8


class Found(NamedTuple):
    """A customer who may be meant, and why."""

    customer: Customer
    why: str


class Meant(NamedTuple):
    """The one customer, or those to choose from; with neither, the form says what to do."""

    customer: Customer | None
    candidates: list[Found]


def meant(form: Form) -> Meant:
    """Who is meant by a `WhoForm` that is valid; what is not clear is added to its errors."""
    given: dict[str, Any] = form.cleaned_data
    if given.get("customer"):
        chosen = Customer.objects.filter(pk=given["customer"]).first()
        if chosen is None:
            form.add_error("who", "This customer is gone: look again.")
        return Meant(chosen, [])
    text = (given.get("who") or "").strip()
    exact = by_account_code(text)
    if exact is not None:
        return Meant(exact, [])
    found = search(text, now=clock.now()).results[:_SHOWN]
    if found:
        form.add_error("who", "That is no account code. Choose who is meant:")
    else:
        form.add_error("who", f"Nobody is found by “{text}”. Try the account code, or a part of the name.")
    return Meant(None, [Found(one.customer, ", ".join(one.why)) for one in found])
