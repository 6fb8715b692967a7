"""How debt is chased, and people's word that one isn't for now."""

from typing import Any

from django import forms

from capstan.billing.models import DunningPolicy
from capstan.billing.rules.dunning import DEFAULT_STEPS, Deed, DunningStep, Policy, steps_of
from capstan.console.forms.fields import MoneyField


def _overdue(words: str) -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=0, max_value=180, label=f"Days overdue: {words}")


class ChasingForm(forms.Form):
    """A brand's steps, in days from the due date; an empty one is left out."""

    soon = forms.IntegerField(
        required=False, min_value=1, max_value=30, label="Days before it is due: a word that it will be"
    )
    first = _overdue("first reminder")
    second = _overdue("second reminder")
    warning = _overdue("warning that lines will be on hold")
    suspension = _overdue("lines on hold")
    grace_days = forms.IntegerField(min_value=0, max_value=60, label="Days of grace before any of it counts")
    warn_days = forms.IntegerField(min_value=0, max_value=30, label="Days at least between warning and hold")
    least = MoneyField(label="Less than this overdue isn't chased")
    skip_weekends = forms.BooleanField(
        required=False, label="No line goes on hold on weekends and public holidays"
    )
    reminders_skip = forms.BooleanField(required=False, label="Nor is anything said on them")

    @staticmethod
    def given_by(policy: DunningPolicy | None) -> dict[str, object]:
        """What the form begins with: the brand's own, else what most providers do."""
        row = policy or DunningPolicy()
        steps = steps_of(row.steps) if policy else DEFAULT_STEPS
        days: dict[str, object] = {one.code: abs(one.days) for one in steps}
        return days | {
            "grace_days": row.grace_days, "warn_days": row.warn_days, "least": row.least_minor,
            "skip_weekends": row.skip_weekends, "reminders_skip": row.reminders_skip,
        }  # fmt: skip

    def policy(self) -> Policy:
        """As the action takes it."""
        given = self.cleaned_data
        steps = [DunningStep("soon", -given["soon"], Deed.REMIND)] if given["soon"] else []
        for code in ("first", "second"):
            if given[code] is not None:
                steps.append(DunningStep(code, given[code], Deed.REMIND))
        if given["warning"] is not None:
            steps.append(DunningStep("warning", given["warning"], Deed.WARN))
        if given["suspension"] is not None:
            steps.append(DunningStep("suspension", given["suspension"], Deed.SUSPEND))
        return Policy(
            tuple(steps), given["least"] or 0, given["grace_days"], given["warn_days"], given["skip_weekends"],
            given["reminders_skip"], given["suspension"] is not None,
        )  # fmt: skip


class PromiseForm(forms.Form):
    until = forms.DateField(label="Pays by", widget=forms.DateInput(attrs={"type": "date"}))
    amount = MoneyField(required=False, label="How much", help_text="Empty: all that is overdue.")
    reason = forms.CharField(required=False, label="What was said", max_length=300)


class DisputeForm(forms.Form):
    invoice = forms.TypedChoiceField(coerce=int, label="Invoice")
    until = forms.DateField(
        required=False, label="Until", help_text="Empty: until somebody ends it.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )  # fmt: skip
    reason = forms.CharField(label="What is disputed", max_length=300)

    def __init__(self, *args: Any, invoices: list[tuple[int, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        field: Any = self.fields["invoice"]
        field.choices = invoices


class HoldForm(forms.Form):
    until = forms.DateField(
        required=False, label="Until", help_text="Empty: until somebody ends it.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )  # fmt: skip
    reason = forms.CharField(label="Reason", max_length=300)


class EndHoldForm(forms.Form):
    hold = forms.IntegerField(widget=forms.HiddenInput)
    because = forms.CharField(label="Why it ends", max_length=300)


class WarnedForm(forms.Form):
    how = forms.CharField(
        label="How he was told", help_text="By phone, at the door; and who took it.", max_length=300
    )
