"""The catalog as JSON: all that pages show, as values that `openapi` describes. Pure but for reads.

Every answer is one of these values, written with the names of its fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from ironhull.catalog.answers import Answer, Found, found_in
from ironhull.catalog.changes import BuildDifference
from ironhull.catalog.facts import (
    AttestationFacts,
    DayCount,
    FindingFacts,
    FixTimes,
    LayerFacts,
    MirrorFacts,
    Moved,
    PackageFacts,
    PlatformFacts,
    ProvenanceFacts,
    Publication,
    RebuildFacts,
    ScanFacts,
    Verification,
    WatchFacts,
)
from ironhull.catalog.pages import Site, mirrors_of
from ironhull.catalog.seen import Shown, findings_of, packages_of
from ironhull.catalog.shelf import Entry, Shelf, counterpart, state_of

PAGE = 100
"""Rows of one answer."""
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer (RFC 9457)."""

    title: str
    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class ImageItem:
    """A repository in a list; null where nobody looked at the image yet.

    Of an image for several platforms findings are those of the platform that has most, size and
    packages those of its first one.
    """

    name: str
    default_tag: str
    tags: int
    title: str
    description: str
    size: int | None
    packages: int | None
    findings_raw: int | None
    findings_after_vex: int | None


@dataclass(frozen=True, slots=True)
class ImageList:
    """Repositories by name, or as they were searched for."""

    total: int
    page: int
    images: tuple[ImageItem, ...]


@dataclass(frozen=True, slots=True)
class TagItem:
    """A tag of a repository; figures as those of `ImageItem`."""

    tag: str
    digest: str
    state: str
    """active, grace or ended."""
    created: str
    variant: str
    platforms: tuple[str, ...]
    size: int | None
    findings_raw: int | None
    findings_after_vex: int | None
    packages: int | None = None
    end_of_life: str = ""
    problem: str = ""
    """Why the rest is not known."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with its tags and what was seen to happen to them."""

    name: str
    title: str
    description: str
    default_tag: str
    tags: tuple[TagItem, ...]
    days: tuple[DayCount, ...]
    """Findings of the default tag by day."""
    conventional: tuple[DayCount, ...]
    """The same of the conventional image."""
    times: tuple[FixTimes, ...]
    """How long fixes took, where a watcher publishes its images."""
    moves: tuple[Moved, ...]
    publications: tuple[Publication, ...]
    publications_problem: str
    """Why a record of publications that there is is not believed."""


@dataclass(frozen=True, slots=True)
class PlatformItem:
    """The image of one platform."""

    platform: str
    digest: str
    size: int
    uncompressed: int
    files: int
    layers: int
    packages: int
    user: str
    shells: int
    setuid: int
    distribution: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    working_directory: str
    ports: tuple[str, ...]
    findings_raw: int | None
    """Null where nobody scanned it, or not completely."""
    findings_after_vex: int | None
    verdict: str
    scanned: str


@dataclass(frozen=True, slots=True)
class Image:
    """One image by a tag."""

    name: str
    tag: str
    digest: str
    tags: tuple[str, ...]
    """All tags that stand for it."""
    state: str
    created: str
    title: str
    description: str
    version: str
    variant: str
    end_of_life: str
    platforms: tuple[PlatformItem, ...]
    platform: str
    """The one that was asked for, else the first: of it is what follows."""
    findings_raw: int | None
    findings_after_vex: int | None
    scanned: str
    conventional: str
    """Tag of the conventional image that it is held against."""
    build_with: str
    """Tag of the image with a shell and a package manager that belongs to it; empty: none."""
    verification: Verification
    problem: str


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages of one platform, the first where none was asked for."""

    platform: str
    total: int
    page: int
    packages: tuple[PackageFacts, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings of one platform; unless `verdict` is complete, others are unknown."""

    platform: str
    total: int
    page: int
    verdict: str
    scanned: str
    database: str
    warnings: tuple[str, ...]
    findings: tuple[FindingFacts, ...]


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers of one platform, the lowest first."""

    platform: str
    layers: tuple[LayerFacts, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the image of a platform was made; null where no provenance is attached."""

    platform: str
    provenance: ProvenanceFacts | None
    rebuilds: tuple[RebuildFacts, ...]
    """What is attached of who rebuilt its packages."""


@dataclass(frozen=True, slots=True)
class Attestations:
    """What is attached, and what verifying says now."""

    verification: Verification
    attestations: tuple[AttestationFacts, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since an older image; null where there is none of the same platform."""

    since: str
    changes: BuildDifference | None


@dataclass(frozen=True, slots=True)
class History:
    """What a tag stood for, the newest first; an empty digest: it was removed."""

    total: int
    page: int
    moves: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Repositories that mirror others and of which something was had."""

    total: int
    page: int
    mirrors: tuple[MirrorFacts, ...]


@dataclass(frozen=True, slots=True)
class Vulnerabilities:
    """What scans found."""

    total: int
    page: int
    vulnerabilities: tuple[Found, ...]


ANSWERS = (
    Problem,
    ImageList,
    Repository,
    Image,
    Packages,
    Findings,
    Layers,
    Provenance,
    Attestations,
    Changes,
    History,
    Mirrors,
    Vulnerabilities,
    Answer,
    WatchFacts,
)


def image_list(shelf: Shelf, query: str, page: int) -> ImageList:
    """Repositories that a text finds."""
    found = shelf.search(query)
    return ImageList(len(found), page, tuple(_item(each) for each in _page(found, page)))


def repository(site: Site, shelf: Shelf, entry: Entry) -> Repository:
    """A repository whole."""
    other = counterpart(entry, entry.default, shelf.summaries)
    days, published = site.index.days, site.live.publications(entry.name)
    known = entry.summary
    return Repository(
        entry.name,
        known.title if known else "",
        known.description if known else "",
        entry.default,
        tuple(_tag(shelf, tag, digest) for tag, digest in sorted(entry.tags.items())),
        tuple(days(entry.name, entry.default)),
        tuple(days(entry.name, other)) if other else (),
        site.live.watch().repositories.get(entry.name, ()),
        tuple(site.index.moves(entry.name)),
        published.publications,
        published.problem,
    )


def image(site: Site, shelf: Shelf, seen: Shown) -> Image:
    """An image by its tag."""
    build, entry, scan = seen.build, seen.entry, seen.scan
    return Image(
        entry.name,
        seen.tag,
        seen.digest,
        tuple(sorted(tag for tag, digest in entry.tags.items() if digest == seen.digest)),
        state_of(build.end_of_life, datetime.now(UTC).date()),
        build.created,
        build.title,
        build.description,
        build.version,
        build.flavor or build.variant,
        build.end_of_life,
        tuple(_platform(each, site.index.scan(each.digest)) for each in build.platforms),
        seen.platform_name,
        len(scan.findings) if scan and scan.known else None,
        len(scan.open) if scan and scan.known else None,
        scan.scanned if scan else "",
        counterpart(entry, seen.tag, shelf.summaries),
        entry.sibling(seen.tag, "dev"),
        site.live.verification(seen.name),
        build.problem,
    )


def _platform(each: PlatformFacts, scan: ScanFacts | None) -> PlatformItem:
    return PlatformItem(
        each.platform,
        each.digest,
        each.size,
        each.uncompressed,
        each.files,
        len(each.layers),
        len(each.packages),
        each.user,
        each.shells,
        each.setuid,
        each.distribution,
        each.entrypoint,
        each.command,
        each.working_directory,
        each.ports,
        len(scan.findings) if scan and scan.known else None,
        len(scan.open) if scan and scan.known else None,
        scan.verdict if scan else "unknown",
        scan.scanned if scan else "",
    )


def packages(seen: Shown, query: str, page: int) -> Packages:
    """Packages that a text finds."""
    found = packages_of(seen, query)
    return Packages(seen.platform_name, len(found), page, tuple(_page(found, page)))


def findings(seen: Shown, query: str, page: int) -> Findings:
    """Findings that a text finds, the open and severe first."""
    scan = seen.scan
    found = findings_of(seen, query)
    return Findings(
        seen.platform_name,
        len(found),
        page,
        scan.verdict if scan else "unknown",
        scan.scanned if scan else "",
        scan.database if scan else "",
        scan.warnings if scan else ("nobody scanned this image yet",),
        tuple(_page(found, page)),
    )


def layers(seen: Shown) -> Layers:
    """All layers."""
    return Layers(seen.platform_name, seen.platform.layers if seen.platform else ())


def provenance(site: Site, seen: Shown) -> Provenance:
    """How the image of a platform was made."""
    manifest = seen.platform.digest if seen.platform else ""
    rebuilds = site.live.rebuilds(seen.name, manifest) if manifest else ()
    return Provenance(seen.platform_name, seen.provenance, rebuilds)


def attestations(site: Site, seen: Shown) -> Attestations:
    """What is attached."""
    return Attestations(site.live.verification(seen.name), site.live.attestations(seen.name))


def tag_history(site: Site, entry: Entry, tag: str, page: int) -> History | None:
    """What was seen of a tag that is there, or was; None for one that was never seen."""
    total, moves = site.index.history(entry.name, tag, (page - 1) * PAGE, PAGE)
    return History(total, page, tuple(moves)) if total or tag in entry.tags else None


def mirrors(site: Site, shelf: Shelf, query: str, page: int) -> Mirrors:
    """Mirrored repositories whose name has every word."""
    found = mirrors_of(site, shelf, query)
    return Mirrors(len(found), page, tuple(_page(found, page)))


def vulnerabilities(site: Site, shelf: Shelf, query: str, page: int) -> Vulnerabilities:
    """What scans found, and that the text is a part of."""
    found = [each for each in found_in(site.index, shelf) if query.lower() in each.id.lower()]
    return Vulnerabilities(len(found), page, tuple(_page(found, page)))


def answered(found: Answer, page: int) -> Answer:
    """One page of an answer's images; the counts are of all."""
    return replace(found, images=tuple(_page(found.images, page)))


def _page(rows: Sequence[_Row], page: int) -> Sequence[_Row]:
    return rows[(page - 1) * PAGE : page * PAGE]


def _item(entry: Entry) -> ImageItem:
    known = entry.summary if entry.summary and not entry.summary.problem else None
    worst = known.worst if known else None
    counted = worst if worst and worst.known else None
    return ImageItem(
        entry.name,
        entry.default,
        len(entry.tags),
        known.title if known else "",
        known.description if known else "",
        known.size if known else None,
        known.packages if known else None,
        counted.raw if counted else None,
        counted.open if counted else None,
    )


def _tag(shelf: Shelf, tag: str, digest: str) -> TagItem:
    known = shelf.summaries.get(digest)
    worst = known.worst if known else None
    counted = worst if worst and worst.known else None
    return TagItem(
        tag,
        digest,
        state_of(known.end_of_life if known else "", datetime.now(UTC).date()),
        known.created if known else "",
        (known.flavor or known.variant) if known else "",
        known.platforms if known else (),
        known.size if known else None,
        counted.raw if counted else None,
        counted.open if counted else None,
        known.packages if known else None,
        known.end_of_life if known else "",
        known.problem if known else "it was not looked at yet",
    )
