"""When a comparison says no: `--fail-if`. What is unknown is not better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ironhull.compare.figures import BY_ID
from ironhull.compare.model import Comparison, Pair
from ironhull.errors import InputError

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


def failures(comparison: Comparison, terms: Sequence[str]) -> list[str]:
    """Why the comparison fails; empty if it passes.

    `worse` stands for packages, vulnerabilities, kev, size, surface and root. A figure that is
    unknown on either side fails too, for nobody can say that it is not worse.
    """
    wanted = dict.fromkeys(
        group for term in terms for group in (_WORSE if term == "worse" else (term,))
    )
    found = []
    for pair in comparison.pairs:
        name = comparison.sides[pair.image].name
        reasons = [reason for group in wanted for reason in _reasons(comparison, pair, group)]
        found += [f"{name}: {reason}" for reason in dict.fromkeys(reasons)]
    return found


def _reasons(comparison: Comparison, pair: Pair, group: str) -> Iterator[str]:
    if group == "leak":
        leaks = comparison.sides[pair.image].leaks
        if leaks is None:
            yield "traces of the build were not looked for (--dev-leak)"
        elif leaks.found:
            yield f"{len(leaks.found)} traces of the build"
        elif leaks.unread:
            yield f"{len(leaks.unread)} files of npm could not be read"
        return
    names: Iterable[str] = _GROUPS[group]
    if group == "unknown":
        names = (each.figure for each in pair.figures if each.figure.startswith("vulnerabilities."))
    for name in names:
        change = pair.figure(name)
        if change.verdict == "worse" and group != "unknown":
            yield f"{change.image} {BY_ID[name].title}, the baseline has {change.baseline}"
        elif change.verdict == "unknown":
            yield f"{BY_ID[name].title.split(' of severity')[0]}: unknown"
