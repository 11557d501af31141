"""Warnings about support: releases past their end, packages that nobody fixes, static linking."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from ironhull.advisories.database import Database
from ironhull.advisories.model import Cycle, Support
from ironhull.debian.version import compare
from ironhull.errors import MalformedError
from ironhull.inventory.model import Package
from ironhull.scan.debian import tracker_source
from ironhull.scan.interface import Matcher
from ironhull.scan.model import Caveat
from ironhull.scan.target import Target

PRODUCTS = {
    "node": "nodejs",
    "nodejs": "nodejs",
    "python": "python",
    "go": "go",
    "golang": "go",
    "php": "php",
    "ruby": "ruby",
    "nginx": "nginx",
    "redis": "redis",
    "redis-server": "redis",
    "valkey": "valkey",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "haproxy": "haproxy",
    "httpd": "apache-http-server",
    "mariadb": "mariadb",
    "java": "eclipse-temurin",
    "openjdk": "eclipse-temurin",
}
"""Name of a runtime's binary → product of the end-of-life feed."""

_BUILT_USING = r"(\S+) \(= ?(\S+)\)"
_SHOWN = 5


NO_DATES = "its end of life is not in the database (feeds debian-releases, endoflife)"


def release_support(database: Database, target: Target, today: date) -> list[Caveat]:
    """What the release's own dates say."""
    if not target.family or target.release in ("sid", "edge"):
        return []
    product = "alpine-linux" if target.family == "alpine" else "debian"
    name = target.ecosystem.replace(":", " ")
    cycle = _cycle(database.cycles(product), target.release)
    if cycle is None or not cycle.eol:
        return [Caveat("no-data", name, NO_DATES)]
    if cycle.eol > today.isoformat():
        return []
    if cycle.lts and cycle.lts > today.isoformat():
        message = (
            f"the security team's support ended on {cycle.eol}; the LTS team's goes on until"
            f" {cycle.lts} and does not cover every package"
        )
        return [Caveat("lts", name, message)]
    ended = cycle.lts or cycle.eol
    message = f"its security support ended on {ended}; later vulnerabilities are not recorded"
    return [Caveat("eol", name, message)]


def runtime_support(
    database: Database, packages: Iterable[Package], today: date
) -> Iterator[Caveat]:
    """Runtimes that are no distribution packages and whose line is not maintained any more."""
    for package in packages:
        product = PRODUCTS.get(package.name) if package.type == "binary" else None
        if product is None or package.owned_by:
            continue
        cycle = _cycle(database.cycles(product), package.version)
        if cycle is not None and cycle.eol and cycle.eol <= today.isoformat():
            message = f"{package.version}: the line {cycle.cycle} ended on {cycle.eol}"
            yield Caveat("eol", package.name, message)


def _cycle(cycles: Sequence[Cycle], version: str) -> Cycle | None:
    """The cycle that a version belongs to: the longest that it begins with."""
    fitting = [
        cycle for cycle in cycles if version == cycle.cycle or version.startswith(f"{cycle.cycle}.")
    ]
    # Of several feeds the one that knows of long-term support says more.
    return max(fitting, key=lambda cycle: (len(cycle.cycle), cycle.lts), default=None)


def package_support(
    support: Sequence[Support], packages: Iterable[Package], release: str, today: date
) -> Iterator[Caveat]:
    """Source packages whose security support has ended or is limited in a Debian release."""
    exact: dict[str, list[Support]] = {}
    prefixes: list[Support] = []
    for entry in support:
        if entry.release not in ("", release):
            continue
        if entry.pattern.endswith(".*"):
            prefixes.append(entry)
        else:
            exact.setdefault(entry.pattern, []).append(entry)
    sources = {package.source: package for package in packages if package.type == "deb"}
    for source, package in sorted(sources.items()):
        by_prefix = [entry for entry in prefixes if source.startswith(entry.pattern[:-2])]
        for entry in [*exact.get(source, []), *by_prefix]:
            warning = _support_warning(entry, package, today)
            if warning is not None:
                yield warning


def _support_warning(entry: Support, package: Package, today: date) -> Caveat | None:
    if entry.kind == "limited":
        message = f"limited security support: {entry.text or 'see debian-security-support'}"
        return Caveat("support-limited", package.source, message)
    if entry.date > today.isoformat():
        return None
    try:
        # A version after the last supported one is someone else's, who may support it.
        if entry.last_version != "0" and compare(package.source_version, entry.last_version) > 0:
            return None
    except MalformedError:
        pass
    message = f"security support ended on {entry.date}: {entry.text or 'no details given'}"
    return Caveat("support-ended", package.source, message)


def static_linking(packages: Iterable[Package], matcher: Matcher) -> Iterator[Caveat]:
    """Sources that a package was linked with statically, where those versions are vulnerable.

    Debian does not flag such a package when the library is fixed; it needs a rebuild.
    """
    users: dict[tuple[str, str], list[str]] = {}
    for package in packages:
        for text in package.built_using:
            found = re.fullmatch(_BUILT_USING, text.strip())
            if found:
                users.setdefault((found[1], found[2]), []).append(package.name)
    tracked = {used: tracker_source(*used) for used in users}
    # Most of them are installed as well, and their rules are there.
    matcher.load(_as_package(*used) for used in users)
    for (source, version), names in sorted(users.items()):
        try:
            rules = matcher.rules_of(*tracked[source, version])
        except MalformedError:
            continue
        if rules:
            ids = sorted({rule.vulnerability for rule in rules}, reverse=True)
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            message = (
                f"statically linked into {', '.join(sorted(set(names))[:_SHOWN])}:"
                f" {', '.join(ids[:_SHOWN])}{more}; a rebuild with a fixed {source} is needed"
            )
            yield Caveat("static", f"{source} {version}", message)


def _as_package(source: str, version: str) -> Package:
    """A source as a package that was built from it, which is what matchers take."""
    return Package(
        name=source,
        version=version,
        type="deb",
        location="",
        source=source,
        source_version=version,
    )
