"""What a message says: a value that every channel writes in its own way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["published", "proposed", "held", "failed", "ended", "foreign", "problem"]
"""`problem`: of a source or of the machine, not of one image."""

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened."""

    kind: Kind
    subject: str
    """The image (`node:20`), or what else it is about: `archive`, `registry`."""
    text: str
    """Why, in words; several lines are allowed."""
    moment: str
    """RFC 3339, UTC."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """More for programs: digest, changelog."""

    @property
    def title(self) -> str:
        """`node:20: held`."""
        return f"{self.subject}: {self.kind}"

    @property
    def id(self) -> str:
        """The same for the same thing, however often it is sent: receivers tell repeats by it."""
        said = "\0".join((self.kind, self.subject, self.text, self.moment))
        return f"ih_{hashlib.sha256(said.encode()).hexdigest()[:32]}"

    def json(self) -> dict[str, Any]:
        """As programs get it."""
        return {
            "type": f"image.{self.kind}" if self.kind != "problem" else "watch.problem",
            "timestamp": self.moment,
            "data": {"subject": self.subject, "text": self.text, **self.details},
        }

    def body(self) -> bytes:
        """The JSON as bytes: a webhook's signature is of exactly these."""
        return json.dumps(self.json(), separators=(",", ":"), sort_keys=True).encode()
