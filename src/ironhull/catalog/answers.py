"""What a vulnerability means for the catalog: affected, fixed when, not affected why, unknown.

1. what scans found, under every name that the advisories know for it
2. of images without a finding: whether one that the tag stood for before had it (fixed, and when)
3. else why not: the versions that the advisories name beside the installed ones
4. unknown where nobody scanned, where the scan could not tell, or where no feed knows the name
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ironhull.advisories.database import Database, StoredClaim
from ironhull.catalog.facts import Summary
from ironhull.catalog.index import CatalogIndex, Hit
from ironhull.catalog.shelf import Entry, Shelf
from ironhull.errors import InputError
from ironhull.inventory.model import Package
from ironhull.scan.explain import feed_line, why_not
from ironhull.scan.severities import RANK
from ironhull.scan.target import Target

Means = Literal["affected", "unknown", "fixed", "not_affected"]
ORDER: tuple[Means, ...] = ("affected", "unknown", "fixed", "not_affected")
_FEED_LINES = 40


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """What it means for one image of a repository."""

    image: str
    tag: str
    """The shortest of its tags."""
    tags: int
    digest: str
    means: Means
    package: str
    severity: str
    why: str
    fixed: str
    """When the tag moved to an image without it; RFC 3339, empty where it never had it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it means for all that the reader may see."""

    id: str
    names: tuple[str, ...]
    """Every name that the advisories know, this one among them."""
    known: bool
    """Whether any feed has it."""
    title: str
    severity: str
    feeds: tuple[str, ...]
    """What feeds say of it, a line each."""
    counts: dict[str, int]
    images: tuple[ImageAnswer, ...]
    """The affected first."""


@dataclass(frozen=True, slots=True)
class _Advice:
    """What the advisories have of it."""

    names: tuple[str, ...]
    known: bool
    title: str
    claims: tuple[StoredClaim, ...]
    lines: tuple[str, ...]


def answer(
    shelf: Shelf,
    index: CatalogIndex,
    advisories: Path | None,
    vulnerability: str,
    *,
    listed: bool = True,
) -> Answer:
    """The answer for a vulnerability by any of its names; not `listed`: without its images."""
    advice = _advice(advisories, vulnerability)
    hits = _seen(shelf, index, [hit for name in advice.names for hit in index.affected(name)])
    by_manifest: dict[str, list[Hit]] = {}
    for hit in hits:
        by_manifest.setdefault(hit.manifest, []).append(hit)
    had = {key for name in advice.names for key in index.had(name)}
    reasons = _reasons(index, advice.claims)
    matter = _Matter(by_manifest, had, reasons, advice.known or bool(hits))
    images, counts = _images(shelf, index, matter, listed)
    severity = min((hit.severity for hit in hits), key=lambda each: RANK.get(each, 9), default="")
    return Answer(
        vulnerability,
        advice.names,
        advice.known or bool(hits),
        advice.title,
        severity,
        advice.lines,
        counts,
        tuple(images),
    )


@dataclass(frozen=True, slots=True)
class _Matter:
    """What is known of a vulnerability, by where it matters."""

    hits: Mapping[str, Sequence[Hit]]
    """By manifest."""
    had: set[tuple[str, str]]
    """Repository and tag that stood for something affected."""
    reasons: Mapping[str, tuple[str, str]]
    """Manifest → package, and why it is not affected."""
    known: bool


@dataclass(frozen=True, slots=True)
class _Given:
    entry: Entry
    tags: Sequence[str]
    digest: str
    manifests: Sequence[str]
    known: bool


@dataclass(frozen=True, slots=True)
class _Quiet:
    """The answers of a shelf for a vulnerability that no image has to do with, in their order."""

    images: tuple[ImageAnswer, ...]
    counts: Mapping[Means, int]
    by_digest: Mapping[str, Sequence[ImageAnswer]]


def _quiet(shelf: Shelf, index: CatalogIndex, known: bool) -> _Quiet:
    """Made once a shelf: most images have nothing to do with most vulnerabilities."""
    key = f"answers {known}"
    if key not in shelf.kept:
        nothing = _Matter({}, set(), {}, known)
        images = tuple(sorted(_answers(shelf, index, nothing, None), key=_order))
        by_digest: dict[str, list[ImageAnswer]] = {}
        for each in images:
            by_digest.setdefault(each.digest, []).append(each)
        shelf.kept[key] = _Quiet(images, Counter(each.means for each in images), by_digest)
    found: _Quiet = shelf.kept[key]
    return found


def _images(
    shelf: Shelf, index: CatalogIndex, matter: _Matter, listed: bool
) -> tuple[Sequence[ImageAnswer], dict[str, int]]:
    """An answer for each image, none of them unless they are to be `listed`, and the counts."""
    quiet = _quiet(shelf, index, matter.known)
    concerned = {
        digest
        for digests in index.owners({**matter.hits, **matter.reasons}).values()
        for digest in digests
    }
    for name, tag in matter.had:
        if name in shelf.by_name:
            concerned.add(shelf.by_name[name].tags.get(tag, ""))
    loud = list(_answers(shelf, index, matter, concerned)) if concerned else []
    counts: dict[str, int] = {means: quiet.counts.get(means, 0) for means in ORDER}
    for digest in concerned:
        for each in quiet.by_digest.get(digest, ()):
            counts[each.means] -= 1
    for each in loud:
        counts[each.means] += 1
    if not listed:
        return (), counts
    if not concerned:
        return quiet.images, counts
    images = [each for each in quiet.images if each.digest not in concerned]
    # A few go among many that are in order already: sorting all again took most of a page's time.
    for each in loud:
        insort(images, each, key=_order)
    return images, counts


def _order(each: ImageAnswer) -> tuple[int, str, str]:
    return ORDER.index(each.means), each.image, each.tag


def _places(shelf: Shelf) -> dict[str, list[tuple[Entry, list[str]]]]:
    """Digest → where on the shelf it is, with which tags."""
    if "places" not in shelf.kept:
        places: dict[str, list[tuple[Entry, list[str]]]] = {}
        for entry in shelf.entries:
            for digest, tags in entry.groups:
                places.setdefault(digest, []).append((entry, tags))
        shelf.kept["places"] = places
    found: dict[str, list[tuple[Entry, list[str]]]] = shelf.kept["places"]
    return found


def _seen(shelf: Shelf, index: CatalogIndex, hits: Sequence[Hit]) -> list[Hit]:
    """The hits in images that stand on the shelf: of others not even the severity may show."""
    places = _places(shelf)
    owners = index.owners({hit.manifest for hit in hits})
    return [hit for hit in hits if any(digest in places for digest in owners[hit.manifest])]


def _answers(
    shelf: Shelf, index: CatalogIndex, matter: _Matter, digests: set[str] | None
) -> Iterator[ImageAnswer]:
    """The answers of images of these digests, of all for None."""
    parts = index.parts()
    places = _places(shelf)
    for digest in places if digests is None else digests:
        for entry, tags in places.get(digest, ()):
            given = _Given(entry, tags, digest, parts.get(digest, ()), matter.known)
            yield _one(given, shelf.summaries, matter, index)


def _one(
    given: _Given, summaries: Mapping[str, Summary], matter: _Matter, index: CatalogIndex
) -> ImageAnswer:
    by_manifest, had, reasons = matter.hits, matter.had, matter.reasons
    found = [hit for manifest in given.manifests for hit in by_manifest.get(manifest, ())]
    means, package, severity, why, fixed = _meaning(given, summaries, found)
    if means == "not_affected" and not found:
        former = [tag for tag in given.tags if (given.entry.name, tag) in had]
        if former:
            moved = index.moves(given.entry.name, former[0])
            fixed = next((each.at for each in moved if each.digest == given.digest), "")
            means, why = "fixed", "an image that this tag stood for before was affected"
        for manifest in given.manifests:
            if manifest in reasons:
                package, said = reasons[manifest]
                why = f"{why}; {said}" if former else said
                break
    return ImageAnswer(
        given.entry.name,
        given.tags[0],
        len(given.tags),
        given.digest,
        means,
        package,
        severity,
        why,
        fixed,
    )


def _meaning(
    given: _Given, summaries: Mapping[str, Summary], found: Sequence[Hit]
) -> tuple[Means, str, str, str, str]:
    """Meaning, package, severity, why, and when it was fixed: by the scan alone."""
    summary = summaries.get(given.digest)
    open_hits = [hit for hit in found if hit.status in ("affected", "unknown")]
    if open_hits:
        worst = min(
            open_hits, key=lambda hit: (hit.status != "affected", RANK.get(hit.severity, 9))
        )
        means: Means = "affected" if worst.status == "affected" else "unknown"
        packages = ", ".join(sorted({hit.package for hit in open_hits})[:4])
        return means, packages, worst.severity, worst.said, ""
    if found:
        packages = ", ".join(sorted({hit.package for hit in found})[:4])
        return "not_affected", packages, found[0].severity, found[0].said, ""
    if summary is None or not summary.scanned:
        why = (summary.problem if summary else "") or "it was not scanned yet"
        return "unknown", "", "", why, ""
    if summary.verdict not in ("complete", "stale"):
        return "unknown", "", "", f"the scan is not complete: {summary.verdict}", ""
    if not given.known:
        return "unknown", "", "", "no feed of the database knows this name", ""
    return "not_affected", "", "", "none of the packages that it is about is installed", ""


MOST_IMAGES = 1000
"""Of which all findings are listed; of a larger shelf those images that stand for repositories."""


@dataclass(frozen=True, slots=True)
class Found:
    """A vulnerability that scans found, and in how many images."""

    id: str
    severity: str
    found: int
    """Before VEX."""
    affected: int


def found_in(index: CatalogIndex, shelf: Shelf) -> list[Found]:
    """What scans found in images that may be seen, those that affect images first.

    It is a look at all findings: made once a shelf, whatever is searched for in it.
    """
    if "found" not in shelf.kept:
        shelf.kept["found"] = _found_in(index, shelf)
    found: list[Found] = shelf.kept["found"]
    return found


def _found_in(index: CatalogIndex, shelf: Shelf) -> list[Found]:
    digests = {digest for entry in shelf.entries for digest in entry.tags.values()}
    if len(digests) > MOST_IMAGES:
        digests = {entry.tags[entry.default] for entry in shelf.entries}
    manifests: dict[str, list[str]] = {}
    for digest, parts in index.parts().items():
        if digest in digests:
            for manifest in parts:
                manifests.setdefault(manifest, []).append(digest)
    images: dict[str, tuple[set[str], set[str]]] = {}
    severities: dict[str, str] = {}
    for identifier, manifest, status, severity in index.findings(manifests):
        found, affected = images.setdefault(identifier, (set(), set()))
        found.update(manifests[manifest])
        if status == "affected":
            affected.update(manifests[manifest])
        worst = severities.get(identifier, severity)
        severities[identifier] = min(severity, worst, key=lambda each: RANK.get(each, 9))
    made = [
        Found(identifier, severities[identifier], len(found), len(affected))
        for identifier, (found, affected) in images.items()
    ]
    return sorted(
        made,
        key=lambda each: (not each.affected, RANK.get(each.severity, 9), -each.affected, each.id),
    )


def _advice(advisories: Path | None, vulnerability: str) -> _Advice:
    if advisories is None:
        return _Advice((vulnerability,), False, "", (), ())
    try:
        with Database(advisories) as database:
            records = database.records([vulnerability])
            names = dict.fromkeys([vulnerability])
            for stored in records:
                names |= dict.fromkeys([stored.record.id, *stored.record.aliases])
            claims = tuple(claim for name in names for claim in database.claims_on(name))
    except InputError:
        return _Advice((vulnerability,), False, "", (), ())
    title = next((each.record.summary for each in records if each.record.summary), "")
    lines = tuple(dict.fromkeys(f"{each.ecosystem}: {feed_line(each)}" for each in claims))
    return _Advice(tuple(names), bool(records or claims), title, claims, lines[:_FEED_LINES])


def _reasons(index: CatalogIndex, claims: Iterable[StoredClaim]) -> dict[str, tuple[str, str]]:
    """Manifest → (package, why it is not affected), of images that have what the claims are on."""
    by_name: dict[str, list[StoredClaim]] = {}
    for claim in claims:
        by_name.setdefault(claim.package, []).append(claim)
    found: dict[str, tuple[str, str]] = {}
    said: dict[tuple[str, str], str] = {}
    for manifest, name, version in index.installed(by_name):
        key = (name, version)
        if key not in said:
            ecosystem = next((c.ecosystem for c in by_name[name]), "")
            kind = "deb" if ecosystem.startswith("debian") else "pypi"
            package = Package(name, version, kind, "", source=name, source_version=version)  # type: ignore[arg-type]
            said[key] = why_not(package, by_name[name], Target("debian", ecosystem))
        found.setdefault(manifest, (name, said[key]))
    return found
