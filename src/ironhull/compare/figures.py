"""The scale: every figure that two images are compared by, as a table.

A figure reads one number from a side, or says why it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal

from ironhull.attest.listing import ATTACHED_KINDS
from ironhull.compare.model import Amount, Change, MeasuredImage, Unknown, Verdict
from ironhull.inventory.model import SURFACE_LISTS
from ironhull.scan.model import FIXABLE, SEVERITIES, Finding, ScanResult
from ironhull.values import dataclass

Unit = Literal["count", "bytes", "days", "flag"]
Better = Literal["less", "more", "none"]

_PLAIN_TAR = (".tar", "+tar", "docker.image.rootfs.diff.tar")
_NOT_A_DATE = "the config's date is the epoch or missing: a reproducible build may leave it out"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the scale."""

    id: str
    title: str
    """What is counted; a percentage says `of` these."""
    group: str
    read: Callable[[MeasuredImage, datetime], Amount]
    unit: Unit = "count"
    better: Better = "less"


def _counted(wanted: Callable[[Finding], bool]) -> Callable[[MeasuredImage, datetime], Amount]:
    def read(side: MeasuredImage, now: datetime) -> Amount:
        found = side.findings
        if isinstance(found, Unknown):
            return found
        return sum(wanted(finding) for finding in found)

    return read


def _exploited(side: MeasuredImage, now: datetime) -> Amount:
    scan = side.scan
    if isinstance(scan, ScanResult) and not scan.database.knows_exploited:
        return Unknown("the database has no feed kev (ironhull advisories update)")
    return _counted(lambda found: bool(found.kev) and not found.suppressed)(side, now)


def _of_severity(severity: str, *, raw: bool) -> Callable[[Finding], bool]:
    return lambda found: found.severity == severity and (raw or not found.suppressed)


def _identifiers(wanted: Callable[[Finding], bool]) -> Callable[[MeasuredImage, datetime], Amount]:
    def read(side: MeasuredImage, now: datetime) -> Amount:
        found = side.findings
        if isinstance(found, Unknown):
            return found
        return len({finding.id for finding in found if wanted(finding)})

    return read


def _vulnerabilities() -> Iterable[Figure]:
    group = "vulnerabilities"
    yield Figure(
        "vulnerabilities.raw",
        "findings before VEX",
        group,
        _counted(lambda found: True),
    )
    yield Figure(
        "vulnerabilities.after_vex",
        "findings after VEX",
        group,
        _counted(lambda found: not found.suppressed),
    )
    yield Figure(
        "vulnerabilities.ids_raw",
        "different vulnerabilities before VEX",
        group,
        _identifiers(lambda found: True),
    )
    yield Figure(
        "vulnerabilities.ids",
        "different vulnerabilities after VEX",
        group,
        _identifiers(lambda found: not found.suppressed),
    )
    for severity in SEVERITIES:
        yield Figure(
            f"vulnerabilities.{severity}",
            f"findings of severity {severity} after VEX",
            group,
            _counted(_of_severity(severity, raw=False)),
        )
    for severity in SEVERITIES:
        yield Figure(
            f"vulnerabilities.raw_{severity}",
            f"findings of severity {severity} before VEX",
            group,
            _counted(_of_severity(severity, raw=True)),
        )
    yield Figure(
        "vulnerabilities.kev",
        "known exploited findings after VEX",
        group,
        _exploited,
    )
    yield Figure(
        "vulnerabilities.fixable",
        "findings with a fix after VEX",
        group,
        _counted(lambda found: found.fix_state in FIXABLE and not found.suppressed),
    )
    yield Figure("vulnerabilities.unmatched", "packages that cannot be matched", group, _unmatched)


def _unmatched(side: MeasuredImage, now: datetime) -> Amount:
    return side.scan if isinstance(side.scan, Unknown) else len(side.scan.unmatched)


def _of_type(distribution: bool) -> Callable[[MeasuredImage, datetime], Amount]:
    def read(side: MeasuredImage, now: datetime) -> Amount:
        packages = side.inventory.packages
        return sum(package.is_distribution == distribution for package in packages)

    return read


def _licences(side: MeasuredImage, now: datetime) -> Amount:
    return len({name for package in side.inventory.packages for name in package.licenses})


def _no_licence(side: MeasuredImage, now: datetime) -> Amount:
    return sum(not package.licenses for package in side.inventory.packages)


def compressed(side: MeasuredImage) -> Amount:
    """Bytes of all layers as a registry sends them."""
    layers = side.inventory.layers
    if not layers:
        return Unknown("a folder has no layers")
    for layer in layers:
        if layer.media_type.endswith(_PLAIN_TAR) or layer.size >= layer.uncompressed > 0:
            return Unknown("its layers are stored uncompressed, as archives and engines do")
    return sum({layer.digest: layer.size for layer in layers}.values())


def _uncompressed(side: MeasuredImage, now: datetime) -> Amount:
    layers = side.inventory.layers
    return sum(layer.uncompressed for layer in layers) if layers else Unknown("it has no layers")


def _layers(side: MeasuredImage, now: datetime) -> Amount:
    return len(side.inventory.layers) or Unknown("it has no layers")


def _age(side: MeasuredImage, now: datetime) -> Amount:
    made = created(side)
    if made is None:
        return Unknown(_NOT_A_DATE)
    return max((now - made).days, 0)


def created(side: MeasuredImage) -> datetime | None:
    """When the image's config says that it was made; None for the epoch and what is no date."""
    try:
        made = datetime.fromisoformat(side.inventory.config.created.strip()[:40])
    except ValueError:
        return None
    if made.tzinfo is None:
        made = made.replace(tzinfo=UTC)
    return made if made.year > 1980 else None


def _surface(name: str) -> Callable[[MeasuredImage, datetime], Amount]:
    def read(side: MeasuredImage, now: datetime) -> Amount:
        if name == "user_writable":
            if not side.inventory.layers:
                return Unknown("a folder has no default user")
            if runs_as_root(side):
                return Unknown("its user is root, who may write everywhere")
        found = getattr(side.inventory.surface, name)
        return found if isinstance(found, int) else len(found)

    return read


def runs_as_root(side: MeasuredImage) -> bool:
    """Whether the default user is root: by number, by name, or because none is set."""
    user = side.inventory.config.user.partition(":")[0]
    if user in ("", "root"):
        return True
    if user.isdigit():
        return int(user) == 0
    return any(each.name == user and each.uid == 0 for each in side.inventory.users)


def _root(side: MeasuredImage, now: datetime) -> Amount:
    if not side.inventory.layers:
        return Unknown("a folder has no default user")
    return int(runs_as_root(side))


def _attached(kind: str) -> Callable[[MeasuredImage, datetime], Amount]:
    def read(side: MeasuredImage, now: datetime) -> Amount:
        if isinstance(side.attached, Unknown):
            return side.attached
        return sum(each.kind == kind for each in side.attached)

    return read


def _leaks(side: MeasuredImage, now: datetime) -> Amount:
    if side.leaks is None:
        return Unknown("not looked for (--dev-leak)")
    return len(side.leaks.found)


SURFACE_TITLES = {
    "shells": "shells",
    "package_managers": "package managers",
    "compilers": "compilers and build tools",
    "network_tools": "network clients",
    "interpreters": "interpreters",
    "setuid": "setuid files",
    "setgid": "setgid files",
    "capabilities": "files with capabilities",
    "world_writable": "paths that anyone may write",
    "user_writable": "paths that the image's user may write",
    "secrets": "files and variables that look like keys",
}
_ATTACHED_TITLES = {
    "sbom": "SBOMs",
    "provenance": "provenance attestations",
    "signature": "signatures",
    "vex": "VEX documents",
    "other": "other attachments",
}

FIGURES: tuple[Figure, ...] = (
    Figure(
        "packages.total",
        "packages",
        "packages",
        lambda side, now: len(side.inventory.packages),
    ),
    Figure("packages.os", "packages of the distribution", "packages", _of_type(True)),
    Figure("packages.language", "packages of programming languages", "packages", _of_type(False)),
    *_vulnerabilities(),
    Figure(
        "size.compressed",
        "size of its layers as sent (compressed)",
        "size",
        lambda side, now: compressed(side),
        "bytes",
    ),
    Figure("size.uncompressed", "size of its layers unpacked", "size", _uncompressed, "bytes"),
    Figure(
        "size.files",
        "size of the files that a container sees",
        "size",
        lambda side, now: side.inventory.surface.size,
        "bytes",
    ),
    Figure(
        "size.wasted",
        "size of what upper layers hide",
        "size",
        lambda side, now: side.inventory.wasted,
        "bytes",
    ),
    Figure("size.layers", "layers", "size", _layers, "count", "none"),
    *(
        Figure(f"surface.{name}", SURFACE_TITLES[name], "surface", _surface(name))
        for name in SURFACE_LISTS
    ),
    Figure("surface.executables", "executables", "surface", _surface("executables")),
    Figure("surface.libraries", "shared libraries", "surface", _surface("libraries")),
    Figure("surface.files", "files", "surface", _surface("files")),
    Figure("posture.root", "runs as root", "posture", _root, "flag"),
    Figure("posture.leaks", "traces of the build", "posture", _leaks),
    Figure("posture.age", "days since it was made", "posture", _age, "days"),
    Figure("posture.licences", "different licences", "posture", _licences, "count", "none"),
    Figure(
        "posture.no_licence",
        "packages whose licence is not stated in a readable form",
        "posture",
        _no_licence,
        "count",
        "none",
    ),
    *(
        Figure(
            f"attached.{kind}",
            _ATTACHED_TITLES[kind],
            "attached",
            _attached(kind),
            "count",
            "none" if kind == "other" else "more",
        )
        for kind in ATTACHED_KINDS
    ),
)
BY_ID = {figure.id: figure for figure in FIGURES}


def change(figure: Figure, baseline: Amount, image: Amount) -> Change:
    """The two values of a figure put side by side."""
    if isinstance(baseline, Unknown) or isinstance(image, Unknown):
        reasons = [
            f"{which}: {value.reason}"
            for which, value in (("baseline", baseline), ("image", image))
            if isinstance(value, Unknown)
        ]
        nothing = Unknown("; ".join(reasons))
        return Change(figure.id, baseline, image, nothing, nothing, "unknown")
    difference = image - baseline
    percent: float | Unknown = Unknown("the baseline has none")
    if figure.unit == "flag":
        percent = Unknown("it is yes or no")
    elif baseline:
        percent = round(100 * difference / baseline, 1)
    elif not difference:
        percent = 0.0
    return Change(figure.id, baseline, image, difference, percent, _verdict(figure, difference))


def _verdict(figure: Figure, difference: int) -> Verdict:
    if not difference:
        return "same"
    if figure.better == "none":
        return "changed"
    return "better" if (difference < 0) == (figure.better == "less") else "worse"
