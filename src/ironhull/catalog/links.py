"""Addresses of pages: one way to write them for the server, and one for files.

A page's own path is what the server answers at (`/images/node/-/20`). As files the same pages lie
in folders with an `index.html`, and link to each other relative to where they are.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from urllib.parse import quote

_FILES = (".css", ".js", ".json", ".atom", ".svg")
_WHOLE = ("_site", "api", "feed.atom", "feeds")
"""What is no page, by the first part of its path: it lies where its path says."""


def image_path(name: str, tag: str = "", section: str = "", page: int = 1) -> str:
    """The path of a repository, of a tag of it, or of a section of that; `page` counts from 1."""
    path = f"/images/{name}"
    if tag:
        path += f"/-/{tag}"
    if section:
        path += f"/{section}"
    return f"{path}/{page}" if page > 1 else path


def vulnerability_path(identifier: str, page: int = 1) -> str:
    """The path of what a vulnerability means for the catalog."""
    path = f"/vulnerabilities/{quote(identifier, safe='')}"
    return f"{path}/{page}" if page > 1 else path


def feed_path(name: str = "") -> str:
    """The path of the feed of a repository, or of the whole catalog."""
    return f"/feeds/{name}.atom" if name else "/feed.atom"


def file_of(path: str) -> str:
    """Where a path's page lies below the folder of an export.

    A repository or a tag may be called as a file of another one is (`1.json` beside `1`, whose
    answer lies in `1.json`). So no folder has a file's ending: a `~`, which no name has, follows.
    """
    folders, name = [part for part in path.split("/") if part], "index.html"
    if folders and folders[0] in _WHOLE:
        name = folders.pop()
    return "/".join([*(f"{each}~" if each.endswith(_FILES) else each for each in folders), name])


@dataclass(frozen=True, slots=True)
class Links:
    """Writes links of the page at `here`; `static`: it lies in a folder of files."""

    here: str = "/"
    static: bool = False

    def to(self, path: str) -> str:
        """A link to the page of a path."""
        if not self.static:
            return path
        return posixpath.relpath(file_of(path), posixpath.dirname(file_of(self.here)) or ".")
