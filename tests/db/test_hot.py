"""Hot statements are prepared on Django's connection, and Django's own aren't."""

import pytest
from django.db import connection

from capstan.db import hot
from capstan.db.models import ProcessBeat

pytestmark = pytest.mark.django_db(transaction=True)


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


def test_a_hot_statement_is_prepared_and_djangos_own_are_not() -> None:
    for number in range(3):
        assert hot.execute("SELECT %s::bigint + 1", [number]).fetchone() == (number + 1,)
        ProcessBeat.objects.count()
    assert prepared() == ["SELECT $1::bigint + 1"]
