from django.apps import AppConfig


class DbConfig(AppConfig):
    name = "capstan.db"
    label = "db"
    default_auto_field = "django.db.models.BigAutoField"
