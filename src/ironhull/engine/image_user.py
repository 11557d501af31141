"""Who `User` of an image is: numbers, groups and home, from the image's own files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import InputError
from ironhull.sandbox.inside import inside

_MAX_FILE = 1 << 20


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

    Supplementary groups only without a group in the text, as podman and docker have it. InputError
    for a name that the image does not know.
    """
    name, _, group = text.partition(":")
    name = name or "0"
    entry = next((one for one in _table(root, "/etc/passwd", 6) if name in (one[0], one[2])), None)
    if entry is None and not name.isdecimal():
        raise InputError(f"the image has no user {name!r} (in its /etc/passwd)")
    groups = _table(root, "/etc/group", 4)
    gid = _number(entry[3]) if entry else 0
    if group:
        found = next((one for one in groups if group in (one[0], one[2])), None)
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
        with place.open("rb") as file:
            text = file.read(_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return []
    rows = [line.split(":") for line in text.splitlines()]
    return [row for row in rows if len(row) >= fields and row[2].isdecimal()]


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise InputError(f"{text!r} is not the number of a user or group")
    return int(text)
