"""A link to a confirmed contact, for who doesn't know the login of his connection."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from capstan.portal.forms import Forgotten
from capstan.topups.actions.website import send_link
from capstan.ui.proxies import caller_of
from capstan.values import clock
from capstan.values.refused import Refused


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """The answer is the same whether there is such a line or not."""
    form = Forgotten(request.POST or None)
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        try:
            send_link(
                username_or_phone=form.cleaned_data["who"],
                address=caller_of(request).address,
                now=clock.now(),
            )
            context["is_sent"] = True
        except Refused as refusal:
            return render(request, "portal/forgotten.html", {**context, "refusal": str(refusal)}, status=429)
    return render(request, "portal/forgotten.html", context)
