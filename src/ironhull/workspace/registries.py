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

# Somebody waits for the answer, and what was had before may do.
_SERVING = Patience(
    attempts=2, all_attempts=20, unreachable=1, first_wait=0.3, longest_wait=2.0, connect=5.0,
    idle=30.0, whole=60.0,
)  # fmt: skip


@contextmanager
def registries(machine: Machine, patience: Patience | None = None) -> Iterator[Registries]:
    """Sessions for as long as the block lasts; the progress is the machine's."""
    with _opened(machine, patience) as opened:
        yield opened


def kept_registries(machine: Machine) -> Registries:
    """The same sessions for longer than a block; whoever takes them closes them."""
    return _opened(machine, None)


def mirrored_registries(machine: Machine) -> Registries:
    """Sessions for a server that mirrors; whoever takes them closes them."""
    return _opened(machine, _SERVING, for_others=True)


def _opened(machine: Machine, patience: Patience | None, *, for_others: bool = False) -> Registries:
    settings = machine.settings
    return Registries(
        credentials=Credentials(credential_files(settings.environment, os.getuid())),
        plain_http=settings.plain_http,
        mirrors=settings.registry_mirrors,
        patience=patience,
        network=network(machine),
        progress=machine.progress,
        for_others=for_others,
    )
