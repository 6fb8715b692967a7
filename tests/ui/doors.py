"""The product's addresses and a few doors, for tests of who gets through them."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.generic import View

from capstan.config import urls
from capstan.identity.rules import Permission
from capstan.ui.access import StaffRequest, StaffRequiredMixin, client_address, staff_required


@staff_required()
def desk(request: StaffRequest) -> HttpResponse:
    return HttpResponse(f"{request.actor.key} {request.actor.name}")


@staff_required(Permission.MANAGE_STAFF)
def staff_room(request: StaffRequest, room: int) -> HttpResponse:
    return HttpResponse(f"room {room}")


class Safe(StaffRequiredMixin, View):
    permission = Permission.EDIT_LIMITS

    def get(self, request: StaffRequest) -> HttpResponse:
        return HttpResponse("limits")


@cache_control(max_age=60, public=True)
def street(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    return HttpResponse(
        f"{actor.name if actor else 'nobody'} at {client_address(request)} by {request.scheme}"
    )


def corner(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("asks nothing")


urlpatterns = [
    *urls.urlpatterns,
    path("doors/desk", desk),
    path("doors/staff/<int:room>", staff_room),
    path("doors/safe", Safe.as_view()),
    path("doors/street", street),
    path("doors/corner", corner),
]
handler403, handler404 = urls.handler403, urls.handler404
