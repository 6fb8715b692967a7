"""Enumerations as a column's choices."""

from enum import StrEnum


def choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    """Value and label of each, as Django wants them."""
    return [(word.value, word.value) for word in words]
