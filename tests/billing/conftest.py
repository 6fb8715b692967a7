"""A provider that bills: a VAT-registered brand, priced packages, customers with terms."""

import pytest

from tests.billing.desk import Desk


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk()
