"""Which paths of a package an image takes, and where in it they are.

dpkg leaves out what the image's own `path-exclude` says (small images leave documentation out so);
an image without dpkg takes documentation if it has any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate

from ironhull.build.transform import Policy, keeps
from ironhull.inventory.view import View

SETTINGS = "/etc/dpkg/dpkg.cfg"
SETTINGS_D = "/etc/dpkg/dpkg.cfg.d"
_FILE = re.compile(r"[0-9A-Za-z_-]+")
_RULE = re.compile(r"path-(exclude|include)\s*(?:=|\s)\s*(\S+)")
_DOCUMENTED = re.compile(r"/usr/share/(?:man/man\d/.|doc/[^/]+/(?:changelog|NEWS|README))")
_MAX_RULES = 1000


def is_settings(name: str) -> bool:
    """Whether dpkg reads a file of this name in its folder of settings."""
    return _FILE.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class PathRules:
    """dpkg's filters, in their order; the last that matches decides."""

    rules: tuple[tuple[bool, re.Pattern[str]], ...] = ()
    """Whether what matches is taken, and the pattern."""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> PathRules:
        """The rules of the settings' files, which are given in the order of their names."""
        found: list[tuple[bool, re.Pattern[str]]] = []
        for text in texts:
            for line in text.splitlines():
                said = _RULE.fullmatch(line.strip())
                if said is not None and len(found) < _MAX_RULES:
                    found.append((said[1] == "include", re.compile(translate(said[2]))))
        return cls(tuple(found))

    def takes(self, path: str) -> bool:
        """Whether a path of a package is unpacked."""
        taken = True
        for includes, pattern in self.rules:
            if pattern.fullmatch(path):
                taken = includes
        return taken


def rules_of(view: View, texts: Iterable[str], *, has_dpkg: bool) -> Callable[[str], bool]:
    """What decides about absolute paths of packages, by the image's settings or its habit."""
    if has_dpkg:
        return PathRules.parse(texts).takes
    documented = any(_DOCUMENTED.match(entry.path) for entry in view)
    policy = Policy(documentation=documented)
    return lambda path: keeps(path.lstrip("/"), policy)


class RealPaths:
    """Where paths of packages are in an image: `/lib/x` may be `/usr/lib/x` there.

    The last part of a path is the package's own and is not followed.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._folders: dict[str, str] = {"": ""}

    def real(self, path: str) -> str:
        """The path with the links of its folders followed; absolute."""
        folder, _, name = path.rpartition("/")
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._view.real(folder).rstrip("/")
        return f"{known}/{name}"
