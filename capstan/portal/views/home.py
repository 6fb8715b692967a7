"""The provider's front page."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render


def show(request: HttpRequest) -> HttpResponse:
    """Top up, and the way in for staff; the demo has a front page of its own."""
    if settings.OPTIONS.demo:
        return redirect("demo:start")
    return render(request, "portal/home.html")
