"""An order's way through its states: written in one place, each step with who and why."""

from datetime import datetime

from capstan.topups.models import Order, OrderEvent
from capstan.topups.rules.words import FOLLOWS, OrderState


def note(order: Order, actor: str, detail: str, now: datetime) -> None:
    """Add to the order's story without changing its state."""
    OrderEvent.objects.create(order=order, at=now, state=order.state, actor=actor, detail=detail)


def move_to(order: Order, state: OrderState, actor: str, detail: str, now: datetime) -> None:
    """Bring the order to another state and save it whole. Raises ValueError for a step that can't be."""
    if state not in FOLLOWS[OrderState(order.state)]:
        raise ValueError(f"order {order.pk} is {order.state}: it can't become {state}")
    order.state = state
    order.save()
    note(order, actor, detail, now)
