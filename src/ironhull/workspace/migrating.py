"""Dockerfiles moved to hardened images: the machine's catalog, a folder, a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ironhull.errors import MalformedError, NotFoundError
from ironhull.migrate.catalog.described import public_catalog, read_description
from ironhull.migrate.catalog.interface import Catalog
from ironhull.migrate.catalog.remembered import RememberedCatalog
from ironhull.migrate.context.folder import FolderContext
from ironhull.migrate.dockerfile.lexer import MAX_BYTES
from ironhull.migrate.migrate import migrate as migrate_text
from ironhull.migrate.model import Migration
from ironhull.workspace.machine import Machine

PUBLIC = "dhi.io"
LOADED = "localhost"
"""Where `ironhull load` puts images in an engine."""


@dataclass(frozen=True, slots=True)
class MigrateChoices:
    """How a Dockerfile is to be migrated."""

    context: Path | None = None
    """Folder of the build context; None: the one that the Dockerfile is in."""
    target: str | None = None
    registry: str = LOADED
    """Where the hardened images are; see `catalog_of`."""


def migrate(machine: Machine, dockerfile: Path, chosen: MigrateChoices | None = None) -> Migration:
    """The hardened form of a Dockerfile, which is not changed; see `migrate.migrate`.

    NotFoundError if there is no such file, MalformedError if it is no Dockerfile.
    """
    chosen = chosen or MigrateChoices()
    try:
        with dockerfile.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"cannot read {dockerfile}: {error.strerror}") from error
    context = FolderContext(chosen.context or dockerfile.parent)
    catalog = catalog_of(machine, chosen.registry)
    try:
        found = migrate_text(source, context, catalog, chosen.target)
    except MalformedError as error:
        raise MalformedError(f"{dockerfile}: {error}") from None
    return replace(found, file=dockerfile.as_posix())


def catalog_of(machine: Machine, registry: str) -> Catalog:
    """The images that a registry has, and where what is known of them is from.

    `dhi.io` is the public catalog as it is described here; a file whose name ends with .json is
    a description of another one. Any other name is where the images of the machine's own
    definitions are.
    """
    name = registry.strip("/")
    public = public_catalog() if name == PUBLIC else None
    if public is not None:
        return public
    if registry.endswith(".json"):
        try:
            data = Path(registry).read_bytes()
        except OSError as error:
            raise NotFoundError(f"cannot read {registry}: {error.strerror}") from error
        return read_description(data, registry)

    def opened() -> Catalog:
        # Reading definitions loads more than all the rest of this verb.
        from ironhull.migrate.catalog.definitions import DefinitionCatalog
        from ironhull.workspace.definitions import Definitions

        return DefinitionCatalog(name, Definitions(machine).catalog)

    folders = machine.settings.catalogs
    return RememberedCatalog(name, folders, machine.home.catalog_answers, opened)
