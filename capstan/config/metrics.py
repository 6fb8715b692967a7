"""`/metrics`: Prometheus text, made from the processes' signs of life and a few gauges."""

import hmac
import re
from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address

import psycopg
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from capstan.config import gauges
from capstan.db.beat import ALIVE_FOR
from capstan.db.connection import connect
from capstan.db.models import ProcessBeat
from capstan.values import clock


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """For this machine, or with the bearer token of CAPSTAN_METRICS_TOKEN; 403 for others, 503 without a database."""
    if not _may_read(request):
        return HttpResponse(
            "metrics need the bearer token of CAPSTAN_METRICS_TOKEN\n", "text/plain", status=403
        )
    registry = CollectorRegistry(auto_describe=False)
    try:
        registry.register(_Figures(clock.now()))
        text = generate_latest(registry)
    except (psycopg.OperationalError, DatabaseError):
        return HttpResponse("the database is down\n", "text/plain", status=503)
    return HttpResponse(text, CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    token = settings.OPTIONS.metrics_token
    if token is not None and hmac.compare_digest(
        given.encode(), f"Bearer {token.get_secret_value()}".encode()
    ):
        return True
    # Behind a proxy on this machine everybody would seem to be on this machine.
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return not forwarded and ip_address(request.META["REMOTE_ADDR"]).is_loopback


class _Figures(Collector):
    """Reads the database once, when it is asked."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterable[Metric]:
        with connect(name="capstan metrics") as conn:
            for gauge, values in gauges.read(conn, now=self._now):
                family = GaugeMetricFamily(
                    gauge.name, gauge.meaning, labels=[gauge.label] if gauge.label else []
                )
                for label, value in values:
                    family.add_metric([label] if gauge.label else [], value)
                yield family
        yield from self._processes()

    def _processes(self) -> Iterable[Metric]:
        labels = ["kind", "host", "pid"]
        up = GaugeMetricFamily(
            "capstan_process_up", "1 for a process that gave a sign of life lately", labels=labels
        )
        figures: dict[str, GaugeMetricFamily] = {}
        for beat in ProcessBeat.objects.order_by("kind", "host", "pid"):
            values = [beat.kind, beat.host, str(beat.pid)]
            up.add_metric(values, float(self._now - beat.beat_at <= ALIVE_FOR))
            for name, number in beat.figures.items():
                family = figures.setdefault(
                    name,
                    GaugeMetricFamily(
                        _metric_name(name), f"{name}, as the process reports it", labels=labels
                    ),
                )
                family.add_metric(values, float(number))
        yield up
        yield from figures.values()


def _metric_name(figure: str) -> str:
    return "capstan_process_" + re.sub(r"\W", "_", figure, flags=re.ASCII)
