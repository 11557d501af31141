"""Who else has rebuilt an image's packages: attestations fetched and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import InputError, NetworkError
from ironhull.lock.model import LockedPackage
from ironhull.oci.digest import hex_of
from ironhull.signing.public_key import MAX_PEM, PublicKey
from ironhull.statements.rebuilds import rebuilds_of
from ironhull.verify.rebuilders import MAX_LINES, Link, links_in, read_links, rebuilds
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class Rebuilders:
    """Attestations, and the keys of those whose word counts."""

    links: tuple[Link, ...]
    keys: dict[str, PublicKey]
    """By the name of the key's file."""

    def predicate(self, packages: Sequence[LockedPackage]) -> bytes:
        """What they say of these packages; attestations of others are left out."""
        wanted = {hex_of(package.sha256) for package in packages}
        said = [
            link
            for link in self.links
            if wanted.intersection(link.products) and link.signers(self.keys.values())
        ]
        names = {key.fingerprint: name for name, key in self.keys.items()}
        # Two rebuilders may say the very same words.
        ordered = sorted({(link.message, link.signatures): link for link in said}.items())
        links = [link.value for _, link in ordered]
        return rebuilds_of(packages, rebuilds(said, self.keys.values()), names, links)


def rebuilders_of(machine: Machine, places: Sequence[str], keys: Sequence[Path]) -> Rebuilders:
    """The attestations at addresses, in files and in folders; InputError without a key.

    MalformedError for what is no attestation, NetworkError.
    """
    if not keys:
        raise InputError("whose rebuilds count? Give their public keys with --rebuilder-key")
    named = {path.stem: _key(path) for path in keys}
    links = tuple(link for place in places for link in _links(machine, place))
    return Rebuilders(links, named)


def _links(machine: Machine, place: str) -> Iterator[Link]:
    if place.startswith(("https://", "http://")):
        yield from links_in(_fetched(machine, place), place, lines=not place.endswith(".link"))
    elif not Path(place).exists():
        raise InputError(f"{place}: no such file, folder or address of attestations")
    else:
        yield from read_links([Path(place)])


def _fetched(machine: Machine, address: str) -> bytes:
    # The network: only where something is to be asked.
    from ironhull.transport.exchange import Exchange
    from ironhull.transport.message import Request
    from ironhull.transport.patience import Patience
    from ironhull.workspace.network import network

    if machine.settings.offline:
        raise NetworkError(f"{address} is not asked: offline")
    exchange = Exchange(network(machine), Patience(attempts=4), progress=machine.progress)
    try:
        answer = exchange.ask(Request("GET", address), MAX_LINES)
    finally:
        exchange.close()
    if answer.status != 200:
        raise NetworkError(f"{address} answers {answer.status}")
    return answer.body


def _key(path: Path) -> PublicKey:
    try:
        with path.open("rb") as file:
            return PublicKey.from_pem(file.read(MAX_PEM + 1), str(path))
    except OSError as error:
        raise InputError(f"cannot read the key {path}: {error.strerror}") from None
