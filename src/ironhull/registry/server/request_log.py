"""One line for each request, as text or as JSON, to wherever the caller's stream goes."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TextIO

from ironhull.reports.text import spelled_out


@dataclass(frozen=True, slots=True)
class Line:
    """A request and its answer; sizes in bytes."""

    id: str
    client: str
    user: str
    method: str
    path: str
    status: int
    received: int
    sent: int
    seconds: float
    agent: str
    error: str = ""


class RequestLog:
    """Writes lines; a stream that went away does not stop the server."""

    def __init__(self, stream: TextIO, *, as_json: bool = False) -> None:
        self._stream = stream
        self._json = as_json
        # The latest second as text: a busy server writes hundreds of lines in one.
        self._second = (-1, "")

    def request(self, line: Line) -> None:
        """Write one line about a request that was answered."""
        now = self._now()
        if self._json:
            self._write(json.dumps({"time": now, **asdict(line)}))
            return
        text = (
            f"{now} {line.id} {line.client} {line.user or '-'} {line.method} {line.path}"
            f" {line.status} {line.received}/{line.sent} {line.seconds * 1000:.1f}ms"
        )
        self._write_text(f"{text} {line.error}" if line.error else text)

    def note(self, text: str, **more: object) -> None:
        """Something that is no request: a sweep, a start, a fault."""
        if self._json:
            self._write(json.dumps({"time": self._now(), "note": text, **more}))
        else:
            rest = "".join(f" {key}={value}" for key, value in more.items())
            self._write_text(f"{self._now()} {text}{rest}")

    def _write_text(self, text: str) -> None:
        """No sign of a request may end a line, or move a terminal's cursor."""
        self._write(spelled_out(text))

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    def _now(self) -> str:
        now = time.time()
        # Read once: threads write notes meanwhile.
        second, text = self._second
        if second != int(now):
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
            self._second = (int(now), text)
        return f"{text}.{int(now % 1 * 1000):03d}Z"
