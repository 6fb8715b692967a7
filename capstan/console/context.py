"""What every page of the console knows: how much waits where, for its navigation."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from capstan.console.attention import nav_counts
from capstan.values import clock

_PLACE = "/staff/"


def counts(request: HttpRequest) -> dict[str, object]:
    """`nav_counts`, counted when a page's frame is drawn: parts that renew themselves have none."""
    if not request.path.startswith(_PLACE):
        return {}
    return {"nav_counts": SimpleLazyObject(lambda: _counts(request))}


def _counts(request: HttpRequest) -> dict[str, int]:
    actor = getattr(request, "actor", None)
    return nav_counts(now=clock.now()) if actor and actor.is_staff else {}
