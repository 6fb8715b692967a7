"""What staff type about a stored card."""

from uuid import uuid4

from django import forms

from capstan.console.forms.fields import MoneyField


def _line(label: str, help_text: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(label=label, help_text=help_text, max_length=200, widget=widget)


class ChargeCardForm(forms.Form):
    """How much, who agreed, and why. Sent twice it charges once."""

    amount = MoneyField(label="Amount")
    agreed_by = _line("Who agreed to it", "The customer's own words count: on the telephone, by e-mail.")
    reason = _line("Reason", "It stays with the charge.")
    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class SettleChargeForm(forms.Form):
    """What became of a charge that the gateway gave no clear answer to."""

    charge = forms.IntegerField(min_value=1, max_value=2**62, widget=forms.HiddenInput)
    went_through = forms.ChoiceField(
        choices=[("yes", "It went through"), ("no", "It didn't: nothing was charged")],
        widget=forms.RadioSelect,
        label="What became of it",
    )
    reference = forms.CharField(
        label="The gateway's number of the payment",
        help_text="If it went through: as the gateway's list shows it.",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    reason = _line("Where you saw it", "Such as: the gateway's list of 5 March.")


class RemoveCardForm(forms.Form):
    """Why the card goes."""

    reason = _line(
        "Reason",
        "Who asked for it. What stands for the card is forgotten, and what the gateway told us of it stays sealed; it is "
        "stored anew by paying with it.",
    )
