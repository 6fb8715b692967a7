"""Tests that load the machine or share a world run on one worker: whether xdist keeps them together."""

import os

import pytest

from tests.conftest import ONE_AT_A_TIME

pytestmark = pytest.mark.xdist_group("processes")


def test_a_group_is_kept_together(request: pytest.FixtureRequest) -> None:
    """xdist knows a group by its name in the tests' ids, and a pytest that it doesn't fit loses that without a word."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    grouped = [
        one for one in request.session.items if one is request.node or one.path.parent.name in ONE_AT_A_TIME
    ]
    assert alone or all(one.nodeid.endswith("@processes") for one in grouped)
