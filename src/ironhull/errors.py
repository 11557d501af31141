"""The one tree of exceptions; `cli` turns each into a message and an exit code.

IronhullError                 (4: a defect of Ironhull if nothing more exact is raised)
├── InputError                (2: a definition, lock, option, archive or image is wrong)
│   ├── DefinitionError       a definition; carries every Problem of the file
│   ├── LockError             a lock that is missing, stale or of something else
│   ├── ResolveError          a request that the archive cannot satisfy; carries the chain
│   ├── UntrustedError        a signature, digest or date that does not hold
│   ├── NoKeyError            nobody is named whose signatures are believed
│   ├── MalformedError        bytes that are not what they claim to be (.deb, tar, JSON, …)
│   └── NotFoundError         a name, tag, path or digest that nothing has
├── CheckFailedError          (1: a check, test or policy that says no)
│   └── UnfitImageError       an image's own check; carries all it found and what would mend it
└── EnvironmentProblem        (3: network, disk, engine or permission)
    ├── NetworkError          a server that is missing, slow, refuses or lies
    └── EngineError           a container engine that is missing or fails
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ironhull.values import dataclass


class IronhullError(Exception):
    """Anything that Ironhull raises on purpose. `exit_code` is what the command ends with."""

    exit_code = 4


class InputError(IronhullError):
    """What was given cannot be used; the message says where and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong at one place of a file; line and column count from 1, 0: the whole file."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class DefinitionError(InputError):
    """All problems of one or more definition files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class LockError(InputError):
    """The lock is missing, stale, unreadable or belongs to something else."""


class ResolveError(InputError):
    """The archive cannot satisfy the request; `chain` leads from the request to what is missing."""

    def __init__(self, message: str, chain: Sequence[str] = ()) -> None:
        self.chain = tuple(chain)
        super().__init__(message)


class UntrustedError(InputError):
    """A signature, digest, size or date does not hold."""


class NoKeyError(InputError):
    """Nobody is named whose signatures are believed."""


class MalformedError(InputError):
    """Bytes from outside are not what they claim to be."""


class NotFoundError(InputError):
    """Nothing has the name, tag, path or digest that was asked for."""


class CheckFailedError(IronhullError):
    """A check, a test or a policy says no."""

    exit_code = 1


class UnfitImageError(CheckFailedError):
    """An image fails its static check; the message has the beginning of each list.

    `whole` has all of them. `mending` is what a definition could say, by the place where it would
    say it: `packages` (to keep out), `delete` and `idle` (paths), `setuid`.
    """

    def __init__(self, message: str, whole: str, mending: Mapping[str, Sequence[str]]) -> None:
        self.whole = whole
        self.mending = {place: tuple(items) for place, items in mending.items()}
        super().__init__(message)


class EnvironmentProblem(IronhullError):
    """The machine or the network does not let us."""

    exit_code = 3


class NetworkError(EnvironmentProblem):
    """A server is missing, too slow, refuses or does not speak the protocol."""


class EngineError(EnvironmentProblem):
    """No container engine, or one that failed."""
