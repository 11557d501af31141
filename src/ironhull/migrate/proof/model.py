"""What a proof finds: frozen values without I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ironhull.build.check_result import CheckResult
from ironhull.compare.model import Comparison
from ironhull.engine.bases import Base


class Verdict(StrEnum):
    """How the new image compares with the old one, in one aspect or in all."""

    SAME = "same"
    """It does the same."""
    EXPECTED = "expected differences"
    """What differs was the aim of the migration, or is said in its report."""
    UNEXPECTED = "unexpected differences"
    """Something differs that should not: a person has to look."""
    NOT_TESTED = "not tested"
    """It could not be found out; the reason is given."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a container's port."""

    method: str
    path: str
    """With the leading slash, and the query."""
    body: str = ""
    port: int = 0
    """The port that the old image listens on; 0: its only one."""

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return " ".join(part for part in (self.method, f"{port}{self.path}", self.body) if part)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request got. `problem` says why it got nothing; the status is 0 then."""

    status: int
    content_type: str = ""
    body: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program in a container ended."""

    command: tuple[str, ...]
    """Its arguments; empty: the image's own command."""
    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """One run of an image that listens."""

    options: tuple[str, ...]
    """The engine's flags that restrict it; empty: as the engine runs anything."""
    answers: tuple[Answer, ...]
    health: Ended | None
    """Its HEALTHCHECK, called once; None if it has none."""
    stop_seconds: float
    exit_code: int
    killed: bool
    """It did not end within the ten seconds that engines give, and was killed."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two images, built."""

    name: str
    """before or after."""
    image: str
    """The engine's name."""
    seconds: float
    """What its build took."""
    bases: tuple[Base, ...]
    notes: tuple[str, ...]
    """What had to be said in older words for the engine's builder."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that was compared."""

    id: str
    """build, configuration, closure, answer, command, health, stop."""
    title: str
    verdict: Verdict
    before: str = ""
    after: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """All that was found out."""

    engine: str
    """Name and version; empty where no engine works."""
    sides: tuple[Side, ...]
    checks: tuple[CheckResult, ...]
    """The static checks of the new image."""
    aspects: tuple[Aspect, ...]
    seconds: float
    comparison: Comparison | None = None
    """Both images as `ironhull compare` shows them; None where one of them was not built."""

    @property
    def verdict(self) -> Verdict:
        """The worst of the aspects; `not tested` where nothing of the running was compared."""
        return worst(aspect.verdict for aspect in self.aspects)


_ORDER = (Verdict.UNEXPECTED, Verdict.NOT_TESTED, Verdict.EXPECTED, Verdict.SAME)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; `not tested` of none."""
    found = set(verdicts)
    return next((one for one in _ORDER if one in found), Verdict.NOT_TESTED)
