"""Whose each file of an image is: a package's, a declared source's, or nobody's that is known.

In this order: 1. what the build of the image wrote down; 2. the package database itself; 3. the
lists of the package database; 4. a layer that holds one package of Ironhull's; 5. the file that
tells of a language's package, and the folder of a node module; 6. the image's own layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ironhull.build.origins import DATABASE, Origin, OriginKind, Origins
from ironhull.inventory.model import Package
from ironhull.inventory.ownership import owners
from ironhull.inventory.view import View
from ironhull.values import dataclass

_DATABASES = ("/var/lib/dpkg/", "/lib/apk/db/", "/usr/lib/apk/db/", "/var/lib/apt/extended_states")
_MANIFEST = "/package.json"
OWN_LAYER = "the image's own files"
"""What the history says of the layer that Ironhull's steps write."""


class Owner(NamedTuple):
    """A package, by its number among the inventory's, or a source that is none."""

    package: int = -1
    origin: Origin | None = None


UNKNOWN = Owner()


@dataclass(frozen=True, slots=True)
class Known:
    """What an image says of its packages, beside its files."""

    packages: Sequence[Package]
    conffiles: Mapping[str, Sequence[str]]
    """Name of a package → its configuration files."""
    layers: Mapping[int, str]
    """Number of a layer that holds the one package of this name → the name."""
    own_layer: int
    """Number of the layer of Ironhull's steps; -1: there is none."""
    origins: Origins | None = None


def whose(view: View, paths: Mapping[str, int], known: Known) -> dict[str, Owner]:
    """The owner of each path; `paths` has the number of the layer that it is seen in."""
    by_name: dict[str, int] = {}
    for number, package in enumerate(known.packages):
        if package.is_distribution:
            by_name.setdefault(package.name, number)
    if known.origins is not None:
        return _recorded(paths, known.origins, by_name)
    listed = owners(view, paths, frozenset(by_name))
    for name, files in known.conffiles.items():
        for path in files:
            listed.setdefault(path, name)
    language = _language_files(known.packages)
    return {
        path: _found(path, layer, known, by_name, listed, language) for path, layer in paths.items()
    }


def _recorded(
    paths: Iterable[str], origins: Origins, by_name: Mapping[str, int]
) -> dict[str, Owner]:
    packages = {name: Owner(number) for name, number in by_name.items()}
    package = OriginKind.PACKAGE
    found: dict[str, Owner] = {}
    for path in paths:
        origin = origins.paths.get(path[1:])
        if origin is None:
            found[path] = UNKNOWN
        elif origin.kind is package:
            found[path] = packages.get(origin.name, UNKNOWN)
        else:
            found[path] = Owner(origin=origin)
    return found


def _found(
    path: str,
    layer: int,
    known: Known,
    by_name: Mapping[str, int],
    listed: Mapping[str, str],
    language: Callable[[str], int],
) -> Owner:
    if path.startswith(_DATABASES):
        return Owner(origin=DATABASE)
    if layer == known.own_layer:
        return Owner(origin=Origin(OriginKind.STEP, OWN_LAYER))
    name = listed.get(path) or known.layers.get(layer)
    if name is not None and name in by_name:
        return Owner(by_name[name])
    number = language(path)
    return Owner(number) if number >= 0 else UNKNOWN


def _language_files(packages: Iterable[Package]) -> Callable[[str], int]:
    """Path → number of the language's package that it is of, or -1."""
    exact: dict[str, int] = {}
    folders: dict[str, int] = {}
    for number, package in enumerate(packages):
        if package.is_distribution:
            continue
        location = package.location
        exact.setdefault(
            location.partition(":")[0] if package.type == "maven" else location, number
        )
        if package.type == "npm" and location.endswith(_MANIFEST):
            folders.setdefault(location[: -len(_MANIFEST)], number)

    def find(path: str) -> int:
        if path in exact:
            return exact[path]
        folder = path.rpartition("/")[0]
        while folder and folders:
            if folder in folders:
                return folders[folder]
            folder = folder.rpartition("/")[0]
        return -1

    return find
