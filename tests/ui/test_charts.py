"""Bars: what is drawn adds up, stays inside, and its lines stand at round figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.ui.charts import Bar, bars

GB = 10**9


@given(
    st.lists(st.tuples(st.integers(0, 10**14), st.integers(0, 10**14)), max_size=40),
    st.sampled_from([1000, 1024]),
)
def test_every_bar_stays_inside_the_drawing(amounts: list[tuple[int, int]], unit: int) -> None:
    chart = bars(
        "Usage",
        "down",
        "up",
        [Bar(str(n), "", lower, upper) for n, (lower, upper) in enumerate(amounts)],
        unit,
    )
    for shape in chart.shapes:
        assert -0.01 <= shape.upper_y <= shape.lower_y <= 100.01
        assert shape.x >= 0
        assert shape.x + shape.width <= 100.01
        assert shape.lower_height + shape.upper_height == pytest.approx(100 - shape.upper_y, abs=0.01)
    assert 1 <= len(chart.lines) <= 5
    assert all(-0.01 <= line.y <= 100 for line in chart.lines)


@pytest.mark.parametrize(
    ("most", "lines"),
    [
        (3_200_000_000, [GB, 2 * GB, 3 * GB, 4 * GB]),
        (12_345_678_901, [5 * GB, 10 * GB, 15 * GB]),
        (950_000_000, [GB // 2, GB]),
        (GB, [GB // 2, GB]),
        (0, [1]),
    ],
)
def test_lines_stand_at_round_figures(most: int, lines: list[int]) -> None:
    assert [line.value for line in bars("", "", "", [Bar("", "", most, 0)]).lines] == lines


def test_a_drawing_without_usage_says_so() -> None:
    assert bars("", "", "", [Bar("", "", 0, 0)]).is_empty
    assert bars("", "", "", []).is_empty
    assert not bars("", "", "", [Bar("", "", 0, 1)]).is_empty


def test_few_enough_labels_to_be_read() -> None:
    shapes = bars("", "", "", [Bar("", "", 1, 1)] * 31).shapes
    assert sum(shape.is_labelled for shape in shapes) == 8
    assert shapes[0].is_labelled
