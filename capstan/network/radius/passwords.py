"""How a line proves its password: PAP, CHAP (RFC 2865), MS-CHAPv2 (RFC 2759, 2548)."""

from hashlib import sha1
from hmac import compare_digest

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from capstan.network.radius.packet import md5
from capstan.values.md4 import md4

_BLOCK = 16
_PAP_BYTES_MAX = 128  # RFC 2865 §5.2
_CHAP_BYTES = 17
_MSCHAP2_BYTES = 50

_MAGIC_1 = b"Magic server to client signing constant"
_MAGIC_2 = b"Pad to make it do more than one iteration"


def hide_password(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """User-Password as it goes over the wire (RFC 2865 §5.2).

    Raises ValueError for a password longer than 128 bytes.
    """
    if len(password) > _PAP_BYTES_MAX:
        raise ValueError("a password has at most 128 bytes in RADIUS")
    padded = password.ljust(max(_BLOCK, -(-len(password) // _BLOCK) * _BLOCK), b"\0")
    hidden, last = b"", authenticator
    for at in range(0, len(padded), _BLOCK):
        last = _xor(padded[at : at + _BLOCK], md5(secret + last).digest())
        hidden += last
    return hidden


def reveal_password(hidden: bytes, secret: bytes, authenticator: bytes) -> bytes | None:
    """The password in a User-Password, None for a length that can't be one. With a wrong secret it is noise."""
    if not hidden or len(hidden) % _BLOCK or len(hidden) > _PAP_BYTES_MAX:
        return None
    if len(hidden) == _BLOCK:
        return _xor(hidden, md5(secret + authenticator).digest()).rstrip(b"\0")
    clear, last = b"", authenticator
    for at in range(0, len(hidden), _BLOCK):
        block = hidden[at : at + _BLOCK]
        clear += _xor(block, md5(secret + last).digest())
        last = block
    return clear.rstrip(b"\0")


def is_chap(response: bytes, challenge: bytes, password: bytes) -> bool:
    """Whether a CHAP-Password (identifier and digest, RFC 2865 §5.3) was made with this password."""
    if len(response) != _CHAP_BYTES:
        return False
    made: bytes = md5(response[:1] + password + challenge).digest()
    return compare_digest(made, response[1:])


def nt_hash(password: str) -> bytes:
    """NtPasswordHash (RFC 2759 §8.3)."""
    return md4(password.encode("utf-16-le"))


def mschap2_success(response: bytes, challenge: bytes, username: bytes, nt_hash: bytes) -> bytes | None:
    """What MS-CHAP2-Success must say to a right MS-CHAP2-Response, None to a wrong one (RFC 2759 §8.7, RFC 2548 §2.3).

    `challenge` is MS-CHAP-Challenge, `username` User-Name as sent; a leading "DOMAIN\\" takes no part in the proof.
    """
    if len(response) != _MSCHAP2_BYTES or len(challenge) != _BLOCK:
        return None
    identifier, peer_challenge, nt_response = response[:1], response[2:18], response[26:50]
    hashed = challenge_hash(peer_challenge, challenge, username.rpartition(b"\\")[2])
    if not compare_digest(challenge_response(hashed, nt_hash), nt_response):
        return None
    proof = sha1(sha1(md4(nt_hash) + nt_response + _MAGIC_1).digest() + hashed + _MAGIC_2).hexdigest()
    return identifier + b"S=" + proof.upper().encode()


def challenge_hash(peer_challenge: bytes, challenge: bytes, username: bytes) -> bytes:
    """ChallengeHash (RFC 2759 §8.2)."""
    return sha1(peer_challenge + challenge + username).digest()[:8]


def challenge_response(challenge: bytes, nt_hash: bytes) -> bytes:
    """ChallengeResponse (RFC 2759 §8.5): the challenge under DES with the three thirds of the padded hash."""
    padded = nt_hash.ljust(21, b"\0")
    return b"".join(_des(challenge, padded[at : at + 7]) for at in (0, 7, 14))


def _des(block: bytes, key: bytes) -> bytes:
    """One block under single DES. Three equal keys in triple DES are single DES, which is all OpenSSL still offers."""
    bits = int.from_bytes(key, "big")
    spread = bytes(
        (bits >> (49 - 7 * place) & 0x7F) << 1 for place in range(8)
    )  # the parity bit counts for nothing
    encryptor = Cipher(TripleDES(spread * 3), modes.ECB()).encryptor()  # noqa: S305 - the protocol's own mode
    return encryptor.update(block)


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(_BLOCK, "big")
