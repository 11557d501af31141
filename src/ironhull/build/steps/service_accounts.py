"""Accounts that a package's own files name: its units, its tmpfiles, its configuration.

In Debian a maintainer script makes them (adduser). The script says it in shell, which is not run or
read here; the files say the same in formats that are defined.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

# Numbers that Debian gives for ever (Debian Policy 9.2.2; base-passwd's master).
STATIC: Mapping[str, int] = {
    "bin": 2, "sys": 3, "games": 5, "man": 6, "lp": 7, "mail": 8, "news": 9, "uucp": 10,
    "proxy": 13, "www-data": 33, "backup": 34, "list": 38, "irc": 39,
}  # fmt: skip
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_UNIT = re.compile(r"^(User|Group)=(.*)$", re.MULTILINE)
_SETTING = re.compile(
    r"^[ \t]*(user|group)(?:[ \t]*=[ \t]*|[ \t]+)([^ \t;#\n]+)[ \t]*;?[ \t]*(?:#.*)?$", re.MULTILINE
)
_KNOWN = frozenset({"root", "nobody", "nogroup"})


class Named(NamedTuple):
    """A user or group that a file names."""

    name: str
    is_user: bool


def named_accounts(package: str, captured: Mapping[str, bytes]) -> Iterator[Named]:
    """Users and groups in a package's captured files, in the order of the files' names."""
    for path in sorted(captured):
        reading = _reading(path, package)
        if reading is None:
            continue
        found = reading(captured[path].decode("utf-8", "replace"))
        for name, is_user in found:
            if _NAME.fullmatch(name) and name not in _KNOWN:
                yield Named(name, is_user)


def _reading(path: str, package: str) -> Callable[[str], Iterable[tuple[str, bool]]] | None:
    """What finds names in a file, and whether each is a user's; None where there are none."""
    if path.startswith("usr/lib/systemd/system/"):
        return _of_units
    if path.startswith("usr/lib/tmpfiles.d/"):
        return _of_tmpfiles
    return _of_configuration if _is_configuration(path, package) else None


def _of_units(text: str) -> Iterator[tuple[str, bool]]:
    return ((value.strip(), kind == "User") for kind, value in _UNIT.findall(text))


def _of_configuration(text: str) -> Iterator[tuple[str, bool]]:
    return ((name, kind == "user") for kind, name in _SETTING.findall(text))


def _of_tmpfiles(text: str) -> Iterator[tuple[str, bool]]:
    """Lines of tmpfiles.d(5): type, path, mode, user, group."""
    for line in text.split("\n"):
        words = line.split()
        if len(words) > 4 and not words[0].startswith("#"):
            yield words[3].lstrip(":"), True
            yield words[4].lstrip(":"), False


def _is_configuration(path: str, package: str) -> bool:
    """Whether it is the main one of a package: etc/NAME/NAME.cfg or etc/NAME.conf of NAME-server.

    Others have words of their own that look like it.
    """
    if not path.startswith("etc/"):
        return False
    folder, name = posixpath.split(path)
    stem, ending = posixpath.splitext(name)
    known = ending in (".conf", ".cfg") and folder in ("etc", f"etc/{stem}")
    return known and package.split("-")[0] == stem
