"""The changelog in a .deb: found among its files, unpacked as far as it is wanted.

A binary package has that of its source (Debian Policy 12.7) as `changelog.Debian.gz`, or as
`changelog.gz` where the distribution is its author; what the archive's own machines rebuilt adds
`changelog.Debian.<architecture>.gz`. Packages of one source may share the file by a link.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from ironhull.debian.changelog import ChangelogEntry, changelog_file, read_changelog
from ironhull.debian.deb import DebFile
from ironhull.errors import MalformedError
from ironhull.oci.tar import FILE
from ironhull.store.changelogs import kept_changelogs

MAX_PACKED = 16 << 20
MAX_TEXT = 64 << 20
MAX_LINE = 1 << 16
_KEPT, _KEPT_LINES = 64, 1000


def changelog_of(
    path: Path, what: str, since: str, kept: Path | None = None
) -> tuple[ChangelogEntry, ...]:
    """The entries after version `since` in the .deb at `path`; none if it has no changelog.

    `what` names the package in errors, `kept` is where its changelogs may lie beside it
    (`store.changelogs`). MalformedError for a damaged .deb; a changelog that is one of the
    program's authors and not the distribution's counts as none.
    """
    found = kept_changelogs(kept) if kept else None
    if found is None:
        with path.open("rb") as file:
            found = _files(DebFile(file, what), what)
    entries: dict[str, ChangelogEntry] = {}
    for name in sorted(found, key=_rank):
        try:
            for entry in read_changelog(_lines(found[name], packed=name.endswith(".gz")), since):
                entries.setdefault(entry.version, entry)
        except (MalformedError, OSError, EOFError, zlib.error):
            continue
        if entries and _rank(name) > 0:
            break
    return tuple(entries.values())


class Changelogs:
    """The changelogs that were read last, of files that never change: a store's, by digest.

    All images of a round get the same update, and to unpack it takes longer than to attest one.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, str], tuple[ChangelogEntry, ...]] = OrderedDict()

    def read(
        self, path: Path, what: str, since: str, kept: Path | None = None
    ) -> tuple[ChangelogEntry, ...]:
        """As `changelog_of`; a short one is not read again."""
        found = self._kept.get((path, since))
        if found is None:
            found = changelog_of(path, what, since, kept)
            if sum(len(entry.lines) for entry in found) <= _KEPT_LINES:
                self._kept[path, since] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found


def _files(deb: DebFile, what: str) -> dict[str, bytes]:
    """The changelogs of a package by file name, as they are in it."""
    own = deb.control.fields["Package"]
    found = {}
    for member in (reader := deb.data()):
        name = changelog_file(member.name, own)
        if not name or member.kind != FILE:
            continue
        data = reader.read(MAX_PACKED)
        if data is None:
            raise MalformedError(f"{what}: {member.name} has more than {MAX_PACKED} bytes")
        found[name] = data
    return found


def _rank(name: str) -> int:
    """What a rebuild adds comes before what it adds to; the authors' own changelog comes last."""
    if re.fullmatch(r"changelog\.Debian\.(?!gz$)\w+\.gz", name):
        return 0
    return 1 if name.startswith("changelog.Debian") else 2


def _lines(data: bytes, *, packed: bool) -> Iterator[str]:
    raw = io.BytesIO(data)
    left = MAX_TEXT
    with gzip.open(raw) if packed else raw as stream:
        while line := stream.readline(MAX_LINE):
            left -= len(line)
            if left < 0:
                return
            yield line.decode("utf-8", "replace")
