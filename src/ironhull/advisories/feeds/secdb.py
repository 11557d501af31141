"""Alpine's security database: per branch and repository, the versions that fixed a CVE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from ironhull.advisories.feeds.osv import cve_of
from ironhull.advisories.interface import Document, malformed
from ironhull.advisories.model import Claim, Record, State

_BRANCH = re.compile(r"v?(\d+\.\d+|edge)(?:-\w+)?")


class _Package(msgspec.Struct):
    name: str
    secfixes: dict[str, list[str] | None] | list[str] | None = None


class _Wrapped(msgspec.Struct):
    pkg: _Package


class _Database(msgspec.Struct):
    distroversion: str
    packages: list[_Wrapped]
    reponame: str = ""


_DATABASE = msgspec.json.Decoder(_Database)


@dataclass(frozen=True, slots=True)
class SecdbFeed:
    """Alpine's security database: which version of a package fixed what."""

    matches: bool = True

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith(".json")

    def read(self, documents: Iterable[Document]) -> Iterator[Record]:
        """As `Feed.read`."""
        for document in documents:
            try:
                database = _DATABASE.decode(document.read())
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                raise malformed(document.name, f"not an Alpine secdb: {error}") from None
            branch = _BRANCH.fullmatch(database.distroversion)
            if branch is None:
                raise malformed(document.name, f"not a branch: {database.distroversion!r:.40}")
            for wrapped in database.packages:
                yield from _records(wrapped.pkg, f"alpine:{branch[1]}")


def _records(package: _Package, ecosystem: str) -> Iterator[Record]:
    fixes = package.secfixes if isinstance(package.secfixes, dict) else {}
    for version, names in fixes.items():
        # An entry may hold several identifiers: "CVE-2019-1 XSA-2 (+ CVE-2019-3)".
        for entry in names or ():
            for identifier in dict.fromkeys(filter(None, map(_identifier, entry.split()))):
                state = State.NOT_AFFECTED if version == "0" else State.FIXED
                fixed = "" if version == "0" else version
                claim = Claim(ecosystem, package.name, identifier, state, fixed)
                yield Record(id=identifier, claims=(claim,))


def _identifier(word: str) -> str:
    return cve_of(word.strip("()+,;?"))
