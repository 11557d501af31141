"""The 20 points of a score, after the Container Hardening Priorities, each with evidence.

Minimalism 4, provenance 8, configuration 4, vulnerabilities 4. A point is won by evidence alone:
what could not be measured wins nothing and says so. The thresholds are this project's own reading;
docs/decisions/0012-compare.md has them with their reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ironhull.attest.listing import AttachedKind
from ironhull.compare.declared import Declared
from ironhull.compare.figures import created, runs_as_root
from ironhull.compare.history import History
from ironhull.compare.made import MadeHere
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.inventory.model import Exposure
from ironhull.reports.words import tally
from ironhull.scan.model import RANK, Finding, ScanResult

Result = Literal["pass", "fail", "unknown"]

MINIMAL_PACKAGES = 60
"""Distribution packages that an image may have and still be minimal."""
RECENT_DAYS = 30
_SHOWN = 3
_DEBUGGERS = ("gdb", "strace", "ltrace", "lldb", "valgrind", "perf", "bpftrace")
_DEVELOPMENT = ("-dev", "-devel")
_SOURCES = (
    "org.opencontainers.image.source",
    "org.opencontainers.image.url",
    "org.opencontainers.image.vendor",
)
_DESCRIBING = tuple(
    f"org.opencontainers.image.{name}"
    for name in ("title", "description", "version", "created", "source", "licenses", "revision")
)
_DESCRIBED = 3
_UNTOLD = "neither provenance nor history tell, and no build of it is on record here"
_BASE_DIGEST = "org.opencontainers.image.base.digest"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that is asked of an image."""

    id: str
    section: str
    title: str
    result: Result
    evidence: str
    gain: str
    """What would win the point; empty where it is won."""


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """All that the points are given for."""

    side: MeasuredImage
    declared: Declared | Unknown
    history: History
    now: datetime
    made: MadeHere | None = None
    """What is on record of its build on this machine, which the image itself does not say."""


def points_of(facts: ScoredImage) -> tuple[Point, ...]:
    """The 20 points."""
    return (
        *_minimalism(facts),
        *_provenance(facts),
        *_configuration(facts),
        *_vulnerabilities(facts),
    )


def some(texts: list[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def judged(identity: tuple[str, str, str], bad: list[str], good: str, gain: str) -> Point:
    """Passed if nothing speaks against it."""
    if bad:
        return Point(*identity, "fail", some(bad), gain)
    return Point(*identity, "pass", good, "")


def _paths(found: tuple[Exposure, ...]) -> list[str]:
    return [f"{each.path} ({each.detail})" if each.detail else each.path for each in found]


# -- minimalism ---------------------------------------------------------------------------------


def _minimalism(facts: ScoredImage) -> Iterator[Point]:
    section, inventory = "minimalism", facts.side.inventory
    surface = inventory.surface
    count = sum(package.is_distribution for package in inventory.packages)
    identity = ("minimal-base", section, "Minimal base")
    evidence = f"{tally(count, 'package')} of the distribution (at most {MINIMAL_PACKAGES})"
    if inventory.unparsed:
        reason = f"{tally(inventory.unparsed, 'file')} could not be read; packages found: {count}"
        yield Point(*identity, "unknown", reason, "an image whose package database can be read")
    elif count > MINIMAL_PACKAGES:
        gain = "start from a hardened or distroless image, and copy the application into it"
        yield Point(*identity, "fail", evidence, gain)
    else:
        yield Point(*identity, "pass", evidence, "")
    tools = _paths(surface.compilers)
    tools += [
        f"package {package.name}"
        for package in inventory.packages
        if package.is_distribution
        and (package.name in _DEBUGGERS or package.name.endswith(_DEVELOPMENT))
    ]
    yield judged(
        ("no-build-tools", section, "No build and debugging tools"),
        tools,
        "no compiler, debugger or development package was found",
        "build in another stage (FROM … AS build) and copy only the result",
    )
    yield judged(
        ("no-shell", section, "No shell"),
        _paths(surface.shells),
        "none of the known shells was found",
        "use a base image without a shell; write CMD and HEALTHCHECK in exec form",
    )
    yield judged(
        ("no-package-manager", section, "No package manager"),
        _paths(surface.package_managers),
        "none of the known package managers was found",
        "install in a build stage; leave apt, apk, npm, pip behind there",
    )


# -- provenance ---------------------------------------------------------------------------------


def _provenance(facts: ScoredImage) -> Iterator[Point]:
    yield _source(facts)
    yield _downloads(facts)
    yield attached_point(
        facts,
        ("signed", "provenance", "Signed"),
        "signature",
        "sign it (ironhull attest, cosign sign, notation)",
    )
    yield _recent(facts)
    yield _pinned_base(facts)
    yield _pinned_packages(facts)
    yield attached_point(
        facts,
        ("provenance-attestation", "provenance", "Provenance attestation"),
        "provenance",
        "attach SLSA provenance from the build",
    )
    yield attached_point(
        facts,
        ("sbom", "provenance", "SBOM"),
        "sbom",
        "attach an SBOM (ironhull sbom IMAGE writes one, ironhull attest signs it)",
    )


def attached_point(
    facts: ScoredImage, identity: tuple[str, str, str], kind: AttachedKind, gain: str
) -> Point:
    """Whether something of the kind is listed with the image."""
    attached = facts.side.attached
    if isinstance(attached, Unknown):
        return Point(*identity, "unknown", attached.reason, gain)
    found = [each for each in attached if each.kind == kind]
    if not found:
        return Point(*identity, "fail", "none is listed with the image", gain)
    types = some(sorted({each.type for each in found}))
    return Point(*identity, "pass", f"{len(found)} listed: {types} (not verified here)", "")


def _source(facts: ScoredImage) -> Point:
    identity = ("trusted-source", "provenance", "Says its source")
    gain = "name the source: label org.opencontainers.image.source, or provenance with a builder"
    if isinstance(facts.declared, Unknown):
        return Point(*identity, "unknown", facts.declared.reason, gain)
    for found in facts.declared.provenance:
        if found.builder:
            return Point(*identity, "pass", f"built by {found.builder} (provenance)", "")
    for key in _SOURCES:
        text = facts.declared.annotations.get(key)
        if text:
            return Point(*identity, "pass", f"{key}={text}", "")
    return Point(*identity, "fail", "neither labels nor provenance name a source", gain)


def _downloads(facts: ScoredImage) -> Point:
    identity = ("verified-downloads", "provenance", "Verified downloads")
    gain = "compare every download with a digest or signature, and list it in provenance"
    if not isinstance(facts.declared, Unknown):
        for found in facts.declared.provenance:
            loose = [each.uri for each in found.dependencies if not each.digests]
            if found.dependencies and not loose:
                count = len(found.dependencies)
                return Point(
                    *identity, "pass", f"each of {tally(count, 'material')} has a digest", ""
                )
    if facts.made is not None and facts.made.lock:
        text = (
            f"each of {tally(facts.made.packages, 'package')} has a SHA-256 in {facts.made.where}"
        )
        return Point(*identity, "pass", text, "")
    if facts.history.unchecked:
        return Point(*identity, "fail", some(list(facts.history.unchecked)), gain)
    if facts.history.known:
        text = f"its history: {tally(facts.history.steps, 'step')}, none downloads unchecked"
        return Point(*identity, "pass", text, "")
    return Point(*identity, "unknown", _UNTOLD, gain)


def _recent(facts: ScoredImage) -> Point:
    identity = ("recently-updated", "provenance", "Recently updated")
    gain = f"rebuild at least every {RECENT_DAYS} days"
    made = created(facts.side)
    if made is None:
        text = "the config has no usable date of creation"
        return Point(*identity, "unknown", text, "let the config say when its newest part was made")
    days = max((facts.now - made).days, 0)
    text = f"made on {made.date()}, at most {RECENT_DAYS} days ago: {days}"
    return Point(*identity, "pass" if days <= RECENT_DAYS else "fail", text, _or(gain, days))


def _or(gain: str, days: int) -> str:
    return gain if days > RECENT_DAYS else ""


def _pinned_base(facts: ScoredImage) -> Point:
    identity = ("pinned-digests", "provenance", "Base pinned by digest")
    gain = "FROM name@sha256:…, and say so: label org.opencontainers.image.base.digest"
    here = None
    if facts.made is not None:
        text = (
            f"it has none: made of {tally(facts.made.packages, 'package')}, says {facts.made.where}"
        )
        here = Point(*identity, "pass", text, "")
    if isinstance(facts.declared, Unknown):
        return here or Point(*identity, "unknown", facts.declared.reason, gain)
    digest = facts.declared.annotations.get(_BASE_DIGEST)
    if digest:
        return Point(*identity, "pass", f"{_BASE_DIGEST}={digest}", "")
    for found in facts.declared.provenance:
        images = [each for each in found.dependencies if each.is_image]
        if not images and found.dependencies:
            return Point(*identity, "pass", "its provenance lists no base image", "")
        if images and all(each.digests for each in images):
            return Point(*identity, "pass", some([each.uri for each in images]), "")
    return here or Point(*identity, "fail", "nothing says which base image it was made from", gain)


def _pinned_packages(facts: ScoredImage) -> Point:
    identity = ("pinned-packages", "provenance", "Packages pinned")
    gain = "install exact versions (name=version, npm ci, pip --require-hashes)"
    if not isinstance(facts.declared, Unknown):
        for found in facts.declared.provenance:
            packages = [each for each in found.dependencies if each.is_package]
            if packages and all(each.digests for each in packages):
                text = f"its provenance lists {tally(packages, 'package')} with digests"
                return Point(*identity, "pass", text, "")
    if facts.made is not None:
        how = "by digest" if facts.made.lock else "in one exact version"
        number = tally(facts.made.packages, "package")
        text = f"each of {number} is pinned {how}, says {facts.made.where}"
        return Point(*identity, "pass", text, "")
    if facts.history.unpinned:
        return Point(*identity, "fail", some(list(facts.history.unpinned)), gain)
    if facts.history.pinned:
        text = f"all {facts.history.pinned} steps that install name versions"
        return Point(*identity, "pass", text, "")
    return Point(*identity, "unknown", _UNTOLD, gain)


# -- configuration ------------------------------------------------------------------------------


def _configuration(facts: ScoredImage) -> Iterator[Point]:
    section, surface = "configuration", facts.side.inventory.surface
    yield judged(
        ("no-secrets", section, "No secrets, in files or variables"),
        _paths(surface.secrets),
        "no file of any layer and no variable looks like a key",
        "mount secrets as files when it runs, and use RUN --mount=type=secret in builds",
    )
    yield judged(
        ("no-elevated-files", section, "No setuid, setgid or capabilities on files"),
        _paths((*surface.setuid, *surface.setgid, *surface.capabilities)),
        "no file has them",
        "remove the files, or their bits (chmod u-s,g-s; setcap -r)",
    )
    yield user_point(facts, ("nonroot", section, "Runs as a user other than root"))
    yield _annotated(facts)


def user_point(facts: ScoredImage, identity: tuple[str, str, str]) -> Point:
    """Whether the image's default user is another than root."""
    inventory = facts.side.inventory
    gain = "USER 65532:65532 (by number, so that platforms can check it)"
    if not inventory.layers:
        return Point(*identity, "unknown", "a folder has no configuration", gain)
    user = inventory.config.user
    if runs_as_root(facts.side):
        return Point(*identity, "fail", f"user: {user or 'none is set, which is root'}", gain)
    name = user.partition(":")[0]
    if not name.isdigit() and all(each.name != name for each in inventory.users):
        return Point(*identity, "unknown", f"the user {name} is not in its /etc/passwd", gain)
    return Point(*identity, "pass", f"user: {user}", "")


def _annotated(facts: ScoredImage) -> Point:
    identity = ("annotations", "configuration", "Described by annotations")
    gain = f"set {_DESCRIBED} of: {', '.join(_DESCRIBING)}"
    labels = facts.side.inventory.config.labels
    annotations = labels if isinstance(facts.declared, Unknown) else facts.declared.annotations
    found = [key for key in _DESCRIBING if annotations.get(key)]
    if len(found) >= _DESCRIBED:
        return Point(*identity, "pass", some(found), "")
    text = f"{len(found)} of the {_DESCRIBED} that are asked for: {some(found) or 'none'}"
    return Point(*identity, "fail", text, gain)


# -- vulnerabilities ----------------------------------------------------------------------------


def _vulnerabilities(facts: ScoredImage) -> Iterator[Point]:
    for least, title in (
        ("critical", "No critical vulnerability"),
        ("high", "None of severity high"),
        ("medium", "None of severity medium"),
        ("", "No vulnerability at all"),
    ):
        yield _severity(facts, (f"no-{least or 'any'}", "vulnerabilities", title), least)


def trusted_findings(facts: ScoredImage) -> tuple[Finding, ...] | Unknown:
    """Findings after VEX; Unknown where the advisories cannot be relied on."""
    scan = facts.side.scan
    if isinstance(scan, ScanResult):
        if scan.verdict == "stale":
            return Unknown(f"the advisories of {scan.database.date} are too old (--max-age)")
        if scan.verdict == "eol":
            return Unknown("its release is past its end: vulnerabilities are not recorded any more")
        lost = [each for each in scan.unmatched if each.type in ("deb", "apk")]
        if lost:
            return Unknown(f"{tally(lost, 'package')} of the distribution could not be matched")
    found = facts.side.findings
    if isinstance(found, Unknown):
        return found
    return tuple(each for each in found if not each.suppressed)


def _severity(facts: ScoredImage, identity: tuple[str, str, str], least: str) -> Point:
    findings = trusted_findings(facts)
    if isinstance(findings, Unknown):
        return Point(*identity, "unknown", findings.reason, "ironhull advisories update")
    rank = RANK[least] if least else len(RANK)
    bad = [each for each in findings if not least or RANK.get(each.severity, rank + 1) == rank]
    date = facts.side.scan.database.date if isinstance(facts.side.scan, ScanResult) else ""
    if bad:
        names = some(sorted({f"{each.id} in {each.package}" for each in bad}))
        gain = "update or remove these packages; VEX where they do not concern the image"
        return Point(*identity, "fail", f"{len(bad)}: {names}", gain)
    unrated = sum(each.severity == "unknown" for each in findings)
    if unrated:
        text = f"without a severity yet, and so perhaps {least}: {tally(unrated, 'finding')}"
        return Point(*identity, "unknown", text, "update or remove the packages of these findings")
    return Point(*identity, "pass", f"none after VEX, by advisories of {date}", "")
