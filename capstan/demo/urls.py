"""Addresses below /demo/, which exist only with the demo provider."""

from django.urls import path

from capstan.demo import gallery, handset, start

app_name = "demo"
urlpatterns = [
    path("", start.show, name="start"),
    path("lines", start.lines, name="lines"),
    path("handset/", handset.phones, name="phones"),
    path("handset/list", handset.phone_list, name="phone_list"),
    path("handset/<str:number>/", handset.phone, name="phone"),
    path("handset/<str:number>/screen", handset.screen, name="screen"),
    path("gallery", gallery.show, name="gallery"),
    path("gallery/page", gallery.show_page, name="gallery_page"),
    path("gallery/live", gallery.show_live, name="gallery_live"),
]
