"""A RADIUS client written from the RFCs, using nothing of the product's, so that it is an honest counterpart."""

import hashlib
import hmac
import itertools
import os
import socket
import struct
from dataclasses import dataclass

MESSAGE_AUTHENTICATOR = 80
Attributes = list[tuple[int, bytes]]

_identifiers = itertools.count(1)


@dataclass
class Reply:
    """An answer, its authenticators already checked."""

    code: int
    attributes: Attributes
    packet: bytes

    def all(self, kind: int) -> list[bytes]:
        return [value for number, value in self.attributes if number == kind]

    def one(self, kind: int) -> bytes:
        (value,) = self.all(kind)
        return value

    def vendor(self, vendor: int, kind: int) -> bytes:
        head = struct.pack(">IB", vendor, kind)
        (value,) = [value[6:] for value in self.all(26) if value[:5] == head]
        return value

    @property
    def message(self) -> str:
        return self.one(18).decode()


class Client:
    """Speaks from one UDP port to one server address."""

    def __init__(self, host: str, auth_port: int, acct_port: int, secret: bytes = b"s3cret") -> None:
        self.secret = secret
        self.auth, self.acct = (host, auth_port), (host, acct_port)
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(3)

    def close(self) -> None:
        self.socket.close()

    def accounting(self, attributes: Attributes) -> bytes:
        """A signed Accounting-Request."""
        body = encode(attributes)
        head = struct.pack(">BBH", 4, next(_identifiers) % 256, 20 + len(body))
        return head + hashlib.md5(head + bytes(16) + body + self.secret).digest() + body

    def access(
        self,
        attributes: Attributes,
        *,
        signed: bool = True,
        authenticator: bytes | None = None,
        code: int = 1,
    ) -> bytes:
        """An Access-Request (or Status-Server), with a Message-Authenticator if `signed`."""
        authenticator = authenticator or os.urandom(16)
        body = encode(attributes)
        if signed:
            body += bytes((MESSAGE_AUTHENTICATOR, 18)) + bytes(16)
        head = struct.pack(">BBH", code, next(_identifiers) % 256, 20 + len(body)) + authenticator
        if signed:
            body = body[:-16] + hmac.digest(self.secret, head + body, "md5")
        return head + body

    def pap(self, password: bytes, authenticator: bytes) -> tuple[int, bytes]:
        """User-Password for a request with this authenticator."""
        padded = password + bytes(-len(password) % 16 or (16 if not password else 0))
        hidden, last = b"", authenticator
        for at in range(0, len(padded), 16):
            key = hashlib.md5(self.secret + last).digest()
            last = bytes(a ^ b for a, b in zip(padded[at : at + 16], key, strict=True))
            hidden += last
        return 2, hidden

    def login(self, username: str, password: str, *more: tuple[int, bytes], signed: bool = True) -> Reply:
        """A PAP login."""
        authenticator = os.urandom(16)
        attributes = [(1, username.encode()), self.pap(password.encode(), authenticator), *more]
        packet = self.access(attributes, signed=signed, authenticator=authenticator)
        reply = self.ask(packet)
        assert reply is not None, "no answer"
        return reply

    def ask(self, packet: bytes, *, to_acct: bool | None = None, timeout: float = 3) -> Reply | None:
        """Send and wait for the answer; None when none comes."""
        to_acct = packet[0] == 4 if to_acct is None else to_acct
        self.socket.settimeout(timeout)
        self.socket.sendto(packet, self.acct if to_acct else self.auth)
        return self.receive(packet)

    def receive(self, packet: bytes) -> Reply | None:
        while True:
            try:
                answer = self.socket.recv(4096)
            except TimeoutError:
                return None
            if answer[1] == packet[1]:
                return self.check(packet, answer)

    def check(self, packet: bytes, answer: bytes) -> Reply:
        code, _, length = struct.unpack(">BBH", answer[:4])
        assert length == len(answer)
        made = hashlib.md5(answer[:4] + packet[4:20] + answer[20:] + self.secret).digest()
        assert made == answer[4:20], "bad Response Authenticator"
        attributes = decode(answer[20:])
        if code in (2, 3, 11):
            assert attributes[0][0] == MESSAGE_AUTHENTICATOR, "Message-Authenticator must come first"
            zeroed = answer[:4] + packet[4:20] + answer[20:22] + bytes(16) + answer[38:]
            assert hmac.digest(self.secret, zeroed, "md5") == attributes[0][1], "bad Message-Authenticator"
        return Reply(code, attributes, answer)


def encode(attributes: Attributes) -> bytes:
    return b"".join(bytes((kind, len(value) + 2)) + value for kind, value in attributes)


def decode(body: bytes) -> Attributes:
    found: Attributes = []
    while body:
        found.append((body[0], body[2 : body[1]]))
        body = body[body[1] :]
    return found


def u32(number: int) -> bytes:
    return struct.pack(">I", number)


def vsa(vendor: int, kind: int, value: bytes) -> tuple[int, bytes]:
    return 26, struct.pack(">IBB", vendor, kind, len(value) + 2) + value


def interim(
    session: str = "81a0", seconds: int = 600, up: int = 1000, down: int = 2000, *more: tuple[int, bytes],
    user: str = "thandi@example.net", nas: str = "n1", status: int = 3,
) -> Attributes:  # fmt: skip
    """The attributes of an Interim-Update as routers send them."""
    return [
        (1, user.encode()), (32, nas.encode()), (40, u32(status)), (44, session.encode()), (46, u32(seconds)),
        (42, u32(up & 0xFFFFFFFF)), (52, u32(up >> 32)), (43, u32(down & 0xFFFFFFFF)), (53, u32(down >> 32)),
        (31, b"02-00-5E-00-00-01"), (8, bytes((192, 0, 2, 7))), *more,
    ]  # fmt: skip
