"""The CIS Docker Benchmark's section 4 (images), as far as an image alone shows it.

`CIS-DI-…` are the names that dockle gives to the same checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.compare.model import Unknown
from ironhull.compare.points import (
    MINIMAL_PACKAGES,
    Point,
    ScoredImage,
    judged,
    some,
    trusted_findings,
    user_point,
)
from ironhull.reports.words import tally
from ironhull.scan.model import FIXABLE

_SECTION = "CIS Docker Benchmark 4"


def cis_of(facts: ScoredImage, points: tuple[Point, ...]) -> tuple[Point, ...]:
    """4.1 to 4.12; `points` are those of the score, from which some answers are taken."""
    by_id = {point.id: point for point in points}
    return tuple(_checks(facts, by_id))


def _checks(facts: ScoredImage, points: dict[str, Point]) -> Iterator[Point]:
    yield user_point(facts, ("4.1", _SECTION, "A user for the container is created (CIS-DI-0001)"))
    yield _as(points["trusted-source"], "4.2", "Trusted base images only (CIS-DI-0002)")
    yield _unneeded(facts, points)
    yield _patched(facts)
    yield _as(points["signed"], "4.5", "Content trust: the image is signed (CIS-DI-0005)")
    yield _healthcheck(facts)
    yield _history("4.7", "No update instruction alone (CIS-DI-0007)", facts)
    yield _as(points["no-elevated-files"], "4.8", "No setuid and setgid files (CIS-DI-0008)")
    yield _history("4.9", "COPY instead of ADD (CIS-DI-0009)", facts)
    yield _as(points["no-secrets"], "4.10", "No secrets in the image (CIS-DI-0010)")
    yield _as(points["verified-downloads"], "4.11", "Verified packages only (CIS-DI-0011)")
    gain = "check signatures where it runs (podman: policy.json; Kubernetes: an admission policy)"
    text = "whether signatures are checked is decided where images are used, not in the image"
    yield Point("4.12", _SECTION, "Signed artifacts are validated", "unknown", text, gain)


def _as(point: Point, identity: str, title: str) -> Point:
    return Point(identity, _SECTION, title, point.result, point.evidence, point.gain)


def _unneeded(facts: ScoredImage, points: dict[str, Point]) -> Point:
    """Unneeded: what nobody needs at run time, which the points of minimalism look for."""
    names = ("no-build-tools", "no-package-manager", "minimal-base")
    identity = ("4.3", _SECTION, "No unnecessary packages (CIS-DI-0003)")
    parts = [points[name] for name in names]
    if any(point.result == "unknown" for point in parts):
        unknown = next(point for point in parts if point.result == "unknown")
        return Point(*identity, "unknown", unknown.evidence, unknown.gain)
    bad = [point.evidence for point in parts if point.result == "fail"]
    good = f"no build tool, no package manager, at most {MINIMAL_PACKAGES} packages"
    return judged(identity, bad, good, "leave out what the application does not need to run")


def _patched(facts: ScoredImage) -> Point:
    identity = ("4.4", _SECTION, "Scanned, and rebuilt with security patches (CIS-DI-0004)")
    findings = trusted_findings(facts)
    if isinstance(findings, Unknown):
        return Point(*identity, "unknown", findings.reason, "ironhull advisories update")
    bad = sorted(
        {
            f"{each.id} in {each.package}, fixed in {each.fixed_version}"
            for each in findings
            if each.fix_state in FIXABLE
        }
    )
    return judged(identity, bad, "nothing with a fix is left", "rebuild with the fixed packages")


def _healthcheck(facts: ScoredImage) -> Point:
    identity = ("4.6", _SECTION, "HEALTHCHECK (CIS-DI-0006)")
    test = facts.side.inventory.config.healthcheck
    if test and test[0] != "NONE":
        return Point(*identity, "pass", " ".join(test)[:200], "")
    gain = "HEALTHCHECK in exec form, or a probe of the platform that runs it"
    return Point(*identity, "fail", "the config has none", gain)


def _history(identity: str, title: str, facts: ScoredImage) -> Point:
    history = facts.history
    if not history.known:
        text = "the history does not tell how it was made"
        return Point(identity, _SECTION, title, "unknown", text, "a builder that writes its steps")
    bad = list(history.lone_updates if identity == "4.7" else history.added)
    gain = {
        "4.7": "update and install in the same step",
        "4.9": "COPY for files; ADD only for archives that it shall unpack",
    }[identity]
    good = f"its history: none of {tally(history.steps, 'step')}"
    return judged((identity, _SECTION, title), [some(bad)] if bad else [], good, gain)
