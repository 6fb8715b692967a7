"""`/health` and `/metrics`: what they say, and to whom."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pydantic import SecretStr

from capstan.config.headers import POLICY
from capstan.db.connection import connect
from capstan.db.models import ProcessBeat
from capstan.metering.actions.packet_log import open_stream
from capstan.metering.models import Fault, Quarantine
from capstan.values import clock


def beat(kind: str, *, pid: int, age_seconds: float = 0, **figures: float) -> None:
    at = clock.now() - timedelta(seconds=age_seconds)
    ProcessBeat.objects.create(
        kind=kind, host="192.0.2.1", pid=pid, started_at=at, beat_at=at, figures=figures
    )


@pytest.mark.django_db
def test_health_counts_the_living(client: Client) -> None:
    beat("radius", pid=1)
    beat("radius", pid=2)
    beat("meter", pid=3)
    beat("worker", pid=4, age_seconds=60)
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"database": "up", "processes": {"meter": 1, "radius": 2}}


@pytest.mark.django_db(transaction=True)
def test_health_without_a_database_is_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nonexistent")
        answer = client.get("/health")
        assert client.get("/metrics").status_code == 503
        connection.close()
    assert answer.status_code == 503
    assert answer.json()["database"] == "down"
    assert client.get("/health").status_code == 200


@pytest.mark.django_db
def test_answers_carry_security_headers(client: Client) -> None:
    headers = client.get("/health").headers
    assert headers["Content-Security-Policy"] == POLICY
    assert dict(part.split(maxsplit=1) for part in POLICY.split("; ")) == {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "frame-src": "'self'",
        "object-src": "'none'",
    }
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db(transaction=True)
def test_metrics_tell_beats_and_gauges(client: Client) -> None:
    now = clock.now()
    beat("meter", pid=3, lag_seconds=0.5)
    beat("radius", pid=4, age_seconds=60)
    Fault.objects.create(kind="counters", first_at=now, last_at=now, detail="")
    Quarantine.objects.create(
        source="192.0.2.9",
        port="accounting",
        reason="unknown peer",
        count=7,
        first_at=now,
        last_at=now,
        sample=b"",
    )
    with connect() as conn:
        stream = open_stream(conn, writer="test", now=now)
        stream.append(b"", 1, now - timedelta(seconds=30))
        stream.append(b"", 1, now)
    lines = client.get("/metrics").content.decode().splitlines()
    assert 'capstan_process_up{host="192.0.2.1",kind="meter",pid="3"} 1.0' in lines
    assert 'capstan_process_up{host="192.0.2.1",kind="radius",pid="4"} 0.0' in lines
    assert 'capstan_process_lag_seconds{host="192.0.2.1",kind="meter",pid="3"} 0.5' in lines
    assert 'capstan_faults_open{kind="counters"} 1.0' in lines
    assert 'capstan_quarantined_packets{reason="unknown peer"} 7.0' in lines
    assert "capstan_packet_log_backlog_records 2.0" in lines
    lag = next(float(line.split()[1]) for line in lines if line.startswith("capstan_meter_lag_seconds"))
    assert 30 <= lag < 60


MAY_READ = [
    # address, headers, token set, status
    ("127.0.0.1", {}, None, 200),
    ("::1", {}, None, 200),
    ("192.0.2.7", {}, None, 403),
    ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, None, 403),
    ("192.0.2.7", {"Authorization": "Bearer 0123456789abcdef"}, "0123456789abcdef", 200),
    ("192.0.2.7", {"Authorization": "Bearer 0123456789abcdeF"}, "0123456789abcdef", 403),
    ("192.0.2.7", {"Authorization": "Bearer "}, None, 403),
    (
        "127.0.0.1",
        {"X-Forwarded-For": "x", "Authorization": "Bearer 0123456789abcdef"},
        "0123456789abcdef",
        200,
    ),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("address", "headers", "token", "status"), MAY_READ)
def test_who_may_read_metrics(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    headers: dict[str, str],
    token: str | None,
    status: int,
) -> None:
    secret = SecretStr(token) if token else None
    monkeypatch.setattr(settings, "OPTIONS", settings.OPTIONS.model_copy(update={"metrics_token": secret}))
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == status
