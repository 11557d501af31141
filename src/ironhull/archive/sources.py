"""Source packages of Debian archives: which files each version consists of, by signed digests.

The chain is that of binary packages: signed release file → Sources index → the .dsc and all that it
names, each by SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ironhull.archive.fetch import pool_path
from ironhull.archive.index_files import ListedIndex, OpenIndex, listed_index, opened_indexes
from ironhull.archive.releases import ArchiveContext, SuiteRelease
from ironhull.debian.version import parse_version
from ironhull.errors import MalformedError
from ironhull.oci.digest import Digest

_FIELD = re.compile(
    rb"^(Package|Version|Directory|Checksums-Sha256|Build-Depends(?:-Arch|-Indep)?):"
    rb"[ \t]*(.*(?:\n[ \t].*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_LINE = re.compile(r"([0-9a-f]{64})\s+(\d{1,15})\s+([A-Za-z0-9][A-Za-z0-9.+~_%:-]*)")
_MAX_FILES = 1000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source package: a `Deb` as far as fetching goes."""

    name: str
    """The source package."""
    version: str
    architecture: str
    """Always `source`."""
    sha256: Digest
    size: int
    path: str
    """In the pool, relative to the root of the repository."""
    repository: str

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class SourceStanza:
    """One version of a source package, as an index has it."""

    name: str
    version: str
    files: tuple[SourceFile, ...]
    """By name; one of them is the .dsc."""
    build_depends: str = ""
    """Build-Depends, -Arch and -Indep as one field, white space as in the index."""

    @property
    def dsc(self) -> SourceFile:
        """The .dsc."""
        return next(file for file in self.files if file.file_name.endswith(".dsc"))


class SourceArchive:
    """The source packages of all suites."""

    def __init__(self, indexes: Sequence[OpenIndex]) -> None:
        self._indexes = tuple(indexes)

    def versions(self, name: str) -> tuple[str, ...]:
        """All versions that the suites have, each once; for messages."""
        found = (
            source_stanza(raw, open_.suite.repository.name).version
            for open_ in self._indexes
            for raw in open_.index.stanzas(name)
        )
        return tuple(dict.fromkeys(found))

    def find(self, name: str, version: str) -> SourceStanza | None:
        """The version, from the first suite that has it; MalformedError for a damaged stanza."""
        for open_ in self._indexes:
            for raw in open_.index.stanzas(name):
                found = source_stanza(raw, open_.suite.repository.name)
                if (found.name, found.version) == (name, version):
                    return found
        return None


def open_sources(releases: Sequence[SuiteRelease], context: ArchiveContext) -> SourceArchive:
    """The source packages of these suites; a suite that lists no Sources has none."""
    files = [file for suite in releases for file in _sources_files(suite)]
    return SourceArchive(opened_indexes(files, context))


def _sources_files(suite: SuiteRelease) -> Iterator[ListedIndex]:
    if suite.suite.endswith("/"):
        yield from listed_index(suite, "", "Sources")
        return
    for component in suite.repository.components:
        yield from listed_index(suite, component, f"{component}/source/Sources")


def source_stanza(raw: bytes, repository: str) -> SourceStanza:
    """The source package that a stanza describes; MalformedError says what is wrong."""
    fields = {
        key.decode().lower(): value.decode("utf-8", "replace").strip()
        for key, value in _FIELD.findall(raw)
    }
    name, version = fields.get("package", ""), fields.get("version", "")
    where = f"{repository}: source package {name!r:.80} {version!r:.80}"
    folder = fields.get("directory", "")
    lines = [line.strip() for line in fields.get("checksums-sha256", "").split("\n")]
    lines = [line for line in lines if line]
    parse_version(version)
    if not _NAME.fullmatch(name) or len(lines) > _MAX_FILES:
        raise MalformedError(f"{where}: not a stanza of a Sources index")
    files = tuple(
        sorted(
            (_file(line, name, version, folder, repository, where) for line in lines),
            key=lambda file: file.file_name,
        )
    )
    names = {file.file_name for file in files}
    if sum(one.endswith(".dsc") for one in names) != 1 or len(names) != len(files):
        raise MalformedError(f"{where}: Checksums-Sha256 does not list one .dsc and each file once")
    needs = (fields.get(f"build-depends{which}", "") for which in ("", "-arch", "-indep"))
    return SourceStanza(name, version, files, ", ".join(filter(None, needs)))


def _file(
    line: str, name: str, version: str, folder: str, repository: str, where: str
) -> SourceFile:
    found = _LINE.fullmatch(line)
    if found is None:
        raise MalformedError(f"{where}: not a line of Checksums-Sha256: {line!r:.120}")
    path = pool_path(f"{folder}/{found[3]}" if folder not in ("", ".") else found[3])
    digest = Digest(f"sha256:{found[1]}")
    return SourceFile(name, version, "source", digest, int(found[2]), path, repository)
