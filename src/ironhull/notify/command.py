"""Messages given to a program: JSON on its standard input."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ironhull.errors import EnvironmentProblem
from ironhull.notify.message import Message
from ironhull.reports.text import one_line

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Command:
    """Runs a program for each message, without a shell; what it says is kept for errors alone."""

    words: Sequence[str]
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """As `Channel.name`."""
        return f"command {PurePath(self.words[0]).name}"

    def send(self, message: Message) -> None:
        """As `Channel.send`; a program that does not end in a minute is ended."""
        try:
            done = subprocess.run(
                list(self.words),
                input=message.body(),
                env={**self.environment, "IRONHULL_MESSAGE": message.title},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise EnvironmentProblem(f"{self.name} did not end in {_SECONDS} s") from None
        except OSError as error:
            raise EnvironmentProblem(f"{self.name} cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            said = one_line(done.stderr.decode("utf-8", "replace"), 200)
            raise EnvironmentProblem(f"{self.name} ended with {done.returncode}: {said}")
