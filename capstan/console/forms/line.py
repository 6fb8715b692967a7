"""What staff do to a line."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from capstan.catalog.models import Package
from capstan.catalog.queries import Offer
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


class ReleaseForm(ReasonForm):
    until = forms.DateField(
        required=False,
        label="Up to the end of",
        help_text="Empty: to the end of the cycle. When it is paid, the rest of the allowance comes.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    field_order = ("until", "reason")


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


class AutoTopUpForm(forms.Form):
    """What a customer agrees to. Who agreed is recorded with it."""

    offer = forms.ChoiceField(label="Top-up")
    from_percent = forms.TypedChoiceField(label="It is added at", coerce=int)
    at_most = forms.IntegerField(label="At most so many times a cycle", min_value=1, max_value=50, initial=2)
    ceiling_minor = MoneyField(
        required=False, label="At most for so much a cycle", help_text="Empty: the line's ceiling."
    )
    ceiling_bytes = SizeField(
        required=False, label="At most so much data a cycle", help_text="Empty: the line's ceiling."
    )
    agreed_by = forms.CharField(
        label="Who agreed to being charged for it",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, offers: Sequence[Offer], thresholds: Sequence[int], **more: Any) -> None:
        super().__init__(*args, **more)
        formats = settings.FORMATS
        offer: Any = self.fields["offer"]
        offer.choices = [
            (str(one.id), f"{formats.size(one.size_bytes)} – {formats.money(one.price_minor)}")
            for one in offers
        ]
        share: Any = self.fields["from_percent"]
        shares = sorted({*thresholds, 100}, reverse=True)
        share.choices = [
            (one, f"{one} % of the cap" if one < 100 else "the cap: everything is used") for one in shares
        ]
