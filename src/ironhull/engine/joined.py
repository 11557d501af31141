"""An image's programs in a sandbox that runs: its processes and network, its files under one path.

They are of the same user as the program there and have no capability either: they may do what it
may. The target's files are read-only for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ironhull.engine.interface import HARDENED, RunResult
from ironhull.engine.sandbox import Sandbox, result_of
from ironhull.errors import EngineError
from ironhull.sandbox.entering import attached, execute
from ironhull.sandbox.joining import Target, join
from ironhull.sandbox.model import Wish
from ironhull.sandbox.running import Running

_KILLED = 137


@dataclass(frozen=True, slots=True)
class Joined:
    """What may be run in the target as long as the block of `joined` lasts."""

    running: Running
    wish: Wish
    target: Target

    def run(self, command: Sequence[str], timeout: float = 3600) -> RunResult:
        """A command to its end; EngineError if the target has ended with it."""
        ended = execute(self.running, replace(self.wish, argv=tuple(command)), timeout)
        self._ended_alone(ended.exit_code)
        return result_of(ended)

    def attach(self, command: Sequence[str]) -> int:
        """A command with this process's input, output and errors; its exit code.

        Errors as of `run`.
        """
        wish = replace(self.wish, argv=tuple(command))
        code = attached(self.running, wish, (0, 1, 2))
        self._ended_alone(code)
        return code

    def _ended_alone(self, code: int) -> None:
        if code == _KILLED and not self.target.alive:
            raise EngineError("the sandbox has ended, and with it all that ran in it")


@contextmanager
def joined(
    sandbox: Sandbox, image: str, target: Target, path: str, folder: Path
) -> Iterator[Joined]:
    """An image that was loaded, in the target. `path` and `folder`: as of `joining.join`.

    EngineError if the target has ended or may not be joined.
    """
    user = f"{target.uid}:{target.gid}"
    options = replace(HARDENED, user=user, network="none", entrypoint=("true",))
    wish = replace(sandbox.wish(image, options), groups=target.groups)
    with join(sandbox.bubblewrap, wish, target, path, folder) as running:
        yield Joined(running, wish, target)
