"""What staff type about invoices, terms, taxes and prices."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from capstan.billing.actions.by_hand import KINDS
from capstan.billing.models import BillingPolicy, BillingTerms
from capstan.billing.rules.periods import LAST_DAY
from capstan.billing.rules.words import Method, SeriesKind, Timing, TopUpInvoicing
from capstan.catalog.models import Brand, TaxGroup
from capstan.console.forms.fields import MoneyField
from capstan.services.models import Service

TIMING_WORDS = {
    Timing.ADVANCE: "in advance",
    Timing.ARREARS: "in arrears",
    Timing.PREPAID: "prepaid: data comes when it is paid",
}
TOP_UP_WORDS = {
    TopUpInvoicing.NEXT: "on the next invoice",
    TopUpInvoicing.OWN: "on an invoice of their own, at once",
    TopUpInvoicing.PROFORMA: "a payment request first, the invoice when it is paid",
}
METHOD_WORDS = {
    Method.EFT: "EFT",
    Method.DEBIT_ORDER: "Debit order",
    Method.CARD: "Card",
    Method.CASH: "Cash",
}
KIND_WORDS = {"one-off": "Sold once: installation, router, call-out", "fee": "A fee"}
_DAYS = [(str(day), str(day)) for day in range(1, 29)] + [(str(LAST_DAY), "The month's last day")]
_SHORT, _LONG = 300, 2000
_REASON_HELP = "It stays with it."


def _text(label: str, help_text: str = "", **more: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(label=label, help_text=help_text, max_length=_SHORT, widget=widget, **more)


def _lines(label: str, help_text: str = "", rows: int = 4) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(label=label, help_text=help_text, max_length=_LONG, widget=widget, required=False)


def _day(label: str, help_text: str = "", **more: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, help_text=help_text, widget=widget, **more)


def _sentence(words: Mapping[Any, str]) -> list[tuple[str, str]]:
    return [(key.value, text[0].upper() + text[1:]) for key, text in words.items()]


class PercentField(forms.DecimalField):
    """A percentage such as `15` or `15.5`; cleaned it is in hundredths of a percent."""

    def __init__(self, **more: Any) -> None:
        super().__init__(max_digits=6, decimal_places=2, **more)

    def to_python(self, value: Any) -> Any:
        text = value.replace(",", ".").replace("%", "").strip() if isinstance(value, str) else value
        return super().to_python(text)

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return None if cleaned is None else int(cleaned * 100)


def percent_text(rate_bp: int) -> str:
    """As one types it: `15`, `15.5`."""
    return f"{(Decimal(rate_bp) / 100).normalize():f}"


def _key() -> forms.UUIDField:
    """Made at each rendering: the same form sent twice acts once."""
    return forms.UUIDField(required=False, widget=forms.HiddenInput)


class ReasonForm(forms.Form):
    reason = _text("Reason", _REASON_HELP)


class Creditable(NamedTuple):
    """A line of an invoice, what is left of it to credit, and how much of that to begin with."""

    line_id: int
    text: str
    left_minor: int
    proposed_minor: int


class CreditForm(forms.Form):
    """How much of which line is credited; empty or 0: nothing of it."""

    key = _key()
    reason = _text("Reason", "It stays with the credit note, and the customer reads it there.")

    def __init__(self, *args: Any, lines: Sequence[Creditable], left_minor: int, **more: Any) -> None:
        super().__init__(*args, **more)
        self._left_minor = left_minor
        for one in lines:
            self.fields[f"line-{one.line_id}"] = MoneyField(
                label=one.text,
                required=False,
                initial=one.proposed_minor,
                help_text=f"{settings.FORMATS.money(one.left_minor)} is left of it.",
            )
        self.order_fields([*(f"line-{one.line_id}" for one in lines), "reason"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if sum(self.amounts().values()) > self._left_minor:
            raise ValidationError(
                f"{settings.FORMATS.money(self._left_minor)} is left of this invoice: no more can be credited."
            )
        return cleaned

    def amounts(self) -> dict[int, int]:
        """What was typed, by line."""
        given = self.cleaned_data.items()
        return {
            int(name.removeprefix("line-")): amount or 0 for name, amount in given if name.startswith("line-")
        }


class RecipientForm(forms.Form):
    """What invoices say of a customer; a full tax invoice must have his address."""

    postal_address = forms.CharField(
        required=False, label="Postal address", max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
    physical_address = forms.CharField(
        required=False, label="Physical address", max_length=500, help_text="Printed where there is no postal one.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    vat_number = forms.CharField(required=False, label="VAT number", max_length=30)
    company_number = forms.CharField(required=False, label="Company registration", max_length=50)


class TermsForm(forms.Form):
    """A customer's own terms; what is left to the brand follows it."""

    billing_day = forms.TypedChoiceField(choices=_DAYS, coerce=int, label="Billing day")
    timing = forms.ChoiceField(required=False, label="Billed")
    due_days = forms.IntegerField(required=False, min_value=0, max_value=180, label="Days until it is due")
    top_ups = forms.ChoiceField(required=False, label="Top-ups go")
    group_top_ups = forms.ChoiceField(required=False, label="A line's top-ups")
    method = forms.ChoiceField(choices=_sentence(METHOD_WORDS), label="Pays by")
    is_paused = forms.BooleanField(required=False, label="Left out of bill runs")

    def __init__(self, *args: Any, policy: BillingPolicy, **more: Any) -> None:
        super().__init__(*args, **more)
        own = f"As the brand: {TIMING_WORDS[Timing(policy.timing)]}"
        self._choices("timing", [("", own), *_sentence(TIMING_WORDS)])
        own = f"As the brand: {TOP_UP_WORDS[TopUpInvoicing(policy.top_ups)]}"
        self._choices("top_ups", [("", own), *_sentence(TOP_UP_WORDS)])
        own = f"As the brand: {'together on one line' if policy.group_top_ups else 'a line each'}"
        self._choices("group_top_ups", [("", own), ("yes", "Together on one line"), ("no", "A line each")])
        self.fields["due_days"].help_text = f"Empty: as the brand, {policy.due_days}."

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @staticmethod
    def given_by(terms: BillingTerms | None, policy: BillingPolicy) -> dict[str, object]:
        """What the form begins with."""
        if terms is None:
            return {"billing_day": policy.billing_day, "method": Method.EFT.value}
        grouped = {None: "", True: "yes", False: "no"}[terms.group_top_ups]
        return {
            "billing_day": terms.billing_day, "timing": terms.timing or "", "due_days": terms.due_days,
            "top_ups": terms.top_ups or "", "group_top_ups": grouped, "method": terms.method, "is_paused": terms.is_paused,
        }  # fmt: skip

    def terms(self) -> dict[str, Any]:
        """As the action takes them."""
        given = self.cleaned_data
        return {
            "billing_day": given["billing_day"], "timing": Timing(given["timing"]) if given["timing"] else None,
            "due_days": given["due_days"], "top_ups": TopUpInvoicing(given["top_ups"]) if given["top_ups"] else None,
            "group_top_ups": {"yes": True, "no": False}.get(given["group_top_ups"]), "method": Method(given["method"]),
            "is_paused": given["is_paused"],
        }  # fmt: skip


def _line_choices(services: Sequence[Service]) -> list[tuple[str, str]]:
    return [(str(one.pk), one.username) for one in services]


class DiscountForm(forms.Form):
    key = _key()
    service = forms.TypedChoiceField(coerce=int, label="Line")
    text = _text("What it is", "As the invoice says it, such as: 10 % off for a year.")
    percent = PercentField(required=False, label="Percent off")
    amount = MoneyField(required=False, label="Or an amount off a month", help_text="VAT included.")
    first = _day("From", "Periods that begin on this day or later.")
    end = _day("First day without it", "Empty: until it is ended.", required=False)

    def __init__(self, *args: Any, services: Sequence[Service], **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["service"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _line_choices(services)


class EndForm(forms.Form):
    end = _day("First day without it")


class ChargeForm(forms.Form):
    """`key` is made at each rendering: the same form sent twice is one charge."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    service = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, label="Line")
    kind = forms.ChoiceField(
        choices=[(one.value, KIND_WORDS[one.value]) for one in KINDS], label="What it is"
    )
    text = _text("Text on the invoice")
    amount = MoneyField(label="Amount", help_text="VAT included.")
    tax_group = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, label="Taxed as")
    reason = _text("Reason", _REASON_HELP)

    def __init__(
        self, *args: Any, services: Sequence[Service], groups: Sequence[TaxGroup], **more: Any
    ) -> None:
        super().__init__(*args, **more)
        of_line, of_tax = self.fields["service"], self.fields["tax_group"]
        assert isinstance(of_line, forms.ChoiceField)
        assert isinstance(of_tax, forms.ChoiceField)
        of_line.choices = [("", "The account, no line"), *_line_choices(services)]
        default = next((one.name for one in groups if one.is_default), "not taxed")
        of_tax.choices = [("", f"The default: {default}"), *((str(one.pk), one.name) for one in groups)]


class PeriodForm(forms.Form):
    first = _day("From")
    last = _day("To")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and first > last:
            raise ValidationError("The last day comes after the first.")
        return cleaned


class StartForm(forms.Form):
    brand = forms.IntegerField(widget=forms.HiddenInput)
    billing_day = _day("Billing day")


class RateForm(forms.Form):
    percent = PercentField(min_value=0, max_value=100, label="Rate in percent")
    valid_from = _day("From the day of supply")


class RehearsalForm(forms.Form):
    since = _day("From the day of supply")
    percent = PercentField(
        required=False,
        min_value=0,
        max_value=100,
        label="Rate in percent",
        help_text="Empty: the rates as they are.",
    )


class PriceForm(forms.Form):
    amount = MoneyField(label="Price a month", help_text="VAT included.")
    valid_from = _day("From")


class PolicyForm(forms.Form):
    billing_day = forms.TypedChoiceField(choices=_DAYS, coerce=int, label="Billing day of new customers")
    by_anniversary = forms.BooleanField(required=False, label="Or the day on which each became a customer")
    timing = forms.ChoiceField(choices=_sentence(TIMING_WORDS), label="Billed")
    due_days = forms.IntegerField(min_value=0, max_value=180, label="Days until an invoice is due")
    top_ups = forms.ChoiceField(choices=_sentence(TOP_UP_WORDS), label="Top-ups go")
    group_top_ups = forms.BooleanField(required=False, label="A line's top-ups together on one line")
    pays_first_after_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=365,
        label="Days overdue from which top-ups are paid first",
        help_text="Empty: nobody pays first for being overdue.",
    )
    prepaid_lead_days = forms.IntegerField(
        min_value=0, max_value=27, label="Days before a prepaid period begins, it is asked for"
    )
    preview_days = forms.IntegerField(min_value=0, max_value=27, label="Days before, a run is previewed")
    issues_by_itself = forms.BooleanField(
        required=False, label="On the billing day, invoices are issued without anybody's say"
    )

    @staticmethod
    def given_by(policy: BillingPolicy) -> dict[str, object]:
        return {name: getattr(policy, name) for name in PolicyForm.base_fields}

    def policy(self) -> dict[str, Any]:
        """As the action takes it."""
        given = self.cleaned_data
        return given | {"timing": Timing(given["timing"]), "top_ups": TopUpInvoicing(given["top_ups"])}


class SeriesForm(forms.Form):
    kind = forms.ChoiceField(choices=[(one.value, one.value) for one in SeriesKind], widget=forms.HiddenInput)
    letters = _text("Prefix", required=False)
    next_number = forms.IntegerField(min_value=1, max_value=10**15, label="Next number")


class PapersForm(forms.Form):
    """What a brand's documents say of it."""

    issuer = _lines("Legal name and address", "A line each; the first is the name.")
    company_number = _text("Company number", required=False)
    vat_number = _text(
        "VAT number",
        "Empty: not registered, and no document of this brand says a word of VAT.",
        required=False,
    )
    bank_details = _lines("Where customers pay by EFT", "A line each, such as: Account: 0000000000")
    accent = _text("Colour", "As #rrggbb.")
    document_footer = _lines("Footer", rows=2)

    @staticmethod
    def given_by(brand: Brand) -> dict[str, object]:
        return {name: getattr(brand, name) for name in PapersForm.base_fields}


class LogoForm(forms.Form):
    logo = forms.FileField(
        label="Logo",
        help_text="PNG, JPEG or SVG.",
        widget=forms.ClearableFileInput(attrs={"accept": "image/png,image/jpeg,image/svg+xml"}),
    )
