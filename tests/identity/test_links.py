"""Links work once, before they expire, for what they were made for; codes cost a try each."""

import base64
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from capstan.identity.actions import codes, links
from capstan.identity.models import Code, Link
from capstan.values import clock
from capstan.values.refused import Refused
from tests.identity.test_guesses import at_once

NOW = clock.now()
LATER = NOW + timedelta(hours=1)


def link(purpose: str = "authorise", subject: str = "order:17") -> str:
    return links.make(purpose, subject, expires_at=LATER, now=NOW)


@pytest.mark.django_db
def test_looking_uses_nothing_up_and_using_does() -> None:
    token = link()
    assert len(token) == 32
    assert [links.look(token, "authorise", NOW) for _ in range(3)] == ["order:17"] * 3
    assert links.use(token, "authorise", NOW) == "order:17"
    assert links.look(token, "authorise", NOW) is None
    with pytest.raises(Refused, match="used already, or it has expired"):
        links.use(token, "authorise", NOW)


@pytest.mark.django_db
def test_a_link_expires() -> None:
    token = link()
    assert links.look(token, "authorise", LATER - timedelta(seconds=1)) == "order:17"
    assert links.look(token, "authorise", LATER) is None
    with pytest.raises(Refused):
        links.use(token, "authorise", LATER)


@pytest.mark.django_db
def test_a_link_is_for_one_purpose() -> None:
    token = link()
    assert links.look(token, "sign in", NOW) is None
    with pytest.raises(Refused):
        links.use(token, "sign in", NOW)
    assert links.use(token, "authorise", NOW) == "order:17"


@pytest.mark.django_db
def test_a_deed_that_fails_leaves_its_link_usable() -> None:
    token = link()
    with suppress(ZeroDivisionError), transaction.atomic():
        links.use(token, "authorise", NOW)
        raise ZeroDivisionError
    assert links.use(token, "authorise", NOW) == "order:17"


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "x", "A" * 32, "é" * 32, "====", "A" * 10_000, "\x00" * 32, "🙂"])
def test_made_up_tokens_are_nobodys(token: str) -> None:
    link()
    assert links.look(token, "authorise", NOW) is None


@pytest.mark.django_db
def test_a_changed_token_is_nobodys() -> None:
    raw = bytearray(base64.urlsafe_b64decode(link()))
    for place in range(len(raw)):
        raw[place] ^= 1
        assert links.look(base64.urlsafe_b64encode(raw).decode(), "authorise", NOW) is None
        raw[place] ^= 1
    assert links.look(base64.urlsafe_b64encode(raw).decode(), "authorise", NOW) == "order:17"


@pytest.mark.django_db
def test_a_token_is_not_in_the_database() -> None:
    token = link()
    assert token not in str(Link.objects.values())


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_gets_it() -> None:
    for _ in range(5):
        token = link()

        def use(token: str = token) -> str:
            try:
                return links.use(token, "authorise", NOW)
            except Refused:
                return "refused"

        assert sorted(map(str, at_once(12, use))) == ["order:17"] + ["refused"] * 11


def code(**more: int) -> str:
    return codes.make("phone", "contact:17", expires_at=LATER, now=NOW, **more)


def check(typed: str, subject: str = "contact:17") -> codes.Checked:
    return codes.check("phone", subject, typed, now=NOW)


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 10 ** len(right):0{len(right)}}"


@pytest.mark.django_db
def test_a_right_code_is_used_up() -> None:
    right = code()
    assert len(right) == 6
    assert right.isdigit()
    assert check(f"{right[:3]} {right[3:]}") == codes.Checked(True, 4)
    assert check(right) == codes.Checked(False, 0)


@pytest.mark.django_db
def test_wrong_codes_cost_tries_until_even_the_right_one_is_of_no_use() -> None:
    right = code(tries=3)
    assert [check(wrong(right)).tries_left for _ in range(4)] == [2, 1, 0, 0]
    assert check(right) == codes.Checked(False, 0)


@pytest.mark.django_db
def test_a_code_is_for_its_subject_and_time() -> None:
    right = code(digits=4)
    assert len(right) == 4
    assert not check(right, "contact:18").is_right
    assert not codes.check("e-mail", "contact:17", right, now=NOW).is_right
    assert not codes.check("phone", "contact:17", right, now=LATER).is_right
    assert check(right).is_right


@pytest.mark.django_db
def test_a_newer_code_takes_the_place_of_the_one_before() -> None:
    first = code(digits=9)
    second = code(digits=9)
    assert not check(first).is_right
    assert check(second).is_right
    assert Code.objects.count() == 1


@pytest.mark.django_db
def test_no_more_than_five_codes_an_hour_so_that_tries_come_to_an_end() -> None:
    for _ in range(5):
        code()
    with pytest.raises(Refused, match=r"5 codes were sent already\. Try again in 60 minutes"):
        code()
    codes.make("phone", "contact:18", expires_at=LATER, now=NOW)
    codes.make("phone", "contact:17", expires_at=LATER + timedelta(hours=2), now=LATER)


@pytest.mark.django_db
def test_a_code_is_not_in_the_database() -> None:
    right = code(digits=9)
    assert right not in str(Code.objects.values())


@pytest.mark.django_db(transaction=True)
def test_a_code_typed_twice_at_the_same_moment_is_right_once() -> None:
    for number in range(5):
        subject = f"contact:{number}"
        right = codes.make("phone", subject, expires_at=LATER, now=NOW)
        got = at_once(8, partial(check, right, subject))
        assert sorted(str(checked.is_right) for checked in got) == ["False"] * 7 + ["True"]


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_are_all_counted() -> None:
    right = code()
    got = at_once(12, lambda: check(wrong(right)).tries_left)
    assert sorted(map(str, got)) == ["0"] * 8 + ["1", "2", "3", "4"]
