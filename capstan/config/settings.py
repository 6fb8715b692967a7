"""Django's settings, derived from the operator's `Options`: nothing here is set by hand."""

import secrets
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from capstan.config import database, keys, options
from capstan.values.data import Units
from capstan.values.formats import Formats

OPTIONS = options.load()

# A process that has no keys yet gets a secret nobody knows, and can't open or seal a field at all.
HAS_SECRET_KEY = keys.secret_key(OPTIONS) is not None
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
    "capstan.ui",  # before allauth, whose templates it replaces
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "capstan.db",
    "capstan.identity",
    "capstan.audit",
    "capstan.ledger",
    "capstan.messaging",
    "capstan.catalog",
    "capstan.customers",
    "capstan.services",
    "capstan.metering",
    "capstan.caps",
    "capstan.billing",
    "capstan.payments",
    "capstan.network",
    "capstan.topups",
    "capstan.portal",
    "capstan.console",
    "capstan.api",
    "capstan.demo",
    "django.forms",  # last: capstan.ui has templates in place of some of its own
]
MIDDLEWARE = [
    "capstan.ui.proxies.TrustedProxies",
    "django.middleware.security.SecurityMiddleware",
    "capstan.config.headers.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "capstan.config.headers.PrivatePages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "capstan.ui.sessions.IdleTimeout",
    "capstan.ui.access.ActorMiddleware",
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
                "capstan.console.context.counts",
            ]
        },
    }
]
FORM_RENDERER = "capstan.ui.forms.Renderer"
DATABASES = {"default": database.django_settings(OPTIONS)}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "db_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},  # or a flood of tries would push the counts of earlier ones out
    }
}
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

# Signing in, with django-allauth; capstan/ui/sign_in has its parts.
AUTHENTICATION_BACKENDS = ["capstan.ui.sign_in.backend.StaffBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "name", "email")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "capstan.ui.sign_in.adapter.SignInAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}  # key: name and place
ACCOUNT_FORMS = {
    "login": "capstan.ui.sign_in.forms.SignInForm",
    "reauthenticate": "capstan.ui.sign_in.forms.PasswordAgainForm",
    "change_password": "capstan.ui.sign_in.forms.NewPasswordForm",
}
MFA_ADAPTER = "capstan.ui.sign_in.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # a code of the half minute before or after: phones' clocks aren't exact
MFA_FORMS = {
    "authenticate": "capstan.ui.sign_in.forms.CodeForm",
    "reauthenticate": "capstan.ui.sign_in.forms.CodeAgainForm",
    "activate_totp": "capstan.ui.sign_in.forms.FirstCodeForm",
}

_BY_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_AGE = OPTIONS.staff_session_minutes * 60  # seconds, since the last deed: see ui/sessions.py
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _BY_HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = ["https://" + urlsplit(PUBLIC_URL).netloc] if _BY_HTTPS else []
CSRF_FAILURE_VIEW = "capstan.ui.access.stale_form"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
