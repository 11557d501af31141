"""What a vulnerability means for the catalog: affected, fixed when, not affected why, unknown.

1. what scans found, under every name that the advisories know for it
2. of images without a finding: whether one that the tag stood for before had it (fixed, and when)
3. else why not: the versions that the advisories name beside the installed ones
4. unknown where nobody scanned, where the scan could not tell, or where no feed knows the name
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ironhull.advisories.database import Database, StoredClaim
from ironhull.catalog.facts import Summary
from ironhull.catalog.index import CatalogIndex, Hit
from ironhull.catalog.seen import platform_word
from ironhull.catalog.shelf import Place, Shelf
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
    platform: str = ""
    """What names the platform that has it in an address; empty: the first one, or none has it."""


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
    images: Sequence[ImageAnswer]
    """The affected first; each is put into words when it is taken out."""


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
    places, where = _places(shelf), _where(shelf, index)
    hits: dict[str, list[Hit]] = {}
    affected: set[str] = set()
    for name in advice.names:
        for hit in index.affected(name, where(name)):
            if hit.status == "affected":
                affected.add(hit.digest)
            # Of images that are not on the shelf not even the severity may show.
            if hit.digest in places:
                hits.setdefault(hit.digest, []).append(hit)
    had = index.had(affected) if affected else set()
    known = advice.known or bool(hits)
    matter = _Matter(shelf, index, hits, had, advice.claims, known)
    images, counts = _images(matter, listed)
    severities = (hit.severity for found in hits.values() for hit in found)
    severity = min(severities, key=lambda each: RANK.get(each, 9), default="")
    return Answer(
        vulnerability,
        advice.names,
        known,
        advice.title,
        severity,
        advice.lines,
        counts,
        images,
    )


def _where(shelf: Shelf, index: CatalogIndex) -> Callable[[str], Sequence[str] | None]:
    """In which builds a vulnerability is to be looked for; None: in all.

    Who does not see all must not tell by the time of an answer how many others have it: of those
    not a row is read, and a name that nothing on the shelf has is like one that nobody knows.
    """
    if shelf.whole:
        return lambda vulnerability: None

    def work() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        names, seen = index.found_names(), index.stood_for(shelf.by_name).union(_places(shelf))
        for digest in seen:
            for vulnerability in names.get(digest, ()):
                found.setdefault(vulnerability, []).append(digest)
        return found

    found = shelf.kept("where", work)
    return lambda vulnerability: found.get(vulnerability, ())


@dataclass(frozen=True, slots=True)
class _Matter:
    """What is known of a vulnerability, by where it matters."""

    shelf: Shelf
    index: CatalogIndex
    hits: Mapping[str, Sequence[Hit]]
    """By build."""
    had: set[tuple[str, str]]
    """Repository and tag that stood for something affected."""
    claims: Sequence[StoredClaim]
    known: bool


class _Images(Sequence[ImageAnswer]):
    """Answers in their order; of thousands a page takes a hundred, and only these are worded."""

    def __init__(self, matter: _Matter, places: Mapping[Means, Sequence[Place]]) -> None:
        self._matter, self._places = matter, places

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    def __iter__(self) -> Iterator[ImageAnswer]:
        return iter(self[:])

    def __getitem__(self, wanted: Any) -> Any:
        if not isinstance(wanted, slice):
            return self[wanted : wanted + 1 or None][0]
        rows = [(means, each) for means in ORDER for each in self._places.get(means, ())]
        chosen = rows[wanted]
        reasons = _reasons(self._matter, [place.digest for _, place in chosen])
        return [_worded(self._matter, means, place, reasons) for means, place in chosen]


def _images(matter: _Matter, listed: bool) -> tuple[Sequence[ImageAnswer], dict[str, int]]:
    """An answer for each image, none of them unless they are to be `listed`, and the counts.

    1. the meaning for an image that has nothing to do with it is that of all vulnerabilities that
       are known, or not: worked out once a shelf
    2. the concerned ones are taken out of that, and put where they belong
    """
    places, quiet = _places(matter.shelf), _quiet(matter.shelf, matter.known)
    concerned = set(matter.hits)
    for name, tag in matter.had:
        if name in matter.shelf.by_name:
            concerned.add(matter.shelf.by_name[name].tags.get(tag, ""))
    loud: dict[Means, list[Place]] = {}
    counts: dict[str, int] = {means: len(quiet.get(means, ())) for means in ORDER}
    for digest in concerned:
        for place in places.get(digest, ()):
            means = _meaning(matter, place)
            loud.setdefault(means, []).append(place)
            counts[means] += 1
            counts[_quietly(matter.shelf, digest, matter.known)] -= 1
    if not listed:
        return (), counts
    found: dict[Means, Sequence[Place]] = dict(quiet)
    if concerned:
        for means in ORDER:
            stay = [each for each in quiet.get(means, ()) if each.digest not in concerned]
            # Runs that are in order already: sorting them costs little more than a look.
            found[means] = sorted([*stay, *loud.get(means, ())], key=lambda each: each.order)
    return _Images(matter, found), counts


def _places(shelf: Shelf) -> Mapping[str, Sequence[Place]]:
    """Digest → where on the shelf it is, with which tags."""

    def work() -> dict[str, list[Place]]:
        places: dict[str, list[Place]] = {}
        for entry in shelf.entries:
            for place in entry.places:
                places.setdefault(place.digest, []).append(place)
        return places

    return shelf.kept("places", work)


def _quiet(shelf: Shelf, known: bool) -> Mapping[Means, Sequence[Place]]:
    """What a vulnerability means that no image has to do with, in the order of a list."""

    def work() -> dict[Means, list[Place]]:
        # Entries stand in the order of their names, and their places in that of their tags.
        rows = (place for entry in shelf.entries for place in entry.places)
        made: dict[Means, list[Place]] = {}
        for place in rows:
            made.setdefault(_quietly(shelf, place.digest, known), []).append(place)
        return made

    return shelf.kept(f"answers {known}", work)


def warm(shelf: Shelf, index: CatalogIndex) -> None:
    """Work out what the first question about a vulnerability needs of all images."""
    for known in (True, False):
        _quiet(shelf, known)
    _where(shelf, index)


def _quietly(shelf: Shelf, digest: str, known: bool) -> Means:
    """The meaning for an image in which nothing was found."""
    summary = shelf.summaries.get(digest)
    looked = summary is not None and summary.looked
    return "not_affected" if looked and known else "unknown"


def _meaning(matter: _Matter, place: Place) -> Means:
    """The meaning for an image that it may have to do with."""
    found = matter.hits.get(place.digest, ())
    statuses = {hit.status for hit in found}
    if "affected" in statuses:
        return "affected"
    if "unknown" in statuses:
        return "unknown"
    if found:
        return "not_affected"
    means = _quietly(matter.shelf, place.digest, matter.known)
    return "fixed" if means == "not_affected" and _former(matter, place) else means


def _former(matter: _Matter, place: Place) -> str:
    """A tag of the image that stood for an affected one before; empty: none did."""
    name = place.name
    return next((tag for tag in place.tags if (name, tag) in matter.had), "")


def _worded(
    matter: _Matter, means: Means, place: Place, reasons: Mapping[str, tuple[str, str]]
) -> ImageAnswer:
    """The answer for one image with its reason."""
    found = matter.hits.get(place.digest, ())
    package = severity = fixed = platform = ""
    if found:
        left = [hit for hit in found if hit.status in ("affected", "unknown")]
        shown = min(
            left or found,
            key=lambda hit: (hit.status != "affected", RANK.get(hit.severity, 9) if left else 0),
        )
        package = ", ".join(sorted({hit.package for hit in left or found})[:4])
        severity, why = shown.severity, shown.said
        platform = _elsewhere(matter, place.digest, {hit.manifest for hit in left or found})
        why = f"on {platform}: {why}" if platform else why
    elif means == "unknown":
        why = _not_known(matter.shelf.summaries.get(place.digest))
    else:
        why = "none of the packages that it is about is installed"
        if place.digest in reasons:
            package, why = reasons[place.digest]
        if means == "fixed":
            before = "an image that this tag stood for before was affected"
            why = f"{before}; {why}" if package else before
            moved = matter.index.moves(place.name, _former(matter, place))
            fixed = next((each.at for each in moved if each.digest == place.digest), "")
    return ImageAnswer(
        place.name,
        place.tags[0],
        len(place.tags),
        place.digest,
        means,
        package,
        severity,
        why,
        fixed,
        platform,
    )


def _elsewhere(matter: _Matter, digest: str, manifests: Set[str]) -> str:
    """A platform of a build that is one of these, if the first one is not; empty: it is."""
    summary = matter.shelf.summaries.get(digest)
    if summary is None or len(summary.platforms) < 2:
        return ""
    build = matter.index.build(digest)
    words = {platform_word(build, each) for each in manifests} if build else {""}
    return "" if "" in words else min(words)


def _not_known(summary: Summary | None) -> str:
    """Why nobody can say, of an image in which nothing was found."""
    if summary is None or not summary.scanned:
        return (summary.problem if summary else "") or "it was not scanned yet"
    if summary.verdict not in ("complete", "stale"):
        return f"the scan is not complete: {summary.verdict}"
    if not summary.looked:
        return "not all of its platforms were scanned, or not completely"
    return "no feed of the database knows this name"


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
    return shelf.kept("found", lambda: _found_in(index, shelf))


def _found_in(index: CatalogIndex, shelf: Shelf) -> list[Found]:
    digests = {digest for entry in shelf.entries for digest in entry.tags.values()}
    if len(digests) > MOST_IMAGES:
        digests = {entry.tags[entry.default] for entry in shelf.entries}
    images: dict[str, tuple[set[str], set[str]]] = {}
    severities: dict[str, str] = {}
    for identifier, digest, status, severity in index.findings(digests):
        found, affected = images.setdefault(identifier, (set(), set()))
        found.add(digest)
        if status == "affected":
            affected.add(digest)
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


def _reasons(matter: _Matter, digests: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Build → (package, why it is not affected), of those that have what the claims are on."""
    by_name: dict[str, list[StoredClaim]] = {}
    for claim in matter.claims:
        by_name.setdefault(claim.package, []).append(claim)
    found: dict[str, tuple[str, str]] = {}
    said: dict[tuple[str, str], str] = {}
    if not by_name:
        return found
    for digest, name, version in matter.index.installed(by_name, digests):
        key = (name, version)
        if key not in said:
            ecosystem = next((c.ecosystem for c in by_name[name]), "")
            kind = "deb" if ecosystem.startswith("debian") else "pypi"
            package = Package(name, version, kind, "", source=name, source_version=version)  # type: ignore[arg-type]
            said[key] = why_not(package, by_name[name], Target("debian", ecosystem))
        found.setdefault(digest, (name, said[key]))
    return found
