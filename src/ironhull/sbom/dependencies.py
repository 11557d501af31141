"""Which packages of an image another one needs: Depends and Pre-Depends, met inside the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ironhull.debian.names import DebianVersion
from ironhull.debian.relation import Relation, parse_provides, parse_relations
from ironhull.errors import MalformedError
from ironhull.sbom.control import Control

Offer = tuple[str, DebianVersion | None, str]
"""Id of a package, the version that it is or provides, its Multi-Arch field."""


def dependencies(controls: Mapping[str, Control]) -> dict[str, tuple[str, ...]]:
    """Id of a package → sorted ids of those that satisfy its relations, of each the first found.

    A relation that nothing in the image satisfies gives none; one that cannot be read neither.
    """
    offers: dict[str, list[Offer]] = {}
    for identifier, control in controls.items():
        own = (identifier, DebianVersion(control.version), control.multi_arch)
        # What a package is comes before what others say they are.
        offers.setdefault(control.name, []).insert(0, own)
        for name, version in _provided(control):
            offers.setdefault(name, []).append((identifier, version, control.multi_arch))
    return {
        identifier: _needed(identifier, control, offers) for identifier, control in controls.items()
    }


def _provided(control: Control) -> Sequence[tuple[str, DebianVersion | None]]:
    try:
        return parse_provides(control.provides)
    except MalformedError:
        return ()


def _needed(
    identifier: str, control: Control, offers: Mapping[str, Sequence[Offer]]
) -> tuple[str, ...]:
    try:
        clauses = parse_relations(control.depends)
    except MalformedError:
        return ()
    found = set()
    for clause in clauses:
        for relation in clause.alternatives:
            met = _met(relation, offers.get(relation.name, ()), control.architecture)
            if met:
                found.add(met)
                break
    return tuple(sorted(found - {identifier}))


def _met(relation: Relation, offers: Sequence[Offer], architecture: str) -> str:
    for identifier, version, multi_arch in offers:
        try:
            if relation.holds_for(version) and relation.admits(multi_arch, architecture):
                return identifier
        except MalformedError:
            continue
    return ""
