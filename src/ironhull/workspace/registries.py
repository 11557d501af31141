"""The registries of a machine, with its logins, mirrors and authorities."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ironhull.registry.client.access import Registries
from ironhull.registry.client.credentials import Credentials, credential_files
from ironhull.transport.patience import Patience
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network


@contextmanager
def registries(machine: Machine, patience: Patience | None = None) -> Iterator[Registries]:
    """Sessions for as long as the block lasts; the progress is the machine's."""
    settings = machine.settings
    with Registries(
        credentials=Credentials(credential_files(settings.environment, os.getuid())),
        plain_http=settings.plain_http,
        mirrors=settings.registry_mirrors,
        patience=patience,
        network=network(machine),
        progress=machine.progress,
    ) as opened:
        yield opened
