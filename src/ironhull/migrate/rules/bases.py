"""FROM: what each stage is built on, and which hardened image takes its place."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.catalog.names import (
    FAMILIES,
    HARDENED,
    PHP,
    PHP_FPM,
    Family,
    is_musl,
    name_of,
    version_of,
)
from ironhull.migrate.dockerfile.stages import read_from
from ironhull.migrate.dockerfile.variables import pairs, replaced
from ironhull.migrate.draft import Draft, DraftStage, Line
from ironhull.migrate.model import Confidence
from ironhull.migrate.plan import Base
from ironhull.migrate.rules.rule import Rule

BUILD = Rule(
    "from-build",
    "Build stages stand on the hardened dev image",
    "a dev image has the same versions as the runtime that its results are copied to",
    Confidence.CERTAIN,
    "FROM node:20-alpine AS build",
    "FROM localhost/node:20-dev AS build",
)
FINAL = Rule(
    "from-final",
    "The final stage stands on the hardened runtime",
    "what ships has no shell, no package manager and no compiler",
    Confidence.CERTAIN,
    "FROM node:20-alpine",
    "FROM localhost/node:20",
)
KEEP_DEV = Rule(
    "from-dev",
    "The final stage stands on the dev image",
    "something in it needs a shell; the dev image at least is maintained and of known content",
    Confidence.LIKELY,
    "FROM node:20",
    "FROM localhost/node:20-dev",
)
PLATFORM = Rule(
    "platform",
    "The final stage has the platform that is asked for",
    "--platform=$TARGETPLATFORM says what is the case anyway",
    Confidence.CERTAIN,
    "FROM --platform=$TARGETPLATFORM node:20",
    "FROM localhost/node:20",
)


def defaults(draft: Draft) -> dict[str, str]:
    """Values of the ARGs before the first FROM."""
    values: dict[str, str] = {}
    for line in draft.head:
        if line.instruction is not None and line.keyword == "ARG":
            for name, value in pairs(line.instruction):
                known = replaced(value, values)
                if known is not None:
                    values[name] = known
    return values


def read_bases(draft: Draft) -> None:
    """Fill the plan with what each stage stands on, and the chain of the final one."""
    values = defaults(draft)
    names: dict[str, int] = {}
    for index, stage in enumerate(draft.stages):
        draft.plan.bases.append(_base(draft, stage, values, names))
        if stage.source.name:
            names[stage.source.name.lower()] = index
    chain, at = [draft.final], draft.plan.bases[draft.final].parent
    while at is not None:
        chain.insert(0, at)
        at = draft.plan.bases[at].parent
    draft.plan.chain = chain


def _base(draft: Draft, stage: DraftStage, values: dict[str, str], names: dict[str, int]) -> Base:
    written = stage.source.image
    if written.lower() in names:
        return Base(written, None, names[written.lower()])
    image = replaced(written, values)
    if not image:
        return Base(written, None)
    if image.lower() in names:
        return Base(written, image, names[image.lower()])
    name = name_of(image)
    family = FAMILIES.get(name.repository)
    if image.startswith(f"{draft.catalog.registry}/"):
        facts = catalog_facts(draft, image)
        if facts is not None or family is None:
            return Base(written, image, name=name, hardened=True, facts=facts)
    if image.startswith(HARDENED) or name.repository.startswith(HARDENED):
        return Base(written, image, name=name, hardened=True)
    if family is PHP and "fpm" in name.tag:
        family = PHP_FPM
    version = version_of(family, name) if family else ""
    return Base(written, image, name=name, family=family, version=version, musl=is_musl(name))


def catalog_facts(draft: Draft, image: str) -> ImageFacts | None:
    """What the catalog knows of an image that a FROM names by the catalog's registry."""
    path = image.removeprefix(f"{draft.catalog.registry}/").partition("@")[0]
    repository, _, tag = path.partition(":")
    version = tag.removesuffix("-dev")
    return draft.catalog.find(repository, version, dev=version != tag) if tag else None


def choose(draft: Draft, names: tuple[str, ...], version: str, *, dev: bool) -> ImageFacts | None:
    """The catalog's image for a version, the most precise tag that it has; None if there is none.

    Without a version it is the newest; `3` is the newest that begins with it.
    """
    for image in names:
        for candidate in _candidates(draft, image, version):
            facts = draft.catalog.find(image, candidate, dev=dev)
            if facts is not None:
                return facts
    return None


def _candidates(draft: Draft, image: str, version: str) -> Iterator[str]:
    known = draft.catalog.versions(image)
    if not version:
        yield from known
        return
    parts = version.split(".")
    for count in range(len(parts), 0, -1):
        yield ".".join(parts[:count])
    yield from (each for each in known if each.startswith(f"{version}."))


_OWN_VERSIONS = ("java", "dotnet", "php")


def choose_for(draft: Draft, family: Family, version: str, *, dev: bool) -> ImageFacts | None:
    """The dev image or the runtime that takes the place of a family's image."""
    # A runtime that is not the language's own (static for Go) has versions of its own.
    own = dev or family.runtime == family.build or family.language in _OWN_VERSIONS
    return choose(draft, family.build if dev else family.runtime, version if own else "", dev=dev)


def write_from(
    draft: Draft, stage: DraftStage, base: Base, facts: ImageFacts, rule: Rule, reason: str = ""
) -> None:
    """Put the image into the FROM of a stage; a variable for the version stays one."""
    instruction = stage.start.instruction
    if instruction is None or base.image is None:
        return
    written = base.written
    new = facts.reference
    variable = _whole_variable(written)
    if variable and _rewrite_argument(draft, variable, facts, rule):
        return
    kept = _kept_variable(written, facts, defaults(draft))
    if kept:
        new = kept
    start = instruction.body_start
    edits = [(start, start + len(written), new)]
    rule.rewrite(draft, stage.start, draft.edited(stage.start, edits), reason)


def stays(draft: Draft, index: int) -> bool:
    """Whether a stage still stands on the image that was written."""
    instruction = draft.stages[index].start.instruction
    written = draft.plan.bases[index].written
    if instruction is None or read_from(instruction).image != written:
        return False
    # A variable stays written while its default is another image now.
    return (
        not _whole_variable(written)
        or defaults(draft).get(_whole_variable(written)) == draft.plan.bases[index].image
    )


def _whole_variable(written: str) -> str:
    plain = written.removeprefix("$")
    if plain == written:
        return ""
    name = plain[1:-1] if plain.startswith("{") and plain.endswith("}") else plain
    return name if name.isidentifier() else ""


def _rewrite_argument(draft: Draft, variable: str, facts: ImageFacts, rule: Rule) -> bool:
    """Change the default of an ARG that is the whole image, if one stage alone uses it."""
    users = [stage for stage in draft.stages if _whole_variable(stage.source.image) == variable]
    if len(users) != 1:
        return False
    for line in draft.head:
        if line.instruction is None or line.keyword != "ARG":
            continue
        found = pairs(line.instruction)
        if len(found) == 1 and found[0][0] == variable:
            rule.rewrite(draft, line, f"{line.instruction.written} {variable}={facts.reference}")
            rule.remark(
                draft,
                line.line,
                f"the base image is the build argument {variable}",
                f"whoever builds with --build-arg {variable}=… has to name a hardened image there",
            )
            return True
    return False


def _kept_variable(written: str, facts: ImageFacts, values: dict[str, str]) -> str:
    """`node:${VERSION}-alpine` → `…/node:${VERSION}`, if its default is the catalog's version."""
    tag = written.rpartition("/")[2].partition(":")[2]
    for name, value in values.items():
        for used in (f"${{{name}}}", f"${name}"):
            rest = tag.removeprefix(used)
            if rest != tag and "$" not in rest and value == facts.version:
                if used == f"${name}" and rest[:1].isidentifier():
                    continue
                suffix = facts.reference.rpartition(":")[2].removeprefix(facts.version)
                return f"{facts.reference.rpartition(':')[0]}:${{{name}}}{suffix}"
    return ""


def drop_platform(draft: Draft, line: Line) -> None:
    """Take `--platform=$TARGETPLATFORM` out of the final stage's FROM."""
    instruction = line.instruction
    if instruction is None:
        return
    for flag in instruction.flags:
        if flag.name == "platform" and "TARGETPLATFORM" in (flag.value or ""):
            end = instruction.body_start
            PLATFORM.rewrite(draft, line, draft.edited(line, [(flag.start, end, "")]))
            return
