"""Links that expire and can be used once: GET shows what they do, POST does it. Only the hash of a token is stored.

A token is 16 random bytes and 8 of a signature that holds its purpose: what was made up is refused without a look into
the database.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime

from django.utils.crypto import salted_hmac

from capstan.identity.models import Link
from capstan.values.refused import Refused

_RANDOM_BYTES, _SIGNATURE_BYTES = 16, 8
_REFUSAL = "This link was used already, or it has expired. Ask for a new one."


def make(purpose: str, subject: str, *, expires_at: datetime, now: datetime) -> str:
    """A token of 32 characters that may stand in an address: valid before `expires_at`, for this purpose only."""
    random = secrets.token_bytes(_RANDOM_BYTES)
    token = base64.urlsafe_b64encode(random + _signature(purpose, random)).decode()
    Link.objects.create(
        token_hash=_hash(token), purpose=purpose, subject=subject, created_at=now, expires_at=expires_at
    )
    return token


def look(token: str, purpose: str, now: datetime) -> str | None:
    """The subject of a link that can still be used, else None. Uses nothing up."""
    if not _is_ours(token, purpose):
        return None
    valid = Link.objects.filter(token_hash=_hash(token), used_at=None, expires_at__gt=now)
    return valid.values_list("subject", flat=True).first()


def use(token: str, purpose: str, now: datetime) -> str:
    """The subject; the link is used up, and of many at once one gets it. Raises Refused when it can't be used (any more).

    It belongs to the caller's transaction: if the deed fails, the link can be used again.
    """
    subject = look(token, purpose, now)
    used = Link.objects.filter(token_hash=_hash(token), used_at=None, expires_at__gt=now)
    if subject is None or not used.update(used_at=now):
        raise Refused(_REFUSAL)
    return subject


def give_back(token: str) -> None:
    """Nothing came of what it was used for: it can be used again. Within the transaction that used it."""
    Link.objects.filter(token_hash=_hash(token)).update(used_at=None)


def _is_ours(token: str, purpose: str) -> bool:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return False
    random, signature = raw[:_RANDOM_BYTES], raw[_RANDOM_BYTES:]
    return hmac.compare_digest(signature, _signature(purpose, random))


def _signature(purpose: str, random: bytes) -> bytes:
    keyed = salted_hmac(f"capstan.identity.links:{purpose}", random, algorithm="sha256")
    return bytes(keyed.digest()[:_SIGNATURE_BYTES])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
