"""Who may what, how guessing is slowed, where guesses are counted."""

from datetime import timedelta

import pytest

from capstan.identity.rules import (
    MfaPolicy,
    Permission,
    Role,
    answer_delay,
    guessed_name,
    must_have_authenticator,
    new_password,
    normalise_staff_username,
    permissions_of,
    place_of,
)
from capstan.values.refused import Refused


@pytest.mark.parametrize(
    ("text", "username"),
    [
        ("thandi", "thandi"),
        (" Thandi.N ", "thandi.n"),
        ("a", "a"),
        ("x" * 64, "x" * 64),
        ("t-1_b", "t-1_b"),
        ("a\n", "a"),
    ],
)
def test_a_staff_username(text: str, username: str) -> None:
    assert normalise_staff_username(text) == username


@pytest.mark.parametrize(
    "text", ["", " ", "thandi@example.net", "-thandi", "thandi.", "two words", "x" * 65, "thandí", "a\nb"]
)
def test_a_staff_username_refused(text: str) -> None:
    with pytest.raises(Refused):
        normalise_staff_username(text)


MUST = [
    # role, policy, must have one
    (Role.AGENT, MfaPolicy.OPTIONAL, False),
    (Role.AGENT, MfaPolicy.REQUIRED, True),
    (Role.ACCOUNTS, MfaPolicy.OPTIONAL, True),
    (Role.MANAGER, MfaPolicy.OPTIONAL, True),
    (Role.MANAGER, MfaPolicy.REQUIRED, True),
    (Role.CUSTOMER, MfaPolicy.REQUIRED, False),
]


@pytest.mark.parametrize(("role", "policy", "must"), MUST)
def test_who_must_have_an_authenticator(role: Role, policy: MfaPolicy, must: bool) -> None:
    assert must_have_authenticator(role, policy) is must


def test_a_manager_may_everything_and_a_customer_nothing_of_it() -> None:
    assert permissions_of(Role.MANAGER) == frozenset(Permission)
    assert permissions_of(Role.CUSTOMER) == frozenset()
    assert permissions_of(Role.AGENT) < permissions_of(Role.MANAGER)


DELAYS = [
    (0, 0),
    (1, 0),
    (3, 0),
    (4, 250),
    (5, 500),
    (6, 1000),
    (7, 2000),
    (8, 4000),
    (9, 4000),
    (10**6, 4000),
]


@pytest.mark.parametrize(("failures", "milliseconds"), DELAYS)
def test_answers_slow_down(failures: int, milliseconds: int) -> None:
    assert answer_delay(failures) == timedelta(milliseconds=milliseconds)


PLACES = [
    ("192.0.2.7", "192.0.2.7"),
    ("::ffff:192.0.2.7", "192.0.2.7"),
    ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
    ("2001:db8:1:2:bbbb::1", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ("::1", "::/64"),
]


@pytest.mark.parametrize(("address", "place"), PLACES)
def test_a_place_is_what_one_customer_has(address: str, place: str) -> None:
    assert place_of(address) == place


def test_what_is_no_address_is_no_place() -> None:
    with pytest.raises(ValueError, match="unknown"):
        place_of("unknown")


@pytest.mark.parametrize("typed", ["Jenny@Example.net", " jenny@example.net", "ｊenny@example.net"])
def test_a_username_is_the_same_however_it_is_typed(typed: str) -> None:
    assert guessed_name(typed) == "jenny@example.net"


def test_a_new_password_can_be_read_out_and_is_another_each_time() -> None:
    passwords = {new_password() for _ in range(100)}
    assert len(passwords) == 100
    for password in passwords:
        groups = password.split("-")
        assert [len(group) for group in groups] == [4, 4, 4, 4]
        assert not set("".join(groups)) & set("01lioO")
