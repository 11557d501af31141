"""Where a path of a root folder really is, links followed as the kernel does after chroot."""

from __future__ import annotations

import os
from pathlib import Path

from ironhull.errors import InputError

_LINKS = 40


def inside(root: Path, path: str) -> str:
    """The path below `root` without links and dots, absolute; what is missing stays as written.

    No link leads out: an absolute one begins at `root` and `..` ends there. InputError after 40
    links, as the kernel has it.
    """
    left = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    found: list[str] = []
    links = 0
    while left:
        part = left.pop()
        if part == "..":
            del found[-1:]
            continue
        place = root.joinpath(*found, part)
        try:
            target = os.readlink(place)  # noqa: PTH115 - bytes or text, not a Path
        except OSError:
            found.append(part)
            continue
        links += 1
        if links > _LINKS:
            raise InputError(f"{path}: more than {_LINKS} symbolic links in the image")
        if target.startswith("/"):
            found.clear()
        left += [one for one in reversed(target.split("/")) if one not in ("", ".")]
    return "/" + "/".join(found)
