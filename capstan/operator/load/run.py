"""Loading a provider file: all of it or nothing, and safely again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from capstan.operator.load.catalogue import (
    Circumstances,
    enter_brand,
    enter_connection_type,
    enter_offer,
    enter_package,
)
from capstan.operator.load.customers import enter_customer, enter_service
from capstan.operator.load.entries import KEYS, PackageEntry, ProviderFile
from capstan.operator.load.gateways import enter_gateway_entry
from capstan.operator.load.money import (
    enter_debit_orders,
    enter_payment_gateway,
    enter_price,
    enter_tax_group,
)
from capstan.operator.load.routers import enter_nas_entry, enter_peer_entry
from capstan.values.refused import Refused


def _enter_package(entry: PackageEntry, at: Circumstances) -> list[str]:
    """Its terms, then what it costs."""
    changed = enter_package(entry, at)
    price = enter_price(entry, at)
    return changed if changed == ["new"] else [*changed, *price]


_ENTER: dict[str, Callable[[Any, Circumstances], list[str]]] = {
    "brand": enter_brand,
    "tax_group": enter_tax_group,
    "gateway": enter_gateway_entry,
    "payment_gateway": enter_payment_gateway,
    "debit_orders": enter_debit_orders,
    "connection_type": enter_connection_type,
    "peer": enter_peer_entry,
    "nas": enter_nas_entry,
    "package": _enter_package,
    "offer": enter_offer,
    "customer": enter_customer,
    "service": enter_service,
}


@dataclass
class Loaded:
    """What came of a file: entries by kind, and what changed of those that existed."""

    new: dict[str, int] = field(default_factory=dict)
    changed: dict[str, list[str]] = field(default_factory=dict)  # "service jenny@example.net" -> ["password"]
    unchanged: int = 0


def load(file: ProviderFile, at: Circumstances, *, keep: bool = True) -> Loaded:
    """Enter everything, in one transaction; with `keep` off it is all tried and then taken back.

    Raises Refused, naming the entry, at the first one that isn't allowed; then nothing of the file was entered.
    """
    loaded = Loaded()
    with transaction.atomic():
        for kind, enter in _ENTER.items():
            for entry in getattr(file, kind):
                name = f"{kind} {getattr(entry, KEYS[kind])!r}"
                _note(loaded, kind, name, _entered(enter, entry, at, name))
        if not keep:
            transaction.set_rollback(True)
    return loaded


def _entered(
    enter: Callable[[Any, Circumstances], list[str]], entry: Any, at: Circumstances, name: str
) -> list[str]:
    try:
        return enter(entry, at)
    except Refused as refusal:
        raise Refused(f"{name}: {refusal}") from refusal


def _note(loaded: Loaded, kind: str, name: str, changed: list[str]) -> None:
    if changed == ["new"]:
        loaded.new[kind] = loaded.new.get(kind, 0) + 1
    elif changed:
        loaded.changed[name] = changed
    else:
        loaded.unchanged += 1


def summary(loaded: Loaded, *, kept: bool) -> str:
    """What was entered, what changed, what stayed, in words."""
    lines = [f"{number} new: {kind.replace('_', ' ')}" for kind, number in loaded.new.items()]
    lines += [f"{name}: {', '.join(changed)}" for name, changed in loaded.changed.items()]
    lines.append(f"{loaded.unchanged} as they were")
    if not kept:
        lines.append("Checked only: nothing was entered.")
    return "\n".join(lines)
