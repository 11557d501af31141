"""Timestamps of signatures (RFC 3161) held to the authorities that somebody trusts.

A timestamp shows that a signature was there by then, and no more: who signed is the key's matter.
What does not verify counts for nothing: stamps are not covered by the signature, so that anybody
may add one or take one away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ironhull.errors import EnvironmentProblem, InputError, MalformedError

MAX_CHAIN = 256 * 1024


class TimestampAuthorities:
    """Authorities by their certificates, a chain each."""

    def __init__(self, chains: Sequence[Sequence[x509.Certificate]]) -> None:
        """InputError for a chain without its root, and where the library is not there."""
        try:
            from rfc3161_client import VerifierBuilder
        except ImportError:
            raise InputError(
                "timestamps are verified by rfc3161-client: pip install 'ironhull[timestamp]'"
            ) from None
        self._verifiers = []
        for chain in chains:
            builder = VerifierBuilder()
            for certificate in chain:
                if certificate.issuer == certificate.subject:
                    builder = builder.add_root_certificate(certificate)
                elif _is_authority(certificate):
                    builder = builder.add_intermediate_certificate(certificate)
                else:
                    builder = builder.tsa_certificate(certificate)
            self._verifiers.append(builder.build())

    def time_of(self, stamp: bytes, signature: bytes) -> datetime | None:
        """As `trust.Authorities.time_of`."""
        from rfc3161_client import VerificationError, decode_timestamp_response

        try:
            answer = decode_timestamp_response(stamp)
        except ValueError:
            return None
        for verifier in self._verifiers:
            try:
                if verifier.verify_message(answer, signature):
                    return answer.tst_info.gen_time.astimezone(UTC)
            # What is in a stamp is anybody's: the library parses certificates out of it.
            except (VerificationError, ValueError):
                continue
        return None


def read_authorities(paths: Iterable[Path]) -> TimestampAuthorities:
    """Authorities by files of their chains (PEM): root, what lies between, and their own.

    InputError for a chain that has no root, MalformedError for what is none.
    """
    return TimestampAuthorities([read_chain(path) for path in paths])


def read_chain(path: Path) -> list[x509.Certificate]:
    """The certificates of a file; errors as `read_authorities`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CHAIN + 1)
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
    try:
        found = x509.load_pem_x509_certificates(data[:MAX_CHAIN])
    except ValueError:
        raise MalformedError(f"{path}: no certificates in PEM") from None
    if not any(each.issuer == each.subject for each in found):
        raise InputError(f"{path}: a chain without its root; put the authority's root into it")
    if sum(not _is_authority(each) for each in found if each.issuer != each.subject) > 1:
        raise InputError(f"{path}: certificates of two authorities; give each a file of its own")
    return found


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca
