"""One product for all tests of a module; each test brings its own lines."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from capstan.config.embedded.server import Server
from tests.product import Product, database
from tests.provider import Provider

NAS = "nas-direct"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.peers)


class Lab:
    """The product at work for a provider with one router at 127.0.0.1 and ::1."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.provider = Provider()
        self.peer = self.provider.peer()
        self.peer6 = self.provider.peer("router over IPv6", "::1")
        self.nas = self.provider.nas(self.peer, NAS)
        self.provider.nas(self.peer6, f"{NAS}-6")
        self._numbers = count(1)

    @property
    def auth(self) -> str:
        return f"127.0.0.1:{self.product.auth_port}"

    @property
    def acct(self) -> str:
        return f"127.0.0.1:{self.product.acct_port}"

    def username(self) -> str:
        """A name nobody has yet."""
        return f"line{next(self._numbers)}@example.net"


@pytest.fixture(scope="module")
def lab(
    server: Server, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Lab]:
    with django_db_blocker.unblock(), database(server) as url:
        product = Product(url, tmp_path_factory.mktemp("product"), hosts="127.0.0.1,::1")
        try:
            made = Lab(product)
            product.start("radius", "meter", "worker")
            yield made
            product.stop()
        finally:
            product.end()


@pytest.fixture(autouse=True)
def _logs(lab: Lab) -> Iterator[None]:
    """What the processes wrote during a test is shown with it."""
    yield
    lab.product.show()
