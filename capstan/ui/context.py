"""What every template knows besides what its view says."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from capstan.catalog.models import Brand

THEME_COOKIE = "theme"
THEMES = ("light", "dark")


def page(request: HttpRequest) -> dict[str, object]:
    """`theme`: what the reader has chosen, else empty and the system's choice holds. `brand`: the provider's first, unless
    the view says another; it is looked up only when a template asks."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "theme": chosen if chosen in THEMES else "",
        "time_zone": settings.PROVIDER_TIME_ZONE,
        "brand": SimpleLazyObject(_first_brand),
    }


def _first_brand() -> Brand | None:
    return Brand.objects.order_by("pk").first()
