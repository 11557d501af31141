"""Words for what cannot be resolved: requests that nothing answers, chains that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from ironhull.archive.interface import Archive
from ironhull.debian.package import BinaryPackage
from ironhull.debian.relation import Clause, Relation
from ironhull.definition.model import ImageDefinition, PackageRequest
from ironhull.errors import ResolveError
from ironhull.lock.pool import Pool
from ironhull.lock.request import request_text
from ironhull.lock.solve import Failure, Rejection, Unsolvable

_OTHERS = 3
_LISTED = 5


def request_problems(requests: Sequence[PackageRequest], pool: Pool) -> list[str]:
    """What is wrong with the requests themselves, each line with file, line and column."""
    problems = []
    for request in requests:
        if request.excluded:
            continue
        problem = _request_problem(request, requests, pool)
        if problem:
            problems.append(f"{request.place}: {problem}")
    return problems


def _request_problem(
    request: PackageRequest, requests: Sequence[PackageRequest], pool: Pool
) -> str:
    name = request.name
    if name in pool.excluded:
        return f"{name!r} is asked for here and kept out at {pool.excluded[name].place}"
    pin = pool.pins.get(name)
    if pin is not None and request.version not in (None, pin.version):
        return f"{name!r} is pinned here to {request.version} and at {pin.place} to {pin.version}"
    if pool.versions(name):
        return ""
    if pool.archive.versions(name):
        return (
            f"{request_text(request)} is not in the archive ({_available(name, pool)}); "
            f"pin a version that it has, or write {name!r} alone"
        )
    providers = [p.name for p in pool.providers(Relation(name)) if p.name not in pool.excluded]
    names = list(dict.fromkeys(providers))
    asked = {other.name for other in requests if not other.excluded}
    if len(names) == 1 or asked.intersection(names):
        return ""
    if names:
        return (
            f"{name!r} is provided by several packages; name one of them: "
            f"{', '.join(names[:_LISTED])}{', …' if len(names) > _LISTED else ''}"
        )
    where = f"{_suites(pool.archive)} for {pool.archive.architecture}"
    return f"unknown package {name!r} ({where}){_hint(name, pool.archive)}"


def misspelt_exclusions(
    requests: Sequence[PackageRequest], archives: Sequence[Archive]
) -> list[str]:
    """Lines for every `!name` that no platform's archive has, but a name much like it.

    It keeps nothing out. Without a like name it is no fault: definitions of several releases share
    exclusions, and a package that only some architectures have may be kept out on all.
    """
    return [
        f"{request.place}: '!{request.name}' keeps nothing out: unknown package "
        f"({_suites(archives[0])}){hint}"
        for request in requests
        if request.excluded
        and not any(a.versions(request.name) or a.providers(request.name) for a in archives)
        and (hint := _hint(request.name, archives[0]))
    ]


def _hint(name: str, archive: Archive) -> str:
    close = similar(name, archive.names())
    if not close:
        return ""
    first = archive.versions(close[0])
    version = f" ({first[0].version})" if first else ""
    also = f" (or {', '.join(close[1:])})" if close[1:] else ""
    return f"; did you mean {close[0]!r}{version}{also}?"


def similar(name: str, names: Iterable[str]) -> list[str]:
    """Up to three names like this one, nearest first: without a version at its end, or misspelt."""
    known = set(names)
    stem = name.rstrip("0123456789.").rstrip("-")
    found = [stem] if stem != name and stem in known else []
    # Comparing with all 70,000 names takes seconds: the first letter is rarely the wrong one.
    near = [other for other in known if other[:1] == name[:1] and abs(len(other) - len(name)) <= 3]
    # Two letters swapped in a short name are already a quarter of it.
    found += get_close_matches(name, sorted(near), 3, 0.75 if len(name) < 7 else 0.84)
    return list(dict.fromkeys(found))[:3]


def unsolvable(
    error: Unsolvable, definition: ImageDefinition, pool: Pool, platform: str
) -> ResolveError:
    """The error for a person: which chain of packages leads to what is missing or refused."""
    image = f"{definition.image}:{definition.tags[0] if definition.tags else definition.name}"
    main, *others = _leaves(error.failure)
    chain = (image, *(t.package.name for t in main.path), main.goal.clause.text)
    place = next((r.place for r in definition.packages if r.name == _root(main)), None)
    head = f"{place}: {_root(main)} cannot be installed on {platform}"
    if error.gave_up:
        head += f" (the search stopped after {error.gave_up} dead ends)"
    lines = [head, "  " + " → ".join(chain), *("  " + line for line in _details(main, image, pool))]
    for other in others[:_OTHERS]:
        steps = [image, *(t.package.name for t in other.path), other.goal.clause.text]
        lines.append("  another way fails too: " + " → ".join(steps))
        lines += ["    " + line for line in _details(other, image, pool)]
    if len(others) > _OTHERS:
        lines.append(f"  and {len(others) - _OTHERS} more ways")
    cut = main.goal.clause.alternatives[0].name
    lines.append(
        f"  Ask for or pin another version, or write '!{cut}' if the image works without it"
    )
    return ResolveError("\n".join(lines), chain)


def _root(failure: Failure) -> str:
    if failure.path:
        return failure.path[0].goal.clause.alternatives[0].name
    return failure.goal.clause.alternatives[0].name


def _leaves(failure: Failure) -> list[Failure]:
    """The failures at the ends of the proof, that of the preferred options first."""
    leaves: dict[tuple[str, ...], Failure] = {}
    seen: set[int] = set()
    # A failure is visited twice: first what was preferred on the way to it, then itself.
    stack = [(failure, False)]
    while stack:
        current, ready = stack.pop()
        if ready:
            if any(r.failure is None for r in current.rejections) or not current.rejections:
                names = (*(t.package.name for t in current.path), current.goal.clause.text)
                leaves.setdefault(names, current)
        elif id(current) not in seen:
            seen.add(id(current))
            before = [r.failure for taken in current.path for r in taken.rejected if r.failure]
            after = [r.failure for r in current.rejections if r.failure]
            steps = [(cause, False) for cause in before]
            steps += [(current, True), *((cause, False) for cause in after)]
            stack += reversed(steps)
    return list(leaves.values()) or [failure]


def _details(failure: Failure, image: str, pool: Pool) -> list[str]:
    clashes = [r for r in failure.rejections if r.failure is None]
    if clashes:
        return [_clash(rejection, image) for rejection in clashes[:_LISTED]]
    return [
        line for relation in failure.goal.clause.alternatives for line in _offer(relation, pool)
    ]


def _clash(rejection: Rejection, image: str) -> str:
    name, version = rejection.package.name, rejection.package.version
    other = " → ".join((image, *(taken.package.name for taken in rejection.path)))
    if rejection.refusal is None:
        taken = rejection.against.package.version if rejection.against else "another version"
        return f"{name} {version} does not go with {taken}, which is in by {other}"
    against = rejection.against.package.name if rejection.against else ""
    return (
        f"{name} {version} and {against} exclude each other: {rejection.refuser} has "
        f"'{rejection.refusal.field}: {rejection.refusal.relation}', and {against} is in by {other}"
    )


def _offer(relation: Relation, pool: Pool) -> list[str]:
    """What there is of a relation's name, and why it does not do."""
    lines = []
    if relation.name in pool.excluded:
        lines.append(f"!{relation.name} at {pool.excluded[relation.name].place} keeps it out")
    if relation.name in pool.pins and not pool.options(Clause(str(relation), (relation,))).packages:
        pin = pool.pins[relation.name]
        lines.append(f"{request_text(pin)} is pinned at {pin.place}")
    packages = pool.archive.versions(relation.name)
    if packages:
        lines.append(_available(relation.name, pool))
        if relation.qualifier == "any" and packages[0].multi_arch != "allowed":
            lines.append(f"{relation.name} is not 'Multi-Arch: allowed', which ':any' needs")
    providers = pool.archive.providers(relation.name)
    for package, version in providers[:_LISTED]:
        lines.append(f"{package.name} provides {relation.name} ({version or 'without a version'})")
    if not packages and not providers:
        lines.append(f"{relation.name}: {_suites(pool.archive)}")
    return lines


def _available(name: str, pool: Pool) -> str:
    """`trixie has libuv1 1.50.0-2, trixie-security has …`."""
    by_suite: dict[str, BinaryPackage] = {}
    for package in pool.archive.versions(name):
        by_suite.setdefault(package.suite, package)
    return ", ".join(f"{suite} has {name} {p.version}" for suite, p in by_suite.items())


def _suites(archive: Archive) -> str:
    suites = list(dict.fromkeys(release.suite for release in archive.releases))
    return f"not in {', '.join(suites)}" if suites else "not in the archive"
