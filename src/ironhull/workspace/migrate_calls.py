"""The verbs of migrating as calls of a `Workspace`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ironhull.migrate.locking.stages import SERVED
from ironhull.migrate.model import Migration
from ironhull.migrate.proof.model import Proof
from ironhull.migrate.proof.requests import parse_request
from ironhull.workspace import (
    build_locks,
    migrating,
    proving,
    remediating,
)
from ironhull.workspace.build_locks import BuildLock
from ironhull.workspace.machine import Machine
from ironhull.workspace.migrating import MigrateChoices
from ironhull.workspace.proving import ProofChoices
from ironhull.workspace.remediating import Remedied, RemedyChoices
from ironhull.workspace.surrounding_files import Surroundings, surrounding_files


class MigrateCalls:
    """What becomes of Dockerfiles and of others' images."""

    machine: Machine

    def migrate(
        self,
        dockerfile: str | Path,
        *,
        context: str | Path | None = None,
        target: str | None = None,
        registry: str = migrating.LOADED,
    ) -> Migration:
        """The hardened form of a Dockerfile: `text`, and why; see `migrating.migrate`."""
        folder = None if context is None else Path(context)
        chosen = MigrateChoices(folder, target, registry)
        return migrating.migrate(self.machine, Path(dockerfile), chosen)

    def remediate(self, image: str, result: str, chosen: RemedyChoices | None = None) -> Remedied:
        """The archive's fixes as layers on a foreign Debian image; `result` names the new one.

        What stays as it is, is in `refused` with its reason; see `remediating.remediate`.
        """
        return remediating.remediate(self.machine, image, result, chosen)

    def lock_build_stages(self, migration: Migration, served: str = SERVED) -> BuildLock:
        """The migration with what its stages install pinned and kept; see `build_locks`."""
        return build_locks.lock_build_stages(self.machine, migration, served)

    def surrounding_files(
        self,
        migration: Migration,
        context: str | Path,
        *,
        also: Sequence[str | Path] = (),
        names: Sequence[str] = (),
    ) -> Surroundings:
        """What compose files, manifests and Helm values need; see `surrounding_files`."""
        return surrounding_files(migration, Path(context), tuple(map(Path, also)), names)

    def prove(
        self,
        migration: Migration,
        context: str | Path,
        *,
        target: str | None = None,
        requests: Sequence[str] = (),
        commands: Sequence[Sequence[str]] = (),
        engine: str | None = None,
        own: bool = False,
    ) -> Proof:
        """Whether what `migrate` made does what the old Dockerfile did: both are built and run.

        A request is `[METHOD] [:PORT]/PATH [BODY]`; `own` asks no registry. See `proving.prove`.
        """
        asked = tuple(map(parse_request, requests))
        chosen = ProofChoices(engine, asked, tuple(map(tuple, commands)), own=own)
        return proving.prove(self.machine, migration, Path(context), target, chosen)
