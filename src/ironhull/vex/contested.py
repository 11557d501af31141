"""Statements about something of which another one in the document says another status.

OpenVEX lets a newer statement replace an older one; readers differ in which they take.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ironhull.vex.model import VexDocument
from ironhull.vex.purl import Purl, purl_or_problem
from ironhull.vex.status import VexStatus

MAX_STEPS = 5_000_000
"""Identifiers and parts looked at for one document; each takes about half a microsecond.

A document whose statements share no vulnerability takes one for each that it has, once they have
two statuses; more are needed only where statements share many names in many combinations.
"""


@dataclass(frozen=True, slots=True)
class Contested:
    """By position, of each contested statement the first subject and the other statuses of it."""

    statements: dict[int, tuple[str, tuple[VexStatus, ...]]]
    whole: bool
    """False: it was stopped after `MAX_STEPS`, and there may be more."""


_Parts = tuple[str, ...]
_Mentions = dict[str, list[tuple[int, _Parts]]]
"""Identifier of a product → who names it, with which parts (one empty text: the whole)."""


def contested(document: VexDocument) -> Contested:
    """Which statements are contested.

    1. Names that stand in the same statements are one case; only cases of two statuses count.
    2. Of a case, the products that statements of two statuses name.
    3. Of such a product, the parts that statements of two statuses mean.
    """
    statuses = [statement.status for statement in document.statements]
    products: dict[int, list[tuple[_Parts, _Parts]]] = {}
    found: dict[int, tuple[str, tuple[VexStatus, ...]]] = {}
    steps = 0
    for case in _cases(document, statuses):
        mentions: _Mentions = {}
        for number in case:
            if number not in products:
                products[number] = _products(document, number)
            for identifiers, parts in products[number]:
                steps += len(identifiers)
                for identifier in identifiers:
                    mentions.setdefault(identifier, []).append((number, parts))
            if steps > MAX_STEPS:
                return Contested(found, whole=False)
        for identifier, named in mentions.items():
            if len({statuses[number] for number, _ in named}) > 1:
                steps += sum(len(parts) for _, parts in named)
                if steps > MAX_STEPS:
                    return Contested(found, whole=False)
                for number, said in _disputes(identifier, named, statuses):
                    found.setdefault(number, said)
    return Contested(found, whole=True)


def _cases(document: VexDocument, statuses: Sequence[VexStatus]) -> Iterator[tuple[int, ...]]:
    by_name: dict[str, list[int]] = {}
    for number, statement in enumerate(document.statements):
        for name in statement.names:
            by_name.setdefault(name, []).append(number)
    for case in dict.fromkeys(map(tuple, by_name.values())):
        if len({statuses[number] for number in case}) > 1:
            yield case


def _products(document: VexDocument, number: int) -> list[tuple[_Parts, _Parts]]:
    return [
        (
            tuple(dict.fromkeys(map(_one_spelling, product.identifiers))),
            tuple(dict.fromkeys(map(_one_spelling, product.subcomponents or ("",)))),
        )
        for product in document.statements[number].products
    ]


def _disputes(
    identifier: str, named: Sequence[tuple[int, _Parts]], statuses: Sequence[VexStatus]
) -> Iterator[tuple[int, tuple[str, tuple[VexStatus, ...]]]]:
    said: dict[str, set[VexStatus]] = {}
    for number, parts in named:
        for part in parts:
            said.setdefault(part, set()).add(statuses[number])
    for number, parts in named:
        for part in parts:
            if others := said[part] - {statuses[number]}:
                yield number, (part or identifier, tuple(sorted(others)))
                break


def _one_spelling(text: str) -> str:
    """A purl as it is read: libraries escape different characters of one."""
    purl = purl_or_problem(text)
    if not isinstance(purl, Purl):
        return text
    qualifiers = "&".join(f"{key}={value}" for key, value in sorted(purl.qualifiers.items()))
    path = "/".join(filter(None, (purl.type, purl.namespace, purl.name)))
    return f"pkg:{path}@{purl.version}?{qualifiers}"
