"""A small provider at work: its processes, its routers, and what must be true in the end."""

import time
from collections.abc import Callable
from random import Random

from capstan.caps.models import Cap
from capstan.caps.rules.words import CapState
from tests import truth
from tests.product import Product, eventually, wait_folded
from tests.provider import MB, Provider
from tests.routers import Field, Router


class Scene:
    """What a test acts on. Not yet started: `product.start` does that."""

    def __init__(self, product: Product, seed: int) -> None:
        self.product = product
        self.seed = seed
        self.chance = Random(seed)
        self.field = Field()
        self.provider = Provider()
        self.peer = self.provider.peer()
        self.routers: list[Router] = []

    def router(self, identifier: str = "nas-1", *, sockets: int = 2) -> Router:
        """A router of the provider's, ready to send."""
        made = Router(
            identifier, auth_port=self.product.auth_port, acct_port=self.product.acct_port, seed=self.seed
        )
        self.field.run(made.open(sockets=sockets))
        self.provider.nas(self.peer, identifier, coa_port=made.coa_port, coa_per_second=1000)
        self.routers.append(made)
        return made

    def lines(self, count: int, *, start: int = 0, **terms: object) -> list[str]:
        """Usernames of new lines."""
        names = [f"line{start + number:04}@example.net" for number in range(count)]
        self.provider.services(names, **terms)
        return names

    def under_load(
        self, router: Router, faults: Callable[[], None], *, until: Callable[[], object] = lambda: True
    ) -> None:
        """Let the router report while `faults` happen and until this is so; then have all its last counters acknowledged."""
        work = self.field.start(router.report(every=0.3, up_max=MB // 10, down_max=3 * MB))
        time.sleep(1)
        faults()
        eventually(until, 45, "what the load was for")
        router.stopping = True
        work.result(45)
        self.field.run(router.report_last())

    def check(self, *, within: float = 50.0) -> None:
        """Everything that must be true once faults have stopped; the right access within the shortest interim interval."""
        records = truth.check_logged(self.routers)
        wait_folded()
        truth.check_sessions(self.routers)
        truth.check_totals()
        eventually(
            lambda: not truth.unlike(self.routers),
            within,
            f"the right access of {truth.unlike(self.routers)}",
        )
        capped = Cap.objects.exclude(state=CapState.OPEN).count()
        print(f"{records} records acknowledged, {capped} lines capped")

    def close(self) -> None:
        for router in self.routers:
            router.stopping = True
            self.field.run(router.close())
        self.field.close()


def some_capped() -> bool:
    """Whether the meter has seen some lines reach their cap."""
    return Cap.objects.exclude(state=CapState.OPEN).exists()
