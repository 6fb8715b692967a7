"""A provider on a real database, entered through the product's own actions: packages, lines, peers, routers."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from capstan.caps.actions.cap import open_cap, open_caps, provider_zone, roll_due
from capstan.catalog.actions import create_brand, create_package
from capstan.catalog.models import Package
from capstan.catalog.rules import AtCap, Terms
from capstan.customers.models import Customer
from capstan.metering.actions.registry import enter_nas, enter_peer
from capstan.metering.models import Nas, Peer
from capstan.services.actions.start import create_connection_type, create_service
from capstan.services.models import PackageChange, Service
from capstan.services.rules import nt_hash
from capstan.values import clock

ACTOR = "test"
SECRET = "r4dius-s3cret"
PASSWORD = "line-passw0rd"
MB, GB = 10**6, 10**9


class Provider:
    """Everything was entered a year ago, so that nothing about it is new to the meter."""

    def __init__(self) -> None:
        self.now = clock.now()
        self.since = self.now - timedelta(days=365)
        self._when: dict[str, Any] = {"actor": ACTOR, "now": self.since}
        self.brand = create_brand(name="Example Net", **self._when)
        self.kind = create_connection_type(code="fibre", name="Fibre", **self._when)
        self.customer = Customer.objects.create(
            account_code="EX001", name="A. Customer", brand=self.brand, created_at=self.since
        )
        self._packages: dict[Terms, Package] = {}

    def package(self, **terms: Any) -> Package:
        """The package with these terms; 1 GB a month, throttled to 512 kbit/s at the cap, unless said otherwise."""
        given: dict[str, Any] = {
            "allowance_bytes": GB,
            "at_cap": AtCap.THROTTLE,
            "rate_up_kbps": 10_000,
            "rate_down_kbps": 50_000,
        }
        wanted = Terms(**(given | terms))
        if wanted not in self._packages:
            code = f"p{len(self._packages)}"
            self._packages[wanted] = create_package(
                code=code,
                name=code,
                brand_id=self.brand.pk,
                terms=wanted,
                valid_from=self.since,
                **self._when,
            )
        return self._packages[wanted]

    def peer(
        self, name: str = "router", network: str = "127.0.0.1", secret: str = SECRET, **more: Any
    ) -> Peer:
        return enter_peer(name=name, network=network, secret=secret, **more, **self._when)[0]

    def nas(self, peer: Peer, identifier: str, profile: str = "wispr", **more: Any) -> Nas:
        """A router. Its CoA port is 3799 of the address its packets come from, unless `coa_port` is given."""
        return enter_nas(
            peer_id=peer.pk,
            identifier=identifier,
            name=identifier,
            vendor_profile=profile,
            **more,
            **self._when,
        )[0]

    def service(self, username: str, *, password: str = PASSWORD, **terms: Any) -> Service:
        """A line on the package with these terms, its cap open."""
        service = create_service(
            customer_id=self.customer.pk, connection_type_id=self.kind.pk, package_id=self.package(**terms).pk,
            username=username, line_password=password, **self._when,
        )  # fmt: skip
        open_cap(service.pk, now=clock.now())
        return service

    def services(self, usernames: list[str], **terms: Any) -> list[Service]:
        """Many lines at once, all with `PASSWORD`."""
        package = self.package(**terms)
        made = Service.objects.bulk_create(
            Service(
                customer=self.customer, connection_type=self.kind, username=username, line_password=PASSWORD,
                nt_hash=nt_hash(PASSWORD), activated_at=self.since,
            )
            for username in usernames
        )  # fmt: skip
        PackageChange.objects.bulk_create(
            PackageChange(
                service=service, package=package, starts_at=self.since, made_at=self.since, actor=ACTOR
            )
            for service in made
        )
        now = clock.now()
        with transaction.atomic(), connection.cursor() as cursor:
            open_caps(cursor, [service.pk for service in made], zone=provider_zone(), now=now)
        while roll_due(now=now, limit=500):
            pass
        return made


def at(seconds_ago: float) -> datetime:
    return clock.now() - timedelta(seconds=seconds_ago)
