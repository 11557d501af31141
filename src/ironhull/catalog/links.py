"""Addresses of pages: one way to write them for the server, and one for files.

A page's own path is what the server answers at (`/images/node/-/20`). As files the same pages lie
in folders with an `index.html`, and link to each other relative to where they are.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from urllib.parse import quote, unquote

_FILES = (".css", ".js", ".json", ".atom", ".svg")
_PLATFORM = "?platform="
PLATFORM_WORDS = "[a-z0-9]{1,20}/[a-z0-9_]{1,20}(?:/[a-z0-9.]{1,20})?"
"""What the name of a platform is that stands in addresses."""
_WHOLE = ("_site", "api", "feed.atom", "feeds")
"""What is no page, by the first part of its path: it lies where its path says."""


def image_path(
    name: str, tag: str = "", section: str = "", page: int = 1, platform: str = ""
) -> str:
    """The path of a repository, of a tag of it, or of a section of that; `page` counts from 1.

    `platform`: of an image for several the one that is not the first.
    """
    path = f"/images/{name}"
    if tag:
        path += f"/-/{tag}"
    if section:
        path += f"/{section}"
    path = f"{path}/{page}" if page > 1 else path
    return f"{path}{_PLATFORM}{quote(platform, safe='')}" if platform else path


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
    The page about another platform lies in a folder below: `platform~linux~arm64`.
    """
    path, asked, platform = path.partition(_PLATFORM)
    if asked:
        path += f"/platform~{_plain(platform)}"
    folders, name = [part for part in path.split("/") if part], "index.html"
    if folders and folders[0] in _WHOLE:
        name = folders.pop()
    return "/".join([*(f"{each}~" if each.endswith(_FILES) else each for each in folders), name])


def answer_path(path: str) -> str:
    """The path of the API's answer in an export: what the page at a path shows, as JSON."""
    path, asked, platform = path.partition(_PLATFORM)
    return f"/api/v1{path}{f'~{_plain(platform)}' if asked else ''}.json"


def _plain(platform: str) -> str:
    return unquote(platform).replace("/", "~").replace(":", "~")


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
