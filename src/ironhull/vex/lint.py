"""Checks VEX documents for honesty, and for what keeps scanners from matching them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ironhull.errors import MalformedError
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.purl import Purl, parse_purl

JUSTIFICATIONS = (
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)
_STRONG = frozenset({"component_not_present", "vulnerable_code_not_present"})
_JUDGED = frozenset(JUSTIFICATIONS) - _STRONG

_NO_DSA = re.compile(
    r"\b(?:no[- ]dsa|postponed|no immediate (?:security )?advisory|minor issue)\b", re.IGNORECASE
)
_FILLER = re.compile(
    r"\b(?:marked|tagged|classified|considered|as|by|the|is|an?|see|debian(?:'s)?|security|team|"
    r"tracker|in|for|per|issue|cve-\d+-\d+|this|has|been|was|and|or|no|dsa|postponed|minor|"
    r"immediate|advisory)\b|https?://\S+|[^\w]+",
    re.IGNORECASE,
)
_FIXED_IN = re.compile(r"\bfixed (?:in|by|with|since)\b|\bpatched in\b", re.IGNORECASE)
_EVIDENCE = re.compile(
    r"https?://|sha256:|\b[0-9a-f]{12,64}\b|\bevidence\b|\b(?:DSA|DLA)-\d+|\bcommit\b|"
    r"\b(?:configured|built|compiled) (?:with|without)\b|\bnot (?:built|shipped|compiled)\b|"
    r"\btracker\b",
    re.IGNORECASE,
)
_KNOWN_IDS = re.compile(
    r"CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|(?:DSA|DLA|PYSEC|GO|RUSTSEC|OSV|TEMP|ALSA|USN)-.+"
)
MAX_REPORTED = 2_000


@dataclass(frozen=True, slots=True)
class LintViolation:
    """One thing wrong with a document."""

    rule: str
    level: Literal["error", "warning"]
    document: str
    vulnerability: str
    message: str


def lint(document: VexDocument) -> list[LintViolation]:
    """Everything wrong with a document, in its order."""
    found = [
        LintViolation(rule, level, document.name, "", message)
        for rule, level, message in _document(document)
    ]
    for statement in document.statements:
        if len(found) >= MAX_REPORTED:
            break
        name = statement.names[0]
        for rule, level, message in _statement(statement):
            found.append(LintViolation(rule, level, document.name, name, message))
    return found


_Problem = tuple[str, Literal["error", "warning"], str]


def _document(document: VexDocument) -> Iterator[_Problem]:
    if not document.statements:
        yield "empty", "error", "it has no statement"
    if not document.author:
        yield "author", "error", "nobody is named as its author"
    if not document.timestamp and not all(each.timestamp for each in document.statements):
        yield "timestamp", "error", "no timestamp: nobody can tell which statement is newer"


def _statement(statement: VexStatement) -> Iterator[_Problem]:
    yield from _honest(statement)
    yield from _matchable(statement)


def _honest(statement: VexStatement) -> Iterator[_Problem]:
    words = " ".join(filter(None, (statement.impact, statement.notes)))
    if statement.status == "affected" and not statement.action:
        yield "action", "error", "affected, and no action_statement says what to do"
    if statement.status == "fixed" and any(each.subcomponents for each in statement.products):
        yield "noise", "warning", "fixed: scanners compare versions by themselves"
    if statement.status != "not_affected":
        return
    justification = statement.justification
    if not justification and not words:
        yield "unfounded", "error", "not_affected without justification or impact_statement"
    if justification and justification not in JUSTIFICATIONS:
        yield "justification", "error", f"unknown justification {justification!r:.60}"
    if _rests_on_no_dsa(words):
        message = (
            "not_affected rests on `no-dsa` or `postponed` alone, which only mean that no"
            " advisory is issued now"
        )
        yield "no-dsa", "error", message
    elif _FIXED_IN.search(words):
        message = (
            "not_affected because it is fixed elsewhere: say `fixed`, or `affected` until then"
        )
        yield "fixed-in", "error", message
    elif justification in _JUDGED and not _EVIDENCE.search(words):
        message = f"{justification} without evidence (a link, a digest, a commit, a build option)"
        yield "evidence", "error", message
    elif justification in _STRONG and not words:
        message = f"{justification} without a word on how that was found"
        yield "evidence", "warning", message


def _rests_on_no_dsa(words: str) -> bool:
    """Whether nothing is left of the text but that Debian issues no advisory."""
    return bool(_NO_DSA.search(words)) and not _FILLER.sub("", words)


def _matchable(statement: VexStatement) -> Iterator[_Problem]:
    if not statement.products:
        yield "product", "error", "no product: it is about nothing"
    if not any(_KNOWN_IDS.fullmatch(name) for name in statement.names):
        yield "identifier", "warning", f"scanners do not report {statement.names[0]!r:.60}"
    for product in statement.products:
        yield from _product(statement, product)


def _product(statement: VexStatement, product: Product) -> Iterator[_Problem]:
    purl = _purl(product.identifier)
    hides = statement.status in ("not_affected", "fixed")
    if purl is None:
        yield from _other_identifier(product, hides)
        return
    if isinstance(purl, str):
        yield "purl", "error", purl
        return
    if purl.is_image:
        if hides and not purl.version.startswith("sha256:"):
            what = "every package of " if not product.subcomponents else ""
            message = f"{product.identifier!r:.100} names no digest: it hides {what}every build"
            yield "unversioned", "error", message
        elif hides and not product.subcomponents:
            message = "an image as a whole, without subcomponents: it hides every package of it"
            yield "whole-image", "warning", message
        yield from _parts(product.subcomponents, hides=hides)
    else:
        yield from _package(purl, product.identifier, hides=hides)


def _other_identifier(product: Product, hides: bool) -> Iterator[_Problem]:
    if product.identifier.startswith("sha256:") or "@sha256:" in product.identifier:
        yield from _parts(product.subcomponents, hides=hides)
        return
    message = (
        f"{product.identifier!r:.100} is neither a purl nor a digest: scanners do not match it"
    )
    yield "product", "warning", message
    if hides:
        yield "unversioned", "error", f"{product.identifier!r:.100} names no version"


def _parts(parts: Iterable[str], *, hides: bool) -> Iterator[_Problem]:
    for part in parts:
        purl = _purl(part)
        if isinstance(purl, str):
            yield "purl", "error", purl
        elif purl is None:
            message = f"subcomponent {part!r:.100} is no purl: scanners do not match it"
            yield "subcomponent", "warning", message
        else:
            yield from _package(purl, part, hides=False if not hides else purl.version == "")


def _package(purl: Purl, text: str, *, hides: bool) -> Iterator[_Problem]:
    if hides and not purl.version:
        yield "unversioned", "error", f"{text!r:.100} names no version: it hides every later one"
    if purl.type in ("deb", "apk"):
        if not purl.namespace:
            yield "purl", "error", f"{text!r:.100} has no namespace (pkg:{purl.type}/debian/…)"
        if "distro" not in purl.qualifiers:
            message = f"{text!r:.100} has no distro: it is taken for every release"
            yield "distro", "warning", message


def _purl(text: str) -> Purl | str | None:
    """The purl, what is wrong with it, or None where it does not mean to be one."""
    if not text.startswith("pkg:"):
        return None
    try:
        return parse_purl(text)
    except MalformedError as error:
        return str(error)
