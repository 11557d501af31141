"""Why each package of a solution is in, and which dependencies the definition cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os.path import relpath

from ironhull.debian.package import BinaryPackage
from ironhull.debian.relation import Clause
from ironhull.definition.model import ImageDefinition, PackageRequest
from ironhull.lock.model import BrokenEdge, LockedPackage, LockedPlatform, Reason, ReasonKind
from ironhull.lock.pool import Pool
from ironhull.lock.request import request_text
from ironhull.lock.solve import Goal, Rejection, Taken

_ORDER = tuple(ReasonKind)
_LISTED = 3


def describe(
    taken: Mapping[str, Taken],
    pool: Pool,
    requests: Mapping[PackageRequest, Goal],
    definition: ImageDefinition,
) -> LockedPlatform:
    """The solution as a lock holds it: every reason of every package, and every broken edge."""
    reasons: dict[str, list[Reason]] = {name: [] for name in taken}
    broken: list[BrokenEdge] = []
    for request, goal in requests.items():
        package = _met_by(goal.clause, taken, pool)
        if package is not None:
            place = f"{relative(request.place.file, definition)}:{request.place.line}"
            plain = package.name == request.name and not taken[package.name].rejected
            choice = "" if plain else _choice(goal.clause, package, taken, pool)
            reason = Reason(ReasonKind.REQUESTED, place, request_text(request), choice)
            reasons[package.name].append(reason)
    for goal in _goals(taken, pool, requests):
        owner = goal.owner.name if goal.owner else ""
        package = _met_by(goal.clause, taken, pool)
        if package is None:
            if goal.kind is not ReasonKind.RECOMMENDS:
                cut = pool.options(goal.clause).cut
                broken.append(BrokenEdge(owner, goal.clause.text, cut[0]))
        elif package.name != owner:
            choice = _choice(goal.clause, package, taken, pool)
            reasons[package.name].append(Reason(goal.kind, owner, goal.clause.text, choice))
    return LockedPlatform(
        packages=tuple(_locked(taken[name].package, reasons[name]) for name in sorted(taken)),
        broken=tuple(
            sorted(set(broken), key=lambda edge: (edge.package, edge.relation, edge.excluded))
        ),
    )


def relative(file: str, definition: ImageDefinition) -> str:
    """A file as seen from the definition's folder, so that a lock is the same in every checkout."""
    return relpath(file, definition.file.parent)


def _goals(
    taken: Mapping[str, Taken], pool: Pool, requests: Mapping[PackageRequest, Goal]
) -> Iterator[Goal]:
    recommending = {
        package.name
        for request, goal in requests.items()
        if request.recommends and (package := _met_by(goal.clause, taken, pool))
    }
    for name in sorted(taken):
        package = taken[name].package
        needs = pool.needs(package)
        for kind, clause in needs.hard:
            yield Goal(clause, kind, package)
        if name in recommending:
            for clause in needs.recommends:
                yield Goal(clause, ReasonKind.RECOMMENDS, package)


def _met_by(clause: Clause, taken: Mapping[str, Taken], pool: Pool) -> BinaryPackage | None:
    """The best of the clause's options that is in; an excluded one may be in for other reasons."""
    for excluding in (True, False):
        for package in pool.options(clause, excluding).packages:
            found = taken.get(package.name)
            if found is not None and found.package.version == package.version:
                return found.package
    return None


def _locked(package: BinaryPackage, reasons: list[Reason]) -> LockedPackage:
    unique = dict.fromkeys(reasons)
    return LockedPackage(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        source=package.source,
        source_version=package.source_version,
        sha256=package.sha256,
        size=package.size,
        path=package.path,
        repository=package.repository,
        suite=package.suite,
        component=package.component,
        reasons=tuple(
            sorted(unique, key=lambda r: (_ORDER.index(r.kind), r.by, r.relation, r.choice))
        ),
    )


def _choice(clause: Clause, package: BinaryPackage, taken: Mapping[str, Taken], pool: Pool) -> str:
    """Why this package meets the clause and no other one; empty if there was nothing to choose."""
    options = pool.options(clause)
    names = list(dict.fromkeys(option.name for option in options.packages))
    direct = next((r for r in clause.alternatives if r.name == package.name), None)
    parts = []
    if direct is None:
        provided = next(r for r in clause.alternatives if pool.matches(r, package))
        parts.append(f"provides {provided.name}")
    own = taken[package.name]
    rejected = own.rejected if own.goal.clause.text == clause.text else ()
    parts += [_rejection(rejection) for rejection in rejected[:_LISTED]]
    parts += [f"kept out: {name}" for name in options.cut if name != package.name]
    absent = [
        str(relation)
        for relation in clause.alternatives
        if relation is not direct
        and not pool.options(Clause(str(relation), (relation,)), False).packages
    ]
    if absent and direct is not clause.alternatives[0]:
        parts.append("not in the archive: " + ", ".join(absent[:_LISTED]))
    others = [name for name in names if name != package.name]
    if others and not rejected:
        listed = ", ".join(others[:_LISTED]) + (", …" if len(others) > _LISTED else "")
        if names[0] != package.name:
            parts.append(f"is in already, so no {names[0]}")
        elif direct is None:
            parts.append(f"before {listed} (priority {package.priority}, then name)")
        elif len(clause.alternatives) > 1:
            parts.append(f"first choice, before {listed}")
        else:
            parts.append(f"the package itself, before {listed}")
    elif direct is None and not others:
        parts.append("as the only one")
    return "; ".join(parts)


def _rejection(rejection: Rejection) -> str:
    name = f"{rejection.package.name} {rejection.package.version}"
    if rejection.failure is not None:
        goal = rejection.failure.goal
        owner = f" of {goal.owner.name}" if goal.owner else ""
        return f"not {name}: {goal.clause.text}{owner} cannot be met with it"
    if rejection.refusal is not None:
        refusal = f"{rejection.refusal.field}: {rejection.refusal.relation}"
        return f"not {name}: {rejection.refuser} has '{refusal}'"
    against = rejection.against.package.version if rejection.against else ""
    return f"not {name}: {against} is in"
