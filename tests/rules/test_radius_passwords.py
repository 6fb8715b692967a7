"""Proofs of a password: the RFCs' own examples, and what must not be taken for one."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capstan.network.radius.passwords import (
    challenge_hash,
    challenge_response,
    hide_password,
    is_chap,
    mschap2_success,
    nt_hash,
    reveal_password,
)

# RFC 2759 §9.2
USER, PASSWORD = b"User", "clientPass"
CHALLENGE = bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628")
PEER_CHALLENGE = bytes.fromhex("21402324255E262A28295F2B3A337C7E")
NT_HASH = bytes.fromhex("44EBBA8D5312B8D611474411F56989AE")
NT_RESPONSE = bytes.fromhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
RESPONSE = b"\x07\0" + PEER_CHALLENGE + bytes(8) + NT_RESPONSE


def test_pap_example_of_rfc_2865() -> None:
    """§7.1: "arctangent" under the secret "xyzzy5461"."""
    authenticator = bytes.fromhex("0f403f9473978057bd83d5cb98f4227a")
    hidden = bytes.fromhex("0dbe708d93d413ce3196e43f782a0aee")
    assert hide_password(b"arctangent", b"xyzzy5461", authenticator) == hidden
    assert reveal_password(hidden, b"xyzzy5461", authenticator) == b"arctangent"


@given(st.binary(max_size=128), st.binary(min_size=1, max_size=40), st.binary(min_size=16, max_size=16))
def test_pap_there_and_back(password: bytes, secret: bytes, authenticator: bytes) -> None:
    password = password.rstrip(b"\0")
    hidden = hide_password(password, secret, authenticator)
    assert len(hidden) % 16 == 0
    assert len(hidden) >= 16
    assert reveal_password(hidden, secret, authenticator) == password


@pytest.mark.parametrize("hidden", [b"", b"short", bytes(17), bytes(144)])
def test_what_is_no_hidden_password(hidden: bytes) -> None:
    assert reveal_password(hidden, b"s", bytes(16)) is None


def test_password_too_long_for_pap() -> None:
    with pytest.raises(ValueError, match="128 bytes"):
        hide_password(bytes(129), b"s", bytes(16))


def test_chap_example_of_rfc_2865() -> None:
    """§7.2: identifier 0x16, password "arctangent", the request authenticator as challenge."""
    challenge = bytes.fromhex("2aee86f08d0d55969ca5978e0d3367a2")
    response = bytes.fromhex("16e957a2f5ec8b8a6c0a5fd0b5ed2a40f4")
    made = b"\x16" + hashlib.md5(b"\x16arctangent" + challenge).digest()
    assert is_chap(made, challenge, b"arctangent")
    assert not is_chap(made, challenge, b"arctangenT")
    assert not is_chap(response[:-1], challenge, b"arctangent")
    assert not is_chap(b"", challenge, b"arctangent")


def test_mschap2_example_of_rfc_2759() -> None:
    assert nt_hash(PASSWORD) == NT_HASH
    assert challenge_hash(PEER_CHALLENGE, CHALLENGE, USER).hex().upper() == "D02E4386BCE91226"
    assert challenge_response(bytes.fromhex("D02E4386BCE91226"), NT_HASH) == NT_RESPONSE
    success = b"\x07S=407A5589115FD0D6209F510FE9C04566932CDA56"
    assert mschap2_success(RESPONSE, CHALLENGE, USER, NT_HASH) == success
    assert mschap2_success(RESPONSE, CHALLENGE, b"DOMAIN\\User", NT_HASH) == success


@pytest.mark.parametrize(
    ("response", "challenge", "user", "hashed"),
    [
        (RESPONSE, CHALLENGE, b"user", NT_HASH),
        (RESPONSE, CHALLENGE[::-1], USER, NT_HASH),
        (RESPONSE, CHALLENGE, USER, NT_HASH[::-1]),
        (RESPONSE[:-1] + b"\0", CHALLENGE, USER, NT_HASH),
        (RESPONSE[:-1], CHALLENGE, USER, NT_HASH),
        (RESPONSE, CHALLENGE[:-1], USER, NT_HASH),
        (b"", b"", b"", NT_HASH),
    ],
)
def test_mschap2_that_is_wrong(response: bytes, challenge: bytes, user: bytes, hashed: bytes) -> None:
    assert mschap2_success(response, challenge, user, hashed) is None
