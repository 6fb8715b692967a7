"""A line's usage as a drawing and a table: cycles, days, hours."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client

from capstan.caps.models import Cap, Cycle
from capstan.metering.models import UsageDay, UsageHour
from capstan.services.models import Service
from tests.console.desk import text_of, words
from tests.topups.shop import GB, MB, Shop

QUERIES_MAX = 27


def page(line: Service) -> str:
    return f"/staff/services/{line.pk}/usage/"


def used(line: Service, at: datetime, up: int, down: int) -> None:
    UsageHour.objects.create(
        service_id=line.pk, hour=int(at.timestamp()) // 3600, bytes_up=up, bytes_down=down
    )


def ended(line: Service, start: datetime, end: datetime) -> None:
    version = Cap.objects.get(pk=line.pk).version
    Cycle.objects.create(
        service=line, start=start, end=end, version=version, drawn_bytes=0, overshoot_bytes=0, overage_bytes=0
    )


def test_this_cycle_is_shown_by_days_with_its_total(shop: Shop, agent: Client) -> None:
    line = shop.line()
    UsageDay.objects.create(service_id=line.pk, day=date(2026, 3, 2), bytes_up=100 * MB, bytes_down=2 * GB)
    used(line, shop.now, 10 * MB, 90 * MB)
    said = words(agent.get(page(line)))
    assert "2.2 GB 2.09 GB down, 110 MB up" in said
    assert "Mon 2 Mar 2026 2 GB down 100 MB up 2.1 GB" in said
    assert "Tue 10 Mar 2026 90 MB down 10 MB up 100 MB" in said
    assert said.index("Tue 10 Mar") < said.index("Mon 2 Mar"), "the newest first"


def test_a_day_opens_its_hours_in_the_providers_zone(shop: Shop, agent: Client) -> None:
    line = shop.line()
    used(line, datetime(2026, 3, 9, 22, tzinfo=UTC), 0, 5 * MB)  # midnight in Johannesburg
    used(line, datetime(2026, 3, 10, 22, tzinfo=UTC), 0, 7 * MB)  # the next day
    assert f'href="{page(line)}?day=2026-03-10"' in text_of(agent.get(page(line)))
    said = words(agent.get(page(line), {"day": "2026-03-10"}))
    assert "10 Mar 2026 00:00–01:00 5 MB down" in said
    assert "7 MB" not in said
    assert "The whole cycle" in said


def test_the_three_cycles_before_can_be_chosen(shop: Shop, agent: Client) -> None:
    line = shop.line()
    edges = [
        datetime(2025, 9, 30, 22, tzinfo=UTC),
        *(datetime(2025, month, 30, 22, tzinfo=UTC) for month in (10, 11)),
    ]
    edges += [datetime(2025, 12, 31, 22, tzinfo=UTC), datetime(2026, 1, 31, 22, tzinfo=UTC)]
    edges += [datetime(2026, 2, 28, 22, tzinfo=UTC)]
    for start, end in pairwise(edges):
        ended(line, start, end)
    UsageDay.objects.create(service_id=line.pk, day=date(2026, 2, 28), bytes_up=0, bytes_down=3 * GB)
    said = words(agent.get(page(line)))
    assert "This cycle: 1 Mar 2026 – 31 Mar 2026 1 Feb 2026 – 28 Feb 2026 1 Jan 2026 – 31 Jan 2026" in said
    assert "Oct" not in said, "three before this one, not more"
    before = words(agent.get(page(line), {"cycle": 1}))
    assert "3 GB 3 GB down, 0 B up" in before
    assert "Sat 28 Feb 2026" in before


def test_a_cycle_of_a_day_is_shown_by_hours_and_one_of_a_year_by_months(shop: Shop, agent: Client) -> None:
    daily, yearly = shop.line(cycle_kind="day"), shop.line("sipho@example.net", cycle_kind="year")
    used(daily, shop.now, 0, 5 * MB)
    assert "10 Mar 2026 10:00–11:00 5 MB down" in words(agent.get(page(daily)))
    UsageDay.objects.create(service_id=yearly.pk, day=date(2026, 2, 3), bytes_up=0, bytes_down=GB)
    UsageDay.objects.create(service_id=yearly.pk, day=date(2026, 2, 4), bytes_up=0, bytes_down=GB)
    assert "February 2026 2 GB down" in words(agent.get(page(yearly)))


def test_no_usage_says_so(shop: Shop, agent: Client) -> None:
    said = words(agent.get(page(shop.line())))
    assert "0 B 0 B down, 0 B up" in said
    assert "Nothing was moved in this time." in said


def test_a_line_without_a_cap_row_has_a_page(shop: Shop, agent: Client) -> None:
    line = shop.line()
    Cap.objects.all().delete()
    assert agent.get(page(line)).status_code == 200
    said = words(agent.get(f"/staff/services/{line.pk}/"))
    assert "Unknown Metering hasn't begun" in said
    assert agent.get(f"/staff/services/{line.pk}/technical/").status_code == 200


@pytest.mark.parametrize(
    "asked", [{"cycle": "9"}, {"cycle": "x"}, {"day": "today"}, {"day": "0001-01-01"}, {"day": "9999-12-31"}]
)
def test_nonsense_in_the_address_shows_this_cycle(shop: Shop, agent: Client, asked: dict[str, str]) -> None:
    answer = agent.get(page(shop.line()), asked)
    assert answer.status_code == 200
    assert "This cycle" in words(answer)


def test_the_page_asks_the_same_few_questions_however_much_there_is(
    shop: Shop, agent: Client, django_assert_max_num_queries: Any
) -> None:
    line = shop.line()
    for step in range(200):
        used(line, shop.now - timedelta(hours=step), 1, 1)
    with django_assert_max_num_queries(QUERIES_MAX):
        agent.get(page(line))


def test_the_drawing_has_no_styles_of_its_own(shop: Shop, agent: Client) -> None:
    line = shop.line()
    used(line, shop.now, 1, 1)
    assert "style=" not in text_of(agent.get(page(line)))
