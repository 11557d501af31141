"""The OpenPGP key that signs our own package archive: apt knows no other kind of signature."""

from __future__ import annotations

from pathlib import Path

import pysequoia

from ironhull.errors import EnvironmentProblem, InputError
from ironhull.store.files import locked, replace_file
from ironhull.values import dataclass

_USER = "Ironhull package archive"


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """The secret key, and its certificate for whoever reads the archive."""

    secret: pysequoia.Tsk

    @property
    def certificate(self) -> bytes:
        """What apt's `Signed-By` and a definition's `keyring` take: ASCII-armoured."""
        return str(self.secret.extract_certificate()).encode()

    @property
    def fingerprint(self) -> str:
        """Upper-case hexadecimal."""
        return self.secret.extract_certificate().fingerprint.upper()

    def sign(self, text: bytes) -> bytes:
        """The text as a cleartext-signed message, as InRelease is."""
        signed = pysequoia.sign(self.secret.signer(), text, mode=pysequoia.SignatureMode.CLEAR)
        return bytes(signed)


def archive_key(path: Path) -> ArchiveKey:
    """The key in a file, which is made (readable by its owner alone) if it is not there.

    It is valid for three years. InputError for a file that holds no secret key.
    """
    try:
        with locked(path.with_suffix(".lock")):
            if not path.exists():
                secret = pysequoia.Tsk.generate(_USER, profile=pysequoia.Profile.RFC4880)
                replace_file(path, bytes(secret), mode=0o600)
        return ArchiveKey(pysequoia.Tsk.from_bytes(path.read_bytes()))
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
    except RuntimeError as error:
        said = str(error).split("\n")[0]
        raise InputError(f"{path} holds no OpenPGP secret key: {said}") from None
