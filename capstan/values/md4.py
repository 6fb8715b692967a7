"""MD4 (RFC 1320), which the NT hash of MS-CHAPv2 needs (RFC 2759 §8.3) and OpenSSL 3 no longer offers.

Broken as a hash; here only because the protocol leaves no choice.
"""

import struct

_WORD = 0xFFFFFFFF
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)

# Per round: additive constant, order of the message words, the four rotations (RFC 1320 §3.4).
_ROUNDS = (
    (0x00000000, tuple(range(16)), (3, 7, 11, 19)),
    (0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
    (0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)


def md4(data: bytes) -> bytes:
    """The 16-byte MD4 digest of `data`."""
    padding = b"\x80" + bytes((55 - len(data)) % 64)
    padded = data + padding + struct.pack("<Q", len(data) * 8 & 0xFFFFFFFFFFFFFFFF)
    state = _START
    for at in range(0, len(padded), 64):
        mixed = _compress(state, struct.unpack_from("<16I", padded, at))
        state = tuple((old + new) & _WORD for old, new in zip(state, mixed, strict=True))  # type: ignore[assignment]
    return struct.pack("<4I", *state)


def _compress(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for number, (constant, order, rotations) in enumerate(_ROUNDS):
        for step, word in enumerate(order):
            total = (a + _mix(number, b, c, d) + words[word] + constant) & _WORD
            turn = rotations[step % 4]
            a, b, c, d = d, (total << turn | total >> (32 - turn)) & _WORD, b, c
    return a, b, c, d


def _mix(number: int, x: int, y: int, z: int) -> int:
    if number == 0:
        return x & y | ~x & z
    if number == 1:
        return x & y | x & z | y & z
    return x ^ y ^ z
