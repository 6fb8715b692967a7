"""What stands in the way of selling a line data."""

import pytest

from capstan.topups.rules.sale import Hindrance, LineFacts, hindrance

MB = 10**6


def line(**more: bool | int) -> LineFacts:
    fields = {"has_ended": False, "is_suspended": False, "is_wrong_device": False, "is_uncapped": False,
              "is_metered": True, "owed_bytes": 0}  # fmt: skip
    return LineFacts(**(fields | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("owed", "size", "expected"),
    [
        (0, 500 * MB, None),
        (0, MB, None),
        (0, MB - 1, Hindrance.TOO_SMALL),
        (499 * MB, 500 * MB, None),
        (
            499 * MB + 1,
            500 * MB,
            Hindrance.OWES_MORE,
        ),  # less than a megabyte would be left: the line stays shut
        (600 * MB, 500 * MB, Hindrance.OWES_MORE),
        (600 * MB, None, None),
    ],
)
def test_what_is_left_of_a_size_must_open_the_line(
    owed: int, size: int | None, expected: Hindrance | None
) -> None:
    assert hindrance(line(owed_bytes=owed), size) == expected


def test_the_first_thing_to_mend_is_said() -> None:
    assert hindrance(line(has_ended=True, is_suspended=True)) == Hindrance.ENDED
    assert hindrance(line(is_suspended=True, is_uncapped=True)) == Hindrance.SUSPENDED
    assert hindrance(line(is_uncapped=True), 500 * MB) == Hindrance.UNCAPPED
