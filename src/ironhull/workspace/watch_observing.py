"""What a watcher sees: definitions, the archive, advisories, the registry, and what follows.

Each part says what it could not see, and leaves out what rests on it: a mirror that is down hides
the updates of its images, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ironhull.advisories.database import Database
from ironhull.archive.interface import ReleaseRecord
from ironhull.definition.catalog import CatalogEntry
from ironhull.definition.model import ImageDefinition
from ironhull.errors import InputError, IronhullError, LockError
from ironhull.inventory.model import Distribution, Package
from ironhull.lock.file import lock_path
from ironhull.oci.digest import parse_digest
from ironhull.scan.matching import Options
from ironhull.scan.model import Finding
from ironhull.scan.standing import findings_by_package, standing_findings
from ironhull.state.inventories import InventoryStore
from ironhull.state.watch_records import ImageState
from ironhull.watch.model import Fix, Update, Wanted
from ironhull.watch.updates import Newest
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_publishing import repository_of, served
from ironhull.workspace.watch_steps import inputs_of


@dataclass(slots=True)
class CatalogReader:
    """The definitions of a catalog with their locks; what did not change is not read again."""

    machine: Machine
    _known: dict[Path, tuple[object, Wanted]] = field(default_factory=dict)
    _files: object = None

    def read(self, only: Collection[Path] | None = None) -> tuple[list[Wanted], dict[str, str]]:
        """Every definition that can be read, or only these; and by name why others cannot."""
        catalog = Definitions(self.machine).catalog
        shared = [_stamps(root) for root in catalog.roots]
        if shared != self._files:
            self._known.clear()
            self._files = shared
        found, problems = [], {}
        for entry in catalog.all():
            if only is not None and entry.path not in only:
                continue
            stamp = _stamp(lock_path(entry.path))
            known = self._known.get(entry.path)
            try:
                if known is None or known[0] != stamp:
                    known = stamp, self._wanted(entry)
                    self._known[entry.path] = known
                found.append(known[1])
            except InputError as error:
                problems[str(entry)] = str(error)
        return found, problems

    def _wanted(self, entry: CatalogEntry) -> Wanted:
        definitions = Definitions(self.machine)
        try:
            definition, lock = definitions.locked(str(entry.path))
        except LockError:
            # Missing, or of another request: it is made anew when the image is.
            definition = definitions.read(entry.path, {})
            return Wanted(str(entry), entry.path, definition, None, "")
        return Wanted(str(entry), entry.path, definition, lock, inputs_of(definition, lock))


def _stamps(root: Path) -> object:
    """Tells whether any file of a tree changed, locks and what git keeps aside."""
    return [
        (str(path), _stamp(path))
        for path in sorted(root.rglob("*"))
        if not path.name.endswith(".lock.json") and ".git" not in path.relative_to(root).parts
    ]


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    # A folder's own time changes with every lock that is written into it.
    return () if path.is_dir() else (found.st_mtime_ns, found.st_size, found.st_ino)


@dataclass(frozen=True, slots=True)
class SeenArchive:
    """The archive as one round sees it."""

    updates: Mapping[str, Sequence[Update]]
    """By image."""
    digests: Mapping[str, str]
    """By image: of the release files that its packages come from."""
    releases: Sequence[ReleaseRecord]
    problems: Mapping[str, str]
    """By distribution, why its archive cannot be used."""
    unseen: frozenset[str]
    """Images whose archive was not seen."""


def see_archive(locking: Locking, catalog: Iterable[Wanted]) -> SeenArchive:
    """What the archive has newer; each release file is asked for once, on a condition."""
    updates: dict[str, Sequence[Update]] = {}
    digests: dict[str, str] = {}
    releases: dict[tuple[str, str], ReleaseRecord] = {}
    problems: dict[str, str] = {}
    newest: dict[object, Newest] = {}
    unseen: set[str] = set()
    for wanted in catalog:
        definition = wanted.definition
        if definition.distribution in problems and not definition.repositories:
            unseen.add(wanted.name)
            continue
        try:
            archives = locking.archives(definition)
        except IronhullError as error:
            own = f"{wanted.name}: " if definition.repositories else ""
            problems[f"{own}{definition.distribution}"] = str(error)
            unseen.add(wanted.name)
            continue
        seen = [each for archive in archives.values() for each in archive.releases]
        releases |= {(each.repository, each.suite): each for each in seen}
        digests[wanted.name] = _digest(seen)
        if wanted.lock is not None:
            key = tuple(map(id, archives.values()))
            newest.setdefault(key, Newest(archives))
            updates[wanted.name] = newest[key].updates(definition, wanted.lock)
    return SeenArchive(updates, digests, tuple(releases.values()), problems, frozenset(unseen))


def _digest(releases: Iterable[ReleaseRecord]) -> str:
    names = sorted({f"{r.repository} {r.suite} {r.digest}" for r in releases})
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SeenAdvisories:
    """What the advisories say of what is published, and of what would be."""

    fixes: Mapping[Update, Sequence[Fix]] = field(default_factory=dict)
    findings: Mapping[str, Mapping[str, Finding]] = field(default_factory=dict)
    """By image: the open findings of what is published, by vulnerability."""
    problem: str = ""
    """Why there are none."""


def see_advisories(
    machine: Machine,
    catalog: Sequence[Wanted],
    states: Mapping[str, ImageState],
    updates: Mapping[str, Sequence[Update]],
    now: datetime,
) -> SeenAdvisories:
    """What updates would end, and what is found in the images that are published."""
    try:
        with Database(machine.home.advisories) as database:
            options = Options(now)
            return SeenAdvisories(
                _fixes(catalog, updates, database, options),
                _findings(machine, states, database, options),
            )
    except IronhullError as error:
        return SeenAdvisories(problem=str(error))


def _fixes(
    catalog: Sequence[Wanted],
    updates: Mapping[str, Sequence[Update]],
    database: Database,
    options: Options,
) -> dict[Update, Sequence[Fix]]:
    by_release: dict[Distribution, set[Update]] = {}
    for wanted in catalog:
        for update in updates.get(wanted.name, ()):
            by_release.setdefault(distribution_of(wanted.definition), set()).add(update)
    fixes: dict[Update, Sequence[Fix]] = {}
    for distribution, wanted_updates in by_release.items():
        packages = {each: _sides(each) for each in sorted(wanted_updates)}
        sides = [side for pair in packages.values() for side in pair]
        try:
            found = findings_by_package(distribution, sides, database, options)
        except InputError:
            continue
        for update, (old, new) in packages.items():
            before, after = (
                {f.id: f for f in found.get((side.type, side.name, side.version), ())}
                for side in (old, new)
            )
            ended = [fix_of(before[name]) for name in sorted(set(before) - set(after))]
            fixes[update] = tuple(ended)
    return fixes


def _sides(update: Update) -> tuple[Package, Package]:
    return tuple(  # type: ignore[return-value]
        Package(update.package, version, "deb", "", source=update.source, source_version=source)
        for version, source in (
            (update.before, update.source_before),
            (update.after, update.source_after),
        )
    )


def _findings(
    machine: Machine, states: Mapping[str, ImageState], database: Database, options: Options
) -> dict[str, Mapping[str, Finding]]:
    """By image, over all its platforms."""
    manifests: dict[str, list[str]] = {}
    for name, state in states.items():
        if not state.published:
            continue
        try:
            document = machine.home.existing_store.document(parse_digest(state.published))
            manifests[name] = [item.digest for item in document.manifests]
        except IronhullError:
            # It was published from another home; whoever rebuilds it will look into it.
            continue
    wanted = {digest for digests in manifests.values() for digest in digests}
    if not wanted:
        return {}
    inventories = InventoryStore(machine.home.inventories)
    found = standing_findings(inventories, database, options, wanted)
    return {
        name: {
            vulnerability: finding
            for digest in digests
            for vulnerability, finding in found.get(digest, {}).items()
        }
        for name, digests in manifests.items()
        if any(digest in found for digest in digests)
    }


def fix_of(finding: Finding) -> Fix:
    """A finding as the plan has it."""
    return Fix(finding.id, finding.severity, bool(finding.kev), finding.published[:10])


def distribution_of(definition: ImageDefinition) -> Distribution:
    """What matching wants to know of an image's release."""
    identity, _, version = definition.distribution.partition("-")
    return Distribution(identity, version, definition.codename)


def see_registry(
    machine: Machine, target: str, catalog: Iterable[Wanted], states: Mapping[str, ImageState]
) -> dict[str, str]:
    """By image that was published: what its moving tags are at. NetworkError, and others."""
    places = {
        wanted.name: (repository_of(target, wanted.definition), wanted.definition.tags)
        for wanted in catalog
        if states.get(wanted.name, ImageState("")).published
    }
    found = served(machine, places)
    for refused in found.refused.values():
        raise refused
    return dict(found.at)
