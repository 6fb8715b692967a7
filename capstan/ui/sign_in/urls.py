"""The addresses of the sign-in: those of allauth's pages that we want, and no other."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from django.urls import path

from capstan.ui.sign_in import views

urlpatterns = [
    path("", account.login, name="account_login"),
    path("code/", mfa.authenticate, name="mfa_authenticate"),
    path("out/", account.logout, name="account_logout"),
    path("again/", account.reauthenticate, name="account_reauthenticate"),
    path("again/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("password/", account.password_change, name="account_change_password"),
    path("two-step/", mfa.index, name="mfa_index"),
    path("two-step/set-up/", views.Activate.as_view(), name="mfa_activate_totp"),
    path("two-step/remove/", views.Deactivate.as_view(), name="mfa_deactivate_totp"),
    path("two-step/recovery-codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "two-step/recovery-codes/new/", views.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"
    ),
    path(
        "two-step/recovery-codes/download/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]
