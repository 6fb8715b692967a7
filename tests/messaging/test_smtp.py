"""E-mail through a real SMTP server, with what each of its answers means."""

import email.policy
import ssl
import subprocess
from email import message_from_bytes
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from socket import SOCK_STREAM
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from capstan.messaging.actions.gateways import enter_gateway
from capstan.messaging.actions.transports.smtp.mail import html
from capstan.messaging.models import Gateway, Message
from capstan.messaging.rules.words import GatewayKind, Medium, MessageState, Reason
from tests.config.running import free_port
from tests.messaging.conftest import NOW, Stepped, mailbox, queue

pytestmark = pytest.mark.django_db

S = MessageState


class Box:
    """Keeps what comes; `rcpt` and `data` are what it says instead of yes."""

    def __init__(self, rcpt: str = "", data: str = "", cut: bool = False) -> None:
        self.rcpt, self.data, self.cut = rcpt, data, cut
        self.mails: list[Envelope] = []

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.mails.append(envelope)
        if self.cut:
            server.transport.abort()
        return self.data or "250 OK"

    def mail(self) -> EmailMessage:
        content = self.mails[-1].content
        assert isinstance(content, bytes)
        read = message_from_bytes(content, policy=email.policy.default)
        assert isinstance(read, EmailMessage)
        return read


def smtp_gateway(port: int, *, password: str = "", **more: Any) -> Gateway:
    settings = {"host": "127.0.0.1", "port": port, "encryption": "none", **more}
    return enter_gateway(
        name="mail", kind=GatewayKind.SMTP, medium=Medium.EMAIL, settings=settings, sender="noreply@sandpiper.example",
        password=password, actor="test", now=NOW,
    )[0]  # fmt: skip


def send(sender: Stepped, **more: Any) -> Message:
    given: dict[str, Any] = {"medium": Medium.EMAIL, "recipient": "jenny@example.net"}
    message = queue(**(given | more))
    sender.step()
    message.refresh_from_db()
    return message


def test_a_mail_as_it_arrives(sender: Stepped) -> None:
    box = Box()
    values = {
        "name": "Renê <Q>", "percent": "50", "cap": "15 GB", "service": "", "left": "7.5 GB", "until": "1 Dec",
        "link": "https://topup.example.net/t/5?a=1&b=2",
    }  # fmt: skip
    with mailbox(box) as port:
        smtp_gateway(port, reply_to="help@sandpiper.example")
        message = send(sender, template="cap.threshold.notice", values=values)
    assert (message.state, message.sent_at, message.carrier_id) == (
        S.SENT, NOW, f"<{message.reference}@sandpiper.example>",
    )  # fmt: skip
    envelope, mail = box.mails[0], box.mail()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("noreply@sandpiper.example", ["jenny@example.net"])
    assert mail["From"] == "Sandpiper Net <noreply@sandpiper.example>"
    assert mail["To"] == "jenny@example.net"
    assert mail["Subject"] == "You have used 50% of your data"
    assert mail["Message-ID"] == f"<{message.reference}@sandpiper.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Reply-To"] == "help@sandpiper.example"
    assert mail["List-Unsubscribe"] is None
    assert parsedate_to_datetime(mail["Date"]) == NOW
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert (
        plain.get_content()
        .replace("\r", "")
        .startswith("Hi Renê <Q>\n\nYou have used 50% of 15 GB. You have 7.5 GB left.")
    )
    shown = rich.get_content()
    assert "<p>Hi Renê &lt;Q&gt;</p>" in shown
    link = "https://topup.example.net/t/5?a=1&amp;b=2"
    assert f'<a href="{link}">{link}</a>' in shown


@pytest.mark.parametrize(
    ("box", "state", "reason"),
    [
        (Box(rcpt="450 4.2.1 mailbox busy"), S.QUEUED, Reason.THROTTLED),
        (Box(rcpt="451 4.7.1 greylisted"), S.QUEUED, Reason.THROTTLED),
        (Box(rcpt="550 5.1.1 no such user here"), S.FAILED, Reason.UNKNOWN_SUBSCRIBER),
        (Box(rcpt="550 User unknown"), S.FAILED, Reason.UNKNOWN_SUBSCRIBER),
        (Box(rcpt="552 5.2.2 mailbox full"), S.FAILED, Reason.REFUSED),
        (Box(rcpt="530 5.7.0 authentication required"), S.QUEUED, Reason.CREDENTIALS),
        (Box(data="452 4.3.1 no space left"), S.QUEUED, Reason.THROTTLED),
        (Box(data="554 5.7.1 looks like spam"), S.FAILED, Reason.REFUSED),
        (Box(cut=True), S.UNCERTAIN, Reason.NO_ANSWER),
    ],
    ids=lambda value: f"{value.rcpt}{value.data}" if isinstance(value, Box) else str(value),
)
def test_what_an_answer_means(box: Box, state: MessageState, reason: str, sender: Stepped) -> None:
    with mailbox(box) as port:
        smtp_gateway(port)
        message = send(sender)
    assert (message.state, message.reason) == (state, reason)
    assert message.detail
    assert len(box.mails) == (1 if box.data or box.cut else 0)


def test_a_mail_server_that_is_away_is_tried_again(sender: Stepped) -> None:
    gateway = smtp_gateway(free_port(SOCK_STREAM))
    message = send(sender)
    assert (message.state, message.reason) == (S.QUEUED, Reason.UNREACHABLE)
    box = Box()
    with mailbox(box) as port:
        Gateway.objects.filter(pk=gateway.pk).update(settings=gateway.settings | {"port": port})
        sender.later(60)
        sender.step()
    message.refresh_from_db()
    assert (message.state, message.attempts) == (S.SENT, 2)
    assert box.mail()["Message-ID"] == f"<{message.reference}@sandpiper.example>"


@pytest.mark.parametrize(
    ("address", "state", "arrives"),
    [
        ("jenny@exämple.example", S.SENT, "jenny@xn--exmple-cua.example"),
        ("jénny@example.net", S.FAILED, ""),
        ('"odd,name"@example.net', S.SENT, '"odd,name"@example.net'),
    ],
)
def test_odd_addresses(address: str, state: MessageState, arrives: str, sender: Stepped) -> None:
    box = Box()
    with mailbox(box) as port:
        smtp_gateway(port)
        assert send(sender, recipient=address).state == state
    assert [mail.rcpt_tos for mail in box.mails] == ([[arrives]] if arrives else [])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, crt = folder / "key.pem", folder / "crt.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(crt)],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, crt


def _context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    is_right = (data.login, data.password) == (b"capstan", b"right")
    return AuthResult(success=is_right, handled=is_right)


@pytest.mark.parametrize(
    ("password", "state", "reason"), [("right", S.SENT, ""), ("wrong", S.QUEUED, Reason.CREDENTIALS)]
)
def test_starttls_and_login(
    password: str, state: MessageState, reason: str, certificate: tuple[Path, Path], sender: Stepped
) -> None:
    box = Box()
    options: dict[str, Any] = {"authenticator": _login, "auth_required": True, "require_starttls": True}
    with mailbox(box, tls_context=_context(certificate), **options) as port:
        smtp_gateway(
            port, encryption="starttls", ca_file=str(certificate[1]), username="capstan", password=password
        )
        message = send(sender)
    assert (message.state, message.reason) == (state, reason)
    assert len(box.mails) == (1 if state == S.SENT else 0)


def test_tls_from_the_start(certificate: tuple[Path, Path], sender: Stepped) -> None:
    box = Box()
    with mailbox(box, ssl_context=_context(certificate)) as port:
        smtp_gateway(port, encryption="tls", ca_file=str(certificate[1]))
        assert send(sender).state == S.SENT


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(
    encryption: str, certificate: tuple[Path, Path], sender: Stepped
) -> None:
    box = Box()
    which = "ssl_context" if encryption == "tls" else "tls_context"
    with mailbox(box, **{which: _context(certificate)}) as port:
        smtp_gateway(port, encryption=encryption)
        message = send(sender)
    assert (message.state, message.reason) == (S.QUEUED, Reason.UNREACHABLE)
    assert "certificate" in message.detail.lower()
    assert box.mails == []


def test_without_starttls_nothing_is_said_in_the_clear(sender: Stepped) -> None:
    box = Box()
    with mailbox(box) as port:
        smtp_gateway(port, encryption="starttls", username="capstan", password="right")
        message = send(sender)
    assert (message.state, message.reason) == (S.QUEUED, Reason.UNREACHABLE)
    assert box.mails == []


def test_html_of_a_text() -> None:
    assert html("a & b\nc\n\nsee https://x.example/y.") == (
        '<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n<p>a &amp; b<br>\nc</p>\n'
        '<p>see <a href="https://x.example/y">https://x.example/y</a>.</p>\n</body></html>\n'
    )
