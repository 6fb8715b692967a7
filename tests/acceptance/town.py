"""The provider of the acceptance tests at work: routers, all processes, an SMS carrier, phones, a browser.

Nothing is reached into: packets go by UDP, SMS by the carrier's HTTP interface, people by their browser. What a person would
have entered beforehand is entered through the product's own actions.
"""

import itertools
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from capstan.catalog.actions import create_offer, set_data_price
from capstan.catalog.models import Brand
from capstan.identity.actions.staff import create_login
from capstan.identity.rules import Role
from capstan.messaging.actions.gateways import enter_gateway
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.services.models import Service
from capstan.topups.actions import notification_list
from capstan.topups.actions.notification_list import NewEntry
from capstan.values import clock
from tests import radius
from tests.carrier import Asked, Carrier, Says, carrier
from tests.product import eventually
from tests.provider import GB, MB
from tests.routers import Line, Router
from tests.scene import Scene
from tests.staff import PASSWORD

TOKEN = "carrier-calls-with-this-token"
MENU = {"A": (500, 1200), "B": (1000, 2000), "C": (2000, 3500), "D": (3000, 5000), "E": (5000, 7500),
        "F": (9000, 12500), "G": (18000, 22000)}  # fmt: skip


class Sms(NamedTuple):
    """An SMS as it lies on a phone."""

    to: str
    text: str


class Town:
    """One provider with its brand, its menu and its agent."""

    def __init__(self, scene: Scene, sms: Carrier) -> None:
        self.scene = scene
        self.sms = sms
        self._ids = itertools.count(1)
        self._began = time.monotonic()
        sms.answer = self._take
        now = clock.now()
        brand = scene.provider.brand
        Brand.objects.filter(pk=brand.pk).update(name="Jenny Internet", support_phone="+27215550100")
        for letter, (size, price) in MENU.items():
            create_offer(
                code=letter, name=letter, brand_id=brand.pk, size_bytes=size * MB, letter=letter, price_minor=price,
                actor="test", now=now,
            )  # fmt: skip
        set_data_price(brand_id=brand.pk, per_gb_minor=2000, valid_from=now, actor="test", now=now)
        enter_gateway(
            name="carrier", kind=GatewayKind.HTTP, medium=Medium.SMS, two_way=True, sender="+27600009000",
            hook_token=TOKEN, cost_minor=22, per_second=100, actor="test", now=now,
            settings={
                "request": {"url": f"{sms.url}/send", "form": {"to": "{to}", "text": "{text}", "ref": "{reference}"}},
                "answer": {"carrier_id": {"json": "id"}},
            },
        )  # fmt: skip
        create_login(
            username="thandi",
            name="Thandi Mokoena",
            role=Role.AGENT,
            password=PASSWORD,
            actor="test",
            now=now,
        )

    def _take(self, asked: Asked) -> Says:
        return Says(f'{{"id": "out-{next(self._ids)}"}}')

    def line(self, router: Router, username: str, number: str = "", *, name: str = "", **terms: Any) -> Line:
        """A line that is online, with a number on its notification list that may order."""
        service = self.scene.provider.service(username, allowance_bytes=15 * GB, **terms)
        if number:
            new = NewEntry(service.pk, Medium.SMS, number, name=name, may_order=True)
            notification_list.add(new, confirmed_by_staff=True, actor="staff:thandi", now=clock.now())
        self.scene.field.run(router.bring_up([username]))
        return next(line for line in router.lines if line.username == username)

    def use(self, router: Router, line: Line, total: int) -> None:
        """The line has moved this much in its session; its router reports it."""
        line.began = min(line.began, time.monotonic() - 3600)
        line.down = total
        assert self.scene.field.run(router.account(line, radius.INTERIM))

    def phone(self, number: str) -> list[str]:
        """The texts on this phone, the oldest first."""
        return [one.form["text"] for one in self.sms.asked if one.form.get("to") == number]

    def waits_for(self, number: str, pattern: str, seconds: float = 20.0) -> str:
        """The newest text on this phone that matches."""
        found: list[str] = []

        def came() -> bool:
            found[:] = [text for text in self.phone(number) if re.search(pattern, text)]
            return bool(found)

        eventually(came, seconds, f"an SMS to {number} like {pattern!r}; there are {self.phone(number)}")
        return found[-1]

    def reply(self, number: str, text: str, **more: str) -> None:
        """The phone answers; the carrier brings it."""
        body = {"from": number, "to": "+27600009000", "text": text, "id": f"in-{next(self._ids)}", **more}
        data = urllib.parse.urlencode(body).encode()
        url = f"{self.scene.product.web_url}/hooks/sms/carrier/{TOKEN}/in"
        with urllib.request.urlopen(url, data, timeout=30) as answer:
            assert answer.status == 200


@contextmanager
def town(scene: Scene) -> Iterator[Town]:
    with carrier() as sms:
        yield Town(scene, sms)


def service_id(username: str) -> int:
    return int(Service.objects.values_list("pk", flat=True).get(username=username))
