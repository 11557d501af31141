"""Parsed JSON → Lock, every field checked; `ironhull.lock.file` reads and writes the bytes."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

from ironhull.archive.interface import ReleaseRecord
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.debian.version import parse_version
from ironhull.errors import InputError, MalformedError
from ironhull.lock.model import (
    BrokenEdge,
    Lock,
    LockedPackage,
    LockedPlatform,
    Reason,
    ReasonKind,
)
from ironhull.oci.digest import Digest, parse_digest
from ironhull.oci.platform import Platform
from ironhull.values import dataclass

MAX_ITEMS = 50_000
MAX_PLATFORMS = 64
MAX_STAGES = 64
MAX_TEXT = 1 << 16
MAX_ADDRESS = 4096
MAX_SIZE = 1 << 36
"""Bytes of one .deb: far above the largest there is (about 2 GiB)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]{0,254}")
_FILE_NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}(?:/[A-Za-z0-9][A-Za-z0-9+._-]{0,199}){0,7}")
# A suite that ends in a slash is a flat repository; it has no components.
_SUITE = re.compile(_WORD.pattern + r"/?|\./")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_PATH = re.compile(r"[A-Za-z0-9+._~%:@=-]+(?:/[A-Za-z0-9+._~%:@=-]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_ADDRESS = re.compile(r"https://[\x21-\x7e]+")
_FINGERPRINTS = re.compile(r"[0-9A-Fa-f]{16,64}(?: [0-9A-Fa-f]{16,64}){0,15}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Faulty(ValueError):
    """A field that cannot be; never leaves the room."""


@dataclass(frozen=True, slots=True)
class JsonObject:
    """One JSON object and where it stands in the file."""

    value: Any
    where: str

    def only(self, required: str, optional: str = "") -> None:
        """Faulty unless it is an object with these keys and no others."""
        if not isinstance(self.value, dict):
            raise Faulty(f"{self.where or 'the file'}: expected an object")
        wanted, allowed = set(required.split()), set(optional.split())
        missing = sorted(wanted - set(self.value))
        unknown = sorted(set(self.value) - wanted - allowed)
        if missing:
            raise Faulty(f"{self._at(missing[0])} is missing")
        if unknown:
            raise Faulty(f"{self._at(unknown[0][:60])}: unknown key")

    def text(self, key: str, pattern: re.Pattern[str] | None = None, limit: int = MAX_TEXT) -> str:
        """A text without control characters that matches the pattern as a whole."""
        value = self.value.get(key, "")
        if not isinstance(value, str) or len(value) > limit or not _plain(value):
            raise Faulty(f"{self._at(key)}: not a text that can be: {value!r:.60}")
        if pattern is not None and not pattern.fullmatch(value):
            raise Faulty(f"{self._at(key)}: not possible: {value!r:.60}")
        return value

    def whole(self, key: str, limit: int) -> int:
        """A whole number from 1 to the limit."""
        value = self.value[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= limit:
            raise Faulty(f"{self._at(key)}: expected 1 to {limit}, got {value!r:.60}")
        return value

    def digest(self, key: str) -> Digest:
        """A digest of the form sha256:…."""
        try:
            return parse_digest(self.value[key])
        except MalformedError as error:
            raise Faulty(f"{self._at(key)}: {error}") from None

    def version(self, key: str) -> DebianVersion:
        """A version that Debian could have."""
        value = self.text(key)
        try:
            parse_version(value)
        except MalformedError as error:
            raise Faulty(f"{self._at(key)}: {error}") from None
        return DebianVersion(value)

    def date(self, key: str) -> str:
        """A moment, RFC 3339 in UTC."""
        value = self.text(key, _DATE)
        try:
            dt.datetime.fromisoformat(value)
        except ValueError:
            raise Faulty(f"{self._at(key)}: no such moment: {value}") from None
        return value

    def items(self, key: str) -> list[JsonObject]:
        """The members of a list."""
        value = self.value[key]
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise Faulty(f"{self._at(key)}: expected a list of at most {MAX_ITEMS}")
        return [JsonObject(item, f"{self._at(key)}[{index}]") for index, item in enumerate(value)]

    def inner(self, key: str, limit: int) -> list[tuple[str, JsonObject]]:
        """The members of an object whose keys are names, sorted."""
        value = self.value[key]
        if not isinstance(value, dict) or len(value) > limit:
            raise Faulty(f"{self._at(key)}: expected an object of at most {limit} members")
        return [
            (name, JsonObject(value[name], f"{self._at(key)}.{name[:60]}"))
            for name in sorted(value)
        ]

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def lock_of(root: JsonObject) -> Lock:
    """The lock; Faulty names the first field that is wrong."""
    root.only("image definition request requests created variables releases platforms", "digests")
    releases = tuple(_release(item) for item in root.items("releases"))
    origins = {(release.repository, release.suite) for release in releases}
    if not releases or len(origins) != len(releases):
        raise Faulty("releases: expected each release file once, and one at least")
    created = root.date("created")
    if created != max(release.date for release in releases):
        raise Faulty(f"created: {created} is not the newest date of the releases")
    platforms = {
        name: _platform(name, item, origins)
        for name, item in root.inner("platforms", MAX_PLATFORMS)
    }
    if not platforms:
        raise Faulty("platforms: there is none")
    return Lock(
        image=root.text("image", _IMAGE),
        definition=root.text("definition", _FILE_NAME),
        request=root.digest("request"),
        created=created,
        releases=releases,
        platforms=platforms,
        requests=tuple(_bare(item) for item in root.items("requests")),
        variables={
            _variable(name, item): _bare(item) for name, item in root.inner("variables", 1000)
        },
        digests=_digests(root),
    )


def _digests(root: JsonObject) -> dict[str, Digest]:
    found = {}
    for address, item in root.inner("digests", 1000) if "digests" in root.value else []:
        if len(address) > MAX_ADDRESS or not _ADDRESS.fullmatch(address):
            raise Faulty(f"{item.where}: not an address that can be: {address!r:.60}")
        found[address] = JsonObject({"digest": item.value}, item.where).digest("digest")
    return found


def _release(item: JsonObject) -> ReleaseRecord:
    item.only("repository suite codename date valid-until digest signed-by")
    return ReleaseRecord(
        repository=item.text("repository", _WORD),
        suite=item.text("suite", _SUITE),
        codename=item.text("codename", _WORD) if item.value["codename"] else "",
        date=item.date("date"),
        valid_until=None if item.value["valid-until"] is None else item.date("valid-until"),
        digest=item.digest("digest"),
        signed_by=item.text("signed-by", _FINGERPRINTS),
    )


def _platform(name: str, item: JsonObject, origins: set[tuple[str, str]]) -> LockedPlatform:
    item.only("packages broken", "stages")
    try:
        platform = Platform.parse(name)
        architecture = platform.debian
    except InputError as error:
        raise Faulty(f"{item.where}: {error}") from None
    if str(platform) != name:
        raise Faulty(f"{item.where}: is written {platform}")
    stages = {
        _stage_name(stage, one): _resolved(one, architecture, origins)
        for stage, one in (item.inner("stages", MAX_STAGES) if "stages" in item.value else [])
    }
    return replace(_resolved(item, architecture, origins), stages=stages)


def _stage_name(name: str, item: JsonObject) -> str:
    if not name or len(name) > MAX_TEXT or not _plain(name):
        raise Faulty(f"{item.where}: not a stage's name")
    return name


def _resolved(item: JsonObject, architecture: str, origins: set[tuple[str, str]]) -> LockedPlatform:
    item.only("packages broken", "stages")
    packages = tuple(_package(p, architecture, origins) for p in item.items("packages"))
    names = [package.name for package in packages]
    if names != sorted(set(names)):
        raise Faulty(f"{item.where}.packages: not sorted by name, or one stands twice")
    _check_reasons(item.where, packages)
    return LockedPlatform(packages, tuple(_broken(edge) for edge in item.items("broken")))


def _package(item: JsonObject, architecture: str, origins: set[tuple[str, str]]) -> LockedPackage:
    item.only(
        "name version architecture source source-version sha256 size path repository suite "
        "component reasons"
    )
    package = LockedPackage(
        name=BinaryName(item.text("name", _NAME)),
        version=item.version("version"),
        architecture=item.text("architecture", _ARCHITECTURE),
        source=SourceName(item.text("source", _NAME)),
        source_version=item.version("source-version"),
        sha256=item.digest("sha256"),
        size=item.whole("size", MAX_SIZE),
        path=item.text("path", _PATH, limit=1024),
        repository=item.text("repository", _WORD),
        suite=item.text("suite", _SUITE),
        component=item.text("component", _WORD) if item.value["component"] else "",
        reasons=tuple(_reason(reason) for reason in item.items("reasons")),
    )
    if package.architecture not in (architecture, "all"):
        raise Faulty(f"{item.where}: {package.name} is of {package.architecture}")
    if {".", ".."} & set(package.path.split("/")):
        raise Faulty(f"{item.where}.path: leaves the pool: {package.path!r:.60}")
    if (package.repository, package.suite) not in origins:
        raise Faulty(
            f"{item.where}: {package.name} is of {package.repository} {package.suite}, "
            "which is not among the releases"
        )
    return package


def _reason(item: JsonObject) -> Reason:
    item.only("kind by relation", "choice")
    try:
        kind = ReasonKind(item.text("kind"))
    except ValueError:
        raise Faulty(f"{item.where}.kind: unknown: {item.value['kind']!r:.60}") from None
    return Reason(kind, item.text("by"), item.text("relation"), item.text("choice"))


def _check_reasons(where: str, packages: tuple[LockedPackage, ...]) -> None:
    names = {package.name for package in packages}
    for package in packages:
        if not package.reasons:
            raise Faulty(f"{where}: nothing says why {package.name} is in")
        for reason in package.reasons:
            if reason.kind is not ReasonKind.REQUESTED and reason.by not in names:
                raise Faulty(f"{where}: {package.name} is in for {reason.by!r:.60}, which is not")


def _broken(item: JsonObject) -> BrokenEdge:
    item.only("package relation excluded")
    return BrokenEdge(
        item.text("package", _NAME), item.text("relation"), item.text("excluded", _NAME)
    )


def _bare(item: JsonObject) -> str:
    if not isinstance(item.value, str) or len(item.value) > MAX_TEXT or not _plain(item.value):
        raise Faulty(f"{item.where}: not a text that can be: {item.value!r:.60}")
    return item.value


def _variable(name: str, item: JsonObject) -> str:
    if not _VARIABLE.fullmatch(name):
        raise Faulty(f"{item.where}: not a variable's name")
    return name


def _plain(text: str) -> bool:
    """Without control characters: what a lock says is shown on terminals."""
    return text.isprintable()
