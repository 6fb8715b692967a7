"""Accounting packets out of the packet log, with the names of the RADIUS dictionary."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from capstan.metering.models import RadiusSession
from capstan.metering.queries.session_packets import LoggedRecord, last_records
from capstan.metering.records import FLAG_EVENT_TIME, Record, texts_of
from capstan.metering.rules.token import decode_token
from capstan.metering.rules.words import Status
from capstan.network.radius.avp import Avp
from capstan.network.radius.dictionary import avps_of, describe
from capstan.network.radius.packet import HEADER_BYTES, DecodeError
from capstan.services.queries import by_username
from capstan.values.refused import Refused

_CLASS = 25
_TEXTS = {"username": 1, "session_id": 44, "calling_station": 31, "nas_port_id": 87}
_STATUS_WORDS = {
    Status.START: "Start",
    Status.STOP: "Stop",
    Status.INTERIM: "Interim-Update",
    Status.ON: "Accounting-On",
    Status.OFF: "Accounting-Off",
    Status.FAILED: "Failed",
    Status.CONTROL: "decision of staff",
}


@dataclass(frozen=True)
class PacketFacts:
    """An accounting packet of a session. `attributes` are (name, value) as the dictionary writes them."""

    received_at: datetime
    session_id: int
    stream: int
    seq: int
    status: str
    seconds: int
    bytes_up: int
    bytes_down: int
    attributes: list[tuple[str, str]]


def packets_of(session: RadiusSession, *, limit: int, look_back: timedelta) -> list[PacketFacts]:
    """The session's newest packets, newest first: see `last_records`."""
    found = last_records(session, limit=limit, look_back=look_back)
    return [_packet(session.pk, logged) for logged in found]


def _packet(session_id: int, logged: LoggedRecord) -> PacketFacts:
    record = logged.record
    return PacketFacts(
        received_at=logged.received_at,
        session_id=session_id,
        stream=logged.stream,
        seq=logged.seq,
        status=_STATUS_WORDS.get(Status(record.status), str(record.status)),
        seconds=record.seconds,
        bytes_up=record.bytes_up,
        bytes_down=record.bytes_down,
        attributes=attributes_of(record),
    )


def attributes_of(record: Record) -> list[tuple[str, str]]:
    """A record's attributes by name: what it carries, then the strangers that were kept as they came."""
    texts = texts_of(record)._asdict()
    found = [Avp(0, number, texts[name]) for name, number in _TEXTS.items() if texts[name]]
    if texts["framed_ip"]:
        found.append(Avp(0, 8 if len(texts["framed_ip"]) == 4 else 168, texts["framed_ip"]))
    if texts["framed_ipv6"]:
        found.append(Avp(0, 97, texts["framed_ipv6"]))
    numbers = (
        (41, record.delay),
        (49, record.cause),
        (55, record.event if record.flags & FLAG_EVENT_TIME else 0),
    )
    found += [Avp(0, number, value.to_bytes(4, "big")) for number, value in numbers if value]
    shown = [describe(avp) for avp in found]
    if texts["class_value"]:
        shown.append(_class(texts["class_value"]))
    return shown + _extra(texts["extra"])


def _class(value: bytes) -> tuple[str, str]:
    token = decode_token(value)
    if token is None:
        return describe(Avp(0, _CLASS, value))
    return (
        "Class",
        f"ours: service {token.service_id}, access {token.access_hash.hex()}, login {token.login.hex()}",
    )


def _extra(raw: bytes) -> list[tuple[str, str]]:
    try:
        return [describe(avp) for avp in avps_of(bytes(HEADER_BYTES) + raw)]
    except DecodeError as error:
        return [("(unreadable)", f"{error}: 0x{raw.hex()}")]


def session_of(username: str, *, session_id: int | None) -> RadiusSession:
    """The session of this user that was heard of last, or the one with this id. Raises Refused if there is none."""
    service = by_username(username)
    sessions = RadiusSession.objects.filter(service=service).select_related("nas")
    if service is None:
        sessions = sessions.filter(username__iexact=username.strip())
    found = sessions.filter(pk=session_id) if session_id else sessions
    newest = sorted(found.order_by("-id")[:5], key=lambda one: one.last_seen_at)
    if not newest:
        which = f"session {session_id}" if session_id else "session"
        raise Refused(f"There is no {which} of {username!r}.")
    return newest[-1]
