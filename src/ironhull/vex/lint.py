"""Checks VEX documents for honesty, and for what keeps scanners from matching them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ironhull.debian.version import version_key
from ironhull.errors import MalformedError
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.purl import RELEASES, Purl, parse_purl

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
    """Everything wrong with a document, in its order; nothing is cut."""
    found = [
        LintViolation(rule, level, document.name, "", message)
        for rule, level, message in _document(document)
    ]
    several = _several(document) if document.format == "OpenVEX" else {}
    for number, problems in enumerate(_checked(document)):
        if number in several:
            problems.append(several[number])
        found += [
            LintViolation(rule, level, document.name, document.statements[number].names[0], message)
            for rule, level, message in problems
        ]
    return found


def statement_errors(document: VexDocument) -> dict[int, list[str]]:
    """Position of a statement with errors → the rules that it breaks."""
    found = {}
    for number, problems in enumerate(_checked(document)):
        rules = [rule for rule, level, _ in problems if level == "error"]
        if rules:
            found[number] = rules
    return found


def _checked(document: VexDocument) -> list[list[_Problem]]:
    hidden = _Hidden(document)
    return [list(_statement(statement, hidden)) for statement in document.statements]


def _document(document: VexDocument) -> Iterator[_Problem]:
    if not document.statements:
        yield "empty", "error", "it has no statement"
    if not document.author:
        yield "author", "error", "nobody is named as its author"
    if not document.timestamp and not all(each.timestamp for each in document.statements):
        yield "timestamp", "error", "no timestamp: nobody can tell which statement is newer"


def _statement(statement: VexStatement, hidden: _Hidden) -> Iterator[_Problem]:
    yield from _honest(statement)
    yield from _matchable(statement, hidden)


MAX_SUBJECTS = 200_000
"""Of a document: all names of a statement times all its products, which a page of text can make
billions. What is beyond is not compared."""

_Subject = tuple[str, str, str]
"""Vulnerability, product, and part of it or nothing."""


def _subjects(statement: VexStatement) -> Iterator[_Subject]:
    for product in statement.products:
        for identifier in map(_one_spelling, product.identifiers):
            for part in map(_one_spelling, product.subcomponents or ("",)):
                for name in statement.names:
                    yield name, identifier, part


def _one_spelling(text: str) -> str:
    """A purl as it is read: libraries escape different characters of one."""
    purl = _purl(text)
    if not isinstance(purl, Purl):
        return text
    qualifiers = "&".join(f"{key}={value}" for key, value in sorted(purl.qualifiers.items()))
    path = "/".join(filter(None, (purl.type, purl.namespace, purl.name)))
    return f"pkg:{path}@{purl.version}?{qualifiers}"


def _several(document: VexDocument) -> dict[int, _Problem]:
    """By position, statements about something of which another one says another status.

    OpenVEX lets a newer statement replace an older one; readers differ in which they take.
    """
    all_of_them = (
        (number, subject)
        for number, statement in enumerate(document.statements)
        for subject in _subjects(statement)
    )
    compared = list(islice(all_of_them, MAX_SUBJECTS))
    said: dict[_Subject, set[str]] = {}
    for number, subject in compared:
        said.setdefault(subject, set()).add(document.statements[number].status)
    found: dict[int, _Problem] = {}
    for number, subject in compared:
        others = said[subject] - {document.statements[number].status}
        if others and number not in found:
            words = ", ".join(f"`{each}`" for each in sorted(others))
            message = (
                f"of {subject[2] or subject[1]:.100} the document says {words} too: trivy takes "
                "the newest of these, grype the oldest; write a new document with one of them"
            )
            found[number] = ("several-statuses", "warning", message)
    return found


class _Hidden:
    """What a document says about packages and images of a version, by vulnerability.

    A product without a version means every one, so it also speaks over the statements of the same
    document that name a version, and over those that say in what the fix is.
    """

    def __init__(self, document: VexDocument) -> None:
        self._said: dict[tuple[str, str], list[tuple[int, Purl, str]]] = {}
        for statement in document.statements:
            for identifier in _identifiers(statement):
                purl = _purl(identifier)
                if isinstance(purl, Purl):
                    for name in statement.names:
                        key = name, f"{purl.type}/{purl.namespace}/{purl.name}"
                        self._said.setdefault(key, []).append(
                            (id(statement), purl, statement.status)
                        )

    def by(self, statement: VexStatement, purl: Purl) -> str:
        """What this unversioned purl of the statement speaks over; empty if nothing."""
        for name in statement.names:
            key = name, f"{purl.type}/{purl.namespace}/{purl.name}"
            for said_by, other, status in self._said.get(key, ()):
                elsewhere = any(
                    purl.qualifiers.get(where) and other.qualifiers.get(where)
                    and purl.qualifiers[where] != other.qualifiers[where]
                    for where in (*RELEASES, "arch", "repository_url")
                )  # fmt: skip
                if elsewhere:
                    continue
                if other.version:
                    return f"what the document says of version {other.version}"
                if said_by != id(statement) and status != statement.status:
                    return f"its own statement `{status}`"
        return ""


def _identifiers(statement: VexStatement) -> Iterator[str]:
    for product in statement.products:
        yield from product.identifiers
        yield from product.subcomponents


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
        for purl in map(_purl, _identifiers(statement))
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


def _matchable(statement: VexStatement, hidden: _Hidden) -> Iterator[_Problem]:
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
    statement: VexStatement, product: Product, identifier: str, hidden: _Hidden
) -> Iterator[_Problem]:
    purl = _purl(identifier)
    hides = statement.status in ("not_affected", "fixed")
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


def _part(statement: VexStatement, part: str, hidden: _Hidden) -> Iterator[_Problem]:
    purl = _purl(part)
    if isinstance(purl, str):
        yield "purl", "error", purl
    elif purl is None:
        message = f"subcomponent {part!r:.100} is no purl: scanners do not match it"
        yield "subcomponent", "warning", message
    else:
        yield from _package(statement, purl, part, hidden)


def _package(statement: VexStatement, purl: Purl, text: str, hidden: _Hidden) -> Iterator[_Problem]:
    yield from _unversioned(statement, purl, text, hidden)
    if purl.type in ("deb", "apk"):
        if not purl.namespace:
            yield "purl", "error", f"{text!r:.100} has no namespace (pkg:{purl.type}/debian/…)"
        if not any(purl.qualifiers.get(name) for name in RELEASES):
            message = f"{text!r:.100} names no release (distro): it is taken for every one"
            yield "distro", "warning", message


def _unversioned(
    statement: VexStatement, purl: Purl, text: str, hidden: _Hidden
) -> Iterator[_Problem]:
    if purl.version or statement.status not in ("not_affected", "fixed"):
        return
    over = hidden.by(statement, purl)
    if over:
        yield "unversioned", "error", f"{text!r:.100} names no version, and hides {over}"


def _purl(text: str) -> Purl | str | None:
    """The purl, what is wrong with it, or None where it does not mean to be one."""
    if not text.startswith("pkg:"):
        return None
    try:
        return parse_purl(text)
    except MalformedError as error:
        return str(error)
