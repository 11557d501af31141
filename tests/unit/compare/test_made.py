"""What is on record here of how an image was made, by its digest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.sides import DIGEST, side

from ironhull.archive.interface import ReleaseRecord
from ironhull.build.built import BuiltImage, BuiltPackage, BuiltPlatform, remember
from ironhull.compare.made import MadeHere, made_here
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.lock.file import lock_path, write_lock
from ironhull.lock.model import Lock, LockedPackage, LockedPlatform, Reason, ReasonKind
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.media_types import OCI_INDEX
from ironhull.store.home import Home


@pytest.mark.parametrize(
    ("locked", "expected"), [("1.0-1", "20.lock.json"), ("1.0-2", ""), (None, "")]
)
def test_a_lock_counts_where_it_has_the_very_packages_of_the_build(
    tmp_path: Path, locked: str | None, expected: str
) -> None:
    image = side().inventory.image
    package = BuiltPackage("bash", "1.0-1", "amd64", "bash", "1.0-1", 7)
    built = BuiltPlatform("linux/amd64", Digest(DIGEST), 1, 1, 1, (), (package,))
    descriptor = Descriptor(OCI_INDEX, Digest(DIGEST), 7)
    definition = tmp_path / "20.yaml"
    home = Home(tmp_path / "home")
    remember(
        home,
        hex_of(Digest(DIGEST)),
        BuiltImage("node", ("20",), descriptor, (built,), str(definition)),
    )
    if locked is not None:
        write_lock(lock_path(definition), lock_with("bash", locked))
    assert made_here(home, image) == MadeHere(1, expected)
    other = Digest("sha256:" + "cd" * 32)
    assert made_here(home, replace(image, manifest=other)) is None
    assert made_here(home, replace(image, digest=other)) is None


def lock_with(name: str, version: str) -> Lock:
    """A lock of one package on linux/amd64."""
    reasons = (Reason(ReasonKind.REQUESTED, "20.yaml:3", name),)
    package = LockedPackage(
        name=BinaryName(name),
        version=DebianVersion(version),
        architecture="amd64",
        source=SourceName(name),
        source_version=DebianVersion(version),
        sha256=Digest(DIGEST),
        size=7,
        path=f"pool/main/b/{name}.deb",
        repository="debian",
        suite="trixie",
        component="main",
        reasons=reasons,
    )
    release = ReleaseRecord(
        repository="debian",
        suite="trixie",
        codename="trixie",
        date="2026-11-20T00:00:00Z",
        valid_until=None,
        digest=Digest(DIGEST),
        signed_by="A" * 40,
    )
    platforms = {"linux/amd64": LockedPlatform((package,))}
    created = "2026-11-20T00:00:00Z"
    return Lock("node", "20.yaml", Digest(DIGEST), created, (release,), platforms)
