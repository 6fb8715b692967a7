"""On to the gateway: its own page, or a page of ours that holds its fields."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from capstan.catalog.models import Brand
from capstan.payments.actions.checkouts import Consent
from capstan.payments.actions.gateways.port import Form, Intent
from capstan.payments.models import Checkout
from capstan.ui.csp import policy

CHANNEL = "payment page"


class KeepForm(forms.Form):
    """Whether the card shall be kept, and who says so."""

    keep = forms.BooleanField(required=False, label="Keep this card for later")
    keeper = forms.CharField(
        required=False,
        max_length=100,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def consent(self) -> Consent | None:
        self.is_valid()
        given = self.cleaned_data
        return Consent(given.get("keeper", ""), CHANNEL) if given.get("keep") else None


def on_to(
    request: HttpRequest, checkout: Checkout, way: Form | Intent, *, brand: Brand, back: str
) -> HttpResponse:
    """The page that leads on; its policy, and no other page's, names the gateway's origins. `back`: where one chooses again."""
    context = {
        "checkout": checkout, "way": way, "brand": brand, "back": back,
        "state_url": reverse("portal:paid", kwargs={"token": checkout.token}),
    }  # fmt: skip
    if isinstance(way, Form):
        response = render(request, "portal/on_to_gateway.html", context)
        allowed = policy(form_action=way.origins)
    else:
        response = render(request, "portal/card.html", context)
        allowed = policy(script=way.origins.script, frame=way.origins.frame, connect=way.origins.connect)
    response.headers["Content-Security-Policy"] = allowed
    response.headers["Cache-Control"] = "no-store"
    return response
