"""Definitions and their locks as they are on this machine: the half of `locking` that asks nobody.

It loads no archive and no resolver, so that a build in which nothing changed does without.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ironhull.definition.catalog import Catalog
from ironhull.definition.model import ImageDefinition
from ironhull.definition.pins import Pins
from ironhull.definition.reader import read
from ironhull.errors import LockError
from ironhull.lock.file import lock_path, read_lock
from ironhull.lock.model import Lock
from ironhull.lock.request import check_lock
from ironhull.oci.digest import Digest
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class Definitions:
    """The catalog of a machine, and definitions anywhere, with what their locks say of them."""

    machine: Machine

    @property
    def catalog(self) -> Catalog:
        """The catalog; tags that follow the archive get their values from the locks."""
        settings = self.machine.settings
        return Catalog(
            settings.catalog, locked_variables, self._locked_pins, settings.more_catalogs
        )

    def definition(self, name: str) -> tuple[ImageDefinition, Path]:
        """The definition of NAME:TAG or of a file, and where its lock is or would be.

        What it should be known of besides goes to the progress as notes.
        """
        path = self.catalog.find(name)
        return self.read(path, locked_variables(path), self._locked_pins(path)), lock_path(path)

    def read(
        self, path: Path, variables: Mapping[str, str], pins: Pins | None = None
    ) -> ImageDefinition:
        """The definition with these values for its tracked variables, and digests of the lock."""
        loaded = read(path, variables, self.root(path), pins or self.pins({}))
        for warning in loaded.warnings:
            self.machine.progress.note(f"warning: {warning}")
        return loaded.definition

    def pins(self, digests: Mapping[str, Digest]) -> Pins:
        """What a definition may name by address, with the digests that are known of it."""
        return Pins(digests, self.machine.settings.unpinned)

    def _locked_pins(self, path: Path) -> Pins:
        file = lock_path(path)
        return self.pins(read_lock(file).digests if file.is_file() else {})

    def root(self, path: Path) -> Path | None:
        """The catalog's folder, which bounds includes, for a definition of the catalog."""
        return self.catalog.root_of(path)

    def locked(self, name: str) -> tuple[ImageDefinition, Lock]:
        """Definition and lock as they are; LockError if there is none or it does not fit."""
        path = self.catalog.find(name)
        file = lock_path(path)
        if not file.is_file():
            raise LockError(f"{path} has no lock (make it with: ironhull lock {name})")
        lock = read_lock(file)
        definition = self.read(path, lock.variables, self.pins(lock.digests))
        check_lock(lock, definition, str(file))
        return definition, lock


def locked_variables(path: Path) -> Mapping[str, str]:
    """The values that the lock of a definition has for its tracked variables."""
    file = lock_path(path)
    return read_lock(file).variables if file.is_file() else {}
