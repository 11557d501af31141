"""COPY: files of the context or of another stage into a stage's folder, links never followed out.

Nothing runs in either folder meanwhile. Where a path leads is settled inside its own root, as the
kernel would after chroot; what is copied is opened by paths that have no link in them.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ironhull.errors import InputError
from ironhull.sandbox.inside import inside
from ironhull.values import dataclass

MAX_PATHS = 1_000_000
_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Copy:
    """One COPY, with its paths as they are meant: below the roots."""

    source: Path
    """The root that `paths` are below: the context, or another stage."""
    paths: tuple[str, ...]
    target: str
    """Absolute, with its slash at the end if it has one."""
    owner: tuple[int, int] | None = (0, 0)
    """None: as in the source, which is what `--from` without `--chown` means."""
    mode: int | None = None
    ignored: Callable[[str], bool] = lambda path: False

    @property
    def above(self) -> tuple[int, int]:
        """Whose the folders are that have to be made for it."""
        return self.owner or (0, 0)


def copy(wanted: Copy, root: Path) -> None:
    """Do it in the stage whose folder is `root`; InputError for a source that is not there."""
    found = [path for text in wanted.paths for path in _matching(wanted, text)]
    into = wanted.target.endswith("/") or len(found) > 1
    for path in found:
        place = wanted.source / path if path else wanted.source
        if stat.S_ISDIR(place.lstat().st_mode):
            _folder(wanted, path, root)
            continue
        target = f"{wanted.target}/{posixpath.basename(path)}" if into else wanted.target
        real = inside(root, target)
        if (root / real.lstrip("/")).is_dir() and not into:
            real = inside(root, f"{target}/{posixpath.basename(path)}")
        make_folders(root, posixpath.dirname(real), wanted.above)
        _one(wanted, place, root / real.lstrip("/"))


def make_folders(root: Path, path: str, owner: tuple[int, int]) -> Path:
    """The folder at `path`, made with those above it that are missing."""
    real = inside(root, path)
    here = root
    for part in real.strip("/").split("/") if real.strip("/") else ():
        here /= part
        if not here.is_dir():
            try:
                here.mkdir()
            except FileExistsError:
                raise InputError(f"{path} is in the way: a file, not a folder") from None
            here.chmod(0o755)
            _own(here, owner)
    return here


def _matching(wanted: Copy, text: str) -> list[str]:
    """Paths below the source that a word means, links settled."""
    clean = posixpath.normpath(f"/{text}").strip("/")
    if not _PATTERN.search(clean):
        path = inside(wanted.source, clean).strip("/")
        there = (wanted.source / path).exists()
        found = [path] if there and not (path and wanted.ignored(path)) else []
    else:
        found = [path for path in _globbed(wanted.source, clean) if not wanted.ignored(path)]
    if not found:
        raise InputError(f"{text}: there is no such file in the build context or stage")
    return found


def _globbed(root: Path, pattern: str) -> list[str]:
    """Paths that fit, part by part: `*` leads over no slash."""
    here = [""]
    for part in pattern.split("/"):
        inner = []
        for folder in here:
            place = root / inside(root, folder).lstrip("/")
            if place.is_dir():
                names = sorted(entry.name for entry in place.iterdir())
                inner += [posixpath.join(folder, one) for one in fnmatch.filter(names, part)]
        here = inner
    return [inside(root, path).strip("/") for path in here]


def _folder(wanted: Copy, path: str, root: Path) -> None:
    """What is in a folder, into the target."""
    top = make_folders(root, wanted.target, wanted.above)
    for inner, place in _walk(wanted, path):
        above = top
        if "/" in inner:
            # A folder that is ignored may have something that is not; a link of the stage that is
            # in its place leads where it leads inside the stage.
            folder = f"{wanted.target}/{posixpath.dirname(inner)}"
            above = make_folders(root, folder, wanted.above)
        target = above / posixpath.basename(inner)
        if stat.S_ISDIR(place.lstat().st_mode):
            if target.is_symlink() or not target.is_dir():
                target.unlink(missing_ok=True)
                target.mkdir()
            status = place.lstat()
            target.chmod(stat.S_IMODE(status.st_mode) if wanted.mode is None else 0o755)
            _own(target, wanted.owner or (status.st_uid, status.st_gid))
        else:
            _one(wanted, place, target)


def _walk(wanted: Copy, top: str) -> Iterator[tuple[str, Path]]:
    """Every path below a folder that is not ignored, folders before what is in them."""
    todo, number = [top], 0
    while todo:
        folder = todo.pop()
        for name in sorted(os.listdir(wanted.source / folder)):
            path = posixpath.join(folder, name)
            place = wanted.source / path
            number += 1
            if number > MAX_PATHS:
                raise InputError(f"/{top}: more than {MAX_PATHS} paths")
            is_folder = stat.S_ISDIR(place.lstat().st_mode)
            if is_folder:
                todo.append(path)
            if not wanted.ignored(path):
                yield posixpath.relpath(path, top or "."), place


def _one(wanted: Copy, place: Path, target: Path) -> None:
    """One file or link; what is at the target is replaced."""
    status = place.lstat()
    if target.is_dir() and not target.is_symlink():
        raise InputError(f"{target.name}: a folder is in the place of a file")
    target.unlink(missing_ok=True)
    if stat.S_ISLNK(status.st_mode):
        target.symlink_to(os.readlink(place))  # noqa: PTH115 - as it is written
    elif stat.S_ISREG(status.st_mode):
        shutil.copyfile(place, target, follow_symlinks=False)
        target.chmod(stat.S_IMODE(status.st_mode) & 0o1777 if wanted.mode is None else wanted.mode)
        os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
    else:
        return
    _own(target, wanted.owner or (status.st_uid, status.st_gid))


def _own(path: Path, owner: tuple[int, int]) -> None:
    # Without root every file is our own, which is who root of the sandbox is.
    if os.geteuid() == 0:
        os.lchown(path, *owner)


def copy_words(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Sources and target of a COPY's words; InputError for fewer than two."""
    if len(words) < 2:
        raise InputError("COPY needs a source and a target")
    return tuple(words[:-1]), words[-1]
