"""Options of `ironhull migrate` for the files around a Dockerfile, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from ironhull.cli.output import write_file
from ironhull.migrate.context.folder import FolderContext
from ironhull.migrate.model import Migration, Outside

also_option = click.option(
    "--also",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Write into this compose file, manifest or values file too (not with --check).",
)
image_name_option = click.option(
    "--image-name",
    "names",
    multiple=True,
    metavar="NAME",
    help="What manifests call the image, without tag; names in compose files are known.",
)


def with_surroundings(
    found: Migration, context: Path, also: Sequence[Path], names: Sequence[str], *, write: bool
) -> Migration:
    """The migration with what files around it need, by file and line; `also` are written."""
    if not also and not any(map(_may_say_something, FolderContext(context).names)):
        return found
    # It loads what reads YAML, which takes longer than migrating.
    from ironhull.workspace.surrounding_files import surrounding_files

    around = surrounding_files(found, context, also, names)
    if write:
        for path, data in around.texts:
            if data != path.read_bytes():
                write_file(path, data)
    named = {str(path.resolve()) for path in also} if write else set()
    told = []
    for one in around.found:
        done = one.edit is not None and str((context / one.file).resolve()) in named
        what = f"{one.message} (changed)" if done else one.message
        message = f"{one.file}:{one.line}: {one.before}: {what}" if one.before else what
        told.append(Outside(one.kind, message))
    return replace(found, outside=(*found.outside, *told))


def _may_say_something(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))
