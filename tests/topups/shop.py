"""A provider that sells the seven top-ups A to G, with a line, its notification list and a router that reports."""

from datetime import datetime
from itertools import count
from typing import Any

import psycopg

from capstan.caps.models import Bucket
from capstan.catalog.actions import create_offer, set_data_price
from capstan.messaging.models import Gateway, Message
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.services.models import Service
from capstan.topups.actions import notification_list
from capstan.topups.actions.agreements import set_account_rule
from capstan.topups.actions.notification_list import NewEntry
from capstan.topups.actions.order import Placed, Wanted, place
from capstan.topups.models import ListEntry, Order
from capstan.topups.queries.sale import Quote, quote
from capstan.topups.rules.words import Channel
from tests.caps.conftest import Provider

MB, GB = 10**6, 10**9
SIZES = {"A": (500 * MB, 1200), "B": (GB, 2000), "C": (2 * GB, 3500), "D": (3 * GB, 5000), "E": (5 * GB, 7500),
         "F": (9 * GB, 12500), "G": (18 * GB, 22000)}  # fmt: skip
NUMBER = "+27600000001"
AGENT = {"actor": "staff:thandi", "actor_name": "Thandi"}


class Shop(Provider):
    """`now` moves only when told."""

    def __init__(self, conn: "psycopg.Connection[Any]") -> None:
        super().__init__(conn)
        self.brand.sms_sender, self.brand.support_phone = "Example", "+27215550100"
        self.brand.save()
        self._keys = count(1)
        for letter, (size, price) in SIZES.items():
            create_offer(
                code=f"topup-{letter}", name=f"Top-up {letter}", brand_id=self.brand.pk, size_bytes=size,
                letter=letter, price_minor=price, actor="test", now=self.now,
            )  # fmt: skip
        set_data_price(
            brand_id=self.brand.pk, per_gb_minor=1900, valid_from=self.now, actor="test", now=self.now
        )
        Gateway.objects.create(
            name="handset", kind=GatewayKind.LOOPBACK, medium=Medium.SMS, two_way=True, secrets="{}",
            sender="+27600009000", created_at=self.now,
        )  # fmt: skip

    def line(self, username: str = "thandi@example.net", **terms: Any) -> Service:
        terms.setdefault("allowance_bytes", GB)
        return self.service(username, **terms)

    def listed(self, service: Service, address: str = NUMBER, **other: Any) -> ListEntry:
        """Somebody on the line's list, confirmed by staff; may order unless said otherwise."""
        medium = Medium.EMAIL if "@" in address else Medium.SMS
        more: dict[str, Any] = {"name": "Jan", "may_order": medium == Medium.SMS} | other
        new = NewEntry(service.pk, medium, address, **more)
        return notification_list.add(new, confirmed_by_staff=True, actor="staff:thandi", now=self.now)

    def demand(
        self, customer_id: int | None = None, *, authorised: bool = False, paid_first: bool = False
    ) -> None:
        """What an account demands of its orders from now on: the shop's own customer's, or another one's."""
        set_account_rule(
            customer_id=customer_id or self.customer.pk, needs_authorisation=authorised, pays_first=paid_first,
            actor="staff:m", now=self.now,
        )  # fmt: skip

    def use(self, total_bytes: int, *, user: str = "thandi@example.net", seconds: int = 3600) -> None:
        """The line's session has moved this many bytes in all."""
        self.interim(seconds, down=total_bytes, user=user, session=user)

    def quote(self, service: Service, letter: str = "C") -> Quote:
        from capstan.catalog.models import TopUpOffer

        return quote(service.pk, offer_id=TopUpOffer.objects.get(letter=letter).pk, now=self.now)

    def order(self, service: Service, letter: str = "C", **more: Any) -> Placed:
        """An agent's order for this letter."""
        given: dict[str, Any] = {
            "quote": self.quote(service, letter), "channel": Channel.AGENT, "idempotency_key": f"key:{next(self._keys)}",
            "requested_by": "Jan Smit", **AGENT,
        }  # fmt: skip
        return place(Wanted(**(given | more)), now=self.now)

    def texts(self, address: str = NUMBER, *, since: datetime | None = None) -> list[str]:
        """What this number or address was told, in order."""
        sent = Message.objects.filter(recipient=address).order_by("pk")
        return [one.text for one in (sent.filter(queued_at__gte=since) if since else sent)]


def buckets(service: Service) -> list[Bucket]:
    """The line's top-up buckets."""
    return list(Bucket.objects.filter(service=service, kind="topup").order_by("pk"))


def refreshed(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)
