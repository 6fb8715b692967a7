"""Further attributes of a line's Access-Accept, which only the provider knows the use of."""

from collections.abc import Sequence
from datetime import datetime

from capstan.network.radius.avp import encode_avps
from capstan.network.radius.dictionary import DictionaryError, named, to_avp
from capstan.services.actions import line
from capstan.values.refused import Refused

# What the listener itself says in an Accept, and what has no place in one.
_OURS = frozenset(
    name.lower()
    for name in (
        "User-Password", "CHAP-Password", "CHAP-Challenge", "State", "Class", "Proxy-State", "EAP-Message",
        "Message-Authenticator", "NAS-Identifier", "NAS-IP-Address", "NAS-IPv6-Address", "MS-CHAP-Response",
        "MS-CHAP-Error", "MS-CHAP-Challenge", "MS-CHAP2-Response", "MS-CHAP2-Success", "Acct-Interim-Interval",
    )
)  # fmt: skip

# Leaves room for everything else in a packet of 4096 bytes.
_BYTES_MAX = 2000


def set_reply_extra(*, service_id: int, pairs: Sequence[tuple[str, str]], actor: str, now: datetime) -> None:
    """Add attributes, as (name, value), to this line's Accepts from its next login on; an empty list takes them away.

    Raises Refused, naming the attribute, for one that isn't in the dictionary, a value that isn't of its type, and one
    that the listener says itself.
    """
    checked: list[tuple[str, str]] = []
    size = 0
    for name, text in pairs:
        try:
            attribute, avp = named(name), to_avp(name, text)
        except DictionaryError as error:
            raise Refused(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
        if attribute.name.lower() in _OURS or attribute.name.startswith("Acct-"):
            raise Refused(f"{attribute.name} can't be added to a line: it is not for staff to set.")
        checked.append((attribute.name, text))
        size += len(encode_avps([avp]))
    if size > _BYTES_MAX:
        raise Refused(f"These attributes take {size} bytes together; {_BYTES_MAX} fit beside the others.")
    line.set_reply_extra(service_id=service_id, reply_extra=checked, actor=actor, now=now)
