"""Telling people: the channels of a policy, opened with this machine's network.

A channel that fails is said on this machine and stops nothing: what is published is published.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from ironhull.errors import IronhullError, NetworkError
from ironhull.notify.choice import ChannelChoice, read_secret, webhook_secret
from ironhull.notify.command import Command
from ironhull.notify.interface import Channel, Post
from ironhull.notify.mail import Mail, MailServer
from ironhull.notify.message import Kind, Message
from ironhull.notify.webhook import Chat, Webhook
from ironhull.transport.exchange import Exchange
from ironhull.transport.message import Request, bytes_body
from ironhull.transport.patience import Patience
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network

_MAX_ANSWER = 1 << 16
# Somebody waits for the next image meanwhile.
_PATIENCE = Patience(attempts=4, all_attempts=4, unreachable=3, whole=60)


class Notifier:
    """Sends each message to every channel that wants its kind."""

    def __init__(self, machine: Machine, channels: Sequence[tuple[ChannelChoice, Channel]]) -> None:
        self._machine, self._channels = machine, channels

    def wants(self, kind: Kind) -> bool:
        """Whether anybody would be told: what goes into a message may be dear."""
        return any(kind in choice.kinds for choice, _ in self._channels)

    def tell(self, message: Message) -> list[str]:
        """Send it; gives what went wrong, which is noted too."""
        wrong = []
        for choice, channel in self._channels:
            if message.kind not in choice.kinds:
                continue
            try:
                channel.send(message)
            except IronhullError as error:
                wrong.append(f"{channel.name}: not told of {message.title}: {error}")
                self._machine.progress.note(f"note: {wrong[-1]}")
        return wrong


@contextmanager
def notifier(machine: Machine, choices: Sequence[ChannelChoice]) -> Iterator[Notifier]:
    """The channels, opened; InputError for a secret that cannot be read or is none."""
    exchange = Exchange(network(machine), _PATIENCE, progress=machine.progress)
    try:
        post = partial(_posted, exchange)
        opened = [(choice, _channel(machine, choice, post)) for choice in choices]
        yield Notifier(machine, opened)
    finally:
        exchange.close()


def _channel(machine: Machine, choice: ChannelChoice, post: Post) -> Channel:
    if isinstance(choice.target, tuple):
        return Command(choice.target, machine.settings.environment)
    match choice.way:
        case "webhook":
            now = lambda: int(time.time())  # noqa: E731 - a clock
            return Webhook(choice.target, post, now, webhook_secret(choice))
        case "slack":
            return Chat(choice.target, post)
        case _:
            password = "" if choice.secret_file is None else read_secret(choice.secret_file)
            server = MailServer.parse(choice.target, password)
            return Mail(server, choice.sender, choice.recipients)


def _posted(exchange: Exchange, url: str, headers: Mapping[str, str], body: bytes) -> None:
    request = Request("POST", url, dict(headers), bytes_body(body))
    answer = exchange.ask(request, _MAX_ANSWER)
    if not 200 <= answer.status < 300:
        raise NetworkError(f"it answers {answer.status}")
