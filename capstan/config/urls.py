"""All addresses of the web server."""

from django.urls import path

from capstan.config import health, metrics

urlpatterns = [
    path("health", health.show),
    path("metrics", metrics.show),
]
