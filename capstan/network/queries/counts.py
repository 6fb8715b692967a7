"""Figures about the network for loops that pace themselves."""

from django.db import connection
from django.db.models import Min

from capstan.metering.models import Nas


def service_estimate() -> int:
    """About how many services have a cap, as PostgreSQL's planner believes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'caps_cap'::regclass")
        (count,) = cursor.fetchone()
    return int(count)


def shortest_interim_seconds() -> int:
    """The shortest interim interval of any router; 300 while there is none."""
    return Nas.objects.aggregate(shortest=Min("interim_seconds"))["shortest"] or 300
