"""The ways out and in: their state, the addresses of their callbacks, and a test message."""

from typing import NamedTuple
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from capstan.catalog.models import Brand
from capstan.console.forms.messages import TestForm
from capstan.console.views.messages import tabs
from capstan.customers.rules import normalise_email
from capstan.identity.rules import Permission
from capstan.messaging.actions.people import send_test
from capstan.messaging.models import Gateway
from capstan.messaging.queries.gateways import gateways, secrets_of
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.ui.access import StaffRequest, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.values import clock
from capstan.values.phone import normalise_phone
from capstan.values.refused import Refused

_KINDS = {
    GatewayKind.LOOPBACK: "The demo handset",
    GatewayKind.HTTP: "A carrier's HTTP interface",
    GatewayKind.SMTP: "A mail server",
}


class Shown(NamedTuple):
    """A gateway in words."""

    gateway: Gateway
    badge: SafeString
    facts: list[tuple[str, object]]
    hooks: list[tuple[str, str]]
    form: forms.Form | None


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    return _page(request)


@require_POST
@staff_required(Permission.TEST_GATEWAYS)
def test(request: StaffRequest, gateway_id: int) -> HttpResponse:
    """Send a test by this very gateway."""
    gateway = Gateway.objects.filter(pk=gateway_id).first()
    if gateway is None:
        raise Http404(f"There is no gateway {gateway_id}.")
    form = TestForm(request.POST, auto_id=_ids(gateway))
    if form.is_valid():
        try:
            message_id = _send(
                request, gateway, form.cleaned_data["recipient"], str(form.cleaned_data["key"])
            )
        except Refused as refusal:
            form.add_error("recipient", str(refusal))
        else:
            messages.success(request, f"A test leaves by {gateway.name}. Here you see whether it arrives.")
            return redirect(reverse("console:message", args=[message_id]))
    return _page(request, gateway, form)


def _send(request: StaffRequest, gateway: Gateway, typed: str, key: str) -> int:
    is_sms = gateway.medium == Medium.SMS
    recipient = normalise_phone(typed, settings.OPTIONS.country) if is_sms else normalise_email(typed)
    brand = Brand.objects.order_by("pk").first()
    if brand is None:
        raise Refused("There is no brand yet in whose name one could write.")
    return send_test(
        gateway_id=gateway.pk, recipient=recipient, brand_id=brand.pk, brand_name=brand.name, sender=brand.sms_sender,
        key=key, actor=request.actor.key, now=clock.now(),
    ).pk  # fmt: skip


def _page(
    request: StaffRequest, tested: Gateway | None = None, form: forms.Form | None = None
) -> HttpResponse:
    may_test = request.actor.may(Permission.TEST_GATEWAYS)
    items = []
    for one in gateways():
        fresh = TestForm(initial={"key": uuid4()}, auto_id=_ids(one)) if may_test and one.active else None
        items.append(_shown(one, form if form is not None and one == tested else fresh))
    broken = sum(bool(item.gateway.trouble) and item.gateway.active for item in items)
    return render(
        request,
        "console/gateways/page.html",
        {"items": items, "broken": broken, "tested": tested.pk if tested else None, "tabs": tabs("gateways")},
    )


def _shown(one: Gateway, form: forms.Form | None) -> Shown:
    formats = settings.FORMATS
    facts: list[tuple[str, object]] = [
        ("Kind", _KINDS[GatewayKind(one.kind)]),
        (
            "Carries",
            f"{'SMS' if one.medium == Medium.SMS else 'E-mail'}{', answers reach us' if one.two_way else ''}",
        ),
        ("Sender", one.sender),
        ("Rate", f"{one.per_second} messages a second"),
        ("A segment costs", formats.money(one.cost_minor) if one.cost_minor else "nothing"),
        ("Goes first", f"the lowest number: {one.priority}"),
        (
            "Trouble",
            f"{one.trouble} (since {formats.moment(one.trouble_since)})" if one.trouble_since else "",
        ),
        ("Read last", formats.moment(one.polled_at) if one.polled_at else ""),
    ]
    return Shown(one, _badge(one), [(term, fact) for term, fact in facts if fact], _hooks(one), form)


def _badge(one: Gateway) -> SafeString:
    if not one.active:
        return badge("Switched off", Tone.QUIET, "minus")
    return (
        badge("In trouble", Tone.BAD, "bolt-off")
        if one.trouble
        else badge("Works", Tone.GOOD, "circle-check")
    )


def _hooks(one: Gateway) -> list[tuple[str, str]]:
    """The addresses that the carrier calls, their secret part hidden: who enters the gateway knows it."""
    if not secrets_of(one).get("hook_token"):
        return []
    start = f"{settings.PUBLIC_URL}/hooks/sms/{one.name}/••••••"
    return [("What comes in", f"{start}/in"), ("Receipts", f"{start}/receipt")]


def _ids(gateway: Gateway) -> str:
    return f"gateway-{gateway.pk}-%s"
