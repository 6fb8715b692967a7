"""Whether a payment gateway answers: noted on its row, for people to see."""

from datetime import datetime

from capstan.payments.models import Gateway


def note_trouble(gateway: Gateway, why: str, *, now: datetime) -> None:
    """It doesn't answer, or not as it should; since the first time that it didn't."""
    Gateway.objects.filter(pk=gateway.pk, trouble_since=None).update(trouble_since=now)
    Gateway.objects.filter(pk=gateway.pk).exclude(trouble=why).update(trouble=why)


def note_works(gateway: Gateway) -> None:
    """It answered."""
    Gateway.objects.filter(pk=gateway.pk, trouble_since__isnull=False).update(trouble="", trouble_since=None)
