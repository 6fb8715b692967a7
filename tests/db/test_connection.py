"""Raw connections go to the same database as the ORM, and say who they are."""

import pytest
from django.db import connection as orm

from capstan.db.connection import connect


@pytest.mark.django_db
def test_it_reaches_the_database_the_orm_uses() -> None:
    with orm.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_user")
        expected = cursor.fetchone()
    with connect(name="capstan test") as conn:
        assert conn.execute("SELECT current_database(), current_user").fetchone() == expected
        assert conn.execute("SELECT current_setting('application_name')").fetchone() == ("capstan test",)
        assert conn.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


@pytest.mark.django_db
def test_autocommit_can_be_turned_off() -> None:
    with connect(autocommit=False) as conn:
        assert not conn.autocommit
        assert conn.info.transaction_status.name == "IDLE"
        conn.execute("SELECT 1")
        assert conn.info.transaction_status.name == "INTRANS"
