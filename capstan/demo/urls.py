"""Addresses below /demo/, which exist only with the demo provider."""

from django.urls import path

from capstan.demo import gallery

app_name = "demo"
urlpatterns = [
    path("gallery", gallery.show, name="gallery"),
    path("gallery/page", gallery.show_page, name="gallery_page"),
    path("gallery/live", gallery.show_live, name="gallery_live"),
]
