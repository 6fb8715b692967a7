"""What an address names, or a 404 that says what there isn't; and the way back from there."""

from django.http import Http404

from capstan.console import links
from capstan.identity.rules import Actor
from capstan.services.models import Service
from capstan.topups.models import Order
from capstan.topups.queries.orders import visible_to

Crumbs = list[tuple[str, str | None]]


def service_or_404(service_id: int) -> Service:
    service = (
        Service.objects.select_related("customer__brand", "connection_type").filter(pk=service_id).first()
    )
    if service is None:
        raise Http404(f"There is no service {service_id}.")
    return service


def order_or_404(order_id: int, actor: Actor) -> Order:
    order = visible_to(actor).filter(pk=order_id).first()
    if order is None:
        raise Http404(f"There is no order {order_id}.")
    return order


def crumbs(service: Service, *here: tuple[str, str | None]) -> Crumbs:
    """From the customer over the line to here."""
    customer = service.customer
    return [
        (customer.name, links.customer(customer.account_code)),
        (service.username, links.service(service.pk)),
        *here,
    ]
