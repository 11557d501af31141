"""What is in the folder of a stage after its steps, read without following a link out of it.

Steps may have put any link anywhere. The folder is listed without following links; where an output
leads is settled on that list, inside the root; files are opened by paths that have no link in them.
Nothing of the stage runs any more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ironhull.build.path_writer import PathWriter, leads_out
from ironhull.build.transform import aliased, clean_name
from ironhull.definition.model import StageOutput
from ironhull.errors import InputError, MalformedError
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK
from ironhull.oci.tar_writer import TarHeader
from ironhull.store.blobs import CHUNK

MAX_PATHS = 2_000_000
MAX_BYTES = 8 << 30
_MAX_LINKS = 40


class Found(NamedTuple):
    """A path of the folder; all that tells whether it was changed."""

    mode: int
    uid: int
    gid: int
    size: int
    changed: int
    """Nanoseconds of the inode's last change, which no program sets back."""
    inode: int
    link: str


def listed(root: Path) -> dict[str, Found]:
    """Every path below the root, without following links; InputError past a limit."""
    found: dict[str, Found] = {}
    todo = [""]
    while todo:
        folder = todo.pop()
        try:
            below = dict(_found(root / folder))
        except OSError as error:
            raise InputError(f"/{folder:.200} of the stage: {error.strerror}") from None
        for name, status in below.items():
            path = f"{folder}/{name}" if folder else name
            found[path] = status
            if stat.S_ISDIR(status.mode):
                todo.append(path)
        if len(found) > MAX_PATHS:
            raise InputError(f"more than {MAX_PATHS} paths in the stage")
    return dict(sorted(found.items()))


def _found(folder: Path) -> Iterator[tuple[str, Found]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            link = os.readlink(entry.path) if entry.is_symlink() else ""  # noqa: PTH115
            yield (
                entry.name,
                Found(
                    status.st_mode, status.st_uid, status.st_gid, status.st_size,
                    status.st_ctime_ns, status.st_ino, link,
                ),
            )  # fmt: skip


def write_outputs(
    writer: PathWriter,
    root: Path,
    outputs: Sequence[StageOutput],
    before: Mapping[str, Found],
    after: Mapping[str, Found],
    mtime: int,
) -> None:
    """Write the outputs, sorted by their target; InputError for one that is not there."""
    wanted: dict[str, tuple[str, StageOutput]] = {}
    for output in outputs:
        for path, target in _paths(output, before, after):
            wanted[target] = (path, output)
    left = MAX_BYTES
    for target, (path, output) in sorted(wanted.items()):
        header = _header(after[path], target, output, mtime)
        left -= header.size
        if left < 0:
            raise InputError(f"outputs of more than {MAX_BYTES} bytes")
        if header.kind != FILE:
            writer.add(header, b"", ())
            continue
        descriptor = os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            first = file.read(min(256, header.size))
            file.seek(0)
            writer.add(header, first, iter(lambda: file.read(CHUNK), b""))


def _paths(
    output: StageOutput, before: Mapping[str, Found], after: Mapping[str, Found]
) -> Iterator[tuple[str, str]]:
    """Paths of the stage that an output means, and where each goes."""
    top = _resolved(output.source, after)
    if top is None:
        raise InputError(f"output {output.source} is not there after the steps")
    target = output.target.strip("/")
    if top and not stat.S_ISDIR(after[top].mode):
        yield top, aliased(clean_name(target))
        return
    prefix = f"{top}/" if top else ""
    for path, found in after.items():
        if not path.startswith(prefix) or path.partition("/")[0] in ("proc", "dev", "sys", "tmp"):
            continue
        if output.diff and (before.get(path) == found or stat.S_ISDIR(found.mode)):
            continue
        inner = path[len(prefix) :]
        yield path, aliased(clean_name(f"{target}/{inner}" if target else inner))


def _resolved(path: str, after: Mapping[str, Found]) -> str | None:
    """Where a path leads inside the root; None if it is missing or loops."""
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            del done[-1:]
            continue
        found = after.get("/".join([*done, part]))
        if found is None:
            return None
        if not stat.S_ISLNK(found.mode):
            done.append(part)
            continue
        links += 1
        if links > _MAX_LINKS:
            return None
        if found.link.startswith("/"):
            done.clear()
        todo.extend(one for one in reversed(found.link.split("/")) if one not in ("", "."))
    return "/".join(done)


def _header(found: Found, target: str, output: StageOutput, mtime: int) -> TarHeader:
    owner = (output.uid, output.gid)
    if stat.S_ISDIR(found.mode):
        return TarHeader(target, DIRECTORY, found.mode & 0o1777, *owner, mtime=mtime)
    if stat.S_ISLNK(found.mode):
        if leads_out(target, found.link):
            raise MalformedError(f"output {target!r:.200} is a link out of the root, or nowhere")
        return TarHeader(target, SYMLINK, 0o777, *owner, mtime=mtime, link=found.link)
    if not stat.S_ISREG(found.mode):
        raise MalformedError(f"output {target!r:.200} is neither a file, a folder nor a link")
    mode = found.mode & 0o777 if output.mode is None else output.mode
    return TarHeader(target, FILE, mode, *owner, found.size, mtime)
