"""Answers given lately, so that a repeated Access-Request gets the same one again (RFC 5080 §2.2.2)."""

from typing import Final

from capstan.network.listener.sockets import Address

PENDING: Final = b""  # its request is still being worked on

_GENERATION_MAX = 8192

Key = tuple[Address, bytes]


class AnswerCache:
    """Two generations of answers. The younger becomes the older when it is full or `turn` says that time has passed."""

    def __init__(self) -> None:
        self._young: dict[Key, bytes] = {}
        self._old: dict[Key, bytes] = {}

    def find(self, key: Key) -> bytes | None:
        """The answer, `PENDING`, or None for a request that is new."""
        answer = self._young.get(key)
        return self._old.get(key) if answer is None else answer

    def put(self, key: Key, answer: bytes) -> None:
        if len(self._young) >= _GENERATION_MAX:
            self.turn()
        self._young[key] = answer

    def drop(self, key: Key) -> None:
        """Forget a request that got no answer: its repetition is a new one."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def turn(self) -> None:
        self._old, self._young = self._young, {}


def key_of(packet: bytes, address: Address) -> Key:
    """What makes two requests the same one: sender, port, identifier, authenticator."""
    return address, packet[1:20]
