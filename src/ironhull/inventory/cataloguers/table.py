"""All cataloguers, and which of them want a file."""

from __future__ import annotations

from ironhull.inventory.cataloguers import apk, composer, dotnet, dpkg, gem, java, npm, python
from ironhull.inventory.cataloguers.interface import FileCataloguer, TextCataloguer

TEXTS: tuple[TextCataloguer, ...] = (
    dpkg.CATALOGUER,
    apk.CATALOGUER,
    npm.CATALOGUER,
    python.CATALOGUER,
    gem.CATALOGUER,
    composer.CATALOGUER,
    dotnet.CATALOGUER,
)
FILES: tuple[FileCataloguer, ...] = (java.CATALOGUER,)

_BY_BASE = {base: item for item in TEXTS for base in item.bases}
_BY_EXTENSION = {extension: item for item in TEXTS for extension in item.extensions}
_BY_DIRECTORY = {directory: item for item in TEXTS for directory in item.directories}
_FILES = {extension: item for item in FILES for extension in item.extensions}

# One of these a name must have for any of them to want it: most names are asked only this.
BASES = frozenset(_BY_BASE)
EXTENSIONS = frozenset({*_BY_EXTENSION, *_FILES})
DIRECTORIES = frozenset(_BY_DIRECTORY)


def text_cataloguer(path: str) -> TextCataloguer | None:
    """The one that wants the whole file, if any."""
    folder, _, base = path.rpartition("/")
    found = (
        _BY_BASE.get(base)
        or _BY_DIRECTORY.get(folder)
        or _BY_EXTENSION.get(base.rpartition(".")[2])
    )
    return found if found is not None and found.wants(path) else None


def file_cataloguer(path: str) -> FileCataloguer | None:
    """The one that wants random access to the file, if any. Extensions in any case."""
    return _FILES.get(path[path.rfind(".") + 1 :].lower())
