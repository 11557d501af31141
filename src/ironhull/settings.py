"""What a workspace is told once: places, mirrors, patience with old advisories, engines' options.

A plain value. `cli` alone makes one out of the environment and of `ironhull.toml`; a Python program
makes its own. Nothing below `cli` looks at the environment, so what a program or an engine should
know of it (proxies, logins, certificate authorities) is `environment`, empty unless it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from ironhull.errors import InputError
from ironhull.values import dataclass

MAX_ADVISORY_AGE = timedelta(days=7)
BUILDER = "https://ironhull.io/builder/local"
"""Of a machine that says nothing else."""


def _none() -> None:
    """No token."""


class Unpinned(StrEnum):
    """What a definition may be allowed to name by address without a digest."""

    KEYS = "keys"
    FILES = "files"


def catalog_folders(given: Iterable[str | Path]) -> tuple[Path, ...]:
    """Folders of definitions as they are named: absolute, each once. InputError for none."""
    found = tuple(dict.fromkeys(Path(folder).absolute() for folder in given))
    if not found:
        raise InputError("no folder of definitions (name one at least)")
    return found


@dataclass(frozen=True, slots=True)
class Settings:
    """One machine's settings; every one but the two folders has a default."""

    home: Path
    """The folder of store, cache, inventories and advisories; absolute."""
    catalog: Path
    """The folder of image definitions; absolute. New ones are written there."""
    mirror: str | None = None
    """Address or folder of the package archive; None: the one of the machine's apt."""
    mirror_origin: str = "the setting `mirror`"
    """What messages call the place that `mirror` was said at."""
    keyring: Path | None = None
    """OpenPGP keys that may sign the archive, instead of the distribution's."""
    unpinned: frozenset[Unpinned] = frozenset()
    """What definitions may name by https address without a digest; the lock has it then."""
    snapshot: str | None = None
    """Address of an archive that keeps what mirrors drop, with {timestamp} in it."""
    offline: bool = False
    """Use nothing but what is on this machine."""
    advisory_sources: tuple[str, ...] = ()
    """NAME=PLACE of advisory feeds, instead of the feeds' own addresses."""
    max_advisory_age: timedelta | None = MAX_ADVISORY_AGE
    """How old advisories may be; None: any age."""
    registry_mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Registry → `host[:port][/prefix]` to ask before it, in that order, when pulling."""
    layer_cache: str | None = None
    """`registry[:port]/repository` or `s3://BUCKET/PREFIX`: there, layers that others made are
    looked for by their keys. None: nowhere."""
    layer_cache_key: Path | None = None
    """The public key that must have signed what is found there."""
    plain_http: bool = False
    """Reach registries without TLS (loopback always may be). Logins are not sent to them."""
    ca: Path | None = None
    """Certificate authorities to trust beside the system's, a PEM file."""
    podman: tuple[str, ...] = ()
    """Words that always follow podman."""
    buildah: tuple[str, ...] = ()
    """Words that always follow buildah."""
    docker_host: str | None = None
    """Where docker listens, as in DOCKER_HOST."""
    signer: str | None = None
    """What signs: a key file; None: the active key of the home, if there is one."""
    timestamp: str | None = None
    """Address of an authority that timestamps signatures (RFC 3161); None: no timestamps."""
    passphrase: bytes | None = field(default=None, repr=False)
    """Of the signing key; None: none was given, which is not the empty one."""
    trust_config: Path | None = None
    """Which services of sigstore sign, where `signer` is `sigstore`: a ClientTrustConfig."""
    identity_token: str | None = field(default=None, repr=False)
    """Who signs then: the token of an identity (OIDC)."""
    ambient_token: Callable[[], str | None] = field(default=_none, repr=False, compare=False)
    """Gives the token that the machine itself offers, as CI does; asked where there is no other."""
    builder: str = BUILDER
    """Who builds, by a URI: provenance names it, and policies ask for it."""
    more_catalogs: tuple[Path, ...] = ()
    """Further folders of definitions, absolute: for what the ones before them do not have."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables of a person's environment that count: proxies, logins, CA files, HOME."""

    @property
    def catalogs(self) -> tuple[Path, ...]:
        """All folders of definitions, in their order."""
        return (self.catalog, *self.more_catalogs)

    def with_catalogs(self, given: Sequence[str | Path]) -> Settings:
        """These settings with other folders of definitions; the same ones where none are given."""
        if not given:
            return self
        catalog, *more = catalog_folders(given)
        return replace(self, catalog=catalog, more_catalogs=tuple(more))
