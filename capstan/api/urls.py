"""Addresses for machines."""

from django.urls import path

from capstan.api.views import hooks, pay_hooks

urlpatterns = [
    path("hooks/sms/<str:gateway>/<str:token>/in", hooks.inbound),
    path("hooks/sms/<str:gateway>/<str:token>/receipt", hooks.receipt),
    path("hooks/pay/<str:token>", pay_hooks.notified, name="pay_hook"),
]
