"""Orders, for the pages that show them."""

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from capstan.caps.models import Bucket
from capstan.identity.rules import Actor
from capstan.topups.models import AuthorisationRequest, Order
from capstan.topups.rules.describe import Facts, Progress, progress
from capstan.topups.rules.words import WAITING, OrderState, Restore


def visible_to(actor: Actor) -> QuerySet[Order]:
    """The orders whose data this login may see: staff all, a customer those of his own lines (I8)."""
    orders = Order.objects.select_related("service__customer", "offer", "bucket__tally", "charge")
    return orders if actor.is_staff else orders.filter(service__customer_id__in=actor.customer_ids)


def of_service(service_id: int, *, limit: int = 50) -> list[Order]:
    """A line's orders, newest first."""
    found = Order.objects.filter(service_id=service_id).select_related("offer", "bucket__tally", "charge")
    return list(found.order_by("-created_at", "-pk")[:limit])


def of_customer(customer_id: int, *, limit: int = 20) -> list[Order]:
    """Orders of all lines of a customer, newest first."""
    found = Order.objects.filter(service__customer_id=customer_id).select_related("service", "offer")
    return list(found.order_by("-created_at", "-pk")[:limit])


def waiting(*, limit: int = 200) -> list[Order]:
    """Orders that wait for authorisation or payment, the one that expires first on top."""
    found = Order.objects.filter(state__in=WAITING).select_related("service__customer", "offer")
    return list(found.order_by("expires_at", "pk")[:limit])


def needing_person(*, limit: int = 200) -> list[Order]:
    """Orders that somebody has to look at, the oldest first."""
    found = Order.objects.exclude(needs_person="").select_related("service__customer", "offer")
    return list(found.order_by("created_at", "pk")[:limit])


def buckets_of(order: Order) -> list[int]:
    """The bucket that the order added, then those into which its rest has rolled over since."""
    found: list[int] = []
    following = order.bucket_id
    while following is not None:
        found.append(following)
        rolled = Bucket.objects.filter(service_id=order.service_id, reference=f"rollover:{following}")
        following = rolled.values_list("pk", flat=True).first()
    return found


def requests_of(order_id: int) -> list[AuthorisationRequest]:
    """Whom an order was put to, and what they answered."""
    found = AuthorisationRequest.objects.filter(order_id=order_id).select_related("authoriser")
    return list(found.order_by("pk"))


def requests_of_all(order_ids: Collection[int]) -> list[AuthorisationRequest]:
    """The same of several orders, in one query."""
    found = AuthorisationRequest.objects.filter(order_id__in=order_ids).select_related("authoriser")
    return list(found.order_by("order_id", "pk"))


def number_of_caller(order: Order) -> str:
    """The number of the contact who asked for it, by his name; else that of the only contact who has one; else empty."""
    contacts = order.service.customer.contacts.exclude(phone="").order_by("pk")
    by_name = [one for one in contacts if one.name.casefold() == order.requested_by.strip().casefold()]
    numbers = {one.phone for one in by_name or contacts}
    return numbers.pop() if len(numbers) == 1 else ""


def progress_of(order: Order, *, now: datetime) -> Progress:
    """The order's four steps as they stand now."""
    facts = Facts(
        OrderState(order.state),
        Restore(order.restore) if order.restore else None,
        order.created_at,
        order.granted_at,
        order.confirmed_at,
        order.proved_at,
        order.refused_because,
        order.expires_at,
    )
    return progress(facts, now, settings.FORMATS)
