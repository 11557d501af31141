"""The files around a migrated Dockerfile: what has to change in them, and the changed texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import NotFoundError
from ironhull.migrate.context.folder import FolderContext
from ironhull.migrate.model import Migration
from ironhull.migrate.outside.edit import edited
from ironhull.migrate.outside.find import files_around, outside_changes, wanted_of
from ironhull.migrate.outside.model import Found
from ironhull.migrate.outside.nodes import MAX_BYTES, documents


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found, and the files that were asked to be changed."""

    found: tuple[Found, ...]
    """By file and line; files of the context by their names in it."""
    texts: tuple[tuple[Path, bytes], ...] = ()
    """Each file that was named, as it has to be; the same bytes where nothing is to do."""


def surrounding_files(
    migration: Migration, context: Path, also: Sequence[Path] = (), names: Iterable[str] = ()
) -> Surroundings:
    """What a migration asks of YAML files in its context, and of those named in `also`.

    `names` are repositories that mean the image, besides those that compose files give it.
    NotFoundError or MalformedError for a file of `also` that cannot be read.
    """
    files = files_around(FolderContext(context))
    labels = {path: _label(path, context) for path in also}
    for path, label in labels.items():
        files[label] = _read(path)
        documents(files[label], label)
    found = outside_changes(files, wanted_of(migration, names))
    texts = tuple(
        (path, edited(files[label], (one for one in found if one.file == label)))
        for path, label in labels.items()
    )
    return Surroundings(found, texts)


def _label(path: Path, context: Path) -> str:
    there, root = path.resolve(), context.resolve()
    return there.relative_to(root).as_posix() if there.is_relative_to(root) else str(path)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {error.strerror}") from None
