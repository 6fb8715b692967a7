"""A mail server (RFC 5321): 4xx may be tried again, 5xx never; what is lost after the words have left is unclear."""

import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.errors import MessageError

from capstan.messaging.actions.transports.limit import limited
from capstan.messaging.actions.transports.port import (
    Accepted,
    NotSentError,
    Outgoing,
    Polled,
    Retry,
    Route,
    settings_of,
)
from capstan.messaging.actions.transports.smtp.mail import compose
from capstan.messaging.rules.gateways import SmtpSettings
from capstan.messaging.rules.words import Reason

_PERMANENT = 500
_OK = (250, 251)
_LOGIN_NEEDED = (530, 534, 535, 538)
_NO_MAILBOX = re.compile(r"\b5\.1\.(0|1|2|3|6|10)\b|unknown|no such|not exist|doesn't exist", re.IGNORECASE)


def send(route: Route, outgoing: Outgoing) -> Accepted:
    """Hand the mail to the server. Raises NotSentError."""
    settings = settings_of(route, SmtpSettings)
    try:
        recipient = _ascii(outgoing.to)
        mail = compose(outgoing._replace(to=recipient), settings, route.sender)
    except (ValueError, MessageError) as problem:
        raise NotSentError(
            Reason.REFUSED, Retry.USELESS, f"no mail can be made of it: {problem}"
        ) from problem
    with _session(settings, route.password) as server:
        _checked(*server.mail(route.sender))
        _checked(*server.rcpt(recipient), is_recipient=True)
        try:
            code, said = server.data(mail.as_bytes())
        except smtplib.SMTPDataError as refusal:
            code, said = refusal.smtp_code, _bytes(refusal.smtp_error)
        except (smtplib.SMTPServerDisconnected, OSError) as problem:
            raise NotSentError(
                Reason.NO_ANSWER, Retry.UNCLEAR, f"no answer to the mail: {problem}", trouble=True
            ) from problem
        _checked(code, said)
        with suppress(
            smtplib.SMTPException, OSError
        ):  # it has the mail; whether it says goodbye is its affair
            server.quit()
    return Accepted(carrier_id=str(mail["Message-ID"]))


def poll(route: Route, cursors: Mapping[str, str]) -> Polled:
    """Mail that comes in isn't read."""
    return Polled("", "", cursors)


@contextmanager
def _session(settings: SmtpSettings, password: str) -> Iterator[smtplib.SMTP]:
    """Connected, secured and logged in. Whatever goes wrong here, nothing was sent."""
    server: smtplib.SMTP | None = None
    try:
        server = _connected(settings)
        assert server.sock is not None
        with limited(server.sock):
            server.ehlo_or_helo_if_needed()
            if settings.username:
                server.login(settings.username, password)
            server.sock.settimeout(settings.read_seconds)
            yield server
    except smtplib.SMTPAuthenticationError as refusal:
        raise NotSentError(Reason.CREDENTIALS, Retry.HELPS, f"login: {refusal}", trouble=True) from refusal
    except (smtplib.SMTPException, OSError, UnicodeError) as problem:
        raise NotSentError(
            Reason.UNREACHABLE, Retry.HELPS, f"{settings.host}: {problem}", trouble=True
        ) from problem
    finally:
        if server is not None:
            server.close()


def _connected(settings: SmtpSettings) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if settings.encryption == "tls":
        return smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=settings.connect_seconds, context=context
        )
    server = smtplib.SMTP(settings.host, settings.port, timeout=settings.connect_seconds)
    if settings.encryption == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _checked(code: int, said: bytes, *, is_recipient: bool = False) -> None:
    if code in _OK:
        return
    detail = f"{code} {said.decode(errors='replace')}"
    if code in _LOGIN_NEEDED:
        raise NotSentError(Reason.CREDENTIALS, Retry.HELPS, detail, trouble=True)
    if code < _PERMANENT:
        raise NotSentError(Reason.THROTTLED, Retry.HELPS, detail)
    if is_recipient and _NO_MAILBOX.search(detail):
        raise NotSentError(Reason.UNKNOWN_SUBSCRIBER, Retry.USELESS, detail)
    raise NotSentError(Reason.REFUSED, Retry.USELESS, detail)


def _ascii(address: str) -> str:
    """The address with its domain as the DNS knows it. Raises ValueError for a name before the @ that isn't ASCII."""
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise ValueError(f"{address!r} has other letters than ASCII before the @")
    return f"{local}@{domain.encode('idna').decode()}"


def _bytes(said: bytes | str) -> bytes:
    return said.encode() if isinstance(said, str) else said
