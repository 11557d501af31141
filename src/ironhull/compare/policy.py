"""When a comparison says no: `--fail-if`. What is unknown is not better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ironhull.compare.figures import BY_ID
from ironhull.compare.model import Comparison, Pair
from ironhull.errors import InputError
from ironhull.reports.words import tally
from ironhull.scan.model import ScanResult
from ironhull.scan.policy import exploited_not_known
from ironhull.scan.policy import stale as too_old

_GROUPS: dict[str, tuple[str, ...]] = {
    "packages": ("packages.total",),
    "vulnerabilities": (
        "vulnerabilities.after_vex",
        "vulnerabilities.critical",
        "vulnerabilities.high",
    ),
    "kev": ("vulnerabilities.kev",),
    "fixable": ("vulnerabilities.fixable",),
    "size": ("size.files",),
    "surface": (
        "surface.shells",
        "surface.package_managers",
        "surface.compilers",
        "surface.network_tools",
        "surface.setuid",
        "surface.setgid",
        "surface.capabilities",
        "surface.world_writable",
        "surface.secrets",
    ),
    "root": ("posture.root",),
    "leak": (),
    "unknown": (),
}
_MATCHED = ("vulnerabilities", "kev", "fixable")
"""Groups that rest on every package being matched."""
_WORSE = ("packages", "vulnerabilities", "kev", "size", "surface", "root")
TERMS = ("worse", *_GROUPS)


def parse_terms(texts: Iterable[str]) -> tuple[str, ...]:
    """`worse,leak` → terms; InputError names those that there are."""
    terms = tuple(
        term.strip().lower() for text in texts for term in text.split(",") if term.strip()
    )
    for term in terms:
        if term not in TERMS:
            raise InputError(
                f"--fail-if {term}: there is no such term (there are: {', '.join(TERMS)})"
            )
    return terms


def failures(
    comparison: Comparison, terms: Sequence[str], accept_unknown: Sequence[str] = ()
) -> list[str]:
    """Why the comparison fails; empty if it passes.

    `worse` stands for packages, vulnerabilities, kev, size, surface and root. A figure that is
    unknown, or rests on stale or partial data, on either side fails too, for nobody can say that it
    is not worse, unless `accept_unknown` has that.
    """
    wanted = dict.fromkeys(
        group for term in terms for group in (_WORSE if term == "worse" else (term,))
    )
    found = []
    for pair in comparison.pairs:
        name = comparison.sides[pair.image].name
        reasons = [
            reason
            for group in wanted
            for reason in (
                *_reasons(comparison, pair, group, group in accept_unknown),
                *_not_known(comparison, pair, group, accept_unknown),
            )
        ]
        found += [f"{name}: {reason}" for reason in dict.fromkeys(reasons)]
    return found


def stale(comparison: Comparison) -> list[str]:
    """Of which images the advisories are too old for whoever asked, in the words of a scan."""
    return [
        f"{side.scan.image}: {'; '.join(reasons)}"
        for side in comparison.sides
        if isinstance(side.scan, ScanResult) and (reasons := too_old(side.scan))
    ]


def _not_known(
    comparison: Comparison, pair: Pair, group: str, accept_unknown: Sequence[str]
) -> Iterator[str]:
    """What keeps anybody from saying how both sides stand, though there are figures."""
    for side in (comparison.baseline, comparison.sides[pair.image]):
        if not isinstance(side.scan, ScanResult):
            continue
        if group == "kev" and group not in accept_unknown:
            reason = exploited_not_known(side.scan.database)
            if reason:
                yield reason
        if group in _MATCHED and "unmatched" not in accept_unknown and side.scan.unmatched:
            yield (
                f"{tally(side.scan.unmatched, 'package')} of {side.name} could not be matched"
                " (--accept-unknown unmatched)"
            )


def _reasons(comparison: Comparison, pair: Pair, group: str, accepted: bool) -> Iterator[str]:
    if group == "leak":
        leaks = comparison.sides[pair.image].leaks
        if leaks is None:
            yield "traces of the build were not looked for (--dev-leak)"
        elif leaks.found:
            yield f"{tally(leaks.found, 'trace')} of the build"
        elif leaks.unread:
            yield f"{tally(leaks.unread, 'file')} of npm could not be read"
        return
    names: Iterable[str] = _GROUPS[group]
    if group == "unknown":
        names = (each.figure for each in pair.figures if each.figure.startswith("vulnerabilities."))
    for name in names:
        change = pair.figure(name)
        if change.verdict == "worse" and group != "unknown":
            yield f"{change.image} {BY_ID[name].title}, the baseline has {change.baseline}"
        elif change.verdict == "unknown" and not accepted:
            yield f"{BY_ID[name].title.split(' of severity')[0]}: unknown"
