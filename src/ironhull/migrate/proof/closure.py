"""Whether the new image can run at all, found in its files: the build room's checks and some more.

The layers are put together as an engine does; of executables and libraries the head is read, of
nothing else. So this needs no engine that runs, and finds what no request happens to touch. What a
package of the distribution brought was the base's before: its needs are not asked for again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from ironhull.build.check import CheckedImage, check_image
from ironhull.build.check_result import CheckResult
from ironhull.build.elf import MAGIC, read_elf
from ironhull.build.record import TreeEntry
from ironhull.build.sink import shebang_of
from ironhull.build.tree import Tree
from ironhull.definition.bare import bare_definition
from ironhull.definition.model import Healthcheck, ImageDefinition, Keep
from ironhull.inventory.hard_links import Place
from ironhull.inventory.model import ImageConfig, Inventory
from ironhull.inventory.ownership import owners
from ironhull.inventory.record import DIRECTORY, FILE, SYMLINK
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.take import Taker
from ironhull.inventory.view import View
from ironhull.oci import tar
from ironhull.oci.platform import Platform

MAX_PROGRAM = 1 << 29
"""Bytes of a program that is read; of a larger one nothing is known but that it is there."""
_CONFIGURED = "/etc/ld.so.conf.d/"


@dataclass(frozen=True, slots=True)
class Ran:
    """Who the image runs as."""

    uid: int
    gid: int


def check_closure(
    taker: Taker, inventory: Inventory, platform: Platform, *, shell: bool = False
) -> tuple[CheckResult, ...]:
    """Every check of a built image, of an inventory that `taker` took; `shell`: it may have one.

    Errors are those of `Taker.take`.
    """
    with taker.opened(inventory.image.name, platform) as (image, view):
        installed = frozenset(each.name for each in inventory.packages if each.is_distribution)
        owned = owners(view, (entry.path for entry in view if entry.kind != DIRECTORY), installed)
        tree, folders = _tree(taker, image, view, owned)
    ran = user_of(inventory)
    definition = _definition(inventory.config, shell)
    checked = CheckedImage(tree, definition, platform, ran.uid, ran.gid, folders)
    return (*check_image(checked), *_more(checked))


def user_of(inventory: Inventory) -> Ran:
    """The numbers of the configuration's user; a name that passwd lacks is taken for root."""
    name, _, group = inventory.config.user.partition(":")
    entry = next((one for one in inventory.users if name in (one.name, str(one.uid))), None)
    uid = int(name) if name.isdecimal() else entry.uid if entry else 0
    gid = int(group) if group.isdecimal() else entry.gid if entry else 0
    return Ran(uid, gid)


def _tree(
    taker: Taker, image: OpenImage, view: View, owned: Container[str]
) -> tuple[Tree, tuple[str, ...]]:
    """The visible files as the checks want them, and the folders of /etc/ld.so.conf.d."""
    tree, wanted = Tree(), dict[Place, list[str]]()
    for entry in view:
        path = entry.path.lstrip("/")
        if not path:
            continue
        place = view.holder(entry.path)
        kind = _kind(entry.kind, regular=place is not None)
        tree.entries[path] = TreeEntry(
            path, kind, entry.mode, entry.uid, entry.gid, entry.size, 0, entry.link
        )
        if entry.path in owned and not entry.path.startswith(_CONFIGURED):
            continue
        library = ".so" in path.rpartition("/")[2] or entry.path.startswith(_CONFIGURED)
        if place is not None and (entry.mode & 0o111 or library):
            wanted.setdefault(place, []).append(path)
    folders: list[str] = []
    for place, member, content in taker.contents(image, wanted):
        head = content.head(4096)
        for path in wanted[place]:
            tree.entries[path] = tree.entries[path]._replace(shebang=shebang_of(head))
        if head.startswith(MAGIC):
            data = content.read(MAX_PROGRAM)
            elf = None if data is None else read_elf(BytesIO(data), member.size)
            for path in wanted[place]:
                tree.entries[path] = tree.entries[path]._replace(elf=elf)
        elif any(f"/{path}".startswith(_CONFIGURED) for path in wanted[place]):
            lines = (head.decode("utf-8", "replace")).splitlines()
            folders += [line.strip() for line in lines if line.startswith("/")]
    _add_folders(tree)
    tree.contents["etc/passwd"] = (view.text("/etc/passwd") or "").encode()
    return tree, tuple(folders)


def _add_folders(tree: Tree) -> None:
    """Folders that no layer has an entry for: engines make them, root's and open to all."""
    for path in list(tree.entries):
        above = posixpath.dirname(path)
        while above and above not in tree.entries:
            tree.entries[above] = TreeEntry(above, tar.DIRECTORY, 0o755)
            above = posixpath.dirname(above)


def _kind(kind: str, *, regular: bool) -> str:
    """The build room's word for an entry's kind; a hard link is the file that it leads to."""
    if regular or kind == FILE:
        return tar.FILE
    return tar.DIRECTORY if kind == DIRECTORY else tar.SYMLINK if kind == SYMLINK else kind


def _definition(config: ImageConfig, shell: bool) -> ImageDefinition:
    """What the configuration promises, in the words in which the checks ask for it."""
    environment = dict(line.partition("=")[::2] for line in config.env)
    kind, *command = config.healthcheck or ("NONE",)
    health = ("/bin/sh",) if kind == "CMD-SHELL" else tuple(command)
    return replace(
        bare_definition(Path("Dockerfile")),
        environment=environment,
        entrypoint=config.entrypoint,
        cmd=config.cmd,
        work_dir=config.working_dir or "/",
        ports=config.ports,
        volumes=config.volumes,
        stop_signal=config.stop_signal or None,
        healthcheck=Healthcheck(health) if kind not in ("NONE", "") and health else None,
        keep=Keep(shell=shell, package_manager=shell),
    )


def _more(image: CheckedImage) -> Iterator[CheckResult]:
    """What an application needs besides, and a base image always has."""
    for name, check in _CHECKS.items():
        looked_at, problems = check(image)
        yield CheckResult(name, str(image.platform), looked_at, tuple(sorted(problems)))


def _readable(image: CheckedImage) -> tuple[int, list[str]]:
    """What lies below the working directory can be read by the image's user."""
    folder = image.tree.resolve(image.definition.work_dir) or ""
    entries = image.tree.below(folder) if folder else []
    closed = [
        entry
        for entry in entries
        if not entry.is_symlink and image.uid and not _reads(image, entry)
    ]
    return len(entries), [
        f"/{entry.path} has mode {entry.mode:04o} and owner {entry.uid}:{entry.gid}: "
        f"user {image.uid} cannot read it"
        for entry in closed
    ]


def _reads(image: CheckedImage, entry: TreeEntry) -> bool:
    wanted = 0o5 if entry.is_directory else 0o4
    shift = 6 if entry.uid == image.uid else 3 if entry.gid == image.gid else 0
    return entry.mode >> shift & wanted == wanted


def _surroundings(image: CheckedImage) -> tuple[int, list[str]]:
    """Certificates, time zones and a /tmp for everybody are there."""
    problems = [
        f"{path} is not there: {what}"
        for path, what in (
            ("/etc/ssl/certs/ca-certificates.crt", "no TLS connection can be verified"),
            ("/usr/share/zoneinfo/UTC", "no time zone is known by its name"),
        )
        if image.tree.find(path) is None
    ]
    temporary = image.tree.find("/tmp")  # noqa: S108 - in the image
    if temporary is None or temporary.mode & 0o7777 != 0o1777:
        problems.append("there is no /tmp with mode 1777: read-only, nobody could write to it")
    return 3, problems


_CHECKS: dict[str, Callable[[CheckedImage], tuple[int, list[str]]]] = {
    "readable": _readable,
    "surroundings": _surroundings,
}
