"""Logins of staff."""

from django import forms

from capstan.identity.rules import Role

ROLES = [
    (Role.AGENT.value, "Agent"),
    (Role.ACCOUNTS.value, "Accounts clerk"),
    (Role.MANAGER.value, "Manager"),
]


class LoginForm(forms.Form):
    username = forms.CharField(
        max_length=64,
        label="Username",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    name = forms.CharField(
        max_length=120,
        label="Name",
        help_text="As it is recorded with everything this person does.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    email = forms.EmailField(
        required=False,
        label="E-mail",
        help_text="It can be used to sign in.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(choices=ROLES, initial=Role.AGENT.value, widget=forms.RadioSelect, label="Role")


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=ROLES, label="Role")
