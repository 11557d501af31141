"""Whose signatures count: public keys, by the names that people gave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from ironhull.attest.envelope import Envelope
from ironhull.signing.dsse import signers_of
from ironhull.signing.keyring import KnownKey
from ironhull.signing.public_key import PublicKey
from ironhull.values import dataclass
from ironhull.verify.refusal import Reason, RefusedError


class Authorities(Protocol):
    """Who says what time it was."""

    def time_of(self, stamp: bytes, signature: bytes) -> datetime | None:
        """When a signature was there by a stamp (DER) that is one of theirs; else None."""
        ...


class CertifiedIdentity(Protocol):
    """Somebody who signs with certificates instead of a key."""

    def named_in(self, material: Mapping[str, Any]) -> bool:
        """Whether a bundle's certificate says that it is this one's. Nothing is verified."""
        ...

    def signer(self, bundle: bytes, envelope: Envelope) -> Signer:
        """Who signed a bundle, if it is this one; RefusedError."""
        ...


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key, and what it is called where it was given: a file, or a name in the ring."""

    name: str
    public: PublicKey
    until: datetime | None = None
    """Revoked from then on: what a trusted timestamp shows was signed before still counts."""


@dataclass(frozen=True, slots=True, order=True)
class Signer:
    """Whose signature held. Two names of one key are one signer."""

    fingerprint: str
    """64 hexadecimal digits: SHA-256 of the key."""
    name: str
    time: str = ""
    """When the signature was there, by a trusted timestamp (RFC 3339); empty: nobody says."""

    def __str__(self) -> str:
        said = f" at {self.time}" if self.time else ""
        return f"{self.name} ({self.fingerprint[:16]}){said}"


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that are believed, and those that were revoked, which nothing makes good again."""

    believed: tuple[NamedKey, ...]
    revoked: tuple[NamedKey, ...] = ()
    former: tuple[NamedKey, ...] = ()
    """Those of the revoked that would be believed, and that have a moment `until`."""
    authorities: Authorities | None = None
    """Whose timestamps count; None: nobody's."""
    stamped: bool = False
    """Whether a signature without a timestamp of theirs counts for nothing."""
    identities: tuple[CertifiedIdentity, ...] = ()
    """Whose certificates count; empty: nobody's."""

    @classmethod
    def of(cls, given: Iterable[NamedKey], ring: Iterable[KnownKey], *, whole: bool) -> Trust:
        """Keys that were named, and those of a ring: all of it if `whole`.

        A revoked key of the ring is revoked however else it was named.
        """
        ring = tuple(ring)
        revoked = {
            key.public: NamedKey(key.name, key.public, _moment(key.since))
            for key in ring
            if not key.believed
        }
        named = list(given)
        if whole:
            named += [NamedKey(key.name, key.public) for key in ring]
        believed: dict[PublicKey, NamedKey] = {}
        former: dict[PublicKey, NamedKey] = {}
        for key in named:
            if key.public not in revoked:
                believed.setdefault(key.public, key)
            elif revoked[key.public].until is not None:
                former[key.public] = revoked[key.public]
        return cls(tuple(believed.values()), tuple(revoked.values()), tuple(former.values()))

    def signers(self, envelope: Envelope, stamps: Sequence[bytes] = ()) -> tuple[Signer, ...]:
        """Believed keys whose signatures hold, each once, however many signatures there are.

        Where authorities are trusted, each with the earliest moment that its timestamps show; and
        of the former keys those that a timestamp shows to have signed in time.
        """
        times = self._times(envelope, stamps)
        found = _signers(envelope, self.believed)
        if self.authorities is None:
            return found
        if self.stamped or times:
            stamped = [replace(each, time=times.get(each.fingerprint, "")) for each in found]
            found = tuple(each for each in stamped if each.time or not self.stamped)
        return (*found, *self._in_time(envelope, times))

    def unstamped(self, envelope: Envelope) -> bool:
        """Whether it is only a timestamp that signatures of believed keys lack."""
        return self.stamped and bool(_signers(envelope, self.believed))

    def _in_time(self, envelope: Envelope, times: Mapping[str, str]) -> tuple[Signer, ...]:
        until = {key.public.fingerprint: key.until for key in self.former if key.until}
        return tuple(
            replace(each, time=times[each.fingerprint])
            for each in _signers(envelope, self.former)
            if each.fingerprint in times
            and datetime.fromisoformat(times[each.fingerprint]) < until[each.fingerprint]
        )

    def _times(self, envelope: Envelope, stamps: Sequence[bytes]) -> dict[str, str]:
        """Fingerprint → the earliest moment at which a signature of that key was there."""
        found: dict[str, datetime] = {}
        if self.authorities is None or not stamps:
            return {}
        for each in envelope.signatures:
            times = [self.authorities.time_of(stamp, each.sig) for stamp in stamps]
            known = [time for time in times if time is not None]
            if not known:
                continue
            alone = replace(envelope, signatures=(each,))
            for signer in _signers(alone, (*self.believed, *self.former)):
                earlier = found.get(signer.fingerprint, known[0])
                found[signer.fingerprint] = min(*known, earlier)
        return {key: time.isoformat().replace("+00:00", "Z") for key, time in found.items()}

    def certified(
        self,
        bundle: bytes,
        envelope: Envelope,
        material: Mapping[str, Any],
        stamps: Sequence[bytes] = (),
    ) -> Signer | None:
        """Which identity's certificate holds; None where nobody's counts, RefusedError for others.

        `stamped` asks of it what it asks of keys: a timestamp of an authority beside the log's.
        """
        if not self.identities:
            return None
        # A certificate has one name. Where it is nobody's here, the first says what it is.
        named = [each for each in self.identities if each.named_in(material)]
        signer = (named or self.identities)[0].signer(bundle, envelope)
        if not self.stamped or self.authorities is None:
            return signer
        sigs = [each.sig for each in envelope.signatures]
        times = [self.authorities.time_of(stamp, sig) for stamp in stamps for sig in sigs]
        known = [time for time in times if time is not None]
        if not known:
            raise RefusedError(
                Reason.NO_TIMESTAMP, "no timestamp of its signature by an authority that is trusted"
            )
        return replace(signer, time=min(known).isoformat().replace("+00:00", "Z"))

    def revoked_signers(self, envelope: Envelope) -> tuple[Signer, ...]:
        """The same of the revoked ones: to say why it does not count."""
        return _signers(envelope, self.revoked)


def _signers(envelope: Envelope, keys: tuple[NamedKey, ...]) -> tuple[Signer, ...]:
    names = {key.public: key.name for key in keys}
    held = signers_of(envelope, names)
    return tuple(sorted(Signer(key.fingerprint, names[key]) for key in held))


def _moment(text: str) -> datetime | None:
    """A moment that the ring remembers; without a zone it is UTC."""
    found = datetime.fromisoformat(text) if text else None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
