"""What staff do about messages."""

from django import forms

from capstan.topups.actions.staff_reply import LENGTH_MAX

_NOTE_MAX = 300


class ReplyForm(forms.Form):
    """`key` is made at each rendering: the same form sent twice is one SMS."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    text = forms.CharField(
        max_length=LENGTH_MAX,
        label="Answer by SMS",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write the answer first."},
    )


class NoteForm(forms.Form):
    note = forms.CharField(
        required=False,
        max_length=_NOTE_MAX,
        label="What you did",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class TestForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput)
    recipient = forms.CharField(
        max_length=254, label="Number or address", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
