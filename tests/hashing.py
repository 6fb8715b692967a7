"""Passwords of tests: hashed as in earnest, so that real processes can check them, and a thousand times faster."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class FastHasher(PBKDF2PasswordHasher):
    """PBKDF2 with one iteration."""

    iterations = 1
