"""The words of a message, as the provider wants them."""

from typing import Any

from django import forms

from capstan.messaging.rules.templates import Text
from capstan.messaging.rules.words import Medium


class TextForm(forms.Form):
    title = forms.CharField(
        max_length=200, required=False, label="Subject", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    body = forms.CharField(
        max_length=4000,
        strip=False,
        label="Text",
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "true"}),
        error_messages={"required": "The text is empty."},
    )

    def __init__(self, *args: Any, medium: Medium, **more: Any) -> None:
        super().__init__(*args, **more)
        if medium == Medium.SMS:
            del self.fields["title"]

    def text(self) -> Text:
        """What was typed, whatever it is: the rules of texts say what is wrong with it."""
        self.is_valid()
        body = str(self.cleaned_data.get("body", "")).replace("\r\n", "\n")
        return Text(body, str(self.cleaned_data.get("title", "")))
