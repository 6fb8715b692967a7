"""What staff do to a line."""

from collections.abc import Sequence
from typing import Any

from django import forms

from capstan.catalog.models import Package
from capstan.console.forms.fields import MoneyField, SizeField
from capstan.topups.queries.logins import Trusted

NOW, NEXT_CYCLE = "now", "cycle"
LEARN, ANY = "learn", "any"


class ReasonForm(forms.Form):
    """Every deed says why."""

    reason = forms.CharField(
        label="Reason",
        max_length=300,
        help_text="It stays with the line.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PackageForm(ReasonForm):
    package = forms.ModelChoiceField(Package.objects.none(), label="Package", empty_label="Choose a package")
    since = forms.ChoiceField(
        label="From when on",
        choices=[
            (NEXT_CYCLE, "From the next cycle on"),
            (NOW, "At once: its speeds now, its allowance and cap with the next cycle"),
        ],
        initial=NEXT_CYCLE,
        widget=forms.RadioSelect,
    )
    field_order = ("package", "since", "reason")

    def __init__(self, *args: Any, brand_id: int, **more: Any) -> None:
        super().__init__(*args, **more)
        field: Any = self.fields["package"]
        field.queryset = Package.objects.filter(on_sale=True, brand_id=brand_id).order_by("name")
        field.label_from_instance = lambda package: f"{package.name} ({package.code})"


class DeviceForm(ReasonForm):
    then = forms.ChoiceField(
        label="Which device may use the line then",
        choices=[(LEARN, "The next one that logs in, and from then on no other"), (ANY, "Any device")],
        initial=LEARN,
        widget=forms.RadioSelect,
    )
    field_order = ("then", "reason")


class SendLoginForm(forms.Form):
    number = forms.ChoiceField(
        label="Send it by SMS to",
        help_text="Only confirmed numbers and contacts.",
    )

    def __init__(self, *args: Any, trusted: Sequence[Trusted], **more: Any) -> None:
        super().__init__(*args, **more)
        field: Any = self.fields["number"]
        field.choices = [
            (
                one.number,
                f"{one.number} – {one.name} ({one.why})" if one.name else f"{one.number} ({one.why})",
            )
            for one in trusted
        ]


class CeilingForm(forms.Form):
    ceiling_minor = MoneyField(
        required=False, label="Money in a cycle", help_text="Empty: what the provider's settings say."
    )
    ceiling_bytes = SizeField(
        required=False, label="Data in a cycle", help_text="Empty: what the provider's settings say."
    )
