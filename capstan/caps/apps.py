from django.apps import AppConfig


class CapsConfig(AppConfig):
    name = "capstan.caps"
    label = "caps"
    default_auto_field = "django.db.models.BigAutoField"
