"""What staff do to an order."""

from typing import Any

from django import forms

from capstan.identity.rules import Actor, Permission

_SHORT = 300


def _line(label: str, help_text: str = "", **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=_SHORT,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        **more,
    )


class DeedForm(forms.Form):
    """A form that knows who fills it in, for what only some may do."""

    def __init__(self, *args: Any, actor: Actor, **more: Any) -> None:
        super().__init__(*args, **more)
        self.actor = actor


class ReverseForm(DeedForm):
    reason = _line("Reason", "It stays with the top-up and is on the invoice.")
    in_full = forms.BooleanField(
        required=False, label="Give back the whole price, although some of it was used"
    )

    def __init__(self, *args: Any, actor: Actor, **more: Any) -> None:
        super().__init__(*args, actor=actor, **more)
        if not actor.may(Permission.REVERSE_USED):
            del self.fields["in_full"]


class MoveForm(DeedForm):
    to_service = forms.IntegerField(
        widget=forms.HiddenInput, error_messages={"required": "Find the right line and choose it."}
    )
    reason = _line("Reason", "It stays with both top-ups.", initial="Added to the wrong line")


class AnswerForm(DeedForm):
    approve = forms.TypedChoiceField(
        choices=[("yes", "Approve"), ("no", "Decline")],
        coerce=lambda chosen: chosen == "yes",
        empty_value=None,
    )
    who = forms.CharField(
        label="In whose name",
        max_length=_SHORT,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "authorisers"}),
    )
    why = _line("How you know", "Such as: called us back on the number we have.")


class PaidForm(DeedForm):
    reference = _line("Receipt or bank reference")


class CancelForm(DeedForm):
    reason = _line("Reason", "Whoever ordered by SMS is told it in these words.")


class LookedAfterForm(DeedForm):
    remark = _line("What you did", required=False)


class CallerForm(DeedForm):
    number = forms.CharField(
        label="The caller's mobile number",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    may_order = forms.BooleanField(required=False, initial=True, label="May order by SMS")
