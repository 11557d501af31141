"""Applies VEX statements and accepted risks to findings. Nothing is ever removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ironhull.reports.words import tally
from ironhull.scan.about import About, ImageProduct
from ironhull.scan.model import Assessment, Caveat, Finding, ScanResult
from ironhull.scan.rebuilt import OURS, rebuilt_version
from ironhull.vex.lint import claims_a_fix, statement_errors
from ironhull.vex.model import VexDocument, VexStatement

# Of statements of the same moment the least hopeful one counts.
_DOUBT = {"affected": 3, "under_investigation": 2, "not_affected": 1, "fixed": 0}


def apply_vex(
    result: ScanResult,
    documents: Iterable[VexDocument],
    image: ImageProduct,
    aliases: Mapping[str, Iterable[str]],
    *,
    unchecked: bool = False,
) -> ScanResult:
    """The result with the newest fitting statement at each finding.

    `aliases`: identifier → other names of the same vulnerability, in either direction. Statements
    that `vex.lint` calls errors are left out unless they may be `unchecked`. What is left out, what
    contradicts the feed, and a document of which nothing fits the image, are said in caveats.
    """
    documents = list(documents)
    known, caveats = _by_name(documents, unchecked=unchecked)
    names, about = _Names(aliases), dict[int, About]()

    def fits(statement: VexStatement, finding: Finding) -> bool:
        number = id(statement)
        about[number] = about.get(number) or About(statement, image)
        return about[number].fits(finding)

    used: set[str] = set()
    findings = []
    for finding in result.findings:
        candidates = [
            pair
            for name in names.of(finding)
            for pair in known.get(name, ())
            if fits(pair[1], finding)
        ]
        if candidates:
            document, statement = max(candidates, key=_weight)
            used |= {candidate.name for candidate, _ in candidates}
            finding = replace(finding, vex=_said(document, statement, finding))
        findings.append(finding)
    caveats += _contradictions(findings)
    caveats += [
        Caveat("vex", document.name, _unused(document))
        for document in documents
        if document.name not in used
    ]
    return replace(result, findings=tuple(findings), warnings=(*result.warnings, *caveats))


_Statements = dict[str, list[tuple[VexDocument, VexStatement]]]


def _by_name(
    documents: Iterable[VexDocument], *, unchecked: bool
) -> tuple[_Statements, list[Caveat]]:
    """Statements by every name of their vulnerability; of what is left out, how much and why."""
    found: _Statements = {}
    caveats = []
    for document in documents:
        wrong = statement_errors(document)
        for number, statement in enumerate(document.statements):
            if number not in wrong or unchecked:
                for name in statement.names:
                    found.setdefault(name, []).append((document, statement))
        if wrong:
            rules = Counter(rule for each in wrong.values() for rule in sorted(set(each)))
            listed = ", ".join(f"{rule} {count}" for rule, count in rules.most_common())
            text = f"{len(wrong)} of {tally(document.statements, 'statement')}: {listed}"
            done = "applied all the same, unchecked" if unchecked else "not applied"
            caveats.append(Caveat("vex", document.name, f"{done}, failing the linter: {text}"))
    return found, caveats


class _Names:
    """Every name of a vulnerability: its own, its record's and advisory's, and their aliases."""

    def __init__(self, aliases: Mapping[str, Iterable[str]]) -> None:
        self._known: dict[str, set[str]] = {}
        for name, others in aliases.items():
            for other in others:
                self._known.setdefault(name, set()).add(other)
                self._known.setdefault(other, set()).add(name)

    def of(self, finding: Finding) -> list[str]:
        """The finding's own name first.

        Aliases of the vulnerability only, one step: an advisory's are all that it mends.
        """
        own = [name for name in (finding.id, finding.record, finding.advisory) if name]
        return list(dict.fromkeys([*own, *sorted(self._known.get(finding.id, ()))]))


def _contradictions(findings: Iterable[Finding]) -> list[Caveat]:
    by_document: dict[str, list[str]] = {}
    for finding in findings:
        if finding.vex is not None and finding.vex.contradicts:
            by_document.setdefault(finding.vex.document, []).append(
                f"{finding.id} in {finding.package}: {finding.vex.contradicts}"
            )
    return [
        Caveat(
            "vex",
            name,
            f"the feed contradicts {tally(said, 'statement')}, and it counts: {said[0]}",
        )
        for name, said in by_document.items()
    ]


def _weight(pair: tuple[VexDocument, VexStatement]) -> tuple[str, int]:
    document, statement = pair
    return statement.timestamp or document.timestamp, _DOUBT[statement.status]


def _said(document: VexDocument, statement: VexStatement, finding: Finding) -> Assessment:
    return Assessment(
        status=statement.status,
        justification=statement.justification,
        statement=statement.impact or statement.action or statement.notes,
        document=document.name,
        author=document.author,
        date=statement.timestamp or document.timestamp,
        contradicts=_contradicted(statement, finding),
    )


def _contradicted(statement: VexStatement, finding: Finding) -> str:
    """What the feed says to a claim that the installed version has the fix; empty if nothing."""
    claims = statement.status == "fixed" or (
        statement.status == "not_affected" and claims_a_fix(statement)
    )
    if not claims or not finding.fixed_version:
        return ""
    installed = finding.source_version or finding.version
    # The feed's fix is of the distribution's own package; the patches of `+ihN` are not among what
    # it knows, and a statement is of one such version.
    rebuilder = rebuilt_version(installed)
    if rebuilder is not None and rebuilder.vendor == OURS:
        return ""
    return f"{finding.feed} names {finding.fixed_version} as the fix, {installed} is installed"


def _unused(document: VexDocument) -> str:
    if not document.statements:
        return "it has no statement"
    return (
        f"{tally(document.statements, 'statement')}, and none fits a finding of this image"
        " (`ironhull vex lint` says what keeps products from matching)"
    )
