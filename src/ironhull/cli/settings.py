"""What the environment and ironhull.toml say. An option of a verb wins over both.

Order: option, environment variable `IRONHULL_<NAME>`, `ironhull.toml` (the file that
IRONHULL_CONFIG names, else the one in the current folder, else in ~/.config/ironhull).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ironhull.errors import InputError
from ironhull.store.home import Home

# Every setting, and what it says; docs/settings.md shows them, and nothing else is taken.
NAMES = {
    "home": "Folder of store, cache, inventories, advisories. Default ~/.local/share/ironhull.",
    "catalog": "The folder of definitions. Default: images here, else Ironhull's own.",
    "mirror": "Address or folder of the package archive. Default: the one of the machine's apt.",
    "keyring": "OpenPGP keys that may sign the archive, instead of Debian's.",
    "snapshot": "Address of an archive that keeps what mirrors drop, with {timestamp} in it.",
    "advisory_sources": "NAME=PLACE of advisory feeds, with spaces between, instead of their own.",
    "max_advisory_age": "Days after which advisories are stale. Default 7; 0: never.",
    "registry_mirrors": "HOST=MIRROR of registries, with spaces between.",
    "podman_args": "Options that always follow podman, for example --root.",
    "buildah_args": "Options that always follow buildah.",
    "docker_host": "Where docker listens, as in DOCKER_HOST.",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Values by name; `get` looks in the environment, then in the file."""

    environment: Mapping[str, str]
    file: Mapping[str, Any]
    source: str

    def get(self, name: str) -> str | None:
        """A text setting, for example `mirror`: IRONHULL_MIRROR or `mirror = "…"`."""
        text = self.environment.get(f"IRONHULL_{name.upper()}")
        if text:
            return text
        value = self.file.get(name)
        if value is not None and not isinstance(value, str):
            raise InputError(f"{self.source}: {name} is a text, got {value!r}")
        return value

    @property
    def home(self) -> Home:
        """Where store and cache are; absolute."""
        configured = self.get("home")
        if configured:
            return Home(Path(configured).expanduser().absolute())
        data = self.environment.get("XDG_DATA_HOME")
        root = Path(data) if data else Path(self.environment.get("HOME", "/")) / ".local/share"
        return Home(root / "ironhull")

    @property
    def catalog(self) -> Path:
        """The folder of definitions: set, else `images` here, else the one beside the code."""
        configured = self.get("catalog")
        if configured:
            return Path(configured).expanduser().absolute()
        here = Path.cwd() / "images"
        return here if here.is_dir() else Path(__file__).parents[3] / "images"


@cache
def settings() -> Settings:
    """The settings of this process."""
    configured = os.environ.get("IRONHULL_CONFIG")
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
            return Settings(os.environ, _read(place), str(place))
    return Settings(os.environ, {}, "ironhull.toml")


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    for name in found:
        if name not in NAMES:
            from difflib import get_close_matches

            close = get_close_matches(name, NAMES, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(NAMES)}"
            raise InputError(f"{path}: unknown setting {name!r:.60}; {hint}")
    return found
