"""Days from hours, in the provider's zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from capstan.catalog.models import Brand
from capstan.customers.models import Customer
from capstan.db.connection import connect
from capstan.metering.actions.usage_days import roll_up_days
from capstan.metering.models import UsageDay, UsageHour
from capstan.services.models import ConnectionType, Service

pytestmark = pytest.mark.django_db(transaction=True)

JOHANNESBURG = ZoneInfo("Africa/Johannesburg")  # UTC+2
BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")  # UTC+5:30


@pytest.fixture
def conn(transactional_db: None) -> Iterator["psycopg.Connection[Any]"]:
    with connect() as made:
        yield made


@pytest.fixture
def service(transactional_db: None) -> Service:
    made_at = datetime(2026, 1, 1, tzinfo=UTC)
    brand = Brand.objects.create(name="Example Net")
    customer = Customer.objects.create(account_code="EX001", name="A", brand=brand, created_at=made_at)
    kind = ConnectionType.objects.create(code="fibre", name="Fibre")
    return Service.objects.create(
        customer=customer,
        connection_type=kind,
        username="thandi",
        line_password="x",
        nt_hash="",
        activated_at=made_at,
    )


def hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def use(service: Service, first: datetime, hours: int, down: int = 10) -> None:
    """The same bytes in each of these hours."""
    UsageHour.objects.bulk_create(
        UsageHour(service_id=service.pk, hour=hour(first) + number, bytes_up=1, bytes_down=down)
        for number in range(hours)
    )


def days(service: Service) -> dict[date, tuple[int, int]]:
    rows = UsageDay.objects.filter(service_id=service.pk)
    return {row.day: (row.bytes_up, row.bytes_down) for row in rows}


def test_a_day_begins_at_local_midnight(conn: Any, service: Service) -> None:
    use(service, datetime(2026, 3, 9, 21, tzinfo=UTC), 3)  # 23:00, 00:00 and 01:00 in Johannesburg
    now = datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert roll_up_days(conn, zone=JOHANNESBURG, now=now, days_back=2) == 2
    assert days(service) == {date(2026, 3, 9): (1, 10), date(2026, 3, 10): (2, 20)}


def test_again_changes_nothing_and_late_usage_is_added(conn: Any, service: Service) -> None:
    use(service, datetime(2026, 3, 9, 12, tzinfo=UTC), 1)
    now = datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert roll_up_days(conn, zone=JOHANNESBURG, now=now, days_back=2) == 1
    assert roll_up_days(conn, zone=JOHANNESBURG, now=now, days_back=2) == 0
    UsageHour.objects.filter(service_id=service.pk).update(bytes_down=70)
    assert roll_up_days(conn, zone=JOHANNESBURG, now=now, days_back=2) == 1
    assert days(service) == {date(2026, 3, 9): (1, 70)}


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 2), 24)]
)
def test_days_of_23_24_and_25_hours(conn: Any, service: Service, day: date, hours: int) -> None:
    use(service, datetime(day.year, day.month, day.day - 1, tzinfo=UTC), 72)
    roll_up_days(conn, zone=BERLIN, now=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), days_back=0)
    assert days(service) == {day: (hours, hours * 10)}


def test_in_a_zone_off_the_full_hour_no_hour_is_lost_or_counted_twice(conn: Any, service: Service) -> None:
    use(service, datetime(2026, 3, 8, tzinfo=UTC), 48)
    roll_up_days(conn, zone=KOLKATA, now=datetime(2026, 3, 9, 20, tzinfo=UTC), days_back=4)
    assert sum(up for up, _ in days(service).values()) == 48
    assert days(service)[date(2026, 3, 9)] == (24, 240)


def test_days_further_back_are_left_as_they_are(conn: Any, service: Service) -> None:
    use(service, datetime(2026, 3, 1, 12, tzinfo=UTC), 1)
    now = datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert roll_up_days(conn, zone=JOHANNESBURG, now=now, days_back=2) == 0
    assert roll_up_days(conn, zone=JOHANNESBURG, now=now, days_back=10) == 1
