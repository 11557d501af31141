"""A catalog as rules see it: which hardened images there are, and what each is like.

A fact comes from where it is decided: from the definitions of one's own catalog
(`definitions.DefinitionCatalog`), or from a description that says where it was read
(`described.DescribedCatalog`). No rule knows a user, an entry point or a version by heart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One hardened image."""

    image: str
    """Name in the catalog: `node`."""
    version: str
    """Tag without the suffix of the variant: `20`."""
    reference: str
    """As FROM names it: `registry.example/node:20-dev`."""
    dev: bool
    """For build stages: shell and package manager are there."""
    user: str
    uid: int
    gid: int
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    work_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    shell: bool = False
    package_manager: str = ""
    """`apt`, `apk`, or empty."""
    libc: str = ""
    """`glibc`, `musl`, or empty where there is none."""
    programs: frozenset[str] = frozenset()
    """Names of programs on PATH that are known to be there; others may be."""

    @property
    def owner(self) -> str:
        """`UID:GID`, as USER and --chown take it everywhere."""
        return f"{self.uid}:{self.gid}"


def source_of(folders: Sequence[Path]) -> str:
    """How reports name folders of definitions: where the facts are from."""
    return f"the definitions in {' and '.join(folder.name for folder in folders)}"


class Catalog(Protocol):
    """Hardened images of one registry."""

    @property
    def registry(self) -> str:
        """What references begin with, without the slash: `dhi.io`."""
        ...

    @property
    def source(self) -> str:
        """Where the facts are from, for reports."""
        ...

    @property
    def extensible(self) -> bool:
        """Whether images with extra packages can be built from its definitions."""
        ...

    def versions(self, image: str) -> tuple[str, ...]:
        """Main tags of an image's runtimes, newest first; empty if there is no such image."""
        ...

    def find(self, image: str, version: str, *, dev: bool) -> ImageFacts | None:
        """The image of exactly this tag, or None."""
        ...
