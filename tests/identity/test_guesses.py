"""Guessing is slowed per username and locked per username and place; it locks no victim out and reveals nothing."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from typing import TypeVar

import pytest
from django.db import connections

from capstan.identity.actions.attempts import TooMany, attempt
from capstan.identity.actions.guesses import (
    delay_before_answer,
    is_known,
    is_locked,
    locked_until,
    note_failure,
    note_success,
)
from capstan.identity.models import AttemptCount
from capstan.identity.rules import GUESSES_PER_PLACE
from capstan.values import clock

NOW = clock.now()
HOME, THIEF = "192.0.2.7", "198.51.100.66"
NAME = "jenny@example.net"
NONE = timedelta()
MINUTE = timedelta(minutes=1)

Got = TypeVar("Got")


def fail(times: int, name: str = NAME, address: str = THIEF) -> list[TooMany | None]:
    return [note_failure(name, address, NOW) for _ in range(times)]


@pytest.mark.django_db
def test_the_sixth_guess_from_one_place_is_not_looked_at() -> None:
    until = NOW + timedelta(minutes=15)
    assert fail(7) == [None] * 5 + [TooMany(until)] * 2
    assert is_locked(NAME, THIEF, NOW)
    assert locked_until(NAME, THIEF, NOW + 14 * MINUTE) == until
    assert not is_locked(NAME, THIEF, until)
    assert note_failure(NAME, THIEF, until) is None


@pytest.mark.django_db
def test_each_wrong_guess_starts_the_quarter_hour_anew_but_not_one_during_the_lock() -> None:
    for minute in range(5):
        note_failure(NAME, THIEF, NOW + minute * 10 * MINUTE)
    locked = NOW + 55 * MINUTE
    assert locked_until(NAME, THIEF, NOW + 41 * MINUTE) == locked
    assert note_failure(NAME, THIEF, NOW + 54 * MINUTE) == TooMany(locked)
    assert not is_locked(NAME, THIEF, locked)


@pytest.mark.django_db
def test_the_victim_is_not_locked_out_elsewhere() -> None:
    fail(50)
    for thieves in range(30):
        fail(5, address=f"198.51.100.{thieves}")
    assert not is_locked(NAME, HOME, NOW)
    assert note_failure(NAME, HOME, NOW) is None


@pytest.mark.django_db
def test_how_a_name_is_typed_makes_no_difference() -> None:
    for typed in (NAME, NAME.upper(), f" {NAME} ", "Jenny@example.net", NAME):
        assert note_failure(typed, THIEF, NOW) is None
    assert is_locked(NAME, THIEF, NOW)


@pytest.mark.django_db
def test_answers_slow_down_everywhere_but_where_it_was_right_before() -> None:
    note_success(NAME, HOME, NOW - timedelta(days=29))
    fail(3)
    assert delay_before_answer(NAME, THIEF, NOW) == NONE
    fail(2)
    assert delay_before_answer(NAME, THIEF, NOW) == timedelta(milliseconds=500)
    assert delay_before_answer(NAME, "203.0.113.5", NOW) == timedelta(milliseconds=500)
    assert delay_before_answer(NAME, HOME, NOW) == NONE
    assert delay_before_answer("somebody@example.net", THIEF, NOW) == NONE
    assert delay_before_answer(NAME, THIEF, NOW + 15 * MINUTE) == NONE


@pytest.mark.django_db
def test_a_place_is_known_for_thirty_days_after_the_last_right_password() -> None:
    note_success(NAME, HOME, NOW)
    note_success(NAME, HOME, NOW + timedelta(days=20))
    assert is_known(NAME, HOME, NOW + timedelta(days=49))
    assert not is_known(NAME, HOME, NOW + timedelta(days=50))
    assert not is_known(NAME, THIEF, NOW)


@pytest.mark.django_db
def test_a_right_password_takes_back_ones_own_mistakes_and_nobody_elses() -> None:
    fail(5)
    fail(3, address=HOME)
    note_success(NAME, HOME, NOW)
    assert fail(5, address=HOME) == [None] * 5
    assert is_locked(NAME, THIEF, NOW)
    note_success(NAME, HOME, NOW)
    assert delay_before_answer(NAME, THIEF, NOW) == timedelta(milliseconds=500)


@pytest.mark.django_db
def test_a_place_that_tries_fifty_names_is_locked_for_all_names() -> None:
    for number in range(50):
        assert note_failure(f"line{number}@example.net", THIEF, NOW) is None
        note_failure(f"line{number}@example.net", THIEF, NOW)  # the same name counts once
    assert is_locked("another@example.net", THIEF, NOW)
    assert note_failure("another@example.net", THIEF, NOW) == TooMany(NOW + 15 * MINUTE)
    assert not is_locked("another@example.net", HOME, NOW)


@pytest.mark.django_db
def test_an_own_login_does_not_wash_off_guesses_at_others() -> None:
    for number in range(50):
        note_failure(f"line{number}@example.net", THIEF, NOW)
        note_failure("thief@example.net", THIEF, NOW)
        note_success("thief@example.net", THIEF, NOW)
    assert is_locked("another@example.net", THIEF, NOW)


@pytest.mark.django_db
def test_neighbours_in_one_ipv6_network_are_one_place() -> None:
    for number in range(5):
        note_failure(NAME, f"2001:db8:1:2::{number}", NOW)
    assert is_locked(NAME, "2001:db8:1:2:ffff::1", NOW)
    assert not is_locked(NAME, "2001:db8:1:3::1", NOW)


@pytest.mark.django_db
def test_what_was_typed_is_not_stored() -> None:
    note_failure("my-password-in-the-wrong-field", THIEF, NOW)
    stored = str(list(AttemptCount.objects.values_list("key", flat=True)))
    assert "password" not in stored
    assert THIEF not in stored
    assert AttemptCount.objects.count() == 3


def at_once(times: int, work: Callable[[], Got]) -> list[Got]:
    """What so many threads get that do it at the same moment, each with its own connection."""
    start = Barrier(times)
    got: list[Got] = []

    def run() -> None:
        try:
            start.wait()
            got.append(work())
        finally:
            connections.close_all()

    threads = [Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return got


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_the_same_moment_five_are_looked_at() -> None:
    for number in range(5):
        address = f"198.51.100.{number}"
        got = at_once(16, partial(note_failure, NAME, address, NOW))
        assert len(got) == 16
        assert got.count(None) == GUESSES_PER_PLACE


@pytest.mark.django_db(transaction=True)
def test_of_many_attempts_at_the_same_moment_as_many_pass_as_may() -> None:
    for number in range(5):
        key = f"key {number}"
        got = at_once(16, partial(attempt, key, limit=7, window=MINUTE, now=NOW))
        assert got.count(None) == 7
        assert got.count(TooMany(NOW + MINUTE)) == 9


@pytest.mark.django_db(transaction=True)
def test_right_and_wrong_guesses_at_the_same_moment_do_not_stand_in_each_others_way() -> None:
    def both() -> str:
        note_failure(NAME, HOME, NOW)
        note_failure(f"other {NAME}", HOME, NOW)
        note_success(NAME, HOME, NOW)
        return "done"

    assert at_once(12, both) == ["done"] * 12
    assert not is_locked(NAME, HOME, NOW)


@pytest.mark.django_db
def test_a_window_begins_with_its_first_attempt() -> None:
    assert attempt("k", limit=2, window=MINUTE, now=NOW) is None
    later = NOW + timedelta(seconds=59)
    assert attempt("k", limit=2, window=MINUTE, now=later) is None
    assert attempt("k", limit=2, window=MINUTE, now=later) == TooMany(NOW + MINUTE)
    assert attempt("k", limit=2, window=MINUTE, now=NOW + MINUTE) is None
    assert attempt("other", limit=2, window=MINUTE, now=later) is None
