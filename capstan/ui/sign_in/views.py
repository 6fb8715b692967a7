"""allauth's pages that change something about somebody's own sign-in, with what they do on the record."""

from typing import Any, ClassVar

from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.db import transaction
from django.http import HttpResponse

from capstan.identity.actions.sign_ins import note_own_deed
from capstan.identity.queries import actor_of
from capstan.ui.access import client_address, needs_authenticator
from capstan.values import clock


class _OnRecord:
    """A form whose success is audited, in one transaction with what it does."""

    deed: ClassVar[str]
    request: Any

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        done: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        note_own_deed(self.deed, self.request.user, address=client_address(self.request), now=clock.now())
        return done


class _Demand:
    """Tells the page whether the console stays closed without an authenticator."""

    request: Any

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**more)  # type: ignore[misc]
        return context | {"is_demanded": needs_authenticator(actor_of(self.request.user))}


class Activate(_OnRecord, _Demand, ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    deed = "activate_authenticator"


class Deactivate(_OnRecord, _Demand, DeactivateTOTPView):  # type: ignore[misc]
    deed = "remove_authenticator"


class NewRecoveryCodes(_OnRecord, GenerateRecoveryCodesView):  # type: ignore[misc]
    deed = "renew_recovery_codes"
