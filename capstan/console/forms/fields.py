"""Fields of forms for what people write: amounts, sizes, telephone numbers."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from capstan.values.data import parse_bytes
from capstan.values.money import minor_digits, read_money
from capstan.values.refused import Refused

_MOST_MINOR = 10**10  # a slip of the finger, rather than money


class MoneyField(forms.CharField):
    """An amount such as `35`, `35.00` or `R 1 499,00`; cleaned it is minor units, and None when it was left empty."""

    def __init__(self, **more: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(widget=forms.TextInput(attrs=attrs), max_length=20, **more)

    def prepare_value(self, value: object) -> object:
        """Minor units as one types them; what was typed stays as it is."""
        return plain_amount(value) if isinstance(value, int) else value

    def clean(self, value: object) -> Any:
        text = super().clean(value).strip()
        if not text:
            return None
        try:
            amount_minor = read_money(text, settings.FORMATS.currency)
        except Refused as refusal:
            raise ValidationError(str(refusal)) from None
        if amount_minor > _MOST_MINOR:
            raise ValidationError(
                f"{settings.FORMATS.money(amount_minor)} is more than any customer pays: check it."
            )
        return amount_minor


class SizeField(forms.CharField):
    """An amount of data such as `500 MB` or `2.5GB`. Cleaned it is bytes, or None.

    A bare number is GB, unless the field wants a unit: there a slip is sold.
    """

    def __init__(self, *, wants_unit: bool = False, **more: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs={"autocomplete": "off"}), max_length=30, **more)
        self.wants_unit = wants_unit

    def prepare_value(self, value: object) -> object:
        return plain_size(value) if isinstance(value, int) else value

    def clean(self, value: object) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return size_of(text, wants_unit=self.wants_unit)
        except Refused as refusal:
            raise ValidationError(str(refusal)) from None


def size_of(text: str, *, wants_unit: bool = False) -> int:
    """The bytes in `500 MB`, `2.5GB` or `2`, which is GB. Raises Refused for anything else, and for nothing."""
    plain = text.strip().replace(",", ".")
    bare = plain.replace(".", "", 1)
    is_bare = bare.isascii() and bare.isdigit()
    if is_bare and wants_unit:
        raise Refused(f"Say MB or GB: {plain} MB or {plain} GB.")
    size = parse_bytes(f"{plain}GB" if is_bare else plain, settings.FORMATS.units)
    if size == 0:
        raise Refused("Say how much data it shall be, such as 500 MB or 2 GB.")
    return size


def plain_amount(amount_minor: int) -> str:
    """An amount as one types it: `35.00`."""
    digits = minor_digits(settings.FORMATS.currency)
    whole, rest = divmod(amount_minor, 10**digits)
    return f"{whole}.{rest:0{digits}}" if digits else str(whole)


def plain_size(size_bytes: int) -> str:
    """A size as one types it, with nothing lost to rounding: `2.5 GB`, `1234 MB`, `1 B`."""
    units = int(settings.FORMATS.units)
    for power, name in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if size_bytes >= units**power:
            amount = Decimal(size_bytes) / Decimal(units**power)
            if amount == round(amount, 3):
                return f"{amount.normalize():f} {name}"
    return f"{size_bytes} B"
