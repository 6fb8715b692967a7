"""Accounting-Requests that are about no session of ours are acknowledged and kept, and count nothing."""

import pytest

from capstan.caps.actions.fold import fold_step
from capstan.db.connection import connect
from capstan.metering.models import RadiusSession
from tests.network.listener.client import Client, interim
from tests.network.listener.conftest import Provider, logged, soon


@pytest.mark.parametrize("status", [9, 12, 15])
def test_tunnels_and_failures_are_no_sessions(provider: Provider, client: Client, status: int) -> None:
    provider.service()
    assert client.ask(client.accounting(interim(status=status)))
    assert [record.status for record in logged()] == [status]
    with connect() as conn:
        assert fold_step(conn, now=soon()).records == 1
    assert not RadiusSession.objects.exists()
