"""Whether a release file may be believed: its signature, its dates, and that it is not a replay.

The chain goes on from here by digest: release file → Packages → .deb.

What a valid signature needs:
1. the file is one cleartext-signed message and nothing else;
2. at least one signature verifies with a certificate of the repository's keyrings;
3. that certificate and the key of it that signed are neither expired nor revoked now.
What was signed is taken from the library's answer, never cut out of the file here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pysequoia
from pysequoia.packet import PacketPile, SignatureType, Tag

from ironhull.debian.release import Release
from ironhull.errors import InputError, UntrustedError
from ironhull.store.files import locked, replace_file
from ironhull.values import dataclass

Clock = Callable[[], datetime]
"""Gives the present, with a time zone."""

MAX_CLOCK_SKEW = timedelta(hours=1)
_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_END = b"-----END PGP SIGNATURE-----"


def system_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SignedText:
    """What a signature covers, and the fingerprints of the certificates that vouch for it."""

    content: bytes
    signers: tuple[str, ...]
    """Upper-case hexadecimal, sorted, at least one."""


@cache
def debian_keyring() -> bytes:
    """Debian's own archive keys, as Ironhull ships them (see keys/README.md)."""
    return (Path(__file__).parent / "keys" / "debian-archive-keyring.pgp").read_bytes()


def read_keyring(data: bytes, where: str) -> list[pysequoia.Cert]:
    """The certificates of a keyring, armoured or binary; InputError if it has none."""
    try:
        certificates = pysequoia.Cert.split_bytes(data)
    except RuntimeError as error:
        raise InputError(f"{where}: not an OpenPGP keyring: {_first_line(error)}") from None
    if not certificates:
        raise InputError(f"{where}: the keyring has no OpenPGP certificate")
    return certificates


def verify_signature(
    data: bytes, keyrings: Sequence[bytes], where: str, clock: Clock = system_clock
) -> SignedText:
    """What a signed file (InRelease) says; UntrustedError names the file and the key wanted."""
    certificates = [c for keyring in keyrings for c in read_keyring(keyring, f"keyring of {where}")]
    if not certificates:
        raise InputError(f"{where}: no key to check it with (give one: --keyring FILE)")
    if not data.startswith(_BEGIN):
        raise UntrustedError(f"{where}: is not signed (expected a text that begins {_BEGIN!r})")
    if not data.rstrip().endswith(_END):
        raise UntrustedError(f"{where}: is cut off, or has text after its signature")
    wanted: list[str] = []

    def store(keys: Sequence[str]) -> list[pysequoia.Cert]:
        wanted.extend(key.upper() for key in keys)
        return certificates

    try:
        result = pysequoia.verify(bytes=data, store=store)
    except RuntimeError as error:
        raise UntrustedError(
            f"{where}: {_why_not(certificates, wanted, _first_line(error))}"
        ) from None
    signers = _living(certificates, result.valid_sigs, where, clock())
    if result.bytes is None:
        raise UntrustedError(f"{where}: the signature covers nothing")
    return SignedText(result.bytes, signers)


def check_dates(
    release: Release,
    where: str,
    clock: Clock = system_clock,
    *,
    allow_expired: bool = False,
    own: bool = False,
) -> None:
    """UntrustedError if the release file has expired or is from the future.

    `own`: it is of a repository that the definition names, for which there is no other mirror.
    """
    now = clock()
    if release.date > now + MAX_CLOCK_SKEW:
        raise UntrustedError(
            f"{where}: is dated {release.date:%F %T} UTC, and it is {now:%F %T} UTC here:"
            " this machine's clock is wrong, or the mirror is"
        )
    if not allow_expired and release.valid_until is not None and release.valid_until < now:
        raise UntrustedError(
            f"{where}: expired on {release.valid_until:%F %T} UTC, and it is {now:%F %T} UTC here:"
            " the mirror is stale, or someone replays old files"
            + ("" if own else "; use another mirror (--mirror URL)")
        )


class SeenReleases:
    """Remembers the newest Date of each suite, by who signed it, to refuse an older one.

    One file per repository and suite below `folder`. A keyring of one's own starts afresh.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check_and_record(
        self, repository: str, suite: str, release: Release, signers: Iterable[str], where: str
    ) -> None:
        """UntrustedError if one of the signers has signed a newer release of the suite before."""
        path = self.folder / f"{quote(repository, safe='')},{quote(suite, safe='')}.json"
        with locked(path.with_suffix(".lock")):
            seen = _read_dates(path)
            date = release.date.astimezone(UTC)
            newest = max((seen[s] for s in signers if s in seen), default=date)
            if date < newest:
                raise UntrustedError(
                    f"{where}: is dated {date:%F %T} UTC, older than the {newest:%F %T} UTC that"
                    f" {repository} {suite} had before: an old release is replayed, or this mirror"
                    f" lags; use another, or remove {path} to accept it"
                )
            updated = seen | dict.fromkeys(signers, date)
            if updated != seen:
                text = {signer: when.isoformat() for signer, when in sorted(updated.items())}
                replace_file(path, json.dumps(text, indent=1).encode())


def _read_dates(path: Path) -> dict[str, datetime]:
    try:
        value = json.loads(path.read_bytes())
        return {signer: datetime.fromisoformat(text) for signer, text in value.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        # Without the file a replay would go unseen: a damaged one is not a reason to forget.
        raise InputError(f"{path}: cannot be read ({error}); remove it if you know why") from None


def _living(
    certificates: Sequence[pysequoia.Cert],
    signatures: Sequence[Any],
    where: str,
    now: datetime,
) -> tuple[str, ...]:
    """Certificates of valid signatures whose keys are good now; the library asks only whether they
    were when the signature was made.
    """
    good: set[str] = set()
    faults: list[str] = []
    for signature in signatures:
        certificate, key = str(signature.certificate), str(signature.signing_key)
        for candidate in certificates:
            if candidate.fingerprint == certificate:
                fault = _key_fault(candidate, key, now)
                if fault is None:
                    good.add(certificate.upper())
                else:
                    faults.append(f"{_named(candidate)} {fault}")
    if not good:
        raise UntrustedError(
            f"{where}: signed only by keys that may not sign any more: {'; '.join(faults)}"
            " (a newer keyring may help: --keyring FILE)"
        )
    return tuple(sorted(good))


def _key_fault(certificate: pysequoia.Cert, key: str, now: datetime) -> str | None:
    """Why this key of the certificate is no good, or None."""
    if certificate.is_revoked:
        return "was revoked"
    if certificate.expiration is not None and certificate.expiration <= now:
        return f"expired on {certificate.expiration:%F}"
    bound, expires, current = None, None, False
    for packet in PacketPile.from_bytes(bytes(certificate)):
        if packet.fingerprint is not None:
            current = packet.fingerprint == key and packet.tag == Tag.PublicSubkey
            created = packet.key_created
        elif current and packet.tag == Tag.Signature:
            if packet.signature_type == SignatureType.SubkeyRevocation:
                return f"revoked its subkey {key.upper()}"
            made, validity = packet.signature_created, packet.key_validity_period
            if packet.signature_type == SignatureType.SubkeyBinding and (
                bound is None or (made is not None and made > bound)
            ):
                bound = made
                expires = created + validity if created and validity else None
    if expires is not None and expires <= now:
        return f"has subkey {key.upper()} expired on {expires:%F}"
    return None


def _why_not(certificates: Sequence[pysequoia.Cert], wanted: Sequence[str], error: str) -> str:
    known = {
        packet.fingerprint.upper()
        for certificate in certificates
        for packet in PacketPile.from_bytes(bytes(certificate))
        if packet.fingerprint is not None
    }
    if not wanted:
        return f"has no signature that can be read ({error})"
    keys = ", ".join(wanted)
    if any(key.endswith(tuple(wanted)) for key in known):
        return f"the signature by {keys} does not hold: the file was changed after it was signed"
    trusted = "; ".join(_named(certificate) for certificate in certificates[:20])
    return (
        f"is signed by {keys}, which is not in the keyring (it has: {trusted});"
        " give the repository's own key with --keyring FILE if you trust it"
    )


def _named(certificate: pysequoia.Cert) -> str:
    users = [str(user) for user in certificate.user_ids]
    return f"{certificate.fingerprint.upper()}" + (f" {users[0]:.80}" if users else "")


def _first_line(error: RuntimeError) -> str:
    return str(error).split("\n", 1)[0]
