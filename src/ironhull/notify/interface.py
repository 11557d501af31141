"""What a channel is: something that brings a message to somebody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ironhull.notify.message import Message


class Channel(Protocol):
    """One way to tell somebody."""

    @property
    def name(self) -> str:
        """What errors call it: `webhook hooks.example`; no secret is in it."""
        ...

    def send(self, message: Message) -> None:
        """Bring the message; an IronhullError says why that cannot be."""
        ...


Post = Callable[[str, Mapping[str, str], bytes], None]
"""Sends a body to an address with headers; NetworkError unless the answer is good."""
