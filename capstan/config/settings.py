"""Django's settings, derived from the operator's `Options`: nothing here is set by hand."""

import secrets
from pathlib import Path
from zoneinfo import ZoneInfo

from capstan.config import database, keys, options
from capstan.values.data import Units
from capstan.values.formats import Formats

OPTIONS = options.load()

# A process that has no keys yet gets a secret nobody knows, and can't open or seal a field at all.
SECRET_KEY = keys.secret_key(OPTIONS) or secrets.token_hex(32)
FIELD_KEY = keys.field_key(OPTIONS) or b""

DEBUG = False
ALLOWED_HOSTS = list(OPTIONS.allowed_hosts)
ROOT_URLCONF = "capstan.config.urls"
AUTH_USER_MODEL = "identity.Login"
INSTALLED_APPS = [
    "django.contrib.postgres",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "capstan.db",
    "capstan.identity",
    "capstan.audit",
    "capstan.messaging",
    "capstan.catalog",
    "capstan.customers",
    "capstan.services",
    "capstan.metering",
    "capstan.caps",
    "capstan.billing",
    "capstan.network",
    "capstan.topups",
    "capstan.ui",
    "capstan.portal",
    "capstan.console",
    "capstan.api",
    "capstan.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "capstan.config.headers.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "capstan.ui.context.page",
            ]
        },
    }
]
DATABASES = {"default": database.django_settings(OPTIONS)}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "db_cache"}}
USE_TZ = True
TIME_ZONE = "UTC"
PROVIDER_TIME_ZONE = OPTIONS.time_zone
FORMATS = Formats(
    OPTIONS.locale,
    OPTIONS.currency,
    ZoneInfo(OPTIONS.time_zone),
    Units.BINARY if OPTIONS.binary_units else Units.DECIMAL,
)
PUBLIC_URL = options.public_url(OPTIONS)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None  # capstan.config.logs sets logging up

STATIC_URL = "static/"
STATIC_ROOT = Path(__file__).parent.parent / "ui" / "built"  # made by tools/assets.py, part of the package
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "capstan.ui.storage.HashedStorage"},
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
