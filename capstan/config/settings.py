"""Django's settings, derived from the operator's `Options`: nothing here is set by hand."""

import secrets

from capstan.config import database, keys, options

OPTIONS = options.load()

# A process that has no keys yet gets a secret nobody knows, and can't open or seal a field at all.
SECRET_KEY = keys.secret_key(OPTIONS) or secrets.token_hex(32)
FIELD_KEY = keys.field_key(OPTIONS) or b""

DEBUG = False
ALLOWED_HOSTS = list(OPTIONS.allowed_hosts)
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
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "capstan.config.headers.ContentSecurityPolicy"]
DATABASES = {"default": database.django_settings(OPTIONS)}
USE_TZ = True
TIME_ZONE = "UTC"
PROVIDER_TIME_ZONE = OPTIONS.time_zone
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None  # capstan.config.logs sets logging up

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
