"""What staff type about payments: money that came in, lines of the bank, tills, days of the books."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from capstan.billing.models import Invoice
from capstan.billing.rules.words import Method
from capstan.console.forms.fields import MoneyField
from capstan.ledger.rules import Code, Name
from capstan.payments.models import Payment, Refund
from capstan.payments.queries.desk import Narrowed, Place, Wanted
from capstan.payments.queries.listing_of_bank import Place as BankPlace
from capstan.payments.rules.statements.banks import BUILT_IN
from capstan.payments.rules.words import BankLineState, NotificationState, Payout
from capstan.values.refused import Refused

_SHORT = 300
_LONG_AGO = timedelta(days=366)
_STATEMENT_MAX = 20_000_000
METHODS = {
    Method.EFT: "EFT",
    Method.DEBIT_ORDER: "Debit order",
    Method.CARD: "Card",
    Method.CASH: "Cash",
}
_ONLY = {
    Narrowed.LEFT: "Not used up",
    Narrowed.REVERSED: "Reversed",
    Narrowed.SHORT: "Checkout paid too little",
    Narrowed.UNCERTAIN: "Refund uncertain",
}


def _line(label: str, help_text: str = "", **more: Any) -> forms.CharField:
    attrs = {"autocomplete": "off", **more.pop("attrs", {})}
    return forms.CharField(
        label=label, help_text=help_text, max_length=_SHORT, widget=forms.TextInput(attrs=attrs), **more
    )


def _day(label: str, **more: Any) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(label=label, widget=widget, **more)


class PaymentsFilter(forms.Form):
    """What a list of payments is narrowed to; what makes no sense narrows nothing."""

    q = _line("Receipt, reference or customer", required=False, attrs={"type": "search"})
    method = forms.ChoiceField(
        choices=[("", "All ways"), *((one.value, words) for one, words in METHODS.items())],
        required=False,
        label="Paid by",
    )
    first = _day("From", required=False)
    last = _day("Until", required=False)
    only = forms.ChoiceField(
        choices=[("", "All"), *((one.value, words) for one, words in _ONLY.items())],
        required=False,
        label="What became of it",
    )
    after = forms.RegexField(r"\d{4}-\d\d-\d\d:\d{1,18}", required=False, widget=forms.HiddenInput)

    def wanted(self) -> Wanted:
        self.is_valid()
        given = self.cleaned_data
        method, only = given.get("method"), given.get("only")
        return Wanted(
            Method(method) if method else None, given.get("first"), given.get("last"),
            Narrowed(only) if only else None, given.get("q") or "",
        )  # fmt: skip

    def place(self) -> Place | None:
        """Where the page begins."""
        day, _, number = (self.cleaned_data.get("after") or "").partition(":")
        try:
            return Place(date.fromisoformat(day), int(number)) if number else None
        except ValueError:
            return None


class InvoicesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Open invoices to choose from, the first due first."""

    def __init__(self, **more: Any) -> None:
        super().__init__(
            queryset=Invoice.objects.none(), widget=forms.CheckboxSelectMultiple, required=False, **more
        )

    def label_from_instance(self, obj: Invoice) -> str:
        formats = settings.FORMATS
        return f"{obj.number}: {formats.money(obj.open_minor)} open, due {formats.day(obj.due_on)}"

    def choose_from(self, invoices: list[Invoice]) -> None:
        found = Invoice.objects.filter(pk__in=[one.pk for one in invoices])
        self.queryset = found.order_by("due_on", "pk")


class TakeForm(forms.Form):
    """Money that a customer paid, over the counter or into the bank."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    amount = MoneyField(label="Amount", help_text="As it was paid, such as 599.00.")
    method = forms.ChoiceField(
        choices=[(Method.EFT.value, "EFT, into the bank"), (Method.CASH.value, "Cash, into my till")],
        widget=forms.RadioSelect,
        label="Paid by",
    )
    day = _day("Received on")
    reference = _line("Reference", "The bank's words, or whatever finds it again.", required=False)
    invoices = InvoicesField(
        label="Invoices that it pays first",
        help_text="None chosen: the oldest first. What is left stays credit.",
    )

    def __init__(self, *args: Any, open_invoices: list[Invoice], today: date, **more: Any) -> None:
        super().__init__(*args, **more)
        self._today = today
        self.fields["invoices"].choose_from(open_invoices)  # type: ignore[attr-defined]
        if not open_invoices:
            del self.fields["invoices"]

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if day > self._today:
            raise ValidationError("This day is still to come: book it when the money is here.")
        if day < self._today - _LONG_AGO:
            raise ValidationError("This day is more than a year ago: check it.")
        return day

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount <= 0:
            raise ValidationError("A payment is more than nothing.")
        return amount


class ReverseForm(forms.Form):
    reason = _line("Why", "The bank's or the gateway's words, such as: chargeback, returned by the bank.")


class RefundForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput)
    amount = MoneyField(label="Amount")
    how = forms.ChoiceField(choices=[], widget=forms.RadioSelect, label="How it goes back")
    reason = _line("Why", "It stays with the payment and in the books.")

    def __init__(self, *args: Any, has_gateway: bool, **more: Any) -> None:
        super().__init__(*args, **more)
        ways = [(Payout.EFT.value, "EFT, from the bank"), (Payout.CASH.value, "Cash, from my till")]
        by_gateway = [
            (Payout.SAME_WAY.value, "The way it came, by the gateway"),
            (Payout.AT_GATEWAY.value, "It went back at the gateway already: only book it"),
        ]
        self.fields["how"].choices = [*by_gateway, *ways] if has_gateway else ways  # type: ignore[attr-defined]


class SpendForm(forms.Form):
    invoices = InvoicesField(label="Invoices")

    def __init__(self, *args: Any, open_invoices: list[Invoice], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["invoices"].choose_from(open_invoices)  # type: ignore[attr-defined]
        self.fields["invoices"].required = True
        self.fields["invoices"].error_messages["required"] = "Choose the invoices that it shall pay."


class WhoForm(forms.Form):
    """Whose it is: typed, or tapped among those that were found."""

    who = _line(
        "Customer",
        "Account code, name, username or number.",
        error_messages={"required": "Say whose it is: an account code, a name, a username or a number."},
    )
    customer = forms.IntegerField(required=False)  # no field: the buttons of those who were found send it

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.data.get("customer"):
            self.fields["who"].required = False


class AssignForm(WhoForm):
    remember = forms.BooleanField(
        required=False, label="Remember these words: the next payment of them goes there by itself"
    )

    is_another = forms.BooleanField(
        required=False, label="This is more money than what was booked by hand some days ago"
    )


class AssignUnknownForm(WhoForm):
    reason = _line("How you know whose it is")


class SetAsideForm(forms.Form):
    reason = _line("What it is", "Such as: interest, or a transfer between our own accounts.")


class PlaceForm(forms.Form):
    """Money that was ours before it reached the bank."""

    account = forms.ChoiceField(
        choices=[], label="Where it was", help_text="What the books have there stands beside it."
    )
    fee = MoneyField(
        label="Fee that was kept",
        required=False,
        help_text="Only what isn't booked yet: most gateways say theirs at once.",
    )
    remember = forms.BooleanField(
        required=False, label="Remember these words: the next line of them is booked like this by itself"
    )

    def __init__(self, *args: Any, places: Sequence[BankPlace], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["account"].choices = [  # type: ignore[attr-defined]
            (one.account.subject, f"{one.account.subject}: {settings.FORMATS.money(one.balance_minor)}")
            for one in places
        ]

    def account_name(self) -> Name:
        return Name(Code.CLEARING, self.cleaned_data["account"])


class TakeBackForm(forms.Form):
    """The payment that a line of money out took back."""

    payment = forms.ChoiceField(
        choices=[],
        widget=forms.RadioSelect,
        label="Payment",
        error_messages={"required": "Choose the payment that the bank took back."},
    )

    def __init__(self, *args: Any, payments: Sequence[Payment], **more: Any) -> None:
        super().__init__(*args, **more)
        day, money = settings.FORMATS.day, settings.FORMATS.money
        self.fields["payment"].choices = [  # type: ignore[attr-defined]
            (
                str(one.pk),
                f"{one.customer.account_code} {one.customer.name}: {money(one.amount_minor)} of {day(one.received_on)},"
                f" receipt {one.receipt_number}",
            )
            for one in payments
        ]


class PaidRefundForm(forms.Form):
    """The refund that went out by a line."""

    refund = forms.ChoiceField(
        choices=[],
        widget=forms.RadioSelect,
        label="Refund",
        error_messages={"required": "Choose the refund that went out by this line."},
    )

    def __init__(self, *args: Any, refunds: Sequence[Refund], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["refund"].choices = [  # type: ignore[attr-defined]
            (str(one.pk), f"{one.payment.customer.name}, receipt {one.payment.receipt_number}: {one.reason}")
            for one in refunds
        ]


class PutBackForm(forms.Form):
    reason = _line("Why it goes back to the queue")


class SettleForm(forms.Form):
    """What became of a refund that the gateway didn't answer for."""

    went_out = forms.ChoiceField(
        choices=[("yes", "It went out"), ("no", "It didn't: the customer keeps his credit")],
        widget=forms.RadioSelect,
        label="What became of it",
    )
    reason = _line("Where you saw it", "Such as: the gateway's list of 5 March.")


class LinesFilter(forms.Form):
    state = forms.ChoiceField(
        choices=[("", "All"), *((one.value, one.value.capitalize()) for one in BankLineState)],
        required=False,
        label="What became of them",
    )
    source = forms.IntegerField(required=False, min_value=1, max_value=2**62, widget=forms.HiddenInput)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62, widget=forms.HiddenInput)


class LookedAfterForm(forms.Form):
    reason = _line("What you found out", "It is kept with your name.")


class PasteForm(forms.Form):
    text = forms.CharField(
        label="A line as the bank writes it",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
    )


class ImportForm(forms.Form):
    """A statement as the bank gives it out. OFX is known by itself."""

    file = forms.FileField(
        label="Statement", help_text="CSV or OFX, as downloaded from the bank.", max_length=255
    )
    profile = forms.ChoiceField(
        choices=[("", "OFX: it says itself"), *((key, one.name) for key, one in BUILT_IN.items())],
        required=False,
        label="Layout",
    )
    account = _line(
        "Which of our accounts",
        "The same name each time: lines are known again by it.",
        attrs={"list": "accounts"},
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > _STATEMENT_MAX:
            raise ValidationError("This is larger than 20 MB: download fewer days at a time.")
        return file


class NotificationsFilter(forms.Form):
    show = forms.ChoiceField(
        choices=[
            ("", "All"),
            ("person", "Needs a person"),
            *((one.value, one.value.capitalize()) for one in NotificationState),
        ],
        required=False,
        label="Show",
    )
    before = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def state(self) -> NotificationState | None:
        chosen = self.cleaned_data.get("show") if self.is_valid() else None
        return NotificationState(chosen) if chosen and chosen != "person" else None

    @property
    def needs_person(self) -> bool:
        return self.is_valid() and self.cleaned_data.get("show") == "person"


class CountForm(forms.Form):
    counted = MoneyField(label="Counted in the till")
    banked = MoneyField(label="Of that to the bank", required=False, help_text="The rest stays as change.")
    remark = _line("Remark", "Needed when it isn't what it should be.", required=False)


class UntilForm(forms.Form):
    until = _day("Until and with")


class DaysForm(forms.Form):
    """Days of the books; the wrong way round they are no days."""

    first = _day("From")
    last = _day("Until and with")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        if first and last and first > last:
            raise ValidationError("The first day is after the last.")
        return given


def account_named(code: str, subject: str) -> Name:
    """An account of the books as an address names it. Raises Refused."""
    try:
        if "\0" in subject:
            raise ValueError(subject)
        return Name(Code(code), subject)
    except ValueError:
        raise Refused(f"There is no account called {code!r}.") from None
