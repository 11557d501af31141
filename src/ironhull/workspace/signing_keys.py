"""Who signs on this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ironhull.errors import InputError, NetworkError
from ironhull.settings import Settings
from ironhull.signing.interface import BundleSigner, Signer
from ironhull.signing.key_file import read_key_file
from ironhull.signing.keyring import Keyring
from ironhull.signing.timestamp import MAX_REPLY, QUERY, TimestampedSigner
from ironhull.workspace.machine import Machine

KEYLESS = "sigstore"
"""The setting `signer` that names no key file."""


def signer_of(machine: Machine) -> Signer:
    """What signs: the setting's key file, else the home's active key; timestamped if that is set.

    InputError, with how to get one, where there is none; others as `Keyring.signer`.
    """
    settings = machine.settings
    found = _signer(settings, Keyring(machine.home.keys))
    if settings.timestamp is None:
        return found
    return TimestampedSigner(found, partial(_asked, machine, settings.timestamp))


def statement_signer(machine: Machine) -> Signer | BundleSigner:
    """What signs statements: as `signer_of`, or an identity where the setting says `sigstore`."""
    settings = machine.settings
    if settings.signer != KEYLESS:
        return signer_of(machine)
    if settings.trust_config is None:
        raise InputError(
            "sigstore: whose services? Name a trust configuration (setting trust_config)"
        )
    token = settings.identity_token or settings.ambient_token()
    if token is None:
        raise InputError(
            "sigstore: no identity token (IRONHULL_IDENTITY_TOKEN), and the machine offers none"
        )
    # It loads the library, which brings others.
    from ironhull.signing.keyless import KeylessSigner

    try:
        config = settings.trust_config.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {settings.trust_config}: {error.strerror}") from None
    return KeylessSigner(config, token)


def fingerprint_of(signer: Signer | BundleSigner) -> str:
    """What stands for a signer: its key's fingerprint, or its identity's."""
    return signer.fingerprint if isinstance(signer, BundleSigner) else signer.public.fingerprint


def _signer(settings: Settings, ring: Keyring) -> Signer:
    if settings.signer == KEYLESS:
        raise InputError(
            "sigstore signs statements about images alone: a record and a set of VEX go on from a"
            " key (`ironhull key`)"
        )
    if settings.signer is not None:
        return read_key_file(Path(settings.signer), settings.passphrase)
    found = ring.signer(settings.passphrase)
    if found is None:
        raise InputError(
            "nothing signs here: make a key (ironhull key generate), or name one (--key FILE)"
        )
    return found


def _asked(machine: Machine, url: str, query: bytes) -> bytes:
    """A timestamp authority's reply."""
    # The network: nobody loads it who asks for no timestamps.
    from ironhull.transport.exchange import Exchange
    from ironhull.transport.message import Request, bytes_body
    from ironhull.transport.patience import Patience
    from ironhull.workspace.network import network

    patience = Patience(attempts=3, all_attempts=6, unreachable=2, whole=60)
    exchange = Exchange(network(machine), patience, progress=machine.progress)
    try:
        request = Request("POST", url, {"content-type": QUERY}, bytes_body(query))
        answer = exchange.ask(request, MAX_REPLY)
    finally:
        exchange.close()
    if answer.status != 200:
        raise NetworkError(f"{url} answers {answer.status} to a timestamp query")
    return answer.body
