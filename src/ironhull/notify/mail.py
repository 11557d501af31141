"""Messages as email, by the SMTP server that somebody names."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from ironhull.errors import InputError, NetworkError
from ironhull.notify.message import Message
from ironhull.reports.text import harmless_lines, one_line

_PORTS = {"smtp": 25, "smtps": 465, "submission": 587}
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    scheme: str
    """`smtps`: TLS from the first byte; `submission`: STARTTLS or nothing; `smtp`: plain."""
    host: str
    port: int
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, text: str, password: str = "") -> MailServer:
        """`smtps://user@mail.example[:465]`; InputError for anything else, or with a password."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in _PORTS or not host or parts.path.strip("/"):
            raise InputError(
                f"{text!r:.100} is no mail server (expected smtps://user@host[:port], "
                "submission://… or smtp://…)"
            )
        if parts.password:
            raise InputError("a mail server's password stands in a file (password-file), not here")
        user = unquote(parts.username or "")
        if user and parts.scheme == "smtp":
            raise InputError("a login needs TLS: write smtps:// or submission://")
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], user, password)


@dataclass(frozen=True, slots=True)
class Mail:
    """Hands each message in as an email of its own."""

    server: MailServer
    sender: str
    recipients: Sequence[str]

    @property
    def name(self) -> str:
        """As `Channel.name`."""
        return f"mail {self.server.host}"

    def send(self, message: Message) -> None:
        """As `Channel.send`."""
        mail = EmailMessage()
        mail["Subject"] = one_line(message.title, 200)
        mail["From"], mail["To"] = self.sender, ", ".join(self.recipients)
        mail["Message-ID"] = f"<{message.id}@ironhull.invalid>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{harmless_lines(message.text)}\n\n{message.moment}\n")
        server = self.server
        try:
            with self._connected() as connection:
                if server.user:
                    connection.login(server.user, server.password)
                connection.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise NetworkError(f"{self.name}: {error!s:.300}") from None

    def _connected(self) -> smtplib.SMTP:
        server, context = self.server, ssl.create_default_context()
        if server.scheme == "smtps":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=context)
        connection = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
        if server.scheme == "submission":
            try:
                connection.starttls(context=context)
            except BaseException:
                connection.close()
                raise
        return connection
