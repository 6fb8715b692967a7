"""What staff do to a customer's account."""

from django import forms

from capstan.console.forms.fields import MoneyField


class NoteForm(forms.Form):
    text = forms.CharField(
        label="Note for colleagues", max_length=4000, widget=forms.Textarea(attrs={"rows": 2}), strip=True
    )


class RuleForm(forms.Form):
    needs_authorisation = forms.BooleanField(
        required=False, label="Top-ups must be authorised by one of the people below"
    )
    pays_first = forms.BooleanField(required=False, label="Top-ups are added when they are paid")


class AuthoriserForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.CharField(
        label="Role",
        max_length=200,
        help_text="Manager, owner, director, …",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    phone = forms.CharField(
        label="Mobile number",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    limit_minor = MoneyField(required=False, label="Up to, in one order", help_text="Empty: any amount.")


class RemoveForm(forms.Form):
    authoriser = forms.IntegerField(widget=forms.HiddenInput)
