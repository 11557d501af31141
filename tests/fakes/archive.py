"""An archive in memory, from a compact text: the packages of a test fit on a screen.

nodejs 20.19 suite=trixie-security source=node
  Depends: libnode115 (= 20.19), ca-certificates
libnode115 20.19
awk-docs 1 arch=all priority=required multi-arch=allowed
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from pathlib import Path
from typing import Any

from ironhull.archive.interface import ReleaseRecord
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.debian.package import BinaryPackage
from ironhull.debian.relation import parse_provides
from ironhull.debian.version import compare
from ironhull.definition.bare import bare_definition
from ironhull.definition.model import Accounts, ImageDefinition, PackageRequest, Place, Track
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.platform import Architecture, Platform

_FIELDS = {
    "Depends": "depends",
    "Pre-Depends": "pre_depends",
    "Recommends": "recommends",
    "Provides": "provides",
    "Conflicts": "conflicts",
    "Breaks": "breaks",
    "Replaces": "replaces",
}
_OPTIONS = {
    "suite": "suite",
    "source": "source",
    "source-version": "source_version",
    "priority": "priority",
    "multi-arch": "multi_arch",
    "repository": "repository",
}
SUITES = ("trixie", "trixie-updates", "trixie-security")


@dataclass(frozen=True)
class FakeArchive:
    """Implements `ironhull.archive.interface.Archive`; `packages` in the order of the text."""

    packages: tuple[BinaryPackage, ...]
    architecture: Architecture
    releases: tuple[ReleaseRecord, ...] = ()

    def versions(self, name: str) -> Sequence[BinaryPackage]:
        return _sorted(package for package in self.packages if package.name == name)

    def providers(self, name: str) -> Sequence[tuple[BinaryPackage, DebianVersion | None]]:
        found = [
            (package, version)
            for package in self.packages
            for provided, version in parse_provides(package.provides)
            if provided == name
        ]
        return sorted(found, key=lambda pair: (pair[0].name, pair[0].version))

    def names(self) -> Iterable[str]:
        return sorted({package.name for package in self.packages})


def _sorted(packages: Iterable[BinaryPackage]) -> list[BinaryPackage]:
    order = {suite: index for index, suite in enumerate(SUITES)}
    found = sorted(packages, key=lambda package: order.get(package.suite, len(order)))
    return sorted(found, key=cmp_to_key(lambda a, b: compare(b.version, a.version)))


def fake_archive(
    text: str, architecture: str = "amd64", *, date: str = "2026-11-01T00:00:00Z"
) -> FakeArchive:
    """The archive that the text describes; every suite that it names has a release of that date."""
    packages: list[dict[str, Any]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if line.strip().split(":")[0] in _FIELDS:
            field, _, value = line.strip().partition(":")
            packages[-1][_FIELDS[field]] = value.strip()
        else:
            packages.append(_package(line.split(), architecture))
    made = tuple(BinaryPackage(**fields) for fields in packages)
    suites = list(dict.fromkeys(["trixie", *(package.suite for package in made)]))
    return FakeArchive(made, Architecture(architecture), tuple(release(s, date) for s in suites))


def _package(words: list[str], architecture: str) -> dict[str, Any]:
    name, version, *rest = words
    options = dict(word.split("=", 1) for word in rest)
    arch = options.pop("arch", architecture)
    fields: dict[str, Any] = {
        "name": BinaryName(name),
        "version": DebianVersion(version),
        "architecture": arch,
        "source": SourceName(options.get("source", name)),
        "source_version": DebianVersion(version),
        "sha256": Digest(
            "sha256:" + hashlib.sha256(f"{name}_{version}_{arch}".encode()).hexdigest()
        ),
        "size": 1000 + len(name),
        "installed_size": 4,
        "path": f"pool/main/{name[0]}/{name}/{name}_{version.replace(':', '%3a')}_{arch}.deb",
        "repository": "debian",
        "suite": "trixie",
        "component": "main",
    }
    return fields | {_OPTIONS[key]: value for key, value in options.items()}


def release(suite: str, date: str = "2026-11-01T00:00:00Z") -> ReleaseRecord:
    return ReleaseRecord(
        repository="debian",
        suite=suite,
        codename=suite,
        date=date,
        valid_until=None,
        digest=digest_of(f"{suite} {date}".encode()),
        signed_by="A" * 40,
    )


def fake_definition(
    *requests: str,
    image: str = "node",
    tag: str = "20",
    platforms: Sequence[str] = ("linux/amd64",),
    file: str = "images/node/debian-13/20.yaml",
    tracks: Sequence[tuple[str, str, str]] = (),
) -> ImageDefinition:
    """Asks for `name`, `name=pin`, `!name` or `name+recommends`, a line each from line 10 on."""
    packages = []
    for line, text in enumerate(requests, start=10):
        name, _, version = text.removeprefix("!").removesuffix("+recommends").partition("=")
        packages.append(
            PackageRequest(
                name,
                Place(file, line, 5),
                version or None,
                excluded=text.startswith("!"),
                recommends=text.endswith("+recommends"),
            )
        )
    return replace(
        bare_definition(Path(file), image),
        digest=digest_of(repr(requests).encode()),
        name=f"{image} {tag}",
        variant="runtime",
        tags=(tag,),
        platforms=tuple(Platform.parse(platform) for platform in platforms),
        distribution="debian-13",
        codename="trixie",
        packages=tuple(packages),
        accounts=Accounts("nonroot", False, (), ()),
        compression="zstd",
        tracks=tuple(
            Track(package, match, variable, Place(file, 3, 1))
            for package, match, variable in tracks
        ),
    )
