"""What the environment and ironhull.toml say. An option of a verb wins over both.

Order: option, environment variable `IRONHULL_<NAME>`, `ironhull.toml` (the file that
IRONHULL_CONFIG names, else the one in the current folder, else in ~/.config/ironhull).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from ironhull.errors import InputError
from ironhull.settings import BUILDER, MAX_ADVISORY_AGE, Settings, Unpinned, catalog_folders
from ironhull.toml_file import read_toml
from ironhull.values import dataclass

# Every setting, and what it says; docs/settings.md shows them, and nothing else is taken.
NAMES = {
    "home": "Folder of store, cache, inventories, advisories. Default ~/.local/share/ironhull.",
    "catalog": "The folders of definitions, : between. Default: images here, else Ironhull's own.",
    "mirror": "Address or folder of the package archive. Default: the one of the machine's apt.",
    "keyring": "OpenPGP keys that may sign the archive, instead of Debian's.",
    "allow_unpinned": "Of keys and files, what definitions may name by https without a digest.",
    "snapshot": "Address of an archive that keeps what mirrors drop, with {timestamp} in it.",
    "advisory_sources": "NAME=PLACE of advisory feeds, with spaces between, instead of their own.",
    "max_advisory_age": "Days after which advisories are stale. Default 7; 0: never.",
    "registry_mirrors": "HOST=MIRROR of registries, with spaces between.",
    "layer_cache": "HOST/REPOSITORY or s3://BUCKET/PREFIX with layers, so that each is made once.",
    "layer_cache_key": "The public key (PEM) that must have signed what is found there.",
    "podman_args": "Options that always follow podman, for example --root.",
    "buildah_args": "Options that always follow buildah.",
    "docker_host": "Where docker listens, as in DOCKER_HOST.",
    "signer": "The key file that signs, or sigstore. Default: the active one of `key list`.",
    "trust_config": "With `sigstore`: the file that says whose services (ClientTrustConfig).",
    "timestamp": "Address of an authority that timestamps signatures (RFC 3161).",
    "builder": "A URI for who builds, which provenance names.",
}


KEY_VARIABLE = "IRONHULL_KEY_PASSPHRASE"
"""The environment variable; a file of settings is no place for it."""
TOKEN_VARIABLE = "IRONHULL_IDENTITY_TOKEN"  # noqa: S105 - a name
"""The same for the token of an identity."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. InputError says which text is wrong, and where it stands."""
    said = _Said.of(os.environ if environment is None else environment)
    keyring, config = said.get("keyring"), said.get("trust_config")
    cache_key = said.get("layer_cache_key")
    catalog, *more = _catalogs(said)
    return Settings(
        home=_home(said),
        catalog=catalog,
        more_catalogs=tuple(more),
        mirror=said.get("mirror"),
        keyring=Path(keyring) if keyring else None,
        unpinned=_unpinned(said),
        snapshot=said.get("snapshot"),
        advisory_sources=tuple((said.get("advisory_sources") or "").split()),
        max_advisory_age=_age(said.get("max_advisory_age")),
        registry_mirrors=parse_mirrors(said.get("registry_mirrors") or ""),
        layer_cache=said.get("layer_cache"),
        layer_cache_key=Path(cache_key) if cache_key else None,
        podman=_words(said, "podman_args"),
        buildah=_words(said, "buildah_args"),
        docker_host=said.get("docker_host"),
        signer=said.get("signer"),
        timestamp=said.get("timestamp"),
        passphrase=_passphrase(said.environment),
        trust_config=Path(config) if config else None,
        identity_token=said.environment.get(TOKEN_VARIABLE) or None,
        ambient_token=_ambient_token,
        builder=said.get("builder") or BUILDER,
        # Neither engines nor messages get to know the secrets.
        environment={
            key: text
            for key, text in said.environment.items()
            if key not in (KEY_VARIABLE, TOKEN_VARIABLE)
        },
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """Texts by name; `get` looks in the environment, then in the file."""

    environment: Mapping[str, str]
    file: Mapping[str, Any]
    source: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> _Said:
        """The environment, and the first of the files that is there."""
        configured = environment.get("IRONHULL_CONFIG")
        places = [Path("ironhull.toml")]
        # A user without a name, as in many containers, may have no home.
        with suppress(RuntimeError):
            places.append(Path.home() / ".config/ironhull/ironhull.toml")
        if configured:
            places = [Path(configured)]
            if not places[0].is_file():
                raise InputError(f"IRONHULL_CONFIG names {configured}, which is not a file")
        for place in places:
            if place.is_file():
                return cls(environment, _read(place), str(place))
        return cls(environment, {}, "ironhull.toml")

    def get(self, name: str) -> str | None:
        """A text setting, for example `mirror`: IRONHULL_MIRROR or `mirror = "…"`."""
        text = self.environment.get(f"IRONHULL_{name.upper()}")
        if text:
            return text
        value = self.file.get(name)
        if value is not None and not isinstance(value, str):
            raise InputError(f"{self.source}: {name} is a text, got {value!r}")
        return value


def _home(said: _Said) -> Path:
    configured = said.get("home")
    if configured:
        return Path(configured).expanduser().absolute()
    data = said.environment.get("XDG_DATA_HOME")
    root = Path(data) if data else Path(said.environment.get("HOME", "/")) / ".local/share"
    return root / "ironhull"


def _catalogs(said: _Said) -> tuple[Path, ...]:
    """The folders of definitions: set, else `images` here, else the one beside the code."""
    text = said.environment.get("IRONHULL_CATALOG")
    configured = text.split(os.pathsep) if text else said.file.get("catalog", [])
    if isinstance(configured, str):
        configured = [configured]
    if not isinstance(configured, list) or not all(isinstance(one, str) for one in configured):
        raise InputError(
            f"{said.source}: catalog is a text or a list of texts, got {configured!r:.100}"
        )
    here = Path.cwd() / "images"
    default = here if here.is_dir() else Path(__file__).parents[3] / "images"
    return catalog_folders([Path(text).expanduser() for text in configured if text] or [default])


def _unpinned(said: _Said) -> frozenset[Unpinned]:
    words = (said.get("allow_unpinned") or "").replace(",", " ").split()
    for word in words:
        if word not in set(Unpinned):
            raise InputError(f"allow_unpinned: {word!r:.60} is neither 'keys' nor 'files'")
    return frozenset(map(Unpinned, words))


def _age(text: str | None) -> timedelta | None:
    if not text:
        return MAX_ADVISORY_AGE
    if not text.isdigit():
        raise InputError(f"max_advisory_age is a number of days, got {text!r}")
    return days(int(text))


def days(number: int) -> timedelta | None:
    """An age as options and settings say it: 0 is any age."""
    return timedelta(days=number) if number else None


def parse_mirrors(text: str) -> Mapping[str, tuple[str, ...]]:
    """`docker.io=mirror.example/hub, ghcr.io=…`: registry → locations in the order to ask them."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in text.replace(",", " ").split():
        registry, equals, location = entry.partition("=")
        if not equals or not registry or not location or "://" in location:
            raise InputError(
                f"registry_mirrors: {entry!r} is not registry=host[:port][/prefix] "
                "(IRONHULL_REGISTRY_MIRRORS or ironhull.toml)"
            )
        found[registry] = (*found.get(registry, ()), location)
    return found


def _ambient_token() -> str | None:
    """The token that a CI system offers; None where there is none."""
    # It loads sigstore's libraries, and asks the CI system.
    from sigstore.oidc import IdentityError, detect_credential

    try:
        return detect_credential()
    except IdentityError as error:
        raise InputError(f"the identity that this machine offers: {error}") from None


def _passphrase(environment: Mapping[str, str]) -> bytes | None:
    text = environment.get(KEY_VARIABLE)
    return None if text is None else text.encode()


def _words(said: _Said, name: str) -> tuple[str, ...]:
    text = said.get(name)
    if not text:
        return ()
    import shlex

    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"the setting {name} ({text!r}): {error}") from None


def _read(path: Path) -> dict[str, Any]:
    found = read_toml(path)
    for name in found:
        if name not in NAMES:
            from difflib import get_close_matches

            close = get_close_matches(name, NAMES, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(NAMES)}"
            raise InputError(f"{path}: unknown setting {name!r:.60}; {hint}")
    return found
