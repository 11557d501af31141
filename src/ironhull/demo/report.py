"""What the demonstration found, as lines for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ironhull.compare.document import document_of
from ironhull.compare.model import Comparison
from ironhull.compare.reports.words import database_line
from ironhull.demo.attack import NEEDED, TITLES
from ironhull.demo.cases import DEVELOPMENT, RUNTIME, STANDARD
from ironhull.demo.demonstrate import Demonstration
from ironhull.demo.model import Application, CaseStudy, ImageCounts, figures
from ironhull.inventory.model import Inventory
from ironhull.reports.table import Heading, table
from ironhull.reports.text import harmless
from ironhull.reports.words import amount, shown_size

_LEFT_OUT = (
    "building the application from its three Dockerfiles",
    "running it and comparing the answers",
    "trying what an attacker could do",
    "stopping it with SIGTERM",
)


def fewer(bases: Mapping[str, Inventory]) -> tuple[int, int, float]:
    """Packages of the standard image, of the runtime image, and the share that is gone."""
    before = figures(bases[STANDARD]).system_packages
    after = figures(bases[RUNTIME]).system_packages
    return before, after, 1 - after / before if before else 0.0


# -- JSON ----------------------------------------------------------------------------------------


def demo_json(found: Demonstration) -> dict[str, Any]:
    """All of it as one JSON object."""
    before, after, share = fewer(found.bases)
    value: dict[str, Any] = {
        "images": {
            name: {
                "manifest": inventory.image.manifest,
                **asdict(figures(inventory)),
                "to_pull": _to_pull(inventory),
            }
            for name, inventory in found.bases.items()
        },
        "fewer_packages": {
            "of": STANDARD,
            "packages": before,
            "image": RUNTIME,
            "left": after,
            "share": round(share, 4),
        },
        "engine": None,
        "left_out": [],
        "seconds": round(found.seconds, 1),
    }
    if found.study is None:
        return value | {"left_out": list(_LEFT_OUT), "reason": found.left_out}
    return value | _study_json(found.study, found.kept)


def _study_json(study: CaseStudy, kept: bool) -> dict[str, Any]:
    return {
        "engine": {"name": study.engine, "version": study.version},
        "from": [asdict(base) | {"words": base.words} for base in study.bases],
        "same_answers": study.same_answers,
        "applications": [
            asdict(one)
            | {"build_seconds": round(one.build_seconds, 1)}
            | {
                "trials": [
                    asdict(trial)
                    | {"stop_seconds": round(trial.stop_seconds, 3)}
                    | {"attempts_succeeded": trial.attack.succeeded}
                    for trial in one.trials
                ]
            }
            for one in study.applications
        ],
        "kept": [one.image for one in study.applications] if kept else [],
    }


def _to_pull(inventory: Inventory) -> int:
    return sum(layer.size for layer in inventory.layers)


# -- text ----------------------------------------------------------------------------------------


def demo_lines(found: Demonstration) -> list[str]:
    """Lines for a terminal: the base images, the application, the attack."""
    lines = [Heading("Base images, all built by Ironhull from Debian's packages"), ""]
    lines += [*_bases(found.bases), ""]
    before, after, share = fewer(found.bases)
    lines.append(
        f"{share:.1%} fewer packages: {after} instead of {before}, counted in the package "
        f"databases of {RUNTIME} and {STANDARD}"
    )
    if found.study is None:
        lines += ["", Heading("Left out"), "", f"No container engine works here: {found.left_out}"]
        lines += [f"  - {what}" for what in _LEFT_OUT]
        lines.append("With podman or docker installed, ironhull demo does these too.")
        return lines
    return [*lines, "", *_study(found.study), *_end(found, found.study)]


def vulnerability_lines(comparison: Comparison) -> list[str]:
    """What is left of the vulnerabilities, and by which advisories that was counted."""
    document = document_of(comparison)
    figures = [pair["figures"]["vulnerabilities.after_vex"] for pair in document["comparisons"]]
    counts = [figures[0]["baseline"], *(figure["image"] for figure in figures)]
    lines = ["", Heading("Vulnerabilities that VEX does not clear")]
    for image, count in zip(document["images"], counts, strict=True):
        lines.append(f"  {harmless(image['name'])}: {amount(count, 'count')}")
    return [*lines, f"by advisories of {database_line(document)}"]


def _bases(bases: Mapping[str, Inventory]) -> list[str]:
    names = (STANDARD, DEVELOPMENT, RUNTIME)
    counted = {name: figures(bases[name]) for name in names}
    rows: list[list[str]] = [
        [label, *(show(counted[name]) for name in names)] for label, show in _FIGURES
    ]
    rows.append(["to pull", *(shown_size(_to_pull(bases[name])) for name in names)])
    return table(("", *names), rows)


def _few(names: Sequence[str]) -> str:
    """Some of the names and how many more there are."""
    shown = harmless(", ".join(names[:3]))
    return f"{shown} + {len(names) - 3}" if len(names) > 3 else shown or "none"


_FIGURES: tuple[tuple[str, Callable[[ImageCounts], str]], ...] = (
    ("user", lambda one: harmless(one.user) or "root"),
    ("shells", lambda one: _few(one.shells)),
    ("package managers", lambda one: _few(one.package_managers)),
    ("compilers", lambda one: _few(one.compilers)),
    ("system packages", lambda one: str(one.system_packages)),
    ("npm packages", lambda one: str(one.npm_packages)),
    ("setuid programs", lambda one: str(len(one.setuid))),
    ("executables", lambda one: str(one.executables)),
    ("files", lambda one: str(one.files)),
    ("size of files", lambda one: shown_size(one.size)),
)


def _study(study: CaseStudy) -> list[str]:
    lines = [Heading(f"The application, built and run by {study.engine} {study.version}"), ""]
    width = max(len(base.wanted) for base in study.bases)
    lines += [f"  FROM {base.wanted.ljust(width)}  is {base.words}" for base in study.bases]
    names = [one.dockerfile for one in study.applications]
    lines += ["", *table(("", *names), _application_rows(study)), ""]
    lines += [Heading("Code of an attacker, run in the application, can …"), ""]
    rows = [
        [title, *(_outcome(one, name) for one in study.applications)]
        for name, title in TITLES.items()
    ]
    totals = [f"{one.trial.attack.succeeded} of {len(TITLES)}" for one in study.applications]
    lines += [*table(("", *names), [*rows, ["in all", *totals]]), ""]
    lines.append(
        f"{' and '.join(TITLES[name] for name in sorted(NEEDED))}: the application itself needs it"
    )
    for one in study.applications:
        if one.trial.options:
            lines += _locked(one)
    return lines


def _application_rows(study: CaseStudy) -> list[list[str]]:
    first = study.applications[0].trial.answers

    def answers(one: Application) -> str:
        got = one.trial.answers
        if one is study.applications[0]:
            return f"{len(got)} to {len(got)} requests"
        same = sum(a == b for a, b in zip(got, first, strict=True))
        return "all the same" if same == len(first) else f"{same} of {len(first)} the same"

    def stop(one: Application) -> str:
        trial = one.trial
        how = "killed" if trial.killed else f"exit code {trial.exit_code}"
        return f"{trial.stop_seconds:.1f} s, {how}"

    shows: list[tuple[str, Callable[[Application], str]]] = [
        ("answers", answers),
        (
            "runs as",
            lambda one: f"{harmless(one.figures.user) or 'root'} (uid {one.trial.attack.uid})",
        ),
        ("capabilities", lambda one: str(one.trial.attack.capabilities)),
        ("Node.js", lambda one: one.trial.attack.node),
        *((label, _of_figures(show)) for label, show in _FIGURES if label != "user"),
        ("stops on SIGTERM", stop),
        ("built in", lambda one: f"{one.build_seconds:.0f} s"),
    ]
    return [[label, *(show(one) for one in study.applications)] for label, show in shows]


def _of_figures(show: Callable[[ImageCounts], str]) -> Callable[[Application], str]:
    return lambda one: show(one.figures)


def _outcome(one: Application, name: str) -> str:
    attempt = next(tried for tried in one.trial.attack.attempts if tried.name == name)
    if attempt.succeeded:
        return "YES"
    return f"no: {_ERRORS.get(attempt.detail, attempt.detail)}"[:26]


_ERRORS = {
    "EACCES": "not allowed",
    "ENOENT": "not there",
    "EPERM": "not permitted",
    "EROFS": "read-only",
}
"""What the system's errors mean to people; --json has them as they are."""


def _locked(one: Application) -> list[str]:
    """With which options it ran, and what is left of the protection without them."""
    lines = [f"{one.dockerfile} ran with {' '.join(one.trial.options)}"]
    for trial in one.trials[1:]:
        can = [tried.title for tried in trial.attack.attempts if tried.succeeded]
        lines.append(f"  without these options code in it can only: {', '.join(can)}")
    return lines


def _end(found: Demonstration, study: CaseStudy) -> list[str]:
    lines = [""]
    if found.kept:
        lines += [f"kept in {study.engine}:  {one.image}" for one in study.applications]
    else:
        lines.append(f"everything made in {study.engine} is removed (--keep leaves the images)")
    lines.append(f"{found.seconds:.0f} s")
    return lines
