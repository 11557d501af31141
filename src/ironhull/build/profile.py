"""Which parts of its packages an image may do without, as far as its tests can tell: a proposal.

1. A file that was opened stays, with every other name of it (hard links), and the source of Python
   bytecode, which the interpreter asks for without opening it.
2. What is read on another day stays: configuration, licences, the package database, authorities,
   name services, and the program that the image starts.
3. A symbolic link stays unless what it leads to is a file that goes. Folders stay, as of a part.
4. Of the rest, what a package brought is proposed, folder by folder where all of one goes.
"""

from __future__ import annotations

import glob
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ironhull.build.assemble import DEFAULT_PATH
from ironhull.build.origins import OriginKind, Origins
from ironhull.build.stage_tree import listed
from ironhull.errors import InputError
from ironhull.sandbox.inside import inside
from ironhull.values import dataclass

_KEPT = re.compile(
    r"etc/.*|var/lib/dpkg/.*|usr/lib/(?:os-release|ssl/.*)|(?:.*/)?ld-linux[^/]*"
    r"|usr/share/(?:doc|common-licenses|ca-certificates|base-passwd|base-files)/.*"
    r"|usr/local/share/ca-certificates/.*|(?:.*/)?(?:LICEN[CS]E|COPYING|NOTICE)[^/]*"
    # glibc loads them when names are looked up, or a thread is cancelled.
    r"|(?:.*/)?lib(?:nss_[a-z0-9]+|resolv|gcc_s)[.-][^/]*"
)
_BYTECODE = re.compile(r"(.*/)?__pycache__/([^/]+?)\.[a-z]+-[0-9]+(?:\.opt-[12])?\.pyc")


@dataclass(frozen=True, slots=True)
class PackageProfile:
    """What of one package no test opened."""

    name: str
    files: int
    """All that it brought, links too."""
    size: int
    """Bytes of them."""
    unopened: tuple[str, ...]
    """Paths that are proposed to go, relative to the root."""
    unopened_size: int
    without: tuple[str, ...]
    """The same as patterns of `except` in a definition."""


@dataclass(frozen=True, slots=True)
class _File:
    inode: int
    size: int
    target: str = ""
    """Of a symbolic link: the path that it leads to in the end, relative to the root."""


def profile(
    root: Path,
    origins: Origins,
    opened: Collection[str],
    unwatched: Collection[str] = (),
    command: Iterable[str] = (),
    search: str = DEFAULT_PATH,
) -> tuple[PackageProfile, ...]:
    """What each package has that nobody opened, the largest first; those with nothing are left out.

    `root` is the image's tree, `opened` its files and `unwatched` its folders of which nothing is
    known, both relative to it. `command`: programs that the image starts, as in its config, whose
    PATH is `search`.
    """
    files = _files(root, origins)
    kept = {path for path in files if path in opened or _KEPT.fullmatch(path)}
    unknown = tuple(f"{folder}/".lstrip("/") for folder in unwatched)
    kept |= {path for path in files if path.startswith(unknown)}
    kept |= set(_started(root, command, search))
    kept |= {source for path in opened if (source := _source(path))}
    owned: dict[str, list[str]] = {}
    for path in files:
        if origins.paths[path].kind is OriginKind.PACKAGE:
            owned.setdefault(origins.paths[path].name, []).append(path)
    theirs = {path for paths in owned.values() for path in paths}
    # A link that stays must not lead to nothing.
    kept |= {file.target for path, file in files.items() if path in kept or path not in theirs}
    inodes = {files[path].inode for path in kept if path in files}
    going = {path for path in theirs if not files[path].target and files[path].inode not in inodes}
    going |= {path for path in theirs - kept if files[path].target in going}
    packages = (_of(name, paths, going, files) for name, paths in owned.items())
    found = [one for one in packages if one.unopened]
    return tuple(sorted(found, key=lambda one: (-one.unopened_size, one.name)))


def _of(
    name: str, paths: list[str], going: Collection[str], files: Mapping[str, _File]
) -> PackageProfile:
    unopened = tuple(sorted(path for path in paths if path in going))
    return PackageProfile(
        name,
        len(paths),
        sum(files[path].size for path in paths),
        unopened,
        sum(files[path].size for path in unopened),
        _patterns(unopened, [path for path in paths if path not in going]),
    )


def _patterns(going: Iterable[str], staying: Iterable[str]) -> tuple[str, ...]:
    """Patterns that mean all that goes and nothing that stays: folders where all of one goes."""
    needed = {folder for path in staying for folder in _folders(path)}
    groups: dict[str, list[str]] = {}
    for path in going:
        whole = next((folder for folder in _folders(path) if folder not in needed), path)
        groups.setdefault(whole, []).append(path)
    return tuple(
        glob.escape(paths[0]) if len(paths) == 1 else f"{glob.escape(_common(paths))}/**"
        for paths in groups.values()
    )


def _common(paths: Sequence[str]) -> str:
    """The innermost folder that all are in."""
    return posixpath.commonpath([posixpath.dirname(path) for path in paths])


def _folders(path: str) -> list[str]:
    """The folders that a path is in, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]


def _files(root: Path, origins: Origins) -> dict[str, _File]:
    """What somebody brought into the tree, links too; no pattern can say a name with controls."""
    found: dict[str, _File] = {}
    for path, one in listed(root).items():
        if path in origins.paths and path.isprintable():
            target = _end(root, path) if one.link else ""
            found[path] = _File(one.inode, 0 if target else one.size, target)
    return found


def _source(path: str) -> str:
    """The file that Python bytecode was made of; empty for anything else."""
    found = _BYTECODE.fullmatch(path)
    return f"{found[1] or ''}{found[2]}.py" if found else ""


def _end(root: Path, path: str) -> str:
    try:
        return inside(root, f"/{path}").lstrip("/") or "/"
    except InputError:
        return "/"  # leads round in a circle: to nothing


def _started(root: Path, command: Iterable[str], search: str) -> Iterator[str]:
    for word in command:
        folders = [""] if "/" in word else search.split(":")
        for folder in folders:
            yield _end(root, posixpath.join(folder, word).lstrip("/"))
