"""All addresses of the web server."""

from django.conf import settings
from django.urls import include, path

from capstan.config import health, metrics

urlpatterns = [
    path("health", health.show),
    path("metrics", metrics.show),
    path("", include("capstan.api.urls")),
    path("sign-in/", include("capstan.ui.sign_in.urls")),
    path("staff/", include("capstan.console.urls")),
    path("", include("capstan.portal.urls")),
]

if settings.OPTIONS.demo:
    urlpatterns += [path("demo/", include("capstan.demo.urls"))]

handler400 = "capstan.ui.errors.bad_request"
handler403 = "capstan.ui.errors.forbidden"
handler404 = "capstan.ui.errors.not_found"
handler500 = "capstan.ui.errors.broken"
