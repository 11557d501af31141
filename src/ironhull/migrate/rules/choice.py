"""Which runtime the final stage is to have, and what stands in the way of any."""

from __future__ import annotations

import re

from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.catalog.names import FAMILIES, Family, is_windows
from ironhull.migrate.draft import Draft
from ironhull.migrate.model import Confidence
from ironhull.migrate.plan import Base, Obstacle
from ironhull.migrate.rules.bases import choose, choose_for
from ironhull.migrate.rules.native import compiled_language, needs_libc
from ironhull.migrate.rules.packages import language_of
from ironhull.migrate.rules.programs import installed_by
from ironhull.migrate.rules.reading import Step
from ironhull.migrate.rules.rule import Rule

LIMITS = Rule(
    "limits",
    "What cannot be migrated is left as it was",
    "the image is not what the catalog's images can take the place of",
    Confidence.CERTAIN,
    "FROM mcr.microsoft.com/windows/servercore:ltsc2022",
    "FROM mcr.microsoft.com/windows/servercore:ltsc2022",
)
MISSING = Rule(
    "catalog",
    "The catalog has to have the image",
    "no image is taken for another one, and no version for another one",
    Confidence.CERTAIN,
    "FROM ruby:3.3",
    "FROM ruby:3.3",
)
_LANGUAGE_NAMES = {
    "node": "node",
    "python": "python",
    "java": "eclipse-temurin",
    "nginx": "nginx",
    "ruby": "ruby",
    "go": "golang",
}


_VERSIONLESS = ("static", "debian-base")
"""Runtimes whose version has nothing to do with the application's."""
_SETUP = re.compile(r"(?:setup|node)_(\d+)\.x")
_DISTRIBUTED = {
    **dict.fromkeys((("python", "12"), ("python", "bookworm"), ("python", "12.5")), "3.11"),
    **dict.fromkeys((("python", "13"), ("python", "trixie")), "3.13"),
    **dict.fromkeys((("python", "11"), ("python", "bullseye")), "3.9"),
    **dict.fromkeys((("python", "22.04"), ("python", "jammy")), "3.10"),
    **dict.fromkeys((("python", "24.04"), ("python", "noble")), "3.12"),
    **dict.fromkeys((("python", "20.04"), ("python", "focal")), "3.8"),
    **dict.fromkeys((("node", "12"), ("node", "bookworm"), ("node", "24.04")), "18"),
    **dict.fromkeys((("node", "13"), ("node", "trixie")), "20"),
    **dict.fromkeys((("node", "11"), ("node", "bullseye"), ("node", "22.04")), "12"),
}
"""Which version a distribution's release has."""


def choose_runtime(draft: Draft, steps: list[Step]) -> None:
    """Fill language, runtime and dev image of the plan; or say what is in the way."""
    plan = draft.plan
    root = plan.bases[plan.chain[0]]
    line = draft.stages[plan.chain[0]].start.line
    problem = _impossible(draft, root)
    if problem is not None:
        plan.impossible.append(Obstacle(LIMITS.id, line, *problem))
        return
    if root.hardened:
        plan.runtime = root.facts
        plan.language = root.facts.image if root.facts else ""
        plan.hardened = True
        return
    family, version = _family(draft, root, steps)
    plan.language = family.language
    plan.dev = choose_for(draft, family, version, dev=True)
    plan.runtime = _runtime(draft, family, version)
    if plan.runtime is None:
        plan.impossible.append(Obstacle(MISSING.id, line, *_missing(draft, family, version)))
        return
    asked, got = version, plan.runtime.version
    rest = asked.removeprefix(got).replace(".", "").replace("0", "")
    if asked and rest and asked.startswith(got) and plan.runtime.image not in _VERSIONLESS:
        MISSING.remark(
            draft,
            line,
            f"the version {asked} becomes {got}: the catalog keeps the newest {got} alone",
            "pin the image by digest if the exact version matters",
        )
    elif not asked and plan.runtime.image not in _VERSIONLESS:
        MISSING.remark(
            draft,
            line,
            f"{root.written} names no version; the catalog's newest is {got}",
            "test the application with this version",
        )


def _impossible(draft: Draft, root: Base) -> tuple[str, str] | None:
    if draft.document.escape == "`":
        return ("it is written for Windows (escape=`)", "hardened images are Linux images")
    if root.image is None:
        return (
            f"the base image {root.written} is known only when it is built",
            "give the ARG a default before the first FROM",
        )
    if root.image == "scratch" or root.hardened:
        return None
    if root.name is not None and is_windows(root.name):
        return (f"{root.written} is a Windows image", "hardened images are Linux images")
    if root.family is None:
        return (
            f"what is in {root.written} is not known here",
            "migrate that image first, or begin from an image that the catalog takes the place of",
        )
    if root.family.language == "php" and root.name is not None and "apache" in root.name.tag:
        return (
            f"{root.written} runs PHP inside of Apache, for which there is no hardened image",
            "move to php-fpm with nginx in a container of its own",
        )
    onbuild = _onbuild(draft)
    if onbuild:
        return (
            f"line {onbuild} is for images that are built on this one (ONBUILD)",
            "migrate those, and write what they share into each of them",
        )
    if root.family.language == "service":
        return (
            f"{root.written} is a server that is configured, not an application",
            "use the hardened image of that server, if there is one, with the same settings",
        )
    return None


def _onbuild(draft: Draft) -> int:
    """The line of the first ONBUILD of the image; 0 if there is none."""
    for index in draft.plan.chain:
        for line, _ in draft.stages[index].instructions("ONBUILD"):
            return line.line
    return 0


def _family(draft: Draft, root: Base, steps: list[Step]) -> tuple[Family, str]:
    """The family of the final stage; of a plain system, what is installed or copied there."""
    if root.image == "scratch":
        return Family("static", ("static",), ("static",)), ""
    family = root.family
    if family is None or family.language not in ("system", "c"):
        return family or Family("system"), root.version
    for step in steps:
        for command in step.commands:
            installed = installed_by(command)
            for name in installed.names if installed else ():
                language, version = language_of(name)
                if language:
                    said = _SETUP.search(step.instruction.logical + _before(steps, step))
                    version = version or (said[1] if said and language == "node" else "")
                    version = version or _DISTRIBUTED.get((language, _release(root)), "")
                    return FAMILIES[_LANGUAGE_NAMES[language]], version
    language = compiled_language(draft)
    if language in ("go", "rust", "c"):
        return Family(language, ("debian-base",), ("debian-base",)), ""
    return family, ""


def _before(steps: list[Step], step: Step) -> str:
    return " ".join(each.instruction.logical for each in steps[: steps.index(step)])


def _release(root: Base) -> str:
    return root.name.tag.removesuffix("-slim") if root.name else ""


def _runtime(draft: Draft, family: Family, version: str) -> ImageFacts | None:
    if family.language in ("go", "rust", "c", "static"):
        names = ("debian-base",) if needs_libc(draft, family.language) else ("static",)
        return choose(draft, names, "", dev=False)
    return choose_for(draft, family, version, dev=False)


def _missing(draft: Draft, family: Family, version: str) -> tuple[str, str]:
    for image in family.runtime:
        versions = draft.catalog.versions(image)
        if versions:
            return (
                f"the catalog has no {image} {version} (it has {', '.join(versions)})",
                f"move the application to {image} {versions[0]} first, or define the image",
            )
    names = " or ".join(family.runtime) or family.language
    return (
        f"the catalog of {draft.catalog.registry} has no image {names}",
        f"define {names} in it, or name a registry that has it with --registry",
    )
