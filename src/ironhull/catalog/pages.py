"""Pages for people: facts in templates. Nothing from outside can act in them (see `reports.text`).

Every function gives a whole page as text; who sees what is the shelf's affair.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import PackageLoader, StrictUndefined

from ironhull.catalog import links as paths
from ironhull.catalog.answers import Answer, found_in
from ironhull.catalog.changes import BuildDifference
from ironhull.catalog.charts import (
    HEIGHT,
    WIDTH,
    beside,
    days_chart,
    open_chart,
    provenance_graph,
    time_bars,
)
from ironhull.catalog.facts import (
    Counts,
    MirrorFacts,
    Moved,
    PlatformFacts,
    ScanFacts,
)
from ironhull.catalog.index import CatalogIndex
from ironhull.catalog.links import Links
from ironhull.catalog.live import Live, Nothing
from ironhull.catalog.seen import Shown, findings_of, packages_of
from ironhull.catalog.shelf import Entry, Shelf, counterpart, state_of
from ironhull.catalog.templating import Templates
from ironhull.reports.text import harmless_lines
from ironhull.reports.words import shown_size, tally
from ironhull.scan.severities import RANK

ROWS = 100
"""Of a table on one page."""
CARDS = 48
SECTIONS = ("packages", "vulnerabilities", "layers", "provenance", "attestations", "changes")
ASSETS = {"style.css": "text/css", "script.js": "text/javascript", "mark.svg": "image/svg+xml"}
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages are made from."""

    index: CatalogIndex
    live: Live = field(default_factory=Nothing)
    advisories: Path | None = None
    """The advisory database."""
    static: bool = False
    """Pages become files, so that nothing can be asked for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request for a page."""

    shelf: Shelf
    path: str = "/"
    host: str = ""
    """What stands before a repository in references; empty: not known."""
    query: str = ""
    page: int = 1
    user: str = ""
    """Who is logged in; empty: a stranger."""
    can_log_in: bool = False

    def at(self, path: str) -> Wanted:
        """The same for another page."""
        return replace(self, path=path)


# -- pages -----------------------------------------------------------------------------------------


def home(site: Site, wanted: Wanted) -> str:
    """All images, and what there is of each."""
    return _render(site, wanted, "home.html", **_listed(site, wanted))


def results(site: Site, wanted: Wanted, answer: Answer | None) -> str:
    """The cards alone, for the script that searches as one types."""
    return _render(site, wanted, "results.html", answer=answer, **_listed(site, wanted))


def search(site: Site, wanted: Wanted, answer: Answer | None) -> str:
    """What a search found: a vulnerability's answer, and images."""
    return _render(site, wanted, "search.html", answer=answer, **_listed(site, wanted))


def _listed(site: Site, wanted: Wanted) -> dict[str, Any]:
    """What every list of images shows: a page of cards, and mirrors behind the first one."""
    found = wanted.shelf.search(wanted.query)
    cards, pages = cut(found, wanted.page, CARDS)
    mirrors = mirrors_of(site, wanted.shelf, wanted.query) if wanted.page == 1 else []
    return {"cards": cards, "found": len(found), "pages": pages, "mirrors": mirrors}


def mirrors_of(site: Site, shelf: Shelf, query: str) -> list[MirrorFacts]:
    """Mirrored repositories that may be seen and whose name has every word."""
    words = query.lower().split()
    return [
        each
        for each in site.live.mirrors()
        if each.name not in shelf.by_name
        and shelf.may(each.name)
        and all(word in each.name for word in words)
    ]


def mirror(site: Site, wanted: Wanted, name: str) -> str | None:
    """What is known of a mirrored repository; None where there is none to be seen."""
    found = next((each for each in mirrors_of(site, wanted.shelf, name) if each.name == name), None)
    return None if found is None else _render(site, wanted, "mirror.html", mirror=found)


def image(site: Site, wanted: Wanted, entry: Entry) -> str:
    """One repository: its tags, their states, and how its findings went."""
    rows, today = [], _today()
    for digest, tags in entry.groups:
        summary = wanted.shelf.summaries.get(digest)
        rows.append(
            (digest, tags, summary, state_of(summary.end_of_life if summary else "", today))
        )
    other = counterpart(entry, entry.default, wanted.shelf.summaries)
    days = site.index.days
    chart = days_chart(days(entry.name, entry.default), days(entry.name, other) if other else ())
    return _render(
        site,
        wanted,
        "image.html",
        entry=entry,
        rows=rows,
        several=any(each is not None and len(each.platforms) > 1 for _, _, each, _ in rows),
        chart=chart,
        other=other,
        moves=_moved_together(site.index.moves(entry.name))[:40],
        published=site.live.publications(entry.name),
        bars=time_bars(site.live.watch().repositories.get(entry.name, ())),
    )


def _moved_together(moves: Sequence[Moved]) -> list[tuple[str, str, list[str]]]:
    """(day, digest, tags): what moved to one image on a day, the newest first.

    A release moves all tags of an image; a line for each of them said nothing more. A tag that came
    back to an image on the same day has a line for each time, with where it was between them.
    """
    found: list[tuple[str, str, list[str]]] = []
    latest: dict[tuple[str, str], list[str]] = {}
    for each in moves:
        key = (_day(each.at), each.digest)
        if key not in latest or each.tag in latest[key]:
            latest[key] = []
            found.append((*key, latest[key]))
        latest[key].append(each.tag)
    for _, _, tags in found:
        tags.sort(key=lambda tag: (len(tag), tag))
    return found


def overview(site: Site, wanted: Wanted, seen: Shown) -> str:
    """One image: what it is, how to use it, and why to believe it."""
    entry = seen.entry
    other = counterpart(entry, seen.tag, wanted.shelf.summaries)
    rows = ()
    if other and seen.platform is not None:
        rows = _beside(site, seen, entry.tags[other])
    return _render(
        site,
        wanted,
        "overview.html",
        seen=seen,
        state=state_of(seen.build.end_of_life, _today()),
        other=other,
        beside=rows,
        dev=entry.sibling(seen.tag, "dev"),
        tags=sorted(
            tag for tag, digest in entry.tags.items() if digest == seen.digest and tag != seen.tag
        ),
        platforms=_platforms(site, seen) if len(seen.build.platforms) > 1 else (),
        verification=site.live.verification(seen.name),
        severities=_severities(seen.scan),
    )


def _platforms(site: Site, seen: Shown) -> list[tuple[PlatformFacts, ScanFacts | None]]:
    return [(each, site.index.scan(each.digest)) for each in seen.build.platforms]


def _beside(site: Site, seen: Shown, digest: str) -> Any:
    theirs = site.index.build(digest)
    other = theirs.on(seen.platform.platform) if theirs and seen.platform else None
    if other is None or seen.platform is None:
        return ()
    scan = site.index.scan(other.digest)
    left, right = (len(of.open) if of and of.known else None for of in (seen.scan, scan))
    return beside(seen.platform, other, (left, right))


def packages(site: Site, wanted: Wanted, seen: Shown) -> str:
    """Packages with licences, and why each is there."""
    found = packages_of(seen, wanted.query)
    rows, pages = cut(found, wanted.page, ROWS)
    return _render(
        site, wanted, "packages.html", seen=seen, rows=rows, pages=pages, found=len(found)
    )


def vulnerabilities(site: Site, wanted: Wanted, seen: Shown) -> str:
    """Findings raw and after VEX, each with its explanation."""
    found = findings_of(seen, wanted.query)
    rows, pages = cut(found, wanted.page, ROWS)
    return _render(
        site,
        wanted,
        "vulnerabilities.html",
        seen=seen,
        rows=rows,
        pages=pages,
        found=len(found),
        severities=_severities(seen.scan),
    )


def layers(site: Site, wanted: Wanted, seen: Shown) -> str:
    """Layers with what is in them."""
    found = seen.platform.layers if seen.platform else ()
    rows, pages = cut(found, wanted.page, ROWS)
    most = max((layer.size for layer in found), default=1)
    return _render(
        site, wanted, "layers.html", seen=seen, rows=rows, pages=pages, found=len(found), most=most
    )


def provenance(site: Site, wanted: Wanted, seen: Shown) -> str:
    """How it was made, as a graph and as tables."""
    said, platform = seen.provenance, seen.platform
    graph = provenance_graph(said, seen.build.title, platform) if said and platform else None
    verification = site.live.verification(seen.name)
    return _render(
        site,
        wanted,
        "provenance.html",
        seen=seen,
        graph=graph,
        rebuilds=site.live.rebuilds(seen.name, platform.digest) if platform else (),
        verification=verification,
        signed=dict(verification.signed),
    )


def attestations(site: Site, wanted: Wanted, seen: Shown) -> str:
    """What is attached, how to verify it, and what verifying it says now."""
    verification, attached = site.live.verification(seen.name), site.live.attestations(seen.name)
    kinds = Counter(each.kind for each in attached)
    return _render(
        site,
        wanted,
        "attestations.html",
        seen=seen,
        attached=attached,
        alone={kind for kind, number in kinds.items() if number == 1 and "://" not in kind},
        verification=verification,
        signed=dict(verification.signed),
        refused=dict(verification.refused),
    )


def changes(
    site: Site, wanted: Wanted, seen: Shown, ends: tuple[str, str], found: BuildDifference | None
) -> str:
    """What changed from an older image to this one, or to another that is named (`ends`)."""
    return _render(
        site,
        wanted,
        "changes.html",
        seen=seen,
        older=ends[0],
        newer=ends[1],
        changes=found,
        choices=[tags[0] for digest, tags in seen.entry.groups if digest != seen.digest],
        moves=[each for each in site.index.moves(seen.entry.name, seen.tag) if each.digest],
    )


def vulnerability(site: Site, wanted: Wanted, answer: Answer) -> str:
    """What a vulnerability means for all images."""
    rows, pages = cut(answer.images, wanted.page, ROWS)
    return _render(site, wanted, "vulnerability.html", answer=answer, rows=rows, pages=pages)


def found_vulnerabilities(site: Site, wanted: Wanted) -> str:
    """All that scans found in images that may be seen."""
    found = [
        each
        for each in found_in(site.index, wanted.shelf)
        if wanted.query.lower() in each.id.lower()
    ]
    rows, pages = cut(found, wanted.page, ROWS)
    return _render(
        site, wanted, "found_vulnerabilities.html", rows=rows, pages=pages, found=len(found)
    )


def status(site: Site, wanted: Wanted) -> str:
    """What the watcher says, of images that may be seen."""
    said = site.live.watch()
    chart, bars = open_chart(said.days), time_bars(said.times)
    return _render(site, wanted, "status.html", watch=said, chart=chart, bars=bars)


def missing(site: Site, wanted: Wanted, *, wrong: bool = False) -> str:
    """There is no such page, or it may not be seen; `wrong`: it was asked for as nobody can."""
    return _render(site, wanted, "missing.html", wrong=wrong)


@cache
def refused(status: int) -> str:
    """A page for who is not let in (401) or asks too often (429), or in place of one that failed.

    Nothing of the catalog is in it. It is made once, as of the second there may be thousands.
    """
    nobody = Wanted(Shelf((), {}, {}, 0), can_log_in=status == 401)
    return _render(Site(CatalogIndex(":memory:")), nobody, "refused.html", status=status)


# -- what pages share ------------------------------------------------------------------------------


def cut(rows: Sequence[_Row], page: int, size: int) -> tuple[Sequence[_Row], int]:
    """The rows of a page, and how many pages there are."""
    pages = max(1, -(-len(rows) // size))
    start = (min(page, pages) - 1) * size
    return rows[start : start + size], pages


def _severities(scan: ScanFacts | None) -> list[tuple[str, int, int]]:
    """(severity, raw, after VEX), the worst first."""
    if scan is None:
        return []
    found: dict[str, list[int]] = {}
    for each in scan.findings:
        counts = found.setdefault(each.severity, [0, 0])
        counts[0] += 1
        counts[1] += each.status in ("affected", "unknown")
    ordered = sorted(found.items(), key=lambda each: RANK.get(each[0], 9))
    return [(severity, raw, left) for severity, (raw, left) in ordered]


def asset(name: str) -> bytes:
    """A file of the pages: style, script, mark."""
    return files("ironhull.catalog").joinpath("assets", name).read_bytes()


@cache
def asset_path(name: str) -> str:
    """Where it is: another path when its content changes, so that it may be kept for ever."""
    stem, _, ending = name.rpartition(".")
    return f"/_site/{stem}.{hashlib.sha256(asset(name)).hexdigest()[:12]}.{ending}"


@cache
def _environment() -> Templates:
    made = Templates(
        loader=PackageLoader("ironhull.catalog"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"size": shown_size, "count": lambda value: f"{value:,}", "day": _day}
    made.filters |= {"of": tally, "sentence": lambda text: text[:1].upper() + text[1:]}
    made.filters["counted"] = _counted
    # As Jinja's, of texts and numbers: its own look for HTML in each of them first.
    made.filters |= {"join": lambda texts, sign: sign.join(texts), "round": round}
    made.filters["replace"] = str.replace
    made.globals |= {
        "image_path": paths.image_path,
        "vulnerability_path": paths.vulnerability_path,
        "feed_path": paths.feed_path,
        "sections": SECTIONS,
        "asset": asset_path,
        "state_of": lambda text: state_of(text, _today()),
        "chart_width": WIDTH,
        "chart_height": HEIGHT,
    }
    return made


def prepare() -> None:
    """Compile all templates: whoever asks for the first page of a kind does not wait for that."""
    for name in _environment().list_templates():
        _environment().get_template(name)


def _counted(number: int, scan: ScanFacts | Counts) -> str:
    """How many findings there are, by a scan that saw all or not: 0 of a half one is not known."""
    if scan.known:
        return f"{number:,}"
    return f"at least {number:,}" if number else "unknown"


def _day(moment: str) -> str:
    return moment[:10]


def _today() -> date:
    return datetime.now(UTC).date()


def rendered(template: str, **values: Any) -> str:
    """A template that is no page: a feed."""
    return harmless_lines(_environment().get_template(template).render(values))


def _render(site: Site, wanted: Wanted, template: str, **values: Any) -> str:
    link = Links(wanted.path, site.static)
    found = _environment().get_template(template)
    return harmless_lines(
        found.render(
            values,
            to=link.to,
            wanted=wanted,
            shelf=wanted.shelf,
            static=site.static,
            prefix=f"{wanted.host}/" if wanted.host else "",
        )
    )
