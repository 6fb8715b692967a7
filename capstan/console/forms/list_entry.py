"""Who is on a line's notification list, and what he gets and may do."""

from typing import Any

from babel import Locale
from django import forms
from django.conf import settings

from capstan.console.forms.fields import MoneyField
from capstan.messaging.rules.texts.catalogue import LANGUAGES
from capstan.messaging.rules.words import Medium
from capstan.topups.actions.notification_list import NewEntry
from capstan.topups.models import ListEntry

_MEDIA = {Medium.SMS: "SMS", Medium.EMAIL: "E-mail"}
_CONFIRMED = {
    "code": "It gets a code that confirms it",
    "staff": "I have made sure that it is the customer's",
}


def languages() -> list[tuple[str, str]]:
    """Those that there are texts in, by their names in the provider's own language."""
    locale = Locale.parse(settings.FORMATS.locale)
    return [(tag, Locale.parse(tag).get_display_name(locale) or tag) for tag in LANGUAGES]


class WishesForm(forms.Form):
    """What somebody on the list gets and may do."""

    name = forms.CharField(
        required=False, max_length=120, label="Name", help_text="Messages begin with it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    from_percent = forms.IntegerField(
        min_value=1, max_value=100, required=False, label="Notices from … % on",
        help_text="Empty: from 90 % by SMS, from 50 % by e-mail.",
    )  # fmt: skip
    may_order = forms.BooleanField(required=False, label="May order top-ups by SMS")
    order_limit = MoneyField(
        required=False,
        label="At most for one order",
        help_text="Empty: any amount within the line's ceiling.",
    )
    language = forms.ChoiceField(label="Language")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        language = self.fields["language"]
        assert isinstance(language, forms.ChoiceField)
        language.choices = languages()


class EntryForm(WishesForm):
    """Somebody new."""

    medium = forms.ChoiceField(
        choices=[(one.value, words) for one, words in _MEDIA.items()],
        initial="sms",
        widget=forms.RadioSelect,
        label="By",
    )
    address = forms.CharField(
        max_length=254,
        label="Mobile number or e-mail address",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    confirmed = forms.ChoiceField(
        choices=list(_CONFIRMED.items()),
        initial="code",
        widget=forms.RadioSelect,
        label="Whether it is the right one",
    )
    field_order = (
        "medium",
        "address",
        "name",
        "confirmed",
        "may_order",
        "order_limit",
        "from_percent",
        "language",
    )

    @property
    def by_staff(self) -> bool:
        return bool(self.cleaned_data["confirmed"] == "staff")

    def entry(self, service_id: int) -> NewEntry:
        given = self.cleaned_data
        return NewEntry(
            service_id, Medium(given["medium"]), given["address"], given["name"], given["language"],
            given["from_percent"], given["may_order"], given["order_limit"],
        )  # fmt: skip


class ChangeForm(WishesForm):
    """Somebody who is on the list: what he may not be is left out."""

    def __init__(self, *args: Any, entry: ListEntry, **more: Any) -> None:
        now = {
            "name": entry.name, "from_percent": entry.from_percent, "may_order": entry.may_order,
            "order_limit": entry.order_limit_minor, "language": entry.language,
        }  # fmt: skip
        super().__init__(*args, initial=now, **more)
        self.fields["from_percent"].required = True
        self.fields["from_percent"].help_text = ""
        if entry.medium == Medium.EMAIL:
            del self.fields["may_order"], self.fields["order_limit"]


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=12,
        label="The code that it got",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
