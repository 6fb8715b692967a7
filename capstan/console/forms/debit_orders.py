"""What staff type about debit orders: mandates, batches, results, and how a brand collects."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from capstan.console.forms.fields import MoneyField
from capstan.payments.actions.debit_orders.mandates import Wanted
from capstan.payments.actions.debit_orders.policy import AGAIN_DAYS_MAX
from capstan.payments.models import DebitOrderPolicy
from capstan.payments.rules.debit_orders.calendar import Instruction
from capstan.payments.rules.debit_orders.due import LAST_DAY
from capstan.payments.rules.debit_orders.mandates import BANKS, AccountType
from capstan.payments.rules.words import MandateState

_SHORT = 300
_RESULTS_MAX = 20_000_000
_DAYS = [*((str(day), str(day)) for day in range(1, 29)), (str(LAST_DAY), "the month's last day")]
_INSTRUCTIONS = {
    Instruction.TWO_DAY: "Two-day: with Netcash two business days before",
    Instruction.SAME_DAY: "Same-day: with Netcash that morning",
}


def _line(label: str, help_text: str = "", **more: Any) -> forms.CharField:
    attrs = {"autocomplete": "off", **more.pop("attrs", {})}
    return forms.CharField(
        label=label, help_text=help_text, max_length=_SHORT, widget=forms.TextInput(attrs=attrs), **more
    )


def _day(label: str, **more: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(label=label, widget=widget, **more)


def _day_of_month(label: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(label=label, choices=_DAYS, coerce=int)


class DraftForm(forms.Form):
    """A mandate as the customer gave it."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    holder = _line("Account holder", "As the bank has it.")
    branch_code = _line(
        "Branch code", "Six digits, such as 632005.", attrs={"inputmode": "numeric", "list": "branches"}
    )
    bank_name = _line("Bank", "Only for a branch code that isn't a universal one.", required=False)
    account_number = _line("Account number", attrs={"inputmode": "numeric"})
    account_type = forms.ChoiceField(
        label="Kind of account", choices=[(one.value, one.value.capitalize()) for one in AccountType]
    )
    action_day = _day_of_month("Day of the month on which it is debited")
    most = MoneyField(
        label="The most that one debit may be", required=False, help_text="Empty: what is owed."
    )
    is_sure = forms.BooleanField(
        required=False, label="The number is right, even if it is unusual for this bank"
    )

    branches = [(one.branch_code, one.name) for one in BANKS]

    def wanted(self) -> Wanted:
        given = self.cleaned_data
        return Wanted(
            given["holder"], given["branch_code"], given["account_number"], AccountType(given["account_type"]),
            given["action_day"], given["bank_name"], given["most"], given["is_sure"],
        )  # fmt: skip


class SignedForm(forms.Form):
    signed_on = _day("Signed on")
    signed_by = _line("Name below the form")


class ReasonForm(forms.Form):
    reason = _line("Why", "It stays with it, with your name.")


class NothingForm(forms.Form):
    """A button alone."""


class ProposeForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput)
    brand = forms.TypedChoiceField(coerce=int, label="Brand")
    day = _day("Action date", help_text="On which the accounts are debited.")

    def __init__(self, *args: Any, brands: list[tuple[int, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        field: Any = self.fields["brand"]
        field.choices = brands
        if len(brands) == 1:
            field.widget, field.initial = forms.HiddenInput(), brands[0][0]

    @property
    def given(self) -> tuple[int, date]:
        return self.cleaned_data["brand"], self.cleaned_data["day"]


class LeaveOutForm(ReasonForm):
    customer = forms.IntegerField(widget=forms.HiddenInput)


class ResultsForm(forms.Form):
    file = forms.FileField(
        label="Netcash's statement", max_length=255,
        help_text="The text with tabs, as its statement service gives it out: paid and unpaid debit orders.",
    )  # fmt: skip

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > _RESULTS_MAX:
            raise ValidationError("This is larger than 20 MB: download fewer days at a time.")
        return file


class MandatesFilter(forms.Form):
    show = forms.ChoiceField(
        choices=[("", "All"), *((one.value, one.value.capitalize()) for one in MandateState)],
        required=False,
        label="Show",
    )
    before = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def state(self) -> MandateState | None:
        chosen = self.cleaned_data.get("show") if self.is_valid() else None
        return MandateState(chosen) if chosen else None


class DebitPolicyForm(forms.Form):
    """How a brand collects. Keys are never shown; an empty one leaves the one there is."""

    service_key = _line(
        "Netcash's service key", "Of the debit-order service. Empty: as it is.", required=False
    )
    vendor_key = _line("Vendor key", "Empty: as it is, at first the standard one.", required=False)
    instruction = forms.ChoiceField(
        label="Service", choices=[(one.value, words) for one, words in _INSTRUCTIONS.items()]
    )
    action_day = _day_of_month("Day that a mandate's form begins with")
    fee = MoneyField(label="Fee for one that came back", required=False, help_text="Incl. VAT. Empty: none.")
    again_after_days = forms.IntegerField(
        required=False, min_value=1, max_value=AGAIN_DAYS_MAX,
        label="Days after which one that lacked money is tried again", help_text="Once. Empty: never.",
    )  # fmt: skip

    @staticmethod
    def given_by(policy: DebitOrderPolicy | None) -> dict[str, object]:
        """What the form begins with: the brand's own, else what is usual; never a key."""
        row = policy or DebitOrderPolicy(again_after_days=5)
        return {
            "instruction": row.instruction, "action_day": row.action_day, "fee": row.fee_minor or None,
            "again_after_days": row.again_after_days,
        }  # fmt: skip

    def policy(self) -> dict[str, Any]:
        """As the action takes it."""
        given = self.cleaned_data
        return {
            "service_key": given["service_key"], "vendor_key": given["vendor_key"],
            "instruction": Instruction(given["instruction"]), "action_day": given["action_day"],
            "fee_minor": given["fee"] or 0, "again_after_days": given["again_after_days"],
        }  # fmt: skip
