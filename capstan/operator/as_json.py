"""Facts as JSON, for `--json`: the same that the page says, with names, times in ISO 8601 and bytes in hex."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from django.db.models import Model


def as_json(facts: object) -> str:
    """A readable JSON text of dataclasses, named tuples, rows, and whatever they hold."""
    return json.dumps(_plain(facts), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    match value:
        case Model():
            return {
                field.attname: _plain(getattr(value, field.attname)) for field in value._meta.concrete_fields
            }
        case date():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case set() | frozenset():
            return sorted(map(_plain, value))
        case tuple() if hasattr(value, "_asdict"):
            return _plain(value._asdict())
        case list() | tuple():
            return [_plain(one) for one in value]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value
