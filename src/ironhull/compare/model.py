"""What is compared, and what comes out: frozen values without I/O.

A value that could not be measured is `Unknown` with its reason; it is never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ironhull.attest.listing import Attachment
from ironhull.compare.leaks import Leaks
from ironhull.inventory.model import Inventory, Package
from ironhull.reports.words import UNKNOWN
from ironhull.scan.model import Finding, ScanResult
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not measured, and why."""

    reason: str


Amount = int | Unknown
SHORT_NAMES = {
    "packages": "packages.total",
    "vulnerabilities": "vulnerabilities.after_vex",
    "size": "size.files",
}
"""Of the figures that are asked for most."""
Verdict = Literal["better", "worse", "same", "changed", "unknown"]
Direction = Literal["upgraded", "downgraded", "changed"]


@dataclass(frozen=True, slots=True)
class EndOfLife:
    """Until when someone fixes what an image consists of. Dates: YYYY-MM-DD, empty: not known."""

    subject: str
    """`debian 13`, `nodejs 20`."""
    ends: str
    long_term: str = ""
    """The end of a second team's support, where there is one."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """One image as it was measured."""

    inventory: Inventory
    scan: ScanResult | Unknown
    attached: tuple[Attachment, ...] | Unknown = Unknown("not asked for")
    end_of_life: tuple[EndOfLife, ...] | Unknown = Unknown("there is no advisory database")
    leaks: Leaks | None = None
    """What the build left behind; None: it was not looked for."""

    @property
    def name(self) -> str:
        """As the image was named."""
        return self.inventory.image.name

    @property
    def findings(self) -> tuple[Finding, ...] | Unknown:
        """All findings, the suppressed too; Unknown where zero would be a lie."""
        if isinstance(self.scan, Unknown):
            return self.scan
        if self.scan.verdict == "unknown":
            return Unknown("no advisories for its distribution")
        return self.scan.findings


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of the baseline and of an image. `percent` is of the baseline's value."""

    figure: str
    baseline: Amount
    image: Amount
    difference: Amount
    percent: float | Unknown
    verdict: Verdict

    def __str__(self) -> str:
        """`packages.total: 815 → 26`, with `unknown` for what is not known."""
        before, after = (
            UNKNOWN if isinstance(each, Unknown) else f"{each}"
            for each in (self.baseline, self.image)
        )
        return f"{self.figure}: {before} → {after}"


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A package that both have in different versions."""

    package: Package
    """As the compared image has it."""
    before: str
    after: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class PackageChanges:
    """Packages of the baseline against those of the image, by type and name."""

    added: tuple[Package, ...]
    removed: tuple[Package, ...]
    versions: tuple[VersionChange, ...]
    same: int

    @property
    def empty(self) -> bool:
        """Whether both have the same."""
        return not (self.added or self.removed or self.versions)

    def moved(self, direction: Direction) -> int:
        """How many versions went that way."""
        return sum(change.direction == direction for change in self.versions)


@dataclass(frozen=True, slots=True)
class FindingChanges:
    """Vulnerabilities of packages: only in the baseline, only in the image, in both."""

    gone: tuple[Finding, ...]
    new: tuple[Finding, ...]
    same: int


@dataclass(frozen=True, slots=True)
class ListChange:
    """A set of texts: what only the image has, what only the baseline has."""

    subject: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    same: int


@dataclass(frozen=True, slots=True)
class TextChange:
    """A setting of the configuration."""

    subject: str
    baseline: str
    image: str


@dataclass(frozen=True, slots=True)
class LayerChanges:
    """Layers by digest, and what a node pulls that has one image already. Bytes as sent."""

    shared: int
    only_image: int
    only_baseline: int
    pull: Amount
    """Bytes to fetch for the image where the baseline is there."""
    pull_back: Amount
    """Bytes to fetch for the baseline where the image is there."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The baseline against one image."""

    image: int
    """Which of `Comparison.sides`."""
    figures: tuple[Change, ...]
    packages: PackageChanges
    findings: FindingChanges | Unknown
    surface: tuple[ListChange, ...]
    lists: tuple[ListChange, ...]
    """Ports, environment, licences, users, volumes."""
    config: tuple[TextChange, ...]
    """Only what differs."""
    layers: LayerChanges | Unknown

    def figure(self, name: str) -> Change:
        """The change of one figure; KeyError for an unknown name."""
        for change in self.figures:
            if change.figure == name:
                return change
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The baseline, which is the first side, against each of the others."""

    sides: tuple[MeasuredImage, ...]
    pairs: tuple[Pair, ...]
    made: str
    """When, UTC: 2026-11-23T12:00:00Z."""
    commands: tuple[str, ...] = ()
    """What to run to get the same."""

    @property
    def baseline(self) -> MeasuredImage:
        """What the others are measured by."""
        return self.sides[0]

    @property
    def figures(self) -> Mapping[str, Change]:
        """The figures of the first image by their names, and the chief ones by short names.

        `packages`, `vulnerabilities` (what is left after VEX) and `size` (of all files) stand for
        `packages.total`, `vulnerabilities.after_vex` and `size.files`. Of more images than one:
        `Pair.figure`.
        """
        found = {each.figure: each for each in self.pairs[0].figures}
        return found | {short: found[name] for short, name in SHORT_NAMES.items()}
