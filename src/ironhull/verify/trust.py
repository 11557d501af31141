"""Whose signatures count: public keys, by the names that people gave them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ironhull.attest.envelope import Envelope
from ironhull.signing.dsse import signers_of
from ironhull.signing.keyring import KnownKey
from ironhull.signing.public_key import PublicKey


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key, and what it is called where it was given: a file, or a name in the ring."""

    name: str
    public: PublicKey


@dataclass(frozen=True, slots=True, order=True)
class Signer:
    """Whose signature held. Two names of one key are one signer."""

    fingerprint: str
    """64 hexadecimal digits: SHA-256 of the key."""
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint[:16]})"


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that are believed, and those that were revoked, which nothing makes good again."""

    believed: tuple[NamedKey, ...]
    revoked: tuple[NamedKey, ...] = ()

    @classmethod
    def of(cls, given: Iterable[NamedKey], ring: Iterable[KnownKey], *, whole: bool) -> Trust:
        """Keys that were named, and those of a ring: all of it if `whole`.

        A revoked key of the ring is revoked however else it was named.
        """
        ring = tuple(ring)
        revoked = {key.public: NamedKey(key.name, key.public) for key in ring if not key.believed}
        named = list(given)
        if whole:
            named += [NamedKey(key.name, key.public) for key in ring]
        believed: dict[PublicKey, NamedKey] = {}
        for key in named:
            if key.public not in revoked:
                believed.setdefault(key.public, key)
        return cls(tuple(believed.values()), tuple(revoked.values()))

    def signers(self, envelope: Envelope) -> tuple[Signer, ...]:
        """Believed keys whose signatures hold, each once, however many signatures there are."""
        return _signers(envelope, self.believed)

    def revoked_signers(self, envelope: Envelope) -> tuple[Signer, ...]:
        """The same of the revoked ones: to say why it does not count."""
        return _signers(envelope, self.revoked)


def _signers(envelope: Envelope, keys: tuple[NamedKey, ...]) -> tuple[Signer, ...]:
    names = {key.public: key.name for key in keys}
    held = signers_of(envelope, names)
    return tuple(sorted(Signer(key.fingerprint, names[key]) for key in held))
