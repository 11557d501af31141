"""Checks VEX documents for honesty, and for what keeps scanners from matching them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ironhull.debian.version import version_key
from ironhull.errors import MalformedError
from ironhull.vex.contested import MAX_STEPS, contested
from ironhull.vex.hiding import HIDING, Hidden
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.purl import RELEASES, Purl, purl_or_problem

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
_FIXED_IN = re.compile(
    r"\b(?:fixed (?:in|by|with|since)|patched in)\b"
    r"(?:\s+version)?(?:\s+v?(?P<version>\d[\w.+:~-]*\w))?",
    re.IGNORECASE,
)
_PATCHED = re.compile(
    r"\bpatched by (?:upgrad|updat)|"
    r"\b(?:patch|fix|backport)(?:es)? (?:(?:is|was|ha(?:s|ve) been) )?"
    r"(?:applied|backported|included)\b",
    re.IGNORECASE,
)
_CLEARS = re.compile(
    r"\b(?:not (?:affected|vulnerable|exploitable)|unaffected|does not affect|false positive)\b",
    re.IGNORECASE,
)
_DISPUTED = re.compile(
    r"\b(?:disput(?:ed?|es)|upstream|vendor|maintainers?|cve|vulnerability|bug)\b", re.IGNORECASE
)
_EVIDENCE = re.compile(
    r"https?://|sha256:|\b[0-9a-f]{12,64}\b|\bevidence\b|\b(?:DSA|DLA)-\d+|\bcommit\b|"
    r"\b(?:configured|built|compiled) (?:with|without)\b|\bnot (?:built|shipped|compiled)\b|"
    r"\btracker\b",
    re.IGNORECASE,
)
_KNOWN_IDS = re.compile(
    r"(?:(?:DEBIAN|UBUNTU|ALPINE)-)?CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|(?:DSA|DLA|PYSEC|GO|RUSTSEC|OSV|TEMP|ALSA|USN)-.+"
)

_Problem = tuple[str, Literal["error", "warning"], str]


@dataclass(frozen=True, slots=True)
class LintViolation:
    """One thing wrong with a document."""

    rule: str
    level: Literal["error", "warning"]
    document: str
    vulnerability: str
    message: str


def lint(document: VexDocument) -> list[LintViolation]:
    """Everything wrong with a document, in its order; nothing is cut in silence.

    MalformedError where its statements share too much to tell what hides what.
    """
    several, about = _several(document)
    found = [
        LintViolation(rule, level, document.name, "", message)
        for rule, level, message in (*_document(document), *about)
    ]
    for number, problems in enumerate(_checked(document)):
        found += [
            LintViolation(rule, level, document.name, document.statements[number].names[0], message)
            for rule, level, message in (*problems, *several.get(number, ()))
        ]
    return found


def statement_errors(document: VexDocument) -> dict[int, list[str]]:
    """Position of a statement with errors → the rules that it breaks.

    MalformedError where the document's statements share too much to tell what hides what.
    """
    found = {}
    for number, problems in enumerate(_checked(document)):
        rules = [rule for rule, level, _ in problems if level == "error"]
        if rules:
            found[number] = rules
    return found


def _checked(document: VexDocument) -> list[list[_Problem]]:
    hidden = Hidden(document)
    return [list(_statement(statement, hidden)) for statement in document.statements]


def _document(document: VexDocument) -> Iterator[_Problem]:
    if not document.statements:
        yield "empty", "error", "it has no statement"
    if not document.author:
        yield "author", "error", "nobody is named as its author"
    if not document.timestamp and not all(each.timestamp for each in document.statements):
        yield "timestamp", "error", "no timestamp: nobody can tell which statement is newer"


def _several(document: VexDocument) -> tuple[dict[int, list[_Problem]], list[_Problem]]:
    """What is wrong with contested statements, by position, and with the document as a whole."""
    if document.format != "OpenVEX":
        return {}, []
    found = contested(document)
    by_number: dict[int, list[_Problem]] = {}
    for number, (subject, others) in found.statements.items():
        words = ", ".join(f"`{each}`" for each in others)
        message = (
            f"of {subject:.100} the document says {words} too: trivy takes the newest of these,"
            " grype the oldest; write a new document with one of them"
        )
        by_number[number] = [("several-statuses", "warning", message)]
    message = (
        "its statements share names in so many ways that looking for two statuses of one thing"
        f" was stopped after {MAX_STEPS:,} products: there may be more than are listed"
    )
    return by_number, [] if found.whole else [("several-statuses", "warning", message)]


def _statement(statement: VexStatement, hidden: Hidden) -> Iterator[_Problem]:
    yield from _honest(statement)
    yield from _matchable(statement, hidden)


def claims_a_fix(statement: VexStatement) -> bool:
    """Whether the words of a statement say that a fix is in."""
    words = " ".join(filter(None, (statement.impact, statement.notes)))
    return bool(_FIXED_IN.search(words) or _PATCHED.search(words))


def _honest(statement: VexStatement) -> Iterator[_Problem]:
    words = " ".join(filter(None, (statement.impact, statement.notes)))
    if statement.status == "affected" and not statement.action:
        yield "action", "error", "affected, and no action_statement says what to do"
    if statement.status == "fixed" and any(each.subcomponents for each in statement.products):
        yield "noise", "warning", "fixed: scanners compare versions by themselves"
    if statement.status == "under_investigation" and _cleared(statement):
        message = "under_investigation with the ground for not_affected: it counts as affected"
        yield "under-investigation", "error", message
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
    elif claims_a_fix(statement):
        yield "fixed-in", "error", _fix_claimed(statement, words)
    elif _rests_on_a_dispute(words):
        message = "that somebody disputes it, with a link alone, is no evidence"
        yield "disputed", "error", message
    elif justification in _JUDGED and not _EVIDENCE.search(words):
        message = f"{justification} without evidence (a link, a digest, a commit, a build option)"
        yield "evidence", "error", message
    elif justification in _STRONG and not words:
        message = f"{justification} without a word on how that was found"
        yield "evidence", "warning", message


def _cleared(statement: VexStatement) -> bool:
    """Whether a statement gives the ground for another status than its own."""
    words = " ".join(filter(None, (statement.impact, statement.notes)))
    return bool(statement.justification or _CLEARS.search(words))


def _rests_on_no_dsa(words: str) -> bool:
    """Whether nothing is left of the text but that Debian issues no advisory."""
    return bool(_NO_DSA.search(words)) and not _FILLER.sub("", words)


def _rests_on_a_dispute(words: str) -> bool:
    """Whether nothing is left of the text but that somebody disputes it."""
    said = re.search(r"\bdisput", words, re.IGNORECASE)
    return bool(said) and not _DISPUTED.sub("", _FILLER.sub(" ", words)).strip()


def _fix_claimed(statement: VexStatement, words: str) -> str:
    """What is wrong with not_affected for a fix: it is in the product, or it is elsewhere."""
    match = _FIXED_IN.search(words)
    fix = match["version"] if match is not None else None
    versions = [
        purl.version
        for purl in map(purl_or_problem, statement.identifiers)
        if isinstance(purl, Purl) and not purl.is_image and purl.version
    ]
    if fix is None and match is None:
        return "a version that has the fix is `fixed`, not `not_affected`"
    if fix and versions and all(_reaches(version, fix) for version in versions):
        return f"{versions[0]} has the fix of {fix}: say `fixed`, not `not_affected`"
    return "not_affected because it is fixed elsewhere: say `fixed`, or `affected` until then"


def _reaches(version: str, fix: str) -> bool:
    """Whether a version is at or after a fix, in Debian's order, which also sorts plain numbers."""
    try:
        return version_key(version) >= version_key(fix)
    except MalformedError:
        return False


def _matchable(statement: VexStatement, hidden: Hidden) -> Iterator[_Problem]:
    if not statement.products:
        yield "product", "error", "no product: it is about nothing"
    if not any(_KNOWN_IDS.fullmatch(name) for name in statement.names):
        yield "identifier", "warning", f"scanners do not report {statement.names[0]!r:.60}"
    for product in statement.products:
        for identifier in product.identifiers:
            yield from _product(statement, product, identifier, hidden)
        for part in product.subcomponents:
            yield from _part(statement, part, hidden)


def _product(
    statement: VexStatement, product: Product, identifier: str, hidden: Hidden
) -> Iterator[_Problem]:
    purl = purl_or_problem(identifier)
    hides = statement.status in HIDING
    if isinstance(purl, str):
        yield "purl", "error", purl
    elif purl is None:
        if not identifier.startswith("sha256:") and "@sha256:" not in identifier:
            message = f"{identifier!r:.100} is neither a purl nor a digest"
            yield "product", "warning", f"{message}: scanners do not match it"
    elif purl.is_image:
        if hides and not product.subcomponents:
            message = "an image as a whole, without subcomponents: it hides every package of it"
            yield "whole-image", "warning", message
        yield from _unversioned(statement, purl, identifier, hidden)
    else:
        yield from _package(statement, purl, identifier, hidden)


def _part(statement: VexStatement, part: str, hidden: Hidden) -> Iterator[_Problem]:
    purl = purl_or_problem(part)
    if isinstance(purl, str):
        yield "purl", "error", purl
    elif purl is None:
        message = f"subcomponent {part!r:.100} is no purl: scanners do not match it"
        yield "subcomponent", "warning", message
    else:
        yield from _package(statement, purl, part, hidden)


def _package(statement: VexStatement, purl: Purl, text: str, hidden: Hidden) -> Iterator[_Problem]:
    yield from _unversioned(statement, purl, text, hidden)
    if purl.type in ("deb", "apk"):
        if not purl.namespace:
            yield "purl", "error", f"{text!r:.100} has no namespace (pkg:{purl.type}/debian/…)"
        if not any(purl.qualifiers.get(name) for name in RELEASES):
            message = f"{text!r:.100} names no release (distro): it is taken for every one"
            yield "distro", "warning", message


def _unversioned(
    statement: VexStatement, purl: Purl, text: str, hidden: Hidden
) -> Iterator[_Problem]:
    if purl.version or statement.status not in HIDING:
        return
    over = hidden.by(statement, purl)
    if over:
        yield "unversioned", "error", f"{text!r:.100} names no version, and hides {over}"
