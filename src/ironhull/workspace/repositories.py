"""Where the packages of a definition come from on this machine.

The mirror is never in code: the setting, else the machine's own apt sources.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ironhull.archive.interface import Repository
from ironhull.archive.mirror import find_repositories
from ironhull.definition.contents import OWN
from ironhull.definition.model import ImageDefinition, RepositoryRequest
from ironhull.errors import InputError
from ironhull.settings import Settings
from ironhull.store.home import Home


def distributions_own(settings: Settings, distribution: str) -> list[Repository]:
    """A distribution's suites on the configured mirror; `distribution` is for example debian-13."""
    keyrings = () if settings.keyring is None else (_keyring(settings.keyring),)
    return find_repositories(
        distribution, mirror=settings.mirror, origin=settings.mirror_origin, keyrings=keyrings
    )


def repositories_of(
    settings: Settings, definition: ImageDefinition, key: Callable[[str], bytes] | None = None
) -> tuple[Repository, ...]:
    """The distribution's suites on the configured mirror, then the definition's own.

    `key` gets a key that the definition has by address; without it those are left out, for only
    verifying needs them.
    """
    found = distributions_own(settings, definition.distribution)
    own = [
        Repository(
            wanted.name,
            wanted.uri,
            (wanted.suite,),
            wanted.components,
            (*wanted.keyrings, *(key(url) for url in wanted.key_urls if key is not None)),
            str(wanted.place),
        )
        if wanted.uri != OWN
        else _own(settings, wanted)
        for wanted in definition.repositories
    ]
    return (*found, *own)


def _own(settings: Settings, wanted: RepositoryRequest) -> Repository:
    """The machine's own archive, by its own key: both are in its home."""
    home = Home(settings.home)
    try:
        key = home.own_certificate.read_bytes()
    except OSError:
        raise InputError(
            f"{wanted.place}: {OWN} has no packages on this machine yet; build one with: "
            "ironhull package build FILE"
        ) from None
    uri = home.own_archive.absolute().as_uri()
    keys = wanted.keyrings or (key,)
    return Repository(wanted.name, uri, (wanted.suite,), wanted.components, keys, str(wanted.place))


def _keyring(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the keyring {path}: {error.strerror}") from None
