"""`kill -9` of the worker between reply, order, bucket, charge and message: each reply is answered once, in full (I4, I7)."""

import time
from datetime import timedelta

from django.db import transaction

from capstan.billing.models import Charge
from capstan.caps.models import Bucket
from capstan.catalog.actions import create_offer
from capstan.messaging.actions.inbound import store
from capstan.messaging.models import Gateway, Inbound, Message
from capstan.messaging.rules.words import GatewayKind, InboundState, Lane, Medium
from capstan.services.models import Service
from capstan.topups.actions import notification_list
from capstan.topups.actions.invite import Occasion, invitation_for, send_menu
from capstan.topups.actions.notification_list import NewEntry
from capstan.topups.models import Order
from capstan.topups.queries.sale import sale
from capstan.values import clock
from tests.product import eventually
from tests.provider import GB, MB
from tests.scene import Scene

LINES = 40
KILLS = 2


def number(place: int) -> str:
    return f"+2760000{place:04}"


def invite(scene: Scene, services: list[Service]) -> Gateway:
    """Each line has a number that may order, and holds a menu."""
    now = clock.now()
    brand_id = scene.provider.brand.pk
    create_offer(
        code="c", name="Top-up", brand_id=brand_id, size_bytes=2 * GB, letter="C", price_minor=3500, actor="test",
        now=now - timedelta(days=1),
    )  # fmt: skip
    gateway = Gateway.objects.create(
        name="handset", kind=GatewayKind.LOOPBACK, medium=Medium.SMS, two_way=True, secrets="{}", created_at=now,
        per_second=1000,
    )  # fmt: skip
    for place, service in enumerate(services):
        new = NewEntry(service.pk, Medium.SMS, number(place), may_order=True)
        entry = notification_list.add(new, confirmed_by_staff=True, actor="test", now=now)
        with transaction.atomic():
            invitation = invitation_for(service.pk, f"test:{service.pk}", now)
            send_menu(entry, invitation, sale(service.pk, now=now), Occasion("topup.menu", {}, Lane.CAP), now)
    return gateway


def test_a_worker_that_is_killed_while_replies_come_in(scene: Scene) -> None:
    names = scene.lines(LINES, allowance_bytes=10 * MB)
    services = list(Service.objects.filter(username__in=names).order_by("pk"))
    gateway = invite(scene, services)
    for place in range(LINES):
        now = clock.now()
        store(
            gateway, sender=number(place), recipient="", text="C", sent_at=now, carrier_id=f"in-{place}",
            parent_carrier_id="", now=now,
        )  # fmt: skip
        if place % (LINES // KILLS) == LINES // KILLS - 1:
            time.sleep(scene.chance.uniform(0.0, 0.4))
            scene.product.kill("worker")
            scene.product.start("worker")
    eventually(
        lambda: not Inbound.objects.exclude(state=InboundState.ANSWERED).exists(),
        60,
        "an answer to each reply",
    )
    eventually(lambda: not Message.objects.exclude(state="delivered").exists(), 60, "the answers' delivery")
    orders = {f"order:{pk}" for pk in Order.objects.values_list("pk", flat=True)}
    assert len(orders) == LINES
    assert sorted(Bucket.objects.filter(kind="topup").values_list("source", flat=True)) == sorted(orders)
    assert sorted(Charge.objects.values_list("reference", flat=True)) == sorted(orders)
    assert Order.objects.values("service_id").distinct().count() == LINES
    told = Message.objects.filter(template="topup.added").values_list("recipient", flat=True)
    assert sorted(told) == [number(place) for place in range(LINES)]
