"""Django's settings, derived from the operator's `Options`."""

import os

from capstan.config.options import Options

OPTIONS = Options()
SECRET_KEY = "dev"
FIELD_KEY = bytes(32)
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "capstan.config.urls"
INSTALLED_APPS = [
    "django.contrib.postgres",
    "capstan.db",
    "capstan.audit",
    "capstan.catalog",
    "capstan.customers",
    "capstan.services",
    "capstan.metering",
    "capstan.caps",
    "capstan.network",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "capstan",
        "USER": os.environ.get("PGUSER", "capstan"),
        "HOST": os.environ.get("PGHOST", "/tmp"),
    }
}
USE_TZ = True
TIME_ZONE = "UTC"
PROVIDER_TIME_ZONE = OPTIONS.time_zone
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
