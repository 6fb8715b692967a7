"""SMS and mail gateways of a provider file. They are brought to what the file says; what it leaves out is the default."""

from capstan.messaging.actions.gateways import enter_gateway
from capstan.operator.load.catalogue import Circumstances
from capstan.operator.load.entries import GatewayEntry
from capstan.values.money import parse_money


def enter_gateway_entry(entry: GatewayEntry, at: Circumstances) -> list[str]:
    """Raises Refused for settings that can't work."""
    values = entry.model_dump(exclude={"cost"})
    cost_minor = parse_money(entry.cost, at.currency)
    return enter_gateway(**values, cost_minor=cost_minor, actor=at.actor, now=at.now)[1]
