"""The keys of one home: made, rotated and revoked there, and which of them are believed.

<home>/keys/NAME.key     the private key, its owner's alone
<home>/keys/NAME.pub     the public half, to be given away
<home>/keys/keys.json    what became of each: active, retired (old signatures hold) or revoked

The public halves of others' keys stand there as well, without a private one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from ironhull.errors import EnvironmentProblem, InputError, NotFoundError
from ironhull.oci.document import canonical
from ironhull.reports.words import moment
from ironhull.signing.held_elsewhere import held_signer
from ironhull.signing.interface import Signer
from ironhull.signing.key_file import (
    encrypted,
    generate,
    read_key_file,
    unencrypted,
)
from ironhull.signing.listed import NAME, KeyState, listed_keys
from ironhull.signing.public_key import PublicKey
from ironhull.store.files import locked, replace_file
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key of the ring."""

    name: str
    public: PublicKey
    state: KeyState
    created: str
    """RFC 3339; empty where the ring was not told."""
    changed: str = ""
    """When it was retired or revoked."""
    reason: str = ""
    private: bool = False
    """Whether the private half is here."""
    uri: str = ""
    """Where the private half is, if it is held elsewhere: see `held_elsewhere`."""
    since: str = ""
    """Of a revoked key, from when on it was in wrong hands (RFC 3339); empty: nobody can say."""

    @property
    def signs(self) -> bool:
        """Whether it can sign from here."""
        return self.private or bool(self.uri)

    @property
    def believed(self) -> bool:
        """Whether signatures of it count by themselves: those of a revoked key never do.

        With `since`, those do that a trusted timestamp shows to be older (`verify.trust`).
        """
        return self.state != "revoked"


class Keyring:
    """The folder of keys. Every change is one file replaced, under a lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def known(self) -> tuple[KnownKey, ...]:
        """All keys by name; MalformedError for a file that is damaged."""
        return tuple(
            self._known(name, each) for name, each in sorted(listed_keys(self.folder).items())
        )

    def active(self) -> KnownKey | None:
        """The key that new signatures are made with; None where there is none."""
        return next((key for key in self.known() if key.state == "active" and key.signs), None)

    def signer(self, passphrase: bytes | None) -> Signer | None:
        """The signer of the active key, None where there is none.

        `passphrase` is that of a key file, or the PIN of a token. Errors as `read_key_file` and
        `held_signer`.
        """
        key = self.active()
        if key is None:
            return None
        if key.uri:
            return held_signer(key.uri, key.public, passphrase)
        return read_key_file(self.private_path(key.name), passphrase)

    def find(self, name: str) -> KnownKey:
        """The key of a name; NotFoundError lists what there is."""
        known = {key.name: key for key in self.known()}
        if name not in known:
            raise NotFoundError(f"no key {name!r:.80} (there are: {', '.join(known) or 'none'})")
        return known[name]

    def private_path(self, name: str) -> Path:
        """Where a private key is."""
        return self.folder / f"{name}.key"

    def generate(self, name: str, passphrase: bytes | None, now: datetime) -> KnownKey:
        """A new key pair that becomes the active one; an active one before is retired.

        Without a passphrase (None) the file's mode is all that guards it. InputError if the name is
        taken: a key is never overwritten.
        """
        checked_name(name)
        with self._changing() as listed:
            if name in listed:
                raise InputError(f"there is a key {name} already (`ironhull key rotate` makes one)")
            der, public = generate()
            _retire(listed, now)
            self._write_private(
                name, unencrypted(der) if passphrase is None else encrypted(der, passphrase)
            )
            replace_file(self.folder / f"{name}.pub", public.pem)
            key = KnownKey(name, public, "active", moment(now), private=True)
            listed[name] = _entry(key)
        return key

    def rotate(self, passphrase: bytes | None, now: datetime) -> tuple[KnownKey, KnownKey]:
        """A new active key beside the one before, which is retired; (before, after)."""
        before = self.active()
        if before is None:
            raise NotFoundError("no key to rotate (`ironhull key generate` makes the first)")
        names = {key.name for key in self.known()}
        stem = re.sub(r"-\d+$", "", before.name)
        name = next(
            each for each in (f"{stem}-{n}" for n in range(2, 100_000)) if each not in names
        )
        after = self.generate(name, passphrase, now)
        return replace(before, state="retired", changed=moment(now)), after

    def use(self, name: str, uri: str, public: PublicKey, now: datetime) -> KnownKey:
        """A key that is held elsewhere becomes the active one; InputError if the name is taken."""
        checked_name(name)
        with self._changing() as listed:
            if name in listed:
                raise InputError(f"there is a key {name} already")
            _retire(listed, now)
            replace_file(self.folder / f"{name}.pub", public.pem)
            key = KnownKey(name, public, "active", moment(now), uri=uri)
            listed[name] = _entry(key)
        return key

    def trust(self, name: str, data: bytes, now: datetime) -> KnownKey:
        """Somebody else's public key, believed from now on; InputError if the name is taken."""
        checked_name(name)
        public = PublicKey.from_pem(data, name)
        with self._changing() as listed:
            if name in listed:
                raise InputError(f"there is a key {name} already")
            replace_file(self.folder / f"{name}.pub", public.pem)
            key = KnownKey(name, public, "active", moment(now))
            listed[name] = _entry(key)
        return key

    def revoke(
        self, name: str, reason: str, now: datetime, since: datetime | None = None
    ) -> KnownKey:
        """No signature of the key counts any more, also none that was made before.

        `since`: those still do that a trusted timestamp shows to be older. Revoked again without
        it, nor do those; a later moment than the one before is an InputError.
        """
        with self._changing() as listed:
            before = self.find(name)
            if since is not None and before.state == "revoked":
                known = datetime.fromisoformat(before.since) if before.since else None
                if known is None or since > known:
                    raise InputError(f"{name} is revoked already, and from an earlier moment on")
            listed[name] |= {"state": "revoked", "changed": moment(now), "reason": reason}
            listed[name]["since"] = "" if since is None else moment(since)
            return self._known(name, listed[name])

    def _known(self, name: str, entry: dict[str, Any]) -> KnownKey:
        return KnownKey(
            name,
            _public(entry["pem"].encode(), str(self.folder / "keys.json")),
            entry["state"],
            entry.get("created", ""),
            entry.get("changed", ""),
            entry.get("reason", ""),
            bool(entry.get("private")),
            entry.get("uri", ""),
            entry.get("since", ""),
        )

    @contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, Any]]]:
        """What keys.json lists, under the ring's lock; written when the block ends well."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentProblem(f"cannot make {self.folder}: {error.strerror}") from None
        with locked(self.folder / ".lock"):
            listed = listed_keys(self.folder)
            yield listed
            replace_file(self.folder / "keys.json", canonical({"keys": listed}))

    def _write_private(self, name: str, data: bytes) -> None:
        """A private key's file: nobody else may read it at any moment; never overwritten."""
        path = self.private_path(name)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise InputError(f"{path} exists and is not in keys.json; move it away") from None
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise EnvironmentProblem(f"cannot write {path}: {error.strerror}") from None


# The same few keys are asked for at each image.
_public = lru_cache(256)(PublicKey.from_pem)


def checked_name(name: str) -> str:
    """The name of a key, if it can be one; InputError."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r:.80} cannot be the name of a key: a-z, 0-9, '.', '_', '-'")
    return name


def _retire(listed: dict[str, dict[str, Any]], now: datetime) -> None:
    """The key that signed so far signs no more."""
    for each in listed.values():
        if each["state"] == "active" and (each["private"] or each.get("uri")):
            each |= {"state": "retired", "changed": moment(now)}


def _entry(key: KnownKey) -> dict[str, Any]:
    return {
        "pem": key.public.pem.decode(),
        "state": key.state,
        "created": key.created,
        "private": key.private,
        "uri": key.uri,
    }
