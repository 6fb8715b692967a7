"""The file of charges that were priced elsewhere."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

_MOST = 20_000_000


class RatedForm(forms.Form):
    file = forms.FileField(label="File", help_text="CSV in UTF-8.", max_length=255)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > _MOST:
            raise ValidationError("This is larger than 20 MB: split it.")
        return file
