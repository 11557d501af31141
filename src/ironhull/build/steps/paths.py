"""The definition's own edits of the tree (`paths`), in its order."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import assert_never

from ironhull.build.origins import Origin, OriginKind
from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree
from ironhull.definition.model import PathEdit, PathKind
from ironhull.errors import DefinitionError, InputError, Problem


def path_edits(tree: Tree, context: StepContext) -> None:
    """Make every edit that is meant for the platform; all errors together."""
    problems = []
    for edit in context.definition.paths:
        if edit.platforms and context.platform not in edit.platforms:
            continue
        tree.doing = Origin(OriginKind.DEFINITION, edit.path)
        try:
            _edit(tree, edit)
        except InputError as error:
            place = edit.place
            problems.append(Problem(place.file, place.line, place.column, str(error)))
    if problems:
        raise DefinitionError(problems)


def _edit(tree: Tree, edit: PathEdit) -> None:
    path = edit.path.lstrip("/")
    if not path:
        raise InputError("/ itself has no mode or owner of its own in an image")
    parent, _, name = path.rpartition("/")
    # An edit of /bin/x means usr/bin/x: the tree has a merged /usr.
    resolved = tree.resolve(parent) if parent else ""
    path = f"{resolved}/{name}" if resolved else path
    match edit.kind:
        case PathKind.DIRECTORY:
            tree.put_directory(path, 0o755 if edit.mode is None else edit.mode, edit.uid, edit.gid)
            if edit.recursive:
                for entry in tree.below(path):
                    tree.set_owner(entry.path, edit.uid, edit.gid, None)
        case PathKind.SYMLINK:
            tree.put_symlink(path, edit.source or "")
        case PathKind.FILE | PathKind.EMPTY_FILE:
            mode = 0o644 if edit.mode is None else edit.mode
            tree.put_file(path, edit.content or b"", mode, edit.uid, edit.gid)
        case PathKind.DELETE:
            if "*" in path:
                _delete_all(tree, path, recursive=edit.recursive)
                return
            if path not in tree:
                raise InputError(f"cannot delete /{path}: the image has no such path")
            if tree.entries[path].is_directory and not edit.recursive and tree.below(path):
                raise InputError(f"/{path} is a folder with files in it (add recursive: true)")
            tree.delete(path)
        case _:
            assert_never(edit.kind)


def _delete_all(tree: Tree, pattern: str, *, recursive: bool) -> None:
    """Remove what a path with `*` in it names; it has to name something."""
    found = [path for path in sorted(tree.entries) if fnmatchcase(path, pattern)]
    if not recursive:
        found = [path for path in found if not tree.entries[path].is_directory]
    if not found:
        raise InputError(f"cannot delete /{pattern}: the image has no such path")
    for path in found:
        # One that lay in a folder before is gone with it.
        if path in tree:
            tree.delete(path)
