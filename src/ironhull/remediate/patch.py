"""From a foreign image and a plan to the layers that go on top of it.

A layer for each upgraded package, made from its .deb alone, then one with the package database. A
package whose files or scripts forbid it is refused with all of its source, and the plan is made
again without: what was taken for its sake, or leans on it, is decided anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ironhull.build.compose import write_layer
from ironhull.build.compression import Compression
from ironhull.build.sink import LayerSink
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.tar import DIRECTORY, FILE
from ironhull.oci.tar_writer import TarHeader
from ironhull.remediate import database
from ironhull.remediate.database import info_files, info_prefix, new_status, stanza
from ironhull.remediate.files import NewPackage, NotDoneError, OldPackage, PackageLayer
from ironhull.remediate.model import Installed, Plan, Refused, Upgrade
from ironhull.remediate.plan import Versions, make_plan
from ironhull.remediate.reading import PatchedImage
from ironhull.remediate.scripts import obstacle
from ironhull.store.blobs import BlobStore

_LIBRARY = re.compile(r"(?:/usr)?/lib(?:32|64|x32)?(?:/[^/]+-linux-[^/]+)?/[^/]+\.so(?:\.[0-9]+)?")
_CACHE = "/etc/ld.so.cache"
# What these make of others' files is for people to read, or is looked after otherwise.
_HARMLESS = frozenset({"doc-base", "install-info", "libc-bin", "man-db", "menu", "reportbug"})
_ACTIVATE = re.compile(rb"^[ \t]*activate(?:-await|-noawait)?\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PatchLayer:
    """A layer that goes on top; `comment` is its line of history."""

    descriptor: Descriptor
    diff_id: DiffId
    comment: str


@dataclass(frozen=True, slots=True)
class Patch:
    """What was done, what was not, and what a person should know."""

    layers: tuple[PatchLayer, ...]
    upgrades: tuple[Upgrade, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]


def patch(
    image: PatchedImage,
    wanted: Iterable[str],
    versions: Versions,
    fetch: Callable[[Sequence[Upgrade]], None],
    packages: BlobStore,
    blobs: BlobStore,
    compression: Compression,
    mtime: int,
) -> Patch:
    """The layers that give the `wanted` sources the archive's versions.

    `fetch` gets the .deb files of upgrades into `packages`. The same image, archive and compression
    give the same bytes. MalformedError for a package or database that is damaged.
    """
    work = _Work(image, packages, blobs, compression, mtime)
    asked = sorted(set(wanted))
    banned: dict[str, str] = {}
    while True:
        plan = make_plan(image.installed, asked, versions, banned)
        fetch(plan.upgrades)
        failed = work.first_failure(plan)
        if failed is None:
            return work.finished(plan)
        banned |= failed


class _Work:
    def __init__(
        self,
        image: PatchedImage,
        packages: BlobStore,
        blobs: BlobStore,
        compression: Compression,
        mtime: int,
    ) -> None:
        self._image, self._packages, self._blobs = image, packages, blobs
        self._compression, self._mtime = compression, mtime
        self._made: dict[str, tuple[PatchLayer, NewPackage]] = {}
        self._old: dict[str, OldPackage] = {}

    def first_failure(self, plan: Plan) -> dict[str, str] | None:
        """Make what the plan says; the source that cannot be done, with the reason."""
        unread = [each.installed for each in plan.upgrades if each.installed.name not in self._old]
        self._old |= self._image.old(unread)
        for upgrade in plan.upgrades:
            if upgrade.deb.sha256 in self._made:
                continue
            try:
                self._made[upgrade.deb.sha256] = self._layer(upgrade)
            except NotDoneError as reason:
                return {upgrade.installed.source: f"{upgrade.installed.name}: {reason}"}
        return None

    def _layer(self, upgrade: Upgrade) -> tuple[PatchLayer, NewPackage]:
        image, package, deb = self._image, upgrade.installed, upgrade.deb
        old = self._old[package.name]
        if old.strangers:
            raise NotDoneError(f"{old.strangers[0]} in the image is not the file of the package")
        made: list[NewPackage] = []

        def write(sink: LayerSink) -> None:
            layer = PackageLayer(
                image.view,
                image.real,
                image.takes,
                old,
                lambda real: image.owner(real, package.name),
                sink,
                self._mtime,
            )
            what = f"{deb.name} {deb.version} ({deb.architecture})"
            made.append(layer.write(self._packages.path(deb.sha256), what))
            self._must_be_safe(package, old, made[0])

        descriptor, diff_id, _ = write_layer(write, self._compression, self._blobs)
        return PatchLayer(descriptor, diff_id, str(upgrade)), made[0]

    def _must_be_safe(self, package: Installed, old: OldPackage, new: NewPackage) -> None:
        """NotDoneError where more than the package's own files would have to change."""
        if reason := obstacle(old.control, new.control.files):
            raise NotDoneError(reason)
        real = self._image.real.real
        touched = {*new.written, *new.removed}
        if diverted := touched & {real(path) for path in self._image.diverted}:
            raise NotDoneError(f"{min(diverted)} is diverted or overridden in the image")
        for name in _ACTIVATE.findall(new.control.files.get("triggers", b"")):
            if name != b"ldconfig":
                raise NotDoneError(f"it activates the trigger {name.decode('ascii', 'replace')}")
        for folder, watcher in self._image.triggers:
            below = f"{real(folder)}/"
            if watcher in _HARMLESS or watcher == package.name:
                continue
            for path in touched:
                if path.startswith(below) or path == below[:-1]:
                    raise NotDoneError(f"{watcher} would make something of {path}")
        if _CACHE in self._image.view:
            before = {real(path) for path in old.paths if _LIBRARY.fullmatch(real(path))}
            before = {path for path in before if path in self._image.view}
            after = {path for path in map(real, new.paths) if _LIBRARY.fullmatch(path)}
            if before and before != after:
                raise NotDoneError(f"the cache of libraries would change ({min(before ^ after)})")

    def finished(self, plan: Plan) -> Patch:
        """The layers of a plan that can be done, and that of the database."""
        pairs = [(upgrade, *self._made[upgrade.deb.sha256]) for upgrade in plan.upgrades]
        notes = [
            note
            for upgrade, _, new in pairs
            for note in (
                *(f"{path} was changed in the image and stays as it is" for path in new.kept),
                *(f"{upgrade.installed.name}: {note}" for note in new.notes),
            )
        ]
        layers = [layer for _, layer, _ in pairs]
        if pairs:
            layers.append(self._database([(upgrade, new) for upgrade, _, new in pairs]))
        return Patch(tuple(layers), plan.upgrades, plan.refused, tuple(notes))

    def _database(self, done: Sequence[tuple[Upgrade, NewPackage]]) -> PatchLayer:
        files: dict[str, bytes] = {}
        gone: list[str] = []
        in_status = {
            upgrade.installed.name: new
            for upgrade, new in done
            if upgrade.installed.place == database.STATUS
        }
        if in_status:
            text = new_status(
                self._image.status,
                {name: new.control for name, new in in_status.items()},
                {name: new.conffiles for name, new in in_status.items()},
            )
            files[database.STATUS] = text.encode("utf-8", "surrogateescape")
        for upgrade, new in done:
            if upgrade.installed.name in in_status:
                gone += self._about(upgrade, new, files)
            else:
                place = upgrade.installed.place
                text = stanza(new.control, new.conffiles)
                files[place] = text.encode("utf-8", "surrogateescape")
                sums = "".join(f"{line}\n" for line in new.md5sums)
                files[f"{place}.md5sums"] = sums.encode("utf-8", "surrogateescape")

        def write(sink: LayerSink) -> None:
            self._write_files(sink, files, gone)

        descriptor, diff_id, _ = write_layer(write, self._compression, self._blobs)
        return PatchLayer(descriptor, diff_id, "package database")

    def _about(self, upgrade: Upgrade, new: NewPackage, files: dict[str, bytes]) -> list[str]:
        """What dpkg keeps about a package, into `files`; the old ones that have to go."""
        package, info = upgrade.installed, self._image.info
        prefix = info_prefix(package.name, package.architecture, info)
        sums = new.control.files.get("md5sums", b"").decode("utf-8", "surrogateescape")
        about = info_files(prefix, new.control, new.paths, sums)
        for name, data in about.items():
            files[f"{database.INFO}/{name}"] = data
        old = {name for name in info if name.rpartition(".")[0] == prefix}
        return [f"{database.INFO}/{name}" for name in sorted(old - set(about))]

    def _write_files(
        self, sink: LayerSink, files: Mapping[str, bytes], gone: Iterable[str]
    ) -> None:
        view, folders = self._image.view, set[str]()

        def parents(path: str) -> None:
            folder = path.rpartition("/")[0]
            if not folder or folder in folders:
                return
            parents(folder)
            folders.add(folder)
            there = view.get(folder)
            mode, uid, gid = (there.mode, there.uid, there.gid) if there else (0o755, 0, 0)
            sink.member(TarHeader(folder[1:], DIRECTORY, mode, uid, gid, 0, self._mtime))

        for path in sorted({*files, *gone}):
            real = self._image.real.real(path)
            parents(real)
            if path not in files:
                folder, _, name = real.rpartition("/")
                sink.member(TarHeader(f"{folder[1:]}/.wh.{name}", FILE, 0o644, mtime=self._mtime))
                continue
            there, data = view.get(real), files[path]
            mode, uid, gid = (there.mode, there.uid, there.gid) if there else (0o644, 0, 0)
            if path.endswith((".preinst", ".postinst", ".prerm", ".postrm", ".config")):
                mode = 0o755
            header = TarHeader(real[1:], FILE, mode, uid, gid, len(data), self._mtime)
            sink.member(header, data)
