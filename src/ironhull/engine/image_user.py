"""Who `User` of an image is: numbers, groups and home, from the image's own files."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import InputError
from ironhull.sandbox.inside import inside

_MAX_FILE = 1 << 20
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class ImageUser:
    """A user as a container has it."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    """Supplementary ones; `gid` is one of them, as podman and docker have it."""
    home: str


def image_user(root: Path, text: str) -> ImageUser:
    """`name`, `uid`, `name:group`, `uid:gid` over the files of `root`; empty is root.

    A number is never a name, whatever the image's files call so: who checks that an image does not
    run as root reads numbers. Supplementary groups only without a group in the text, as podman and
    docker have it. InputError for a name that the image does not know.
    """
    name, _, group = text.partition(":")
    name = name or "0"
    entry = next((one for one in _table(root, "/etc/passwd", 6) if _is(name, one)), None)
    if entry is None and not name.isdecimal():
        raise InputError(f"the image has no user {name!r} (in its /etc/passwd)")
    groups = _table(root, "/etc/group", 4)
    gid = _number(entry[3]) if entry else 0
    if group:
        found = next((one for one in groups if _is(group, one)), None)
        if found is None and not group.isdecimal():
            raise InputError(f"the image has no group {group!r} (in its /etc/group)")
        gid = _number(found[2] if found else group)
    also = {
        _number(one[2]) for one in groups if entry and not group and entry[0] in one[3].split(",")
    }
    uid = _number(entry[2] if entry else name)
    return ImageUser(uid, gid, tuple(sorted(also | {gid})), entry[5] if entry else "/")


def _table(root: Path, path: str, fields: int) -> list[list[str]]:
    place = root / inside(root, path).lstrip("/")
    try:
        # A step of a build may have put a pipe there: without a writer it opens all the same.
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return []
            text = file.read(_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return []
    rows = [line.split(":") for line in text.splitlines()]
    return [row for row in rows if len(row) >= fields and _is_number(row[2])]


def _is(wanted: str, row: list[str]) -> bool:
    """Whether a row is of a user or group, by its number or else by its name."""
    return int(row[2]) == _number(wanted) if wanted.isdecimal() else row[0] == wanted


def _number(text: str) -> int:
    if not _is_number(text):
        raise InputError(f"{text!r} is not the number of a user or group")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS
