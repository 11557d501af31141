"""Each channel with a receiver of another's making: what arrives, and what is said if it cannot."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError
from tests.fakes.claims import free_port

from ironhull.errors import EnvironmentProblem, InputError, NetworkError
from ironhull.notify.choice import ChannelChoice, parse_channels
from ironhull.notify.command import Command
from ironhull.notify.mail import Mail, MailServer
from ironhull.notify.message import Message
from ironhull.notify.webhook import parse_secret
from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.workspace.machine import Machine
from ironhull.workspace.notifying import notifier

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MESSAGE = Message(
    "held", "node:20", "a new setuid file: /usr/bin/su\n<@U1> & more", "2026-11-29T01:00:00Z"
)


class Receiver:
    """An HTTP server that keeps what it got, and answers with the next of `answers`, else 204."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append((self.path, headers, data))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/x"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def machine(folder: Path) -> Machine:
    return Machine(Settings(home=folder, catalog=folder), Silent())


def tell(folder: Path, *tables: dict[str, Any], message: Message = MESSAGE) -> list[str]:
    with notifier(machine(folder), parse_channels(list(tables))) as opened:
        return opened.tell(message)


def test_a_webhook_can_be_verified_by_the_specifications_own_library(
    receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    table = {"webhook": receiver.url, "secret-file": str(tmp_path / "secret")}
    assert tell(tmp_path, table) == []
    [(path, headers, body)] = receiver.got
    assert path == "/hooks/x"
    value: Any = Verifier(SECRET).verify(body, headers)
    assert value["type"] == "image.held"
    assert value["data"]["subject"] == "node:20"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body.replace(b"node:20", b"node:18"), headers)


def test_the_same_message_has_the_same_id_and_another_has_another(
    receiver: Receiver, tmp_path: Path
) -> None:
    tell(tmp_path, {"webhook": receiver.url})
    tell(tmp_path, {"webhook": receiver.url})
    other = Message("held", "node:20", "another cause", MESSAGE.moment)
    tell(tmp_path, {"webhook": receiver.url}, message=other)
    first, again, third = (headers["webhook-id"] for _, headers, _ in receiver.got)
    assert first == again != third
    assert "webhook-signature" not in receiver.got[0][1]


def test_a_chats_message_mentions_nobody(receiver: Receiver, tmp_path: Path) -> None:
    tell(tmp_path, {"slack": receiver.url})
    text = json.loads(receiver.got[0][2])["text"]
    assert text.startswith("node:20: held\na new setuid file: /usr/bin/su\n")
    assert "&lt;@U1&gt; &amp; more" in text


def test_only_who_wants_the_kind_is_told(receiver: Receiver, tmp_path: Path) -> None:
    tell(tmp_path, {"slack": receiver.url, "kinds": ["published"]})
    assert receiver.got == []


def test_a_receiver_that_stumbles_is_asked_again(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [503]
    assert tell(tmp_path, {"webhook": receiver.url}) == []
    assert len(receiver.got) == 2


def test_a_receiver_that_refuses_is_said_without_its_address(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [403]
    [wrong] = tell(tmp_path, {"webhook": receiver.url}, {"slack": receiver.url})
    assert wrong == "webhook 127.0.0.1: not told of node:20: held: it answers 403"
    assert "/hooks/x" not in wrong
    # The others are told all the same.
    assert len(receiver.got) == 2


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_AAAA", "not base64!", "whsec_" + "A" * 200]
)
def test_a_secret_that_is_none_is_refused_before_anything_is_sent(
    receiver: Receiver, tmp_path: Path, secret: str
) -> None:
    (tmp_path / "secret").write_text(secret)
    with pytest.raises(InputError, match="a webhook's secret is whsec_"):
        tell(tmp_path, {"webhook": receiver.url, "secret-file": str(tmp_path / "secret")})
    assert receiver.got == []


def test_the_specifications_example_of_a_secret_is_read() -> None:
    assert len(parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")) == 24


class Inbox:
    """Keeps the mails that an SMTP server gets."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(  # noqa: N802 - the server's name for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


def test_a_mail_arrives_whole(tmp_path: Path) -> None:
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        table = {
            "mail": f"smtp://127.0.0.1:{server.port}",
            "from": "robot@example.org",
            "to": ["a@example.org", "b@example.org"],
        }
        assert tell(tmp_path, table) == []
    finally:
        server.stop()
    [mail] = inbox.mails
    assert mail["subject"] == "node:20: held"
    assert mail["to"] == "a@example.org, b@example.org"
    assert mail["auto-submitted"] == "auto-generated"
    assert "a new setuid file: /usr/bin/su" in mail.get_content()


def test_a_line_end_in_an_images_name_makes_no_header() -> None:
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        channel = Mail(MailServer("smtp", "127.0.0.1", server.port), "a@b", ["c@d"])
        channel.send(Message("held", "x\nBcc: all@example.org", "text", MESSAGE.moment))
    finally:
        server.stop()
    [mail] = inbox.mails
    assert mail["bcc"] is None
    assert mail["subject"] == "x Bcc: all@example.org: held"


def test_a_server_without_tls_gets_no_password(tmp_path: Path) -> None:
    server = Controller(Inbox(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        target = MailServer("submission", "127.0.0.1", server.port, "robot", "secret")
        with pytest.raises(NetworkError, match="STARTTLS"):
            Mail(target, "a@b", ["c@d"]).send(MESSAGE)
    finally:
        server.stop()


def test_a_command_gets_json_on_its_standard_input(tmp_path: Path) -> None:
    target = tmp_path / "said"
    program = f"import sys; open({str(target)!r}, 'w').write(sys.stdin.read())"
    Command([sys.executable, "-c", program], {}).send(MESSAGE)
    assert json.loads(target.read_text())["data"]["subject"] == "node:20"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/nowhere/told"], "command told cannot be run: No such file"),
        (["sh", "-c", "echo so not >&2; exit 3"], "command sh ended with 3: so not"),
    ],
)
def test_a_command_that_fails_is_said(words: list[str], said: str) -> None:
    with pytest.raises(EnvironmentProblem, match=said):
        Command(words, {"PATH": "/usr/bin:/bin"}).send(MESSAGE)


def test_a_choice_holds_no_secret() -> None:
    assert "secret" not in repr(ChannelChoice("webhook", "https://hooks.example")).replace(
        "secret_file", ""
    )
