"""What building a source package needs, as one package that the resolver can be asked for.

Build-Depends has words that binary packages have not: architectures, build profiles, `:native`. The
clauses that count become the Depends of a package that no archive has, as `apt-get build-dep` does
it; the resolver then treats them like any other's, with all alternatives and virtual packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ironhull.archive.interface import Archive, ReleaseRecord
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.debian.package import BinaryPackage
from ironhull.debian.relation import Relation, parse_relations
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Architecture

NEEDS = BinaryName("ironhull-build-depends")
_NOTHING = Digest("sha256:" + "0" * 64)


@dataclass(frozen=True, slots=True)
class WithNeeds:
    """An archive that also has the package `NEEDS`."""

    archive: Archive
    depends: str

    @property
    def architecture(self) -> Architecture:
        """As `Archive.architecture`."""
        return self.archive.architecture

    @property
    def releases(self) -> tuple[ReleaseRecord, ...]:
        """As `Archive.releases`."""
        return self.archive.releases

    def versions(self, name: str) -> Sequence[BinaryPackage]:
        """As `Archive.versions`."""
        return (_package(self.depends),) if name == NEEDS else self.archive.versions(name)

    def providers(self, name: str) -> Sequence[tuple[BinaryPackage, DebianVersion | None]]:
        """As `Archive.providers`."""
        return self.archive.providers(name)

    def names(self) -> Iterable[str]:
        """As `Archive.names`."""
        return self.archive.names()


def _package(depends: str) -> BinaryPackage:
    version = DebianVersion("1")
    return BinaryPackage(
        NEEDS, version, "all", SourceName(NEEDS), version, _NOTHING, 0, 0, "", "", "", "",
        depends=depends,
    )  # fmt: skip


def depends_of(build_depends: str, architecture: str, profiles: Iterable[str]) -> str:
    """The Depends field of `NEEDS`; MalformedError for what is no relation field."""
    active = frozenset(profiles)
    clauses = []
    for clause in parse_relations(build_depends):
        kept = [one for one in clause.alternatives if _counts(one, architecture, active)]
        if kept:
            # The build is for the machine it runs on: native and any are then the same package.
            clauses.append(" | ".join(_plain(one) for one in kept))
    return ", ".join(clauses)


def _counts(relation: Relation, architecture: str, active: frozenset[str]) -> bool:
    wanted = relation.architectures
    if wanted:
        listed = _lists(wanted, architecture)
        if listed == wanted[0].startswith("!"):
            return False
    # One group of <…> must hold, all terms of it.
    return not relation.profiles or any(
        all((term.lstrip("!") in active) != term.startswith("!") for term in terms)
        for terms in relation.profiles
    )


def _lists(wanted: Sequence[str], architecture: str) -> bool:
    """Whether `[…]` names the architecture, itself or by a wildcard (Policy 11.1.1)."""
    named = {architecture, "any", "linux-any", f"any-{architecture}", f"linux-{architecture}"}
    return any(one.lstrip("!") in named for one in wanted)


def _plain(relation: Relation) -> str:
    version = f" ({relation.operator} {relation.version})" if relation.operator else ""
    return f"{relation.name}{version}"
