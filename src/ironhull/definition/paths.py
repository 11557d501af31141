"""`paths` → edits of the tree, and the rules for paths, modes and platforms everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ironhull.definition.files import Files
from ironhull.definition.model import PathEdit, PathKind, Place
from ironhull.definition.shape import ReadMap
from ironhull.definition.tree import Problems, did_you_mean
from ironhull.errors import InputError
from ironhull.oci.platform import Platform

MAX_PATH = 4096
KNOWN_PLATFORMS = tuple(
    f"linux/{name}"
    for name in (
        "amd64",
        "arm64",
        "arm/v5",
        "arm/v7",
        "386",
        "mips64le",
        "ppc64le",
        "riscv64",
        "s390x",
    )
)

# Which of `source` and `content` a kind has.
_NEEDS = {
    PathKind.DIRECTORY: (),
    PathKind.SYMLINK: ("source",),
    PathKind.FILE: ("source", "content"),
    PathKind.EMPTY_FILE: (),
    PathKind.DELETE: (),
}
_RECURSIVE = (PathKind.DIRECTORY, PathKind.DELETE)


def normalised(path: str, place: Place, problems: Problems) -> str:
    """The path in the one way that all else knows it: `/a//b/` is `/a/b`.

    With `..` in it, it is an error: what that means depends on links.
    """
    if len(path) > MAX_PATH:
        problems.error(place, f"a path of {len(path)} characters, the limit is {MAX_PATH}")
    elif ".." in path.split("/"):
        problems.error(place, f"{path!r:.100} has '..' in it: write the path that is meant")
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def mode_of(record: ReadMap, default: int, problems: Problems) -> int:
    """`mode` as a number."""
    return _mode(record, problems) if "mode" in record.values else default


def optional_mode(record: ReadMap, problems: Problems) -> int | None:
    """`mode` as a number, None where the file says none."""
    return _mode(record, problems) if "mode" in record.values else None


def _mode(record: ReadMap, problems: Problems) -> int:
    text: str = record.get("mode")
    mode = int(text, 8)
    if mode > 0o7777:
        problems.error(record.at("mode"), f"mode {text!r} is more than 7777")
    return mode


def platforms_of(record: ReadMap, problems: Problems) -> tuple[Platform, ...]:
    """`platforms`, each once; empty if the key is absent."""
    platforms: list[Platform] = []
    for item in record.items("platforms"):
        try:
            platform = Platform.parse(item.value)
            platform.debian  # noqa: B018 - raises for what Debian does not have
        except InputError:
            hint = did_you_mean(item.value, KNOWN_PLATFORMS)
            problems.error(item.place, f"unknown platform {item.value!r:.60}{hint}")
            continue
        if platform in platforms:
            problems.error(item.place, f"platform {item.value} stands twice")
            continue
        platforms.append(platform)
    return tuple(platforms)


def edits_of(
    root: ReadMap, setuid: tuple[str, ...], files: Files, problems: Problems
) -> tuple[PathEdit, ...]:
    """The edits in order; `setuid` are the paths that may have such a bit."""
    edits: list[PathEdit] = []
    for item in root.items("paths"):
        record: ReadMap = item.value
        if "type" not in record.values or "path" not in record.values:
            continue
        edit = _edit(record, item.place, setuid, files, problems)
        edits.append(edit)
        if edit.kind is PathKind.DIRECTORY and "source" in record.values:
            edits += _copied(edit, record, files)
    return tuple(edits)


def _copied(folder: PathEdit, record: ReadMap, files: Files) -> Iterator[PathEdit]:
    """What a directory with a `source` has in it; a file that begins with `#!` is a program.

    The modes of the checkout do not count: they are others on another machine.
    """
    for path, data in files.folder(record.get("source"), record.at("source")).items():
        kind = PathKind.DIRECTORY if data is None else PathKind.FILE
        mode = 0o755 if data is None or data.startswith(b"#!") else 0o644
        place = f"{folder.path.rstrip('/')}/{path}"
        yield replace(folder, kind=kind, path=place, content=data, mode=mode, recursive=False)


def _edit(
    record: ReadMap, place: Place, setuid: tuple[str, ...], files: Files, problems: Problems
) -> PathEdit:
    kind = PathKind(record.get("type"))
    path = normalised(record.get("path"), record.at("path"), problems)
    if path == "/" and kind is not PathKind.DIRECTORY:
        problems.error(record.at("path"), f"a {kind} cannot be the root folder")
    _check_keys(record, kind, place, problems)
    content: bytes | None = None
    if kind is PathKind.FILE and "content" in record.values:
        content = record.get("content").encode()
    elif kind is PathKind.FILE and "source" in record.values:
        content = files.source(record.get("source"), record.at("source"))
    mode = None if kind is PathKind.SYMLINK else optional_mode(record, problems)
    if mode is not None and mode & 0o6000 and kind is not PathKind.DIRECTORY and path not in setuid:
        problems.error(
            record.at("mode"),
            f"{path} would be setuid or setgid; if that is meant, list it in hardening.setuid",
        )
    return PathEdit(
        kind=kind,
        path=path,
        place=place,
        source=record.get("source") if kind is PathKind.SYMLINK else None,
        content=content,
        uid=record.get("uid", 0),
        gid=record.get("gid", 0),
        mode=mode,
        recursive=record.get("recursive", False),
        platforms=platforms_of(record, problems),
    )


def _check_keys(record: ReadMap, kind: PathKind, place: Place, problems: Problems) -> None:
    """That exactly the keys stand there that the kind has."""
    given = [key for key in ("source", "content") if key in record.node.entries]
    for key in given:
        if key not in _NEEDS[kind] and (kind, key) != (PathKind.DIRECTORY, "source"):
            problems.error(record.at(key), f"a {kind} has no {key!r}")
    if _NEEDS[kind] and not given:
        problems.error(place, f"a {kind} needs {' or '.join(map(repr, _NEEDS[kind]))}")
    if kind is PathKind.FILE and len(given) == 2:
        problems.error(record.at("content"), "a file has 'source' or 'content', not both")
    if record.get("recursive") and kind not in _RECURSIVE:
        problems.error(record.at("recursive"), f"a {kind} cannot be 'recursive'")
    if kind is PathKind.SYMLINK and "mode" in record.node.entries:
        problems.warn(record.at("mode"), "a symlink has no mode of its own: left out")
