"""Limits on vulnerabilities, by this machine's own advisories; VEX that is applied is signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from ironhull.errors import InputError
from ironhull.inventory.model import DISTRIBUTION_TYPES
from ironhull.scan.model import FIXABLE, Finding, ScanResult
from ironhull.scan.policy import exploited_not_known
from ironhull.verify.evidence import Verified
from ironhull.verify.facts import Case, Unknown
from ironhull.verify.image_facts import image_facts
from ironhull.verify.kinds import VEXES
from ironhull.verify.policy.model import VexRule
from ironhull.verify.refusal import RefusedError
from ironhull.verify.rules.choosing import chosen, document, outcome, some
from ironhull.verify.verdict import Outcome
from ironhull.vex.model import VexDocument
from ironhull.vex.openvex import parse as parse_openvex


def vulnerabilities(case: Case) -> Iterator[Outcome]:
    """An outcome for each limit, and for whose VEX it is."""
    rule, vex = case.policy.vulnerabilities, case.policy.vex
    limits = (rule.known_exploited, rule.before_vex, rule.after_vex, rule.fixable, rule.epss_most)
    if vex is None and all(limit in (None, False) for limit in limits):
        return
    documents, problem = _documents(case, vex or VexRule(case.policy.anybody))
    if vex is not None and vex.authors:
        yield _authors(case, documents, problem, vex.authors)
    if all(limit in (None, False) for limit in limits):
        return
    if problem:
        yield outcome(case, "vex.authors", "fail", problem, "VEX that can be read")
        documents = []
    yield from _limits(case, documents)


def _documents(case: Case, rule: VexRule) -> tuple[list[VexDocument], str]:
    """The signed VEX about the image, and what is wrong with it."""
    found = []
    for statement in _statements(case, rule):
        name = f"VEX {statement.digest[:19]}"
        try:
            found.append(parse_openvex(document(statement, "VEX"), name))
        except RefusedError as error:
            return [], f"{error.reason}: {error}"
        except InputError as error:
            return [], str(error)
    return found, ""


def _statements(case: Case, rule: VexRule) -> tuple[Verified, ...]:
    return chosen(case, VEXES, rule.signers)


def _authors(
    case: Case, documents: Sequence[VexDocument], problem: str, authors: tuple[str, ...]
) -> Outcome:
    needed = f"VEX by {' or '.join(authors)}"
    if problem:
        return outcome(case, "vex.authors", "fail", problem, needed)
    others = [
        f"{each.author or 'nobody'} ({each.name})"
        for each in documents
        if not any(fnmatchcase(each.author, pattern) for pattern in authors)
    ]
    if others:
        return outcome(case, "vex.authors", "fail", f"by {some(others)}", needed)
    names = sorted({each.author for each in documents})
    return outcome(case, "vex.authors", "pass", f"by {some(names)}" if names else "no VEX")


def _limits(case: Case, documents: Sequence[VexDocument]) -> Iterator[Outcome]:
    rule = case.policy.vulnerabilities
    result = image_facts(case).scan(case.image, documents)
    reason = result.reason if isinstance(result, Unknown) else _unreliable(result)
    wanted: list[tuple[str, bool]] = [
        ("known-exploited", rule.known_exploited),
        ("before-vex", rule.before_vex is not None),
        ("after-vex", rule.after_vex is not None),
        ("fixable", rule.fixable is not None),
        ("epss", rule.epss_most is not None),
    ]
    if isinstance(result, Unknown) or reason:
        for name, asked in wanted:
            if asked:
                needed = "a scan that can be relied on"
                yield outcome(case, f"vulnerabilities.{name}", "unknown", reason, needed)
        return
    if rule.known_exploited:
        yield _exploited(case, result)
    if rule.before_vex is not None:
        yield _counted(case, "before-vex", result.findings, rule.before_vex)
    if rule.after_vex is not None:
        yield _counted(case, "after-vex", result.open, rule.after_vex)
    if rule.fixable is not None:
        left = _left(case, "fixable", [f for f in result.open if f.fix_state in FIXABLE])
        yield _limited(case, "fixable", left, rule.fixable, "that have a fix")
    if rule.epss_most is not None:
        yield _probable(case, result, rule.epss_most)


def _unreliable(result: ScanResult) -> str:
    """Why nobody can say how many there are; empty if it can be said."""
    if result.verdict == "unknown":
        return "there are no advisories for its distribution"
    if result.verdict == "stale":
        return f"the advisories are of {result.database.date}, which is too old"
    if result.verdict == "eol":
        return "its release is past its end: later vulnerabilities are not recorded"
    lost = [each.package for each in result.unmatched if each.type in DISTRIBUTION_TYPES]
    if lost:
        return f"packages that could not be matched: {some(lost)}"
    hidden = [each.subject for each in result.warnings if each.kind == "inventory"]
    return f"files that could not be read: {some(hidden)}" if hidden else ""


def _left(case: Case, name: str, findings: Sequence[Finding]) -> list[Finding]:
    """Without those that an exception takes out, while it holds."""
    rule, today = f"vulnerabilities.{name}", case.now.date()
    taken = {
        identifier
        for each in case.policy.exceptions
        for identifier in each.takes(rule, case.reference, today)
    }
    return [each for each in findings if each.id not in taken]


def _exploited(case: Case, result: ScanResult) -> Outcome:
    rule, needed = "vulnerabilities.known-exploited", "none that is known to be exploited"
    unknown = exploited_not_known(result.database)
    if unknown:
        # What a scan could be told (--accept-unknown) a policy cannot.
        text = unknown.partition(" (")[0]
        return outcome(case, rule, "unknown", text, "ironhull advisories update")
    found = _left(case, "known-exploited", [each for each in result.findings if each.kev])
    if found:
        names = some(list(dict.fromkeys(each.id for each in found)))
        return outcome(case, rule, "fail", names + _over(case, "known-exploited"), needed)
    return outcome(case, rule, "pass", "none")


def _counted(
    case: Case, name: str, findings: Sequence[Finding], limits: Mapping[str, int]
) -> Outcome:
    rule, left = f"vulnerabilities.{name}", _left(case, name, findings)
    over, counts = [], []
    for severity, most in limits.items():
        found = list(dict.fromkeys(each.id for each in left if each.severity == severity))
        counts.append(f"{len(found)} {severity}")
        if len(found) > most:
            over.append(f"{len(found)} {severity} ({some(found, 3)})")
    needed = "at most " + ", ".join(f"{most} {severity}" for severity, most in limits.items())
    if over:
        return outcome(case, rule, "fail", ", ".join(over) + _over(case, name), needed)
    return outcome(case, rule, "pass", ", ".join(counts) or "no limit")


def _limited(case: Case, name: str, found: list[Finding], most: int, what: str) -> Outcome:
    rule = f"vulnerabilities.{name}"
    names = list(dict.fromkeys(each.id for each in found))
    text = f"{len(names)} {what}"
    if len(names) > most:
        shown = f"{text}: {some(names)}{_over(case, name)}"
        return outcome(case, rule, "fail", shown, f"at most {most} {what}")
    return outcome(case, rule, "pass", text)


def _probable(case: Case, result: ScanResult, most: float) -> Outcome:
    rule, wanted = "vulnerabilities.epss", case.policy.vulnerabilities.epss_model
    model = case.facts.epss_model()
    if isinstance(model, Unknown):
        return outcome(case, rule, "unknown", model.reason, f"EPSS scores of the model {wanted}")
    if model != wanted:
        text = f"the scores are of the model {model}"
        needed = f"scores of {wanted}, or a limit that was chosen for {model}"
        return outcome(case, rule, "unknown", text, needed)
    left = _left(case, "epss", result.open)
    over = sorted({(-(each.epss or 0.0), each.id) for each in left if (each.epss or 0.0) > most})
    if over:
        shown = some([f"{name} {-score:.3f}" for score, name in over])
        return outcome(case, rule, "fail", shown + _over(case, "epss"), f"none above {most}")
    blank = len({each.id for each in left if each.epss is None})
    text = f"none above {most}" + (f"; {blank} have no score" if blank else "")
    return outcome(case, rule, "pass", text)


def _over(case: Case, name: str) -> str:
    """Exceptions of the rule that are over, so that nobody wonders."""
    today = case.now.date()
    ended = [
        f"{', '.join(sorted(each.vulnerabilities))} until {each.expires}"
        for each in case.policy.exceptions
        if each.rule == f"vulnerabilities.{name}" and each.vulnerabilities and each.expires < today
    ]
    return f"; an exception is over: {some(ended, 2)}" if ended else ""
