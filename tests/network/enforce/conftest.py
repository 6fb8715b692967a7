from collections.abc import Iterator

import pytest

from .lab import Provider


@pytest.fixture
def provider(db: None) -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()
