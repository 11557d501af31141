"""Who signs on this machine."""

from __future__ import annotations

from pathlib import Path

from ironhull.errors import InputError
from ironhull.signing.interface import Signer
from ironhull.signing.key_file import read_key_file
from ironhull.signing.keyring import Keyring
from ironhull.workspace.machine import Machine


def signer_of(machine: Machine) -> Signer:
    """What signs: the setting's key file, else the home's active key.

    InputError, with how to get one, where there is none; others as `read_key_file`.
    """
    settings = machine.settings
    if settings.signer is not None:
        return read_key_file(Path(settings.signer), settings.passphrase)
    found = Keyring(machine.home.keys).signer(settings.passphrase)
    if found is None:
        raise InputError(
            "nothing signs here: make a key (ironhull key generate), or name one (--key FILE)"
        )
    return found
