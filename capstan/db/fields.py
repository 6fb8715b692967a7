"""Encrypted columns: AES-256-GCM, readable again because CHAP needs the clear line password (RFC 2865 §5.3)."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

_Set = TypeVar("_Set")
_Get = TypeVar("_Get")

if TYPE_CHECKING:
    _Binary = models.BinaryField
else:

    class _Binary(models.BinaryField):
        """Django's own classes take no type arguments at run time."""

        def __class_getitem__(cls, _types):
            return cls


_FORMAT = b"\x01"  # one byte, so that a later key or cipher can be told apart
_NONCE_BYTES = 12


@cache
def _cipher() -> AESGCM:
    if not settings.FIELD_KEY:
        raise ImproperlyConfigured(
            "no key for sealed fields: `capstan migrate` makes one, or set CAPSTAN_FIELD_KEY"
        )
    return AESGCM(settings.FIELD_KEY)


def encrypt(plain: bytes) -> bytes:
    """Seal `plain`; the result holds format, nonce and tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + _cipher().encrypt(nonce, plain, None)


def decrypt(sealed: bytes) -> bytes:
    """Open what `encrypt` sealed.

    Raises ValueError for an unknown format and cryptography's InvalidTag when the key is not the one that sealed it.
    """
    if sealed[:1] != _FORMAT:
        raise ValueError(f"encrypted field of unknown format {sealed[:1].hex()!r}")
    return _cipher().decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], None)


class EncryptedBinaryField(_Binary[_Set, _Get]):
    """Bytes that are stored sealed; they can't be searched."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        return None if value is None else decrypt(bytes(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return (
            None if value is None else super().get_db_prep_value(encrypt(bytes(value)), connection, prepared)
        )


class EncryptedTextField(_Binary[_Set, _Get]):
    """Text that is stored sealed. Reading it gives `str`; it can't be searched."""

    _pyi_private_set_type: str  # what django-stubs takes its types from
    _pyi_private_get_type: str  # type: ignore[assignment]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str | None:
        return None if value is None else decrypt(bytes(value)).decode()

    def to_python(self, value: Any) -> Any:
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return (
            None
            if value is None
            else super().get_db_prep_value(encrypt(value.encode()), connection, prepared)
        )
