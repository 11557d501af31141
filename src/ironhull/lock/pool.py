"""What an archive offers for a relation once the definition's pins and exclusions are applied.

Nothing here knows which packages are chosen already: that is for `ironhull.lock.solve`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ironhull.archive.interface import Archive
from ironhull.debian.names import DebianVersion
from ironhull.debian.package import BinaryPackage
from ironhull.debian.relation import Clause, Relation, parse_provides, parse_relations
from ironhull.debian.version import compare
from ironhull.definition.model import PackageRequest
from ironhull.errors import MalformedError, ResolveError
from ironhull.lock.model import ReasonKind

_PRIORITIES = {"required": 0, "important": 1, "standard": 2, "optional": 3, "extra": 4}

Key = tuple[str, str]
"""Name and version: one package of an archive, whichever suite has it first."""


def key_of(package: BinaryPackage) -> Key:
    """The key of a package."""
    return package.name, package.version


@dataclass(frozen=True, slots=True)
class Candidates:
    """Packages that would satisfy a clause, best first, and the exclusions that removed some."""

    packages: tuple[BinaryPackage, ...]
    cut: tuple[str, ...]
    names: int
    """How many different packages are among them in their newest version; 0 or 1: no choice."""


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """A relation of Conflicts or Breaks, with the name of the field."""

    field: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class Needs:
    """The relations of one package, parsed."""

    hard: tuple[tuple[ReasonKind, Clause], ...]
    """Pre-Depends, then Depends."""
    recommends: tuple[Clause, ...]
    refuses: tuple[Incompatibility, ...]
    provides: tuple[tuple[str, DebianVersion | None], ...]
    """Its own name and version first."""


class Pool:
    """One architecture's packages, as far as the definition lets them in."""

    def __init__(self, archive: Archive, requests: Sequence[PackageRequest]) -> None:
        self.archive = archive
        self.pins: Mapping[str, PackageRequest] = {
            request.name: request for request in requests if request.version is not None
        }
        self.excluded: Mapping[str, PackageRequest] = {
            request.name: request for request in requests if request.excluded
        }
        self._versions: dict[str, tuple[BinaryPackage, ...]] = {}
        self._options: dict[tuple[str, bool], Candidates] = {}
        self._needs: dict[Key, Needs] = {}

    def versions(self, name: str) -> tuple[BinaryPackage, ...]:
        """The versions of a package that its pin allows, highest first, each once."""
        found = self._versions.get(name)
        if found is None:
            pin = self.pins.get(name)
            kept: dict[str, BinaryPackage] = {}
            for package in self.archive.versions(name):
                if package.architecture not in (self.archive.architecture, "all"):
                    continue
                if pin is None or pinned(pin.version or "", package.version):
                    kept.setdefault(package.version, package)
            found = self._versions[name] = tuple(kept.values())
        return found

    def options(self, clause: Clause, excluding: bool = True) -> Candidates:
        """All packages that satisfy a clause; `excluding` is whether `!name` counts.

        1. In the newest version: for each alternative the real package, then its providers.
        2. In older versions, in the same order: taken only if nothing else leads to a solution.
        """
        found = self._options.get((clause.text, excluding))
        if found is not None:
            return found
        newest: dict[Key, BinaryPackage] = {}
        older: dict[Key, BinaryPackage] = {}
        cut: dict[str, None] = {}
        for relation in clause.alternatives:
            for package in self._satisfying(relation):
                # An exclusion counts under the name that the relation asks for and under the
                # package's own: `!mail-transport-agent` keeps all its providers out, `!exim4` the
                # one.
                if excluding and (relation.name in self.excluded or package.name in self.excluded):
                    name = relation.name if relation.name in self.excluded else package.name
                    cut[name] = None
                    continue
                # Downgrading solves nearly everything and is nearly never meant, so all newest ones
                # come first.
                first = self.versions(package.name)[0].version == package.version
                (newest if first else older).setdefault(key_of(package), package)
        packages = {**newest, **older}
        found = Candidates(tuple(packages.values()), tuple(cut), len(newest))
        self._options[clause.text, excluding] = found
        return found

    def _satisfying(self, relation: Relation) -> Iterator[BinaryPackage]:
        for package in self.versions(relation.name):
            if self._admits(relation, package) and relation.holds_for(package.version):
                yield package
        for package in self.providers(relation):
            # A package that provides its own name was given above, by that name.
            if package.name != relation.name:
                yield package

    def providers(self, relation: Relation) -> list[BinaryPackage]:
        """Packages that provide what satisfies the relation, by priority, name, newest first."""
        found: dict[Key, BinaryPackage] = {}
        for package, version in self.archive.providers(relation.name):
            if relation.holds_for(version) and self._admits(relation, package):
                found[key_of(package)] = package
        ordered = [
            package
            for name in sorted({name for name, _ in found})
            for package in self.versions(name)
            if key_of(package) in found
        ]
        # The sort is stable: within a priority names and versions stay in order.
        ordered.sort(key=lambda package: _PRIORITIES.get(package.priority, 5))
        return ordered

    def _admits(self, relation: Relation, package: BinaryPackage) -> bool:
        return relation.admits(package.multi_arch, self.archive.architecture)

    def needs(self, package: BinaryPackage) -> Needs:
        """The package's relations; ResolveError if one of its fields cannot be read."""
        key = key_of(package)
        found = self._needs.get(key)
        if found is None:
            try:
                found = self._needs[key] = _parse(package, self.archive.architecture)
            except MalformedError as error:
                raise ResolveError(
                    f"{package.name} {package.version} of {package.repository} {package.suite} "
                    f"has a relation that cannot be read: {error}"
                ) from None
        return found

    def matches(self, relation: Relation, package: BinaryPackage) -> bool:
        """Whether a package, by its name or what it provides, satisfies a relation."""
        return self._admits(relation, package) and any(
            name == relation.name and relation.holds_for(version)
            for name, version in self.needs(package).provides
        )


def pinned(pin: str, version: str) -> bool:
    """Whether a version is the pinned one: equal in Debian's order, or `1.2*` its beginning."""
    if pin.endswith("*"):
        return version.startswith(pin[:-1])
    try:
        return compare(version, pin) == 0
    except MalformedError:
        return False


def _parse(package: BinaryPackage, architecture: str) -> Needs:
    def clauses(field: str) -> tuple[Clause, ...]:
        applying = []
        for clause in parse_relations(field):
            # `a [arm64] | b` is `b` elsewhere; a clause with nothing left asks for nothing.
            kept = tuple(r for r in clause.alternatives if r.applies_on(architecture))
            if kept:
                applying.append(
                    clause if kept == clause.alternatives else Clause(clause.text, kept)
                )
        return tuple(applying)

    hard = [(ReasonKind.PRE_DEPENDS, clause) for clause in clauses(package.pre_depends)]
    hard += [(ReasonKind.DEPENDS, clause) for clause in clauses(package.depends)]
    refuses = [
        Incompatibility(field, relation)
        for field, text in (("Conflicts", package.conflicts), ("Breaks", package.breaks))
        for clause in clauses(text)
        for relation in clause.alternatives
    ]
    return Needs(
        hard=tuple(hard),
        recommends=clauses(package.recommends),
        refuses=tuple(refuses),
        provides=((package.name, package.version), *parse_provides(package.provides)),
    )
