"""What a document says about packages and images of a version, and a product without one hides.

A product without a version means every one, so it also speaks over the statements of the same
document that name a version, and over those that say in what the fix is.
"""

from __future__ import annotations

from ironhull.errors import MalformedError
from ironhull.vex.model import VexDocument, VexStatement
from ironhull.vex.purl import RELEASES, Purl, purl_or_problem
from ironhull.vex.status import VexStatus

MAX_STEPS = 5_000_000
"""Looks at other statements for one document, some seconds in all.

All that OSV says of Debian (2025-02), written as one document that names no version at all, takes
1.3 million. What needs more shares names and packages in a way that no maker of VEX does.
"""
HIDING = ("not_affected", "fixed")
"""Statuses that take a finding out of the count."""
_PLACES = (*RELEASES, "arch", "repository_url")


class Hidden:
    """Asks what unversioned purls of a document speak over; what it holds grows as the document.

    1. The packages that a hiding statement names without a version are those to ask about.
    2. Of these, who names them, by package; and who speaks of a vulnerability, by its name.
    3. A question looks at the statements that are in both, going through the shorter list.
    """

    def __init__(self, document: VexDocument) -> None:
        self._document = document.name
        self._statuses: list[VexStatus] = [each.status for each in document.statements]
        self._steps = 0
        self._named: dict[str, dict[int, None]] = {}
        self._packages: dict[str, dict[int, list[Purl]]] = {
            _package(purl): {}
            for statement in document.statements
            if statement.status in HIDING
            for purl in _purls(statement)
            if not purl.version
        }
        if not self._packages:
            return
        for number, statement in enumerate(document.statements):
            for name in statement.names:
                self._named.setdefault(name, {})[number] = None
            for purl in _purls(statement):
                by_number = self._packages.get(_package(purl))
                if by_number is not None:
                    by_number.setdefault(number, []).append(purl)

    def by(self, statement: VexStatement, purl: Purl) -> str:
        """What this unversioned purl of a hiding statement speaks over; empty if nothing.

        MalformedError once all questions together have taken `MAX_STEPS`.
        """
        about = self._packages[_package(purl)]
        for name in statement.names:
            named = self._named[name]
            few, many = (named, about) if len(named) < len(about) else (about, named)
            self._step(1 + len(few))
            for number in [each for each in few if each in many]:
                status = self._statuses[number]
                self._step(len(about[number]))
                for other in about[number]:
                    if other.version and not _apart(purl, other):
                        return f"what the document says of version {other.version}"
                    if status != statement.status and not _apart(purl, other):
                        return f"its own statement `{status}`"
        return ""

    def _step(self, count: int) -> None:
        self._steps += count
        if self._steps > MAX_STEPS:
            raise MalformedError(
                f"{self._document}: its statements share vulnerabilities and packages without a"
                f" version in over {MAX_STEPS:,} ways, too many to tell what hides what (name"
                " versions, or give each vulnerability a statement of its own)"
            )


def _purls(statement: VexStatement) -> list[Purl]:
    read = map(purl_or_problem, statement.identifiers)
    return [purl for purl in read if isinstance(purl, Purl)]


def _package(purl: Purl) -> str:
    return f"{purl.type}/{purl.namespace}/{purl.name}"


def _apart(one: Purl, other: Purl) -> bool:
    """Whether their qualifiers name different releases, architectures or registries."""
    return any(
        one.qualifiers.get(place)
        and other.qualifiers.get(place)
        and one.qualifiers[place] != other.qualifiers[place]
        for place in _PLACES
    )
