"""What a migration gives: the new text, why each change was made, and what is left to people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rung(StrEnum):
    """How far down the ladder a migration had to go; the first is best."""

    STATIC = "static"
    """The final image has the program and nothing that it could be attacked with."""
    RUNTIME = "runtime"
    """The language's hardened runtime: no shell, no package manager, not root."""
    PACKAGES = "runtime with packages"
    """The same with extra packages, in an image of one's own that has to be built first."""
    DEV = "dev, not root"
    """A shell and a package manager stay; the application does not run as root."""
    REFUSED = "refused"
    """The file is as it was."""


class Confidence(StrEnum):
    """How sure a rule is that the application goes on doing what it did."""

    CERTAIN = "certain"
    """Follows from the Dockerfile language and the facts of the images."""
    LIKELY = "likely"
    """True of nearly all applications; what to test is said."""
    CHECK = "check"
    """Depends on the application: look at it."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed."""

    rule: str
    """Its identifier, see `rules.table`."""
    line: int
    """Of the input; 0 where something was added."""
    before: str
    """The text that was there, without the end of its line; empty where nothing was."""
    after: str
    """The text that is there now; empty where something was taken out."""
    reason: str
    confidence: Confidence
    test: str = ""
    """What to test because of it."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was not done, or that somebody should know."""

    rule: str
    line: int
    """Of the input; 0: the whole file."""
    message: str
    advice: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that has to change outside of the Dockerfile."""

    kind: str
    """port, user, volume, init, probe, ignore-file, image, order."""
    message: str
    before: str = ""
    """For `port` the number that the container listened on; for `volume` the folder."""
    after: str = ""
    """For `port` the new number, for `user` and `volume` the owner as `UID:GID`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the result."""

    index: int
    name: str
    """Empty where it has none."""
    base: str
    """What stands behind FROM."""
    role: str
    """`build`, `final`, or `other` for one that the final one does not use."""
    line: int
    """Of its FROM in the result."""


@dataclass(frozen=True, slots=True)
class Migration:
    """The result of `migrate.migrate`."""

    text: bytes
    """The new Dockerfile; the input itself where nothing is to do or all was refused."""
    source: bytes
    changes: tuple[Change, ...]
    refused: tuple[Remark, ...]
    """What a person has to do or decide: with one of these the migration is not complete."""
    remarks: tuple[Remark, ...]
    """What a person should know."""
    outside: tuple[Outside, ...]
    rung: Rung
    stages: tuple[Stage, ...]
    file: str = "Dockerfile"
    """What reports call it."""

    @property
    def complete(self) -> bool:
        """Nothing is left to people."""
        return not self.refused and self.rung in (Rung.STATIC, Rung.RUNTIME)

    @property
    def changed(self) -> bool:
        """The text is not what it was."""
        return self.text != self.source
