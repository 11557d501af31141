"""Definitions and locks for tests of what comes after them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ironhull.definition.bare import bare_definition
from ironhull.definition.model import Accounts, Group, ImageDefinition, Place, User
from ironhull.lock.model import Lock, LockedPackage, LockedPlatform, Reason, ReasonKind
from ironhull.oci.digest import digest_of
from ironhull.oci.platform import Platform
from ironhull.store.home import Home

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")
CREATED = "2026-11-22T02:09:05Z"


def place() -> Place:
    return Place("images/app/debian-13/1.yaml", 7, 3)


def definition(**changes: object) -> ImageDefinition:
    """A definition of `app:1` that asks for nothing, with the given fields replaced."""
    base = replace(
        bare_definition(Path("images/app/debian-13/1.yaml"), "app"),
        digest=digest_of(repr(sorted(changes.items(), key=str)).encode()),
        name="App",
        variant="runtime",
        tags=("1", "1-debian13"),
        platforms=(AMD64,),
        distribution="debian-13",
        codename="trixie",
        accounts=Accounts(
            "nonroot",
            False,
            (User("nonroot", 65532, 65532, "/home/nonroot", "/usr/sbin/nologin"),),
            (Group("nonroot", 65532),),
        ),
        os_release={"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Ironhull App"},
        compression="zstd:3",
        texts={"app/debian-13/1.yaml": b"image: app\n"},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def locked(
    home: Home, name: str, deb: bytes, *, version: str = "1.0-1", architecture: str = "amd64"
) -> LockedPackage:
    """A package of a lock, with its .deb put into the package store."""
    digest = home.packages.put(deb)
    return LockedPackage(
        name=name,  # type: ignore[arg-type]
        version=version,  # type: ignore[arg-type]
        architecture=architecture,
        source=name,  # type: ignore[arg-type]
        source_version=version,  # type: ignore[arg-type]
        sha256=digest,
        size=len(deb),
        path=f"pool/main/{name[0]}/{name}/{name}_{version}_{architecture}.deb",
        repository="debian",
        suite="trixie",
        component="main",
        reasons=(Reason(ReasonKind.REQUESTED, "1.yaml:7", name),),
    )


def lock(packages: Iterable[LockedPackage], platforms: Iterable[Platform] = (AMD64,)) -> Lock:
    """A lock of `app:1` with the same packages for each platform."""
    ordered = tuple(sorted(packages, key=lambda package: package.name))
    return Lock(
        image="app",
        definition="1.yaml",
        request=digest_of(hashlib.sha256(repr(ordered).encode()).digest()),
        created=CREATED,
        releases=(),
        platforms={str(platform): LockedPlatform(ordered) for platform in platforms},
    )
