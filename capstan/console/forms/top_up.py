"""Actions → Add top-up: what, for whom, and how one knows him."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django import forms
from django.conf import settings

from capstan.console.forms.fields import MoneyField, SizeField, size_of
from capstan.identity.rules import Actor, Permission
from capstan.topups.models import Authoriser
from capstan.topups.queries.sale import Quote
from capstan.values.refused import Refused

OWN_SIZE = "own"
LET_IT_WAIT = "wait"

VERIFIED = {
    "contact": "Name and number on the account",
    "code": "Account code",
    "package": "Package of the line",
    "last": "Last top-up",
    "other": "In another way",
}
"""What the account's page has under “Verify the caller”: what was asked there is ticked here."""
VALID = {"cycle": "To the end of the cycle", "days": "For some days", "never": "Until it is used up"}
DAYS_MAX = 366
OWN_SIZE_MAX_TB = 100
"""More than this is a slip of the finger, and would be a bill of millions."""


_WAIT_WORDS = "Nobody yet: they are asked by SMS, and it waits"
_NOBODY_WORDS = "Nobody is listed who may: it waits until somebody of us approves it"


class Choice(NamedTuple):
    """An offer on the form. `value` has the price that is told, so that it holds or is said to have changed."""

    value: str
    quote: Quote
    deed: str  # what the button says when it is chosen


def adding(size_bytes: int, price_minor: int) -> str:
    """What the button says: `Add 2 GB for R 35.00`."""
    return f"Add {settings.FORMATS.size(size_bytes)} for {settings.FORMATS.money(price_minor)}"


def choice_of(quote: Quote) -> Choice:
    return Choice(f"{quote.offer_id}:{quote.price_minor}", quote, adding(quote.size_bytes, quote.price_minor))


class TopUpForm(forms.Form):
    """`key` is made at each rendering: the same form sent twice is one order."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    what = forms.ChoiceField(
        label="What is added",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose what is added.",
            "invalid_choice": "Its price has changed, or it isn't sold any more. Tell the caller and choose again.",
        },
    )
    size = SizeField(wants_unit=True, required=False, label="Size", help_text="Such as 750 MB or 2.5 GB.")
    price = MoneyField(
        required=False, label="Price, VAT included", help_text="Empty: what the catalogue says."
    )
    validity = forms.ChoiceField(
        choices=list(VALID.items()), required=False, initial="cycle", widget=forms.RadioSelect, label="Valid"
    )
    valid_days = forms.IntegerField(min_value=1, max_value=DAYS_MAX, required=False, label="Days")
    requested_by = forms.CharField(
        max_length=120,
        label="Caller's name",
        help_text="It stays with the top-up and is on the invoice.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "contacts", "spellcheck": "false"}),
    )
    verified = forms.MultipleChoiceField(
        choices=list(VERIFIED.items()), widget=forms.CheckboxSelectMultiple, label="How you made sure of the caller",
        error_messages={"required": "Tick what the caller knew."},
    )  # fmt: skip
    verified_other = forms.CharField(required=False, max_length=200, label="How, if in another way")
    authoriser = forms.ChoiceField(label="Who authorised it", widget=forms.RadioSelect)
    beyond_ceiling = forms.BooleanField(required=False, label="Go beyond the ceiling this time")
    reason = forms.CharField(
        required=False, max_length=300, label="Reason",
        help_text="Needed when the price or the ceiling is not the usual one. It stays with the top-up.",
    )  # fmt: skip

    def __init__(
        self,
        *args: Any,
        actor: Actor,
        offers: Sequence[Choice],
        authorisers: Sequence[Authoriser] | None,
        **more: Any,
    ) -> None:
        """`authorisers` are those of an account that wants top-ups authorised; None where nobody is asked."""
        super().__init__(*args, **more)
        sizes = [(one.value, settings.FORMATS.size(one.quote.size_bytes)) for one in offers]
        self._choices("what", [*sizes, (OWN_SIZE, "Another size")])
        if authorisers is None:
            del self.fields["authoriser"]
        else:
            people = [(str(one.pk), _person(one)) for one in authorisers]
            self._choices("authoriser", [*people, (LET_IT_WAIT, _WAIT_WORDS if people else _NOBODY_WORDS)])
        if not actor.may(Permission.ARRANGE_PRICE):
            del self.fields["price"]
        if not actor.may(Permission.EXCEED_CEILING):
            del self.fields["beyond_ceiling"]

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_size(self) -> int | None:
        size: int | None = self.cleaned_data["size"]
        if size is not None and size > own_size_max():
            raise forms.ValidationError(too_large())
        return size

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("what") == OWN_SIZE and "size" not in self.errors and given.get("size") is None:
            self.add_error("size", "Say how much data it shall be, such as 500 MB or 2 GB.")
        if (
            self.is_own
            and given.get("validity") == "days"
            and "valid_days" not in self.errors
            and not given.get("valid_days")
        ):
            self.add_error("valid_days", "Say for how many days.")
        if "other" in given.get("verified", ()) and not given.get("verified_other", "").strip():
            self.add_error("verified_other", "Say how you made sure of the caller.")
        return given

    @property
    def is_own(self) -> bool:
        return bool(self.cleaned_data.get("what") == OWN_SIZE)

    @property
    def offer_id(self) -> int:
        """Of the offer that was chosen. Raises ValueError if it wasn't one."""
        return int(self.cleaned_data["what"].partition(":")[0])

    @property
    def key_text(self) -> str:
        key: UUID = self.cleaned_data["key"]
        return f"agent:{key}"

    @property
    def verified_how(self) -> str:
        """What was ticked, in words: `Account code, last top-up`; another way in the agent's own."""
        ticked = self.cleaned_data["verified"]
        said = ", ".join(VERIFIED[one].lower() for one in ticked if one != "other").capitalize()
        other = self.cleaned_data["verified_other"].strip() if "other" in ticked else ""
        return ", ".join(filter(None, (said, other)))

    @property
    def authoriser_id(self) -> int | None:
        chosen = self.cleaned_data.get("authoriser", LET_IT_WAIT)
        return None if chosen == LET_IT_WAIT else int(chosen)

    def with_validity(self, quote: Quote) -> Quote:
        """A size of one's own is valid for as long as is chosen here; an offer says it itself."""
        validity = self.cleaned_data.get("validity")
        days = self.cleaned_data["valid_days"] if validity == "days" else None
        return quote._replace(valid_days=days, never_expires=validity == "never")


def own_size_max() -> int:
    """The largest size of one's own, in bytes."""
    return int(OWN_SIZE_MAX_TB * int(settings.FORMATS.units) ** 4)


def too_large() -> str:
    return (
        f"More than {settings.FORMATS.size(own_size_max())} can't be added at once: is it MB that you mean?"
    )


def size_read(text: str) -> int:
    """The bytes of a size of one's own that is being typed. Raises Refused, in the words that the form will use."""
    size = size_of(text, wants_unit=True)
    if size > own_size_max():
        raise Refused(too_large())
    return size


def _person(authoriser: Authoriser) -> str:
    limit = authoriser.limit_minor
    up_to = f", up to {settings.FORMATS.money(limit)}" if limit is not None else ""
    return f"{authoriser.name} ({authoriser.role}{up_to})"
