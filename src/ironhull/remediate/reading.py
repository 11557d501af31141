"""What of an image has to be read before a package in it can be replaced."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ironhull.errors import InputError, MalformedError
from ironhull.inventory.hard_links import Place
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.take import Taker
from ironhull.inventory.view import View
from ironhull.remediate import database
from ironhull.remediate.database import info_prefix, read_status, without_clashes
from ironhull.remediate.files import OldPackage
from ironhull.remediate.model import Installed
from ironhull.remediate.paths import SETTINGS, SETTINGS_D, RealPaths, is_settings, rules_of
from ironhull.remediate.scripts import NAMES

MAX_FILE = 64 << 20
_CONFFILE = re.compile(r" ?(/\S.*?) ([0-9a-f]{32})(?: (\S+))?")


@dataclass
class PatchedImage:
    """An open image: its package database, and who owns which path."""

    taker: Taker
    image: OpenImage
    view: View
    installed: Mapping[str, Installed]
    status: str = field(repr=False)
    """The status file; empty where there is a file for each package."""
    takes: Callable[[str], bool]
    """Whether a path of a package is unpacked in this image."""
    triggers: tuple[tuple[str, str], ...]
    """Folders that a package watches, and its name."""
    diverted: frozenset[str]
    """Paths that somebody moved aside, or whose owner somebody fixed: not for us to write."""
    info: frozenset[str]
    """Names of the files in dpkg's folder about packages."""
    real: RealPaths
    _owners: dict[str, str] = field(default_factory=dict)
    _paths: dict[str, frozenset[str]] = field(default_factory=dict)

    def texts(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The files at these paths, links followed; what is not there is left out."""
        found: dict[str, bytes] = {}
        places: dict[Place, list[str]] = {}
        for path in paths:
            if (place := self.view.file(path)) is not None:
                places.setdefault(place, []).append(path)
        for place, _, content in self.taker.contents(self.image, places):
            data = content.read(MAX_FILE)
            if data is None:
                raise MalformedError(f"{places[place][0]} has more than {MAX_FILE} bytes")
            found.update(dict.fromkeys(places[place], data))
        return found

    def digests(self, paths: Iterable[str]) -> dict[str, str]:
        """MD5 of the files at these paths, as dpkg has it; what is no file is left out."""
        found: dict[str, str] = {}
        places: dict[Place, list[str]] = {}
        for path in paths:
            if (place := self.view.file(path)) is not None:
                places.setdefault(place, []).append(path)
        for place, _, content in self.taker.contents(self.image, places):
            md5 = hashlib.md5(usedforsecurity=False)
            for piece in content.content():
                md5.update(piece)
            found.update(dict.fromkeys(places[place], md5.hexdigest()))
        return found

    def owner(self, real: str, besides: str) -> str:
        """Another package than `besides` that has a path; empty if none does."""
        if not self._owners:
            for name, paths in self._lists():
                if name in self.installed:
                    for path in paths:
                        self._owners.setdefault(self.real.real(path), name)
        found = self._owners.get(real, "")
        return "" if found == besides else found

    def listed(self, name: str) -> frozenset[str]:
        """The paths that the database has of a package, folders among them."""
        if not self._paths:
            self._paths.update((package, frozenset(paths)) for package, paths in self._lists())
        return self._paths.get(name, frozenset())

    def _lists(self) -> Iterable[tuple[str, list[str]]]:
        for path, _, text in self.view.facts("texts"):
            folder, _, base = path.rpartition("/")
            if folder == database.INFO and base.endswith(".list"):
                lines = [line for line in text.split("\n") if line[:1] == "/" and line != "/."]
                yield base[: -len(".list")].partition(":")[0], lines
            elif folder == database.STATUS_D and base.endswith(".md5sums"):
                lines = [f"/{line[34:]}" for line in text.split("\n") if line[32:34] == "  "]
                yield base[: -len(".md5sums")], lines

    def old(self, packages: Sequence[Installed]) -> dict[str, OldPackage]:
        """What the image has of packages, by name: paths, settings, digests, scripts.

        Each layer with something of them is read twice, however many they are.
        """
        about: dict[str, dict[str, str]] = {}
        for package in packages:
            about[package.name] = self._about(package)
        texts = self.texts(path for paths in about.values() for path in paths.values())
        files = {
            name: {kind: texts[path] for kind, path in paths.items() if path in texts}
            for name, paths in about.items()
        }
        sums = {name: _sums(found.pop("md5sums", b"")) for name, found in files.items()}
        conffiles = {package.name: _conffiles(package) for package in packages}
        digests = self.digests(path for name in about for path in (*sums[name], *conffiles[name]))
        return {
            name: OldPackage(
                self.listed(name),
                conffiles[name],
                {path: digests[path] for path in conffiles[name] if path in digests},
                files[name],
                tuple(path for path, md5 in sums[name].items() if digests.get(path, md5) != md5),
            )
            for name in about
        }

    def _about(self, package: Installed) -> dict[str, str]:
        """The files that the database has about a package, by their kind."""
        if package.place != database.STATUS:
            return {"md5sums": f"{package.place}.md5sums"}
        prefix = info_prefix(package.name, package.architecture, self.info)
        names = {kind: f"{prefix}.{kind}" for kind in (*NAMES, "md5sums")}
        return {
            kind: f"{database.INFO}/{name}" for kind, name in names.items() if name in self.info
        }


def read_image(taker: Taker, image: OpenImage, view: View) -> PatchedImage:
    """The package database of an open image.

    InputError for one without packages of Debian's, or with a database that is none.
    """
    found = PatchedImage(
        taker, image, view, {}, "", lambda path: True, (), frozenset(), frozenset(), RealPaths(view)
    )
    settings = [f"{SETTINGS_D}/{name}" for name in view.children(SETTINGS_D) if is_settings(name)]
    parts = [
        f"{database.STATUS_D}/{name}"
        for name in view.children(database.STATUS_D)
        if not name.endswith(".md5sums")
    ]
    wanted = [
        *(database.STATUS, database.DIVERSIONS, database.OVERRIDES, database.TRIGGERS, SETTINGS),
        *settings,
        *parts,
    ]
    texts = {path: _text(data) for path, data in found.texts(wanted).items()}
    status = texts.get(database.STATUS, "")
    packages = read_status(status, database.STATUS)
    for path in parts:
        if path in texts:
            packages += read_status(texts[path], path)
    if not packages:
        raise InputError(f"{image.identity.name} has no database of Debian packages: not patched")
    found.installed = without_clashes(packages)
    found.status = status
    rules = [texts[path] for path in (*settings, SETTINGS) if path in texts]
    found.takes = rules_of(view, rules, has_dpkg=bool(status.strip()))
    found.triggers = _triggers(texts.get(database.TRIGGERS, ""))
    found.diverted = _diverted(
        texts.get(database.DIVERSIONS, ""), texts.get(database.OVERRIDES, "")
    )
    found.info = frozenset(view.children(database.INFO))
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _triggers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (line.split() for line in text.splitlines())
    return tuple((words[0], words[1].partition("/")[0]) for words in pairs if len(words) == 2)


def _diverted(diversions: str, overrides: str) -> frozenset[str]:
    """Paths that are not the package's own to write: from, to, package; owner group mode path."""
    lines = diversions.splitlines()
    moved = {line for at, line in enumerate(lines) if at % 3 != 2}
    fixed = {line.split(maxsplit=3)[3] for line in overrides.splitlines() if line.count(" ") >= 3}
    # Diversions of the merged /usr are the distribution's own and name no other file.
    return frozenset(path for path in moved | fixed if not path.endswith(".usr-is-merged"))


def _sums(raw: bytes) -> dict[str, str]:
    """Path → MD5 of an md5sums file."""
    found = {}
    for line in _text(raw).splitlines():
        digest, _, name = line.partition("  ")
        if name and len(digest) == 32:
            found[f"/{name.removeprefix('./').lstrip('/')}"] = digest
    return found


def _conffiles(package: Installed) -> dict[str, str]:
    """Path → MD5 as shipped; those that are no longer the package's are left out."""
    found = {}
    for line in package.fields.get("conffiles", "").split("\n"):
        said = _CONFFILE.fullmatch(line)
        if said is not None and said[3] is None:
            found[said[1]] = said[2]
    return found
