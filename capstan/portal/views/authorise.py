"""The one-tap link of an authoriser: GET shows the order, POST answers."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from capstan.identity.actions import links
from capstan.topups.actions.ask import LINK
from capstan.topups.actions.authorise import answer_request
from capstan.topups.models import AuthorisationRequest
from capstan.values import clock
from capstan.values.refused import Refused


@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """An order that waits, as it is put to one authoriser."""
    now = clock.now()
    subject = links.look(token, LINK, now)
    if subject is None:
        return render(request, "portal/too_old.html", status=410)
    asked = AuthorisationRequest.objects.select_related("order__service__customer__brand", "authoriser").get(
        pk=subject
    )
    context: dict[str, object] = {"asked": asked, "order": asked.order, "service": asked.order.service}
    if request.method == "POST" and request.POST.get("answer") in ("yes", "no"):
        approve = request.POST["answer"] == "yes"
        try:
            with transaction.atomic():
                links.use(token, LINK, now)
                order = answer_request(
                    asked.pk, approve=approve, actor=f"link:{asked.authoriser.phone}", now=now
                )
        except Refused as refusal:
            return render(request, "portal/authorise.html", {**context, "refusal": str(refusal)}, status=409)
        return render(request, "portal/authorised.html", {**context, "order": order, "is_approved": approve})
    context["expires"] = settings.FORMATS.moment(asked.order.expires_at) if asked.order.expires_at else ""
    return render(request, "portal/authorise.html", context)
