"""Which packages of an image get the archive's version, by the database and the archive alone.

1. A source with a fix is taken with all its binary packages that are installed.
2. What the new versions need and break is held against what would be installed then. A clause that
   held before and does not hold now is met by upgrading what it names, where the archive's version
   does it. 3. Where that fails, the source stays as it is, with the reason; what was taken for its
   sake is looked at again. So the result is a set in which nothing is broken that was not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ironhull.debian.names import DebianVersion
from ironhull.debian.package import BinaryPackage
from ironhull.debian.relation import Clause, Relation, parse_relations
from ironhull.debian.version import compare
from ironhull.errors import MalformedError
from ironhull.remediate.model import Installed, Plan, Refused, Upgrade

Versions = Callable[[str], Sequence[BinaryPackage]]
"""All packages of a name that the archive has, highest version first."""
_NEEDS = ("pre-depends", "depends")
_CLASHES = ("breaks", "conflicts")


@dataclass(frozen=True, slots=True)
class _Present:
    """A package that is or would be there."""

    name: str
    version: str
    architecture: str
    multi_arch: str
    provides: str
    fields: Mapping[str, str]


class _Impossible(Exception):
    """A source cannot be taken; the text says why."""


def make_plan(
    installed: Mapping[str, Installed],
    wanted: Iterable[str],
    versions: Versions,
    banned: Mapping[str, str],
) -> Plan:
    """The upgrades of the `wanted` sources (names), and those that are refused.

    `banned` are sources that must stay as they are, with the reason.
    """
    reasons = dict(banned)
    before = {name: _of_installed(package) for name, package in installed.items()}
    taken: dict[str, Upgrade] = {}
    for source in sorted(set(wanted)):
        if source in reasons:
            continue
        trial = dict(taken)
        try:
            _take(source, installed, versions, trial)
            _complete(before, installed, versions, trial, reasons)
        except _Impossible as reason:
            reasons[source] = str(reason)
        else:
            taken = trial
    names: dict[str, list[str]] = {}
    for package in installed.values():
        names.setdefault(package.source, []).append(package.name)
    return Plan(
        tuple(taken[name] for name in sorted(taken)),
        tuple(
            Refused(source, tuple(sorted(names.get(source, ()))), reasons[source])
            for source in sorted(reasons)
        ),
    )


def sources_with_newer(installed: Mapping[str, Installed], versions: Versions) -> set[str]:
    """The sources of which the archive has any binary package newer than the image."""
    return {
        package.source for package in installed.values() if _newest(package, versions) is not None
    }


def _take(
    source: str,
    installed: Mapping[str, Installed],
    versions: Versions,
    taken: dict[str, Upgrade],
) -> None:
    """All binary packages of a source that the archive has newer."""
    newer = []
    for package in installed.values():
        if package.source != source or package.name in taken:
            continue
        if package.status and not package.status.startswith("install ok "):
            raise _Impossible(f"{package.name} is {package.status!r} in the image's database")
        found = _newest(package, versions)
        if found is not None:
            newer.append(Upgrade(package, found))
    if not newer and not any(taken[name].installed.source == source for name in taken):
        raise _Impossible("the archive has no newer version")
    taken.update((upgrade.installed.name, upgrade) for upgrade in newer)


def _newest(package: Installed, versions: Versions) -> BinaryPackage | None:
    for found in versions(package.name):
        if found.architecture not in (package.architecture, "all"):
            continue
        try:
            return found if compare(found.version, package.version) > 0 else None
        except MalformedError:
            return None
    return None


def _complete(
    before: Mapping[str, _Present],
    installed: Mapping[str, Installed],
    versions: Versions,
    taken: dict[str, Upgrade],
    refused: Mapping[str, str],
) -> None:
    """Take what the taken need, until nothing is broken that was whole; _Impossible otherwise."""
    for _ in range(len(installed) + 1):
        after = dict(before) | {name: _of_deb(upgrade.deb) for name, upgrade in taken.items()}
        broken = next(_broken(before, after, taken), None)
        if broken is None:
            return
        source = _remedy(broken, installed, versions, taken, refused)
        _take(source, installed, versions, taken)
    raise _Impossible("what it needs does not come to an end")


@dataclass(frozen=True, slots=True)
class _Broken:
    package: _Present
    field: str
    clause: Clause
    other: str = ""
    """The package that clashes."""

    def __str__(self) -> str:
        what = f"{self.package.name} {self.package.version}"
        if self.other:
            return f"{what} {self.field} {self.clause.text} ({self.other} is installed)"
        return f"{what} {self.field} {self.clause.text}, which the image does not have"


def _broken(
    before: Mapping[str, _Present], after: Mapping[str, _Present], taken: Mapping[str, Upgrade]
) -> Iterator[_Broken]:
    """Relations that do not hold after the change and held before it, or are new."""
    for package in after.values():
        was = before.get(package.name)
        for field in _NEEDS:
            for clause in _clauses(package, field):
                if _holds(clause, package, after):
                    continue
                if (
                    package.name not in taken
                    and was is not None
                    and not _holds(clause, was, before)
                ):
                    continue
                yield _Broken(package, field, clause)
        for field in _CLASHES:
            for clause in _clauses(package, field):
                other = _clash(clause, package, after)
                if not other or (package.name not in taken and other not in taken):
                    continue
                if was is not None and _clashed(clause, field, was, before) == other:
                    continue
                yield _Broken(package, field, clause, other)


def _remedy(
    broken: _Broken,
    installed: Mapping[str, Installed],
    versions: Versions,
    taken: Mapping[str, Upgrade],
    refused: Mapping[str, str],
) -> str:
    """The source whose upgrade repairs it; _Impossible if there is none."""
    names = [broken.other] if broken.other else [r.name for r in broken.clause.alternatives]
    # Another package that the new version breaks may be fine in its own new version.
    for name in (*names, broken.package.name):
        package = installed.get(name)
        if package is None or name in taken or package.source in refused:
            continue
        newer = _newest(package, versions)
        if newer is None:
            continue
        trial = _of_deb(newer)
        if name == broken.package.name:
            return package.source
        # What clashes must no longer be meant, what is lacking must be.
        if any(_meets(r, trial) for r in broken.clause.alternatives) != bool(broken.other):
            return package.source
    raise _Impossible(str(broken))


def _clauses(package: _Present, field: str) -> tuple[Clause, ...]:
    text = package.fields.get(field, "")
    return parse_relations(text) if text else ()


def _holds(clause: Clause, owner: _Present, present: Mapping[str, _Present]) -> bool:
    applying = [r for r in clause.alternatives if r.applies_on(owner.architecture)]
    return not applying or any(_found(relation, present) for relation in applying)


def _found(relation: Relation, present: Mapping[str, _Present]) -> str:
    """The name of a package that satisfies a relation; empty if none does."""
    package = present.get(relation.name)
    if package is not None and _meets(relation, package):
        return package.name
    for other in present.values():
        if other.provides and relation.name in other.provides and _meets(relation, other):
            return other.name
    return ""


def _meets(relation: Relation, package: _Present) -> bool:
    if not relation.admits(package.multi_arch, package.architecture):
        return False
    if package.name == relation.name and relation.holds_for(DebianVersion(package.version)):
        return True
    for clause in parse_relations(package.provides) if package.provides else ():
        for provided in clause.alternatives:
            version = provided.version if provided.operator == "=" else None
            if provided.name == relation.name and relation.holds_for(version):
                return True
    return False


def _clash(clause: Clause, owner: _Present, present: Mapping[str, _Present]) -> str:
    """The name of another package that is there and must not be; empty if there is none."""
    others = {name: package for name, package in present.items() if name != owner.name}
    for relation in clause.alternatives:
        if relation.applies_on(owner.architecture) and (found := _found(relation, others)):
            return found
    return ""


def _clashed(clause: Clause, field: str, was: _Present, before: Mapping[str, _Present]) -> str:
    """What clashed by this clause before; empty if the old version did not have it."""
    if clause.text not in {known.text for known in _clauses(was, field)}:
        return ""
    return _clash(clause, was, before)


def _of_installed(package: Installed) -> _Present:
    fields = package.fields
    return _Present(
        package.name,
        package.version,
        package.architecture,
        fields.get("multi-arch", "no"),
        fields.get("provides", ""),
        fields,
    )


def _of_deb(deb: BinaryPackage) -> _Present:
    return _Present(
        deb.name,
        deb.version,
        deb.architecture,
        deb.multi_arch,
        deb.provides,
        {
            "pre-depends": deb.pre_depends,
            "depends": deb.depends,
            "breaks": deb.breaks,
            "conflicts": deb.conflicts,
        },
    )
