"""Notifications of payment gateways. 200 means that it is stored, durably; what it says is looked at afterwards."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from capstan.payments.actions.gateways.enter import gateway_called
from capstan.payments.actions.notifications import store
from capstan.ui.proxies import caller_of
from capstan.values import clock

_BODY_MAX = 256 * 1024


@csrf_exempt
@require_POST
def notified(request: HttpRequest, token: str) -> HttpResponse:
    """A gateway says what became of a payment."""
    gateway = gateway_called(token)
    if gateway is None:
        return HttpResponse(status=403)
    body = request.read(_BODY_MAX + 1)
    if len(body) > _BODY_MAX:
        return HttpResponse(status=413)
    store(
        gateway, body=body, headers=dict(request.headers.items()), source=caller_of(request).address,
        now=clock.now(),
    )  # fmt: skip
    return HttpResponse()
