"""The catalog as files that any web server serves: the same pages, feeds and answers of the API.

What asks for something (filters, comparisons of one's own choice) is not there; the rest is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ironhull.catalog import api, feeds, pages
from ironhull.catalog import links as paths
from ironhull.catalog.answers import answer, found_in
from ironhull.catalog.asking import ImageAsked, is_identifier
from ironhull.catalog.openapi import openapi
from ironhull.catalog.pages import CARDS, ROWS, SECTIONS, Site, Wanted
from ironhull.catalog.seen import Shown, shown
from ironhull.catalog.shelf import Entry, Shelf
from ironhull.catalog.web import section_page, section_value
from ironhull.progress import Progress
from ironhull.store.files import replace_file


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    pages: int
    files: int
    bytes: int

    def json(self) -> dict[str, object]:
        """As `--json` says it."""
        return {
            "folder": str(self.folder),
            "pages": self.pages,
            "files": self.files,
            "bytes": self.bytes,
        }


def export(site: Site, shelf: Shelf, target: Path, progress: Progress) -> Exported:
    """Write everything of a shelf below a folder; each file is replaced whole."""
    count = size = written = 0
    for path, content in _everything(site, shelf):
        place = target / paths.file_of(path)
        replace_file(place, content, durable=False)
        written += 1
        count += place.suffix == ".html"
        size += len(content)
    return Exported(target, count, written, size)


def _everything(site: Site, shelf: Shelf) -> Iterator[tuple[str, bytes]]:
    wanted = Wanted(shelf)
    for name in pages.ASSETS:
        yield pages.asset_path(name), pages.asset(name)
    if len(shelf.entries) > CARDS:
        yield "/_site/names.js", _names(shelf)
    yield "/api/v1/openapi.json", json.dumps(openapi()).encode()
    for number in _pages(len(shelf.entries), CARDS):
        path = "/" if number == 1 else f"/pages/{number}"
        yield path, pages.home(site, _at(wanted, path, number)).encode()
        answered = api.image_list(shelf, "", number)
        yield f"/api/v1/images{_numbered(number)}.json", msgspec.json.encode(answered)
    yield paths.feed_path(), feeds.catalog_feed(site, shelf, "").encode()
    yield "/status", pages.status(site, wanted.at("/status")).encode()
    yield "/api/v1/status.json", msgspec.json.encode(site.live.watch())
    for entry in shelf.entries:
        yield from _repository(site, wanted, entry)
    yield from _vulnerabilities(site, wanted)


def _names(shelf: Shelf) -> bytes:
    """What a search looks through where one page has not all repositories: [name, file, words]."""
    found = [
        [each.name, paths.file_of(paths.image_path(each.name)), each.words[:2000]]
        for each in shelf.entries
    ]
    return b"window.ironhullNames = " + json.dumps(found).encode() + b";\n"


def _repository(site: Site, wanted: Wanted, entry: Entry) -> Iterator[tuple[str, bytes]]:
    shelf, path = wanted.shelf, paths.image_path(entry.name)
    yield path, pages.image(site, wanted.at(path), entry).encode()
    answered = api.repository(site, shelf, entry)
    yield paths.answer_path(path), msgspec.json.encode(answered)
    yield paths.feed_path(entry.name), feeds.image_feed(site, shelf, entry, "").encode()
    for tag in entry.tags:
        first = shown(site.index, shelf, entry.name, tag)
        for seen in _platforms(site, shelf, first) if first else ():
            for section in ("", *SECTIONS):
                yield from _section(site, wanted, seen, section)
        yield from _history(site, entry, tag)


def _history(site: Site, entry: Entry, tag: str) -> Iterator[tuple[str, bytes]]:
    """What a tag stood for, a file for each page of it."""
    number, pages_ = 1, 1
    while number <= pages_:
        found = api.tag_history(site, entry, tag, number)
        if found is None:
            return
        pages_ = -(-found.total // api.PAGE)
        path = paths.image_path(entry.name, tag, "history", number)
        yield paths.answer_path(path), msgspec.json.encode(found)
        number += 1


def _platforms(site: Site, shelf: Shelf, first: Shown) -> Iterator[Shown]:
    """The same image on each of its platforms."""
    yield first
    for each in first.build.platforms[1:]:
        seen = shown(site.index, shelf, first.entry.name, first.tag, each.digest)
        if seen is not None:
            yield seen


def _section(site: Site, wanted: Wanted, seen: Shown, section: str) -> Iterator[tuple[str, bytes]]:
    for number in _pages(_rows(seen, section), ROWS):
        path = seen.at(section, number)
        text = section_page(site, _at(wanted, path, number), seen, section)
        if text is not None:
            yield path, text.encode()
        asked = ImageAsked(seen.entry.name, seen.tag, section)
        value = section_value(site, wanted.shelf, seen, asked, ("", number, "", ""))
        yield paths.answer_path(path), msgspec.json.encode(value)


def _rows(seen: Shown, section: str) -> int:
    if section == "packages" and seen.platform is not None:
        return len(seen.platform.packages)
    if section == "vulnerabilities" and seen.scan is not None:
        return len(seen.scan.findings)
    return len(seen.platform.layers) if section == "layers" and seen.platform else 0


def _vulnerabilities(site: Site, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    found = [each for each in found_in(site.index, wanted.shelf) if is_identifier(each.id)]
    for number in _pages(len(found), ROWS):
        path = "/vulnerabilities" if number == 1 else f"/vulnerabilities/-/{number}"
        text = pages.found_vulnerabilities(site, _at(wanted, path, number))
        yield path, text.encode()
        listed = api.vulnerabilities(site, wanted.shelf, "", number)
        yield (
            f"/api/v1/vulnerabilities{_numbered(number)}.json",
            msgspec.json.encode(listed),
        )
    for each in found:
        what = answer(wanted.shelf, site.index, site.advisories, each.id)
        for number in _pages(len(what.images), ROWS):
            path = paths.vulnerability_path(each.id, number)
            yield path, pages.vulnerability(site, _at(wanted, path, number), what).encode()
            yield paths.answer_path(path), msgspec.json.encode(api.answered(what, number))


def _at(wanted: Wanted, path: str, page: int) -> Wanted:
    return Wanted(wanted.shelf, path, page=page)


def _pages(rows: int, size: int) -> range:
    return range(1, max(1, -(-rows // size)) + 1)


def _numbered(number: int) -> str:
    return "" if number == 1 else f"-{number}"
