from django.apps import AppConfig


class NetworkConfig(AppConfig):
    name = "capstan.network"
    label = "network"
    default_auto_field = "django.db.models.BigAutoField"
