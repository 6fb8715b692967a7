"""The shop on a real database."""

from collections.abc import Iterator

import pytest

from capstan.db.connection import connect
from tests.topups.shop import Shop


@pytest.fixture
def shop(transactional_db: None) -> Iterator[Shop]:
    with connect() as conn:
        yield Shop(conn)
