"""Which distribution package installed a path: dpkg's file lists and apk's database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

from ironhull.inventory.cataloguers import apk
from ironhull.inventory.view import View
from ironhull.reports.words import tally

_INFO = "/var/lib/dpkg/info/"
_PARTS = "/var/lib/dpkg/status.d/"
# The folders that merged-usr moved; packages built before still list the old names.
_PAPERS = (
    "/etc/",
    "/usr/share/bash-completion/",
    "/usr/share/bug/",
    "/usr/share/doc/",
    "/usr/share/doc-base/",
    "/usr/share/info/",
    "/usr/share/lintian/",
    "/usr/share/locale/",
    "/usr/share/man/",
)
_SMALL, _FEW = 1 << 14, 200
"""Signs and lines of a list that is kept: some tens of kilobytes each in memory."""
_MERGED = ("/usr/bin/", "/usr/sbin/", "/usr/lib")


def owners(view: View, paths: Iterable[str], installed: frozenset[str]) -> dict[str, str]:
    """Path → name of the distribution package, for the paths that one of `installed` has."""
    wanted: dict[str, str] = {}
    for path in paths:
        wanted[path] = path
        if path.startswith(_MERGED):
            wanted.setdefault(path[4:], path)
    found: dict[str, str] = {}
    for name, listed in _lists(view):
        if name in installed:
            for item in wanted.keys() & listed.paths:
                found[wanted[item]] = name
    return found


def removed(view: View, installed: frozenset[str]) -> dict[str, str]:
    """Package → `12 files`, for packages of which nothing is left but papers and settings.

    A package without a list, or whose list names nothing else, is not said to be gone.
    """
    gone: dict[str, int] = {}
    there: set[str] = set()
    for name, listed in _lists(view):
        if name not in installed or name in there:
            continue
        content = listed.content
        if any(item in view or f"/usr{item}" in view or item[4:] in view for item in content):
            there.add(name)
        elif content:
            gone[name] = gone.get(name, 0) + len(content)
    return {name: tally(count, "file") for name, count in gone.items() if name not in there}


class _Listed:
    """The paths that a list names."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = tuple(paths)

    @cached_property
    def content(self) -> Sequence[str]:
        """Those that are neither papers, nor folders of others, nor directly in the root."""
        paths = [item for item in self.paths if item.count("/") > 1]
        folders = {item.rpartition("/")[0] for item in paths}
        return [item for item in paths if item not in folders and not item.startswith(_PAPERS)]


def _lists(view: View) -> Iterator[tuple[str, _Listed]]:
    for path, _, text in view.facts("texts"):
        if path.startswith(_INFO):
            # NAME.list, or NAME:ARCHITECTURE.list for packages that are multi-arch: same.
            name = path[len(_INFO) : -len(".list")].partition(":")[0]
            yield name, _one_of_many(text, _lines)
        elif path.startswith(_PARTS):
            name = path[len(_PARTS) : -len(".md5sums")]
            yield name, _one_of_many(text, _summed)
        elif path in apk.DATABASES:
            for name, listed in apk.owned(text):
                yield name, _Listed(listed)


def _one_of_many(text: str, read: Callable[[str], _Listed]) -> _Listed:
    """A list that other images have too: most are small, and read once for many images."""
    small = len(text) <= _SMALL and text.isascii() and text.count("\n") <= _FEW
    return _kept(text, read) if small else read(text)


@lru_cache(256)
def _kept(text: str, read: Callable[[str], _Listed]) -> _Listed:
    return read(text)


def _lines(text: str) -> _Listed:
    return _Listed(text.split("\n"))


def _summed(text: str) -> _Listed:
    return _Listed(f"/{line[34:]}" for line in text.split("\n") if line[32:34] == "  ")
