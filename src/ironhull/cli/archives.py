"""The archives of a definition's platforms, opened as options, settings and the machine say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import click

from ironhull.archive.debian import (
    ArchiveContext,
    DebianArchive,
    SuiteRelease,
    load_releases,
    open_archive,
)
from ironhull.archive.interface import Repository
from ironhull.archive.mirror import find_repositories
from ironhull.cli.settings import settings
from ironhull.definition.model import ImageDefinition
from ironhull.errors import InputError
from ironhull.oci.platform import Architecture, Platform

_OPTIONS = (
    click.option(
        "--mirror",
        metavar="URL",
        help="The Debian mirror; without it IRONHULL_MIRROR, ironhull.toml, or apt's own sources.",
    ),
    click.option(
        "--keyring",
        "keyrings",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="OpenPGP keys that sign the mirror's release files, instead of Debian's own.",
    ),
    click.option("--offline", is_flag=True, help="Only what was read before; no network."),
)


def mirror_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--mirror, --keyring (as `keyrings`) and --offline."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), command)


@dataclass(slots=True)
class Archives:
    """Opens each archive once, so that many definitions see the same moment of it."""

    context: ArchiveContext
    mirror: str | None = None
    keyrings: tuple[bytes, ...] = ()
    _releases: dict[tuple[Repository, ...], tuple[SuiteRelease, ...]] = field(default_factory=dict)
    _opened: dict[tuple[tuple[Repository, ...], Architecture], DebianArchive] = field(
        default_factory=dict
    )

    def repositories(self, definition: ImageDefinition) -> tuple[Repository, ...]:
        """The distribution's repositories on the mirror, then those of the definition itself."""
        found = find_repositories(
            definition.distribution,
            option=self.mirror,
            setting=settings().get("mirror"),
            keyrings=self.keyrings,
        )
        own = [
            Repository(
                request.name,
                request.uri,
                (request.suite,),
                request.components,
                request.keyrings or self.keyrings,
            )
            for request in definition.repositories
        ]
        return (*found, *own)

    def of(self, definition: ImageDefinition) -> dict[Platform, DebianArchive]:
        """The archive of every platform of the definition."""
        repositories = self.repositories(definition)
        if repositories not in self._releases:
            self._releases[repositories] = load_releases(repositories, self.context)
        found = {}
        for platform in definition.platforms:
            key = repositories, platform.debian
            if key not in self._opened:
                self._opened[key] = open_archive(
                    self._releases[repositories], platform.debian, self.context
                )
            found[platform] = self._opened[key]
        return found


def read_keyrings(paths: tuple[Path, ...]) -> tuple[bytes, ...]:
    """The bytes of the key files; InputError for one that cannot be read."""
    try:
        return tuple(path.read_bytes() for path in paths)
    except OSError as error:
        raise InputError(f"cannot read the keyring {error.filename}: {error.strerror}") from None
