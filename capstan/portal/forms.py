"""What customers type on the public pages."""

from django import forms

from capstan.services.models import ConnectionType


class LineLogin(forms.Form):
    """The login of a connection, as its router has it."""

    connection_type = forms.ChoiceField(label="Type of connection")
    username = forms.CharField(
        label="Username of the connection",
        max_length=253,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "inputmode": "email",
            }
        ),
    )
    password = forms.CharField(
        label="Password of the connection",
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        kinds = ConnectionType.objects.order_by("name").values_list("code", "name")
        self.fields["connection_type"].choices = [("", "Choose …"), *kinds]  # type: ignore[attr-defined]


class Forgotten(forms.Form):
    """Whose link it shall be."""

    who = forms.CharField(
        label="Username of the connection, or your mobile number",
        max_length=253,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
