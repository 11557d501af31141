"""Gathers for the catalog what this machine knows of each image: once per digest; scans anew.

1. what tags point at: moves are written down
2. a digest that is new: inventory of each platform, why packages are there, provenance
3. each platform's image whose scan is of older advisories than there are, or to which other VEX is
   attached, or by others believed, than it was scanned with: scanned again
4. counts of the day

What cannot be read of an image is its `problem`; the others are gathered all the same.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ironhull.advisories.database import Database
from ironhull.build.built import built_image
from ironhull.build.recipe import remembered_recipe
from ironhull.catalog.facts import BuildFacts, DayCount, PlatformFacts, ProvenanceFacts
from ironhull.catalog.gathering import (
    platform_facts,
    provenance_facts,
    reasons_in,
    scan_facts,
    with_said,
)
from ironhull.catalog.index import CatalogIndex
from ironhull.errors import InputError, IronhullError, MalformedError
from ironhull.lock.file import parse_lock
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_INDEX
from ironhull.oci.platform import Platform
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.listing import Listing
from ironhull.reports.text import one_line
from ironhull.reports.words import moment
from ironhull.workspace.attestations import read_attestation
from ironhull.workspace.catalog_attached import AttachedVex
from ironhull.workspace.catalog_trust import Believed
from ironhull.workspace.machine import Machine
from ironhull.workspace.scan_vex import with_documents
from ironhull.workspace.scanning import ScanChoices, inventory_of, scan_inventory

MAX_PLATFORMS = 50
"""Of one index. Anybody who may push can list a manifest thousands of times; reading takes long."""
MAX_SAID = 500
"""Signs of what an image says of itself, which stand on the pages of all images."""
_LOOK_EVERY = 10.0
_TOGETHER = 20
"""Repositories of which something is looked at, or written, at once."""
_TITLE = "org.opencontainers.image."
_LABEL = "io.ironhull."
Listed = Mapping[str, Mapping[str, Descriptor]]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a round of gathering did."""

    builds: int
    scans: int
    problems: tuple[str, ...]

    def json(self) -> dict[str, object]:
        """As `--json` says it."""
        return {"builds": self.builds, "scans": self.scans, "problems": list(self.problems)}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One platform's image to be scanned, with VEX that may be attached to it."""

    name: str
    manifest: str
    stamp: str
    places: tuple[tuple[str, Digest], ...]
    vex: frozenset[Digest]


class Gatherer:
    """Keeps an index up to date with the home's store."""

    def __init__(
        self,
        machine: Machine,
        index: CatalogIndex,
        contents: Contents | None = None,
        believed: Believed | None = None,
    ) -> None:
        """`contents` is what a server has of the home's store; `believed`: whose VEX is applied."""
        self._machine, self._index = machine, index
        self._layout = machine.home.store
        contents = contents or Contents(self._layout, Limits())
        self._tags = contents.tags
        self._believed = believed or Believed(machine)
        self._vex = AttachedVex(contents, self._believed)
        self._seen: tuple[Listing, object] | None = None
        self._listed: Listed = {}

    def due(self, patience: Callable[[], None] = lambda: None) -> bool:
        """Whether something may have changed since the last round."""
        listing, rest = self._stamp(patience)
        return self._seen is None or listing is not self._seen[0] or rest != self._seen[1]

    def _stamp(self, patience: Callable[[], None]) -> tuple[Listing, object]:
        """Another listing, advisories, day, trust, or a push: there may be something to gather."""
        listing, today = self._tags.listing(), datetime.now(UTC).date()
        trust = (self._believed.stamp(), self._believed.withdrawn)
        return listing, (
            self._advisories(),
            today,
            trust,
            self._vex.changed(listing.tags, patience),
        )

    def round(self, patience: Callable[[], None] = lambda: None) -> Gathered:
        """Gather what is missing; `patience` is called after each piece of work."""
        self._seen = self._stamp(patience)
        self._believed.settle(self._index)
        listed = self._tags.listing().tags
        now = moment(datetime.now(UTC))
        self._look_at_tags(listed, now, patience)
        builds, problems = self._gather_builds(listed, patience)
        scans, more = self._scan(listed, patience)
        self._count(listed, now[:10], patience)
        return Gathered(builds, scans, (*problems, *more))

    def _look_at_tags(self, listed: Listed, now: str, patience: Callable[[], None]) -> None:
        """Write down what moved; a repository whose tags are those of the last round has nothing.

        A listing keeps what did not change as the same object (`listing`).
        """
        for number, (repository, tags) in enumerate(listed.items()):
            if self._listed.get(repository) is tags:
                continue
            pointed = {tag: each.digest for tag, each in tags.items()}
            self._index.saw_tags(repository, pointed, now)
            if number % _TOGETHER == 0:
                patience()
        self._listed = listed

    def _gather_builds(
        self, listed: Listed, patience: Callable[[], None]
    ) -> tuple[int, tuple[str, ...]]:
        known, count, problems = set(self._index.summaries()), 0, []
        for name, descriptor in _names(listed).items():
            if descriptor.digest in known:
                continue
            known.add(descriptor.digest)
            build = self._build(name, descriptor)
            if build is None:
                continue
            self._index.put(build)
            count += 1
            if build.problem:
                problems.append(f"{name}: {build.problem}")
            patience()
        return count, tuple(problems)

    def _build(self, name: str, descriptor: Descriptor) -> BuildFacts | None:
        """The facts of what a name points at; None for what is no image (an artifact).

        None also where the name moves meanwhile, who may push can let it: what is read by name is
        then another image's, and the next round sees it.
        """
        platforms: list[PlatformFacts] = []
        annotations: Mapping[str, str] = {}
        problem = ""
        made: list[ProvenanceFacts | None] = []
        try:
            document = self._layout.document(descriptor.digest, descriptor.media_type)
            if not document.is_index and document.value.get("artifactType"):
                return None
            annotations = _texts(document.value.get("annotations"))
            reasons = self._reasons(descriptor)
            for platform in _platforms(document):
                place = f"store:{name}"
                inventory = inventory_of(self._machine, place, platform)
                if inventory.image.digest != descriptor.digest:
                    return None
                said = str(inventory.image.platform or platform or "")
                platforms.append(platform_facts(inventory, said, reasons.get(said, {})))
            several = len(platforms) > 1
            made = [self._provenance(name, each.platform if several else "") for each in platforms]
        except Exception as error:
            problem = _said(error)
        repository, _, tag = name.rpartition(":")
        now = self._tags.listing().tags.get(repository, {}).get(tag)
        if now is None or now.digest != descriptor.digest:
            return None
        return _facts(descriptor, platforms, annotations, made, problem)

    def _reasons(self, descriptor: Descriptor) -> dict[str, dict[str, str]]:
        """Why packages are there, by the lock that the image was built from if it is kept here."""
        built = built_image(self._machine.home, hex_of(descriptor.digest))
        recipe = remembered_recipe(self._machine.home, built.inputs) if built else None
        if recipe is None:
            return {}
        with suppress(InputError):
            return reasons_in(parse_lock(recipe.lock, recipe.lock_path))
        return {}

    def _provenance(self, name: str, platform: str) -> ProvenanceFacts | None:
        """Of one platform of several, or of an image with a single one, whatever it is called."""
        with suppress(IronhullError):
            chosen = Platform.parse(platform) if platform else None
            read = read_attestation(self._machine, f"store:{name}", "provenance", chosen)
            return provenance_facts(read)
        return None

    def _scan(self, listed: Listed, patience: Callable[[], None]) -> tuple[int, tuple[str, ...]]:
        advisories, stamps, problems, count = self._advisories(), self._index.stamps(), [], 0
        if not advisories:
            return 0, ()
        self._vex.look()
        parts, done = self._index.parts(), set[str]()
        places = _places(listed, parts)
        with Database(self._machine.home.advisories) as database:
            for name, descriptor in _names(listed).items():
                for manifest in parts.get(descriptor.digest, ()):
                    if manifest in done:
                        continue
                    done.add(manifest)
                    vex = self._vex.attached(places[manifest], Digest(manifest))
                    stamp = self._scan_stamp(advisories, vex)
                    if stamps.get(manifest) == stamp:
                        continue
                    wanted = _Wanted(name, manifest, stamp, tuple(places[manifest]), vex)
                    problem = self._scan_one(wanted, database)
                    count += not problem
                    problems += [f"{name}: {problem}"] if problem else []
                    patience()
        return count, tuple(problems)

    def _scan_stamp(self, advisories: str, vex: frozenset[Digest]) -> str:
        """What a scan is made with; where VEX is attached also that, and who is believed."""
        if not vex:
            return advisories
        made_with = " ".join([*sorted(self._believed.words()), *sorted(vex)])
        return f"{advisories} {hashlib.sha256(made_with.encode()).hexdigest()[:16]}"

    def _scan_one(self, wanted: _Wanted, database: Database) -> str:
        name, manifest = wanted.name, wanted.manifest
        try:
            build = self._index.build(str(self._layout.find(name).digest))
            found = [each for each in build.platforms if each.digest == manifest] if build else []
            if not found or build is None:
                return ""
            single = len(build.platforms) == 1
            platform = None if single else Platform.parse(found[0].platform)
            inventory = inventory_of(self._machine, f"store:{name}", platform)
            if manifest not in (inventory.image.manifest, inventory.image.digest):
                return ""
            result = scan_inventory(self._machine, name, inventory, database, ScanChoices())
            plain = facts = scan_facts(result, manifest)
            vex = self._vex.said(wanted.places, Digest(manifest), wanted.vex)
            if vex.documents:
                said = with_documents(result, inventory, database, vex.documents)
                facts = with_said(plain, said, vex.signers)
            facts = replace(facts, warnings=(*facts.warnings, *vex.problems))
        except Exception as error:
            return _said(error)
        self._believed.keep(self._index, facts, plain, wanted.stamp, vex.words)
        return ""

    def _advisories(self) -> str:
        """What tells one state of the advisory database from another; empty where there is none."""
        try:
            found = self._machine.home.advisories.stat()
        except OSError:
            return ""
        return f"{found.st_mtime_ns}:{found.st_size}"

    def _count(self, listed: Listed, day: str, patience: Callable[[], None]) -> None:
        summaries, names = self._index.summaries(), list(listed)
        for start in range(0, len(names), _TOGETHER):
            self._index.counted(
                (repository, DayCount(day, tag, worst.raw, worst.open))
                for repository in names[start : start + _TOGETHER]
                for tag, descriptor in listed[repository].items()
                if (found := summaries.get(descriptor.digest)) is not None
                and (worst := found.worst).known
            )
            patience()


def opened_index(machine: Machine) -> CatalogIndex:
    """The index of the home's store."""
    return CatalogIndex(machine.home.catalog_index)


def gather(machine: Machine) -> Gathered:
    """Bring the index of the home's store up to date."""
    index = opened_index(machine)
    try:
        return Gatherer(machine, index).round()
    finally:
        index.close()


def keep_gathering(gatherer: Gatherer, stopped: threading.Event, note: Callable[..., None]) -> None:
    """Gather in a server until it stops; `note` writes to its log."""
    while not stopped.is_set():
        try:
            if gatherer.due(_breathe):
                done = gatherer.round(_breathe)
                if done.builds or done.scans or done.problems:
                    problems = "; ".join(done.problems[:5])
                    note("gathered", builds=done.builds, scans=done.scans, problems=problems)
        except Exception as error:
            # The server goes on, and so does this thread: what one image breaks is not the others'.
            note("the catalog could not be gathered", error=repr(error))
        stopped.wait(_LOOK_EVERY)


def _breathe() -> None:
    """Between pieces of work in a server: others first."""
    time.sleep(0.02)


def _said(error: Exception) -> str:
    """The problem of one image; a fault of ours too, or what it breaks would be all the others'."""
    text = str(error) if isinstance(error, IronhullError) else f"not understood: {error!r}"
    return one_line(text, MAX_SAID)


def _names(listed: Listed) -> dict[str, Descriptor]:
    return {
        f"{repository}:{tag}": descriptor
        for repository, tags in listed.items()
        for tag, descriptor in tags.items()
    }


def _places(
    listed: Listed, parts: Mapping[str, Sequence[str]]
) -> dict[str, list[tuple[str, Digest]]]:
    """Manifest → where it is: repositories, and what their tags point at that it is a part of."""
    found: dict[str, list[tuple[str, Digest]]] = {}
    for repository, tags in listed.items():
        for digest in sorted({each.digest for each in tags.values()}):
            for manifest in parts.get(digest, ()):
                found.setdefault(manifest, []).append((repository, digest))
    return found


def _platforms(document: Document) -> list[Platform | None]:
    if not document.is_index:
        return [None]
    said = [item.platform for item in document.manifests if item.platform is not None]
    known: list[Platform | None] = [each for each in said if each.os != "unknown"]
    if len(known) > MAX_PLATFORMS:
        raise MalformedError(f"an index of {len(known)} platforms (at most {MAX_PLATFORMS})")
    return known or [None]


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


def _facts(
    descriptor: Descriptor,
    platforms: list[PlatformFacts],
    annotations: Mapping[str, str],
    made: Sequence[ProvenanceFacts | None],
    problem: str,
) -> BuildFacts:
    labels = platforms[0].labels if platforms else {}

    def cut(text: str) -> str:
        return one_line(text, MAX_SAID)

    def said(name: str) -> str:
        return cut(annotations.get(_TITLE + name) or labels.get(_TITLE + name, ""))

    return BuildFacts(
        descriptor.digest,
        descriptor.media_type or OCI_INDEX,
        said("created") or cut(platforms[0].created if platforms else ""),
        said("title"),
        said("description"),
        said("version"),
        cut(labels.get(_LABEL + "variant", "")),
        cut(labels.get(_LABEL + "flavor", "")),
        cut(platforms[0].distribution if platforms else ""),
        cut(labels.get(_LABEL + "end-of-life", "")),
        tuple(platforms),
        next(iter(made), None),
        problem,
        {each.digest: said for each, said in list(zip(platforms, made, strict=False))[1:] if said},
    )
