"""A definition file → ImageDefinition, or every problem of it at once.

1. read the file and what it includes, merged into one tree (`files`), and leave out what
   Ironhull does not do (`foreign`)
2. replace variables (`variables`)
3. check the tree against the table (`format`, `shape`)
4. make the model of what could be read, checking what a table cannot say
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from ironhull.debian import codenames
from ironhull.definition.accounts import accounts_of
from ironhull.definition.contents import artifacts_of, packages_of, repositories_of
from ironhull.definition.fetched import files_of
from ironhull.definition.files import (
    Files,
    declared_variables,
    image_variables,
    tracked_variables,
    tree_of,
)
from ironhull.definition.foreign import SYSTEMS, without_foreign
from ironhull.definition.format import FORMAT
from ironhull.definition.model import ImageDefinition, Place
from ironhull.definition.paths import edits_of, normalised, platforms_of
from ironhull.definition.pins import NOTHING, Pins
from ironhull.definition.plain import plain
from ironhull.definition.runtime import (
    compression_of,
    healthcheck_of,
    keep_of,
    paths_in,
    ports_of,
    tests_of,
)
from ironhull.definition.shape import ReadMap
from ironhull.definition.stages import stages_of
from ironhull.definition.tracks import images_of, tracks_of
from ironhull.definition.tree import MAX_ERRORS, Problems, TooMany
from ironhull.definition.variables import Substitution
from ironhull.errors import DefinitionError, Problem
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.oci.reference import MAX_NAME, NAME, TAG, names_registry
from ironhull.values import dataclass

DISTRIBUTIONS = ("debian",)
_OTHER = "'kind' is of other files than images' (a source package: ironhull package build FILE)"
_CODENAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_SYNTAX = re.compile(r"#\s*syntax\s*=\s*(\S+)")
_SYNTAX_DISTRIBUTION = re.compile(r"-([a-z]+)([0-9][0-9.]*)$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A definition without errors, and what a person should still know of it."""

    definition: ImageDefinition
    warnings: tuple[Problem, ...]


def load(
    path: Path,
    variables: Mapping[str, str] | None = None,
    tree: Path | None = None,
    pins: Pins = NOTHING,
) -> ImageDefinition:
    """The definition in a file; `variables` are the values that the lock has for `track`.

    DefinitionError with all problems of the file and its includes. No file outside of `tree` is
    read (default: `tree_of`). `pins` are for what is named by address alone: without any, that is
    an error.
    """
    return read(path, variables, tree, pins).definition


def read(
    path: Path,
    variables: Mapping[str, str] | None = None,
    tree: Path | None = None,
    pins: Pins = NOTHING,
) -> Loaded:
    """Like `load`, with the warnings."""
    problems = Problems()
    files = Files(tree or tree_of(path), problems, pins=pins)
    try:
        definition = _read(path, variables or {}, files)
    except DefinitionError as error:
        raise DefinitionError(sorted({*problems.errors, *error.problems})) from None
    except TooMany:
        rest = Problem(
            str(path), 0, 0, f"more than {MAX_ERRORS - 1} problems; the rest is not said"
        )
        raise DefinitionError([*sorted(problems.errors), rest]) from None
    return Loaded(definition, tuple(problems.warnings))


def _read(path: Path, variables: Mapping[str, str], files: Files) -> ImageDefinition:
    """The numbered steps of this module, on files with their problems."""
    problems = files.problems
    # 1
    merged = without_foreign(files.read(path))
    if "kind" in merged.entries:
        raise DefinitionError([Problem(*merged.entries["kind"].place, _OTHER)])
    # 2
    substitution = Substitution(
        declared_variables(merged),
        variables,
        tracked_variables(merged),
        problems,
        images=image_variables(merged),
    )
    replaced = substitution.definition(merged)
    # 3
    record = FORMAT.read(replaced, problems)
    # 4
    definition = _definition(record, path, files, problems)
    substitution.explain()
    if problems.errors:
        raise DefinitionError(sorted(problems.errors))
    _check_syntax_line(files.first_line, definition, problems)
    return replace(
        definition,
        digest=_digest(definition),
        version=substitution.version(merged),
        pending=tuple(sorted(substitution.pending)),
        addressed=tuple(sorted(files.addressed)),
        texts=dict(files.texts),
    )


def _definition(record: ReadMap, path: Path, files: Files, problems: Problems) -> ImageDefinition:
    """The model; parts that have problems are missing in it."""
    keep = keep_of(record, problems)
    distribution, codename, os_release = _distribution(record, problems)
    accounts = accounts_of(record, keep.shell, problems)
    image = _image(record, problems)
    _check_claims(record, problems)
    repositories = repositories_of(record, files, problems)
    return ImageDefinition(
        file=path,
        digest=Digest(""),
        name=record.get("name", image),
        image=image,
        variant=record.get("variant", "runtime"),
        flavor=record.get("flavor", ""),
        tags=_tags(record, problems),
        platforms=platforms_of(record, problems) or _default_platforms(),
        distribution=distribution,
        codename=codename,
        packages=packages_of(record, problems),
        repositories=repositories,
        files=files_of(record, files, problems),
        mappings=dict(record.record("contents").get("mappings", {})),
        accounts=accounts,
        os_release=os_release,
        environment=dict(record.get("environment", {})),
        entrypoint=record.texts("entrypoint"),
        cmd=record.texts("cmd"),
        work_dir=normalised(record.get("work-dir", "/"), record.at("work-dir"), problems),
        ports=ports_of(record, problems),
        volumes=paths_in(record, "volumes", problems),
        stop_signal=record.get("stop-signal"),
        healthcheck=healthcheck_of(record),
        labels=dict(record.get("labels", {})),
        annotations=dict(record.get("annotations", {})),
        paths=edits_of(record, keep.setuid, files, problems),
        compression=compression_of(record, problems),
        squashed=record.get("output") == "squashed",
        dates=_dates(record, problems),
        tracks=tracks_of(record, problems),
        tests=tests_of(record, accounts, keep, problems),
        keep=keep,
        artifacts=artifacts_of(record, problems),
        builds=stages_of(record, repositories, files, problems),
        followed=images_of(record, problems),
    )


def _check_claims(record: ReadMap, problems: Problems) -> None:
    for key in ("fips-compliant", "stig-certified"):
        if record.get(key):
            problems.error(
                record.at(key),
                f"{key!r} is a claim that a build from Debian's packages cannot make",
            )


def _default_platforms() -> tuple[Platform, ...]:
    return (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))


def _image(record: ReadMap, problems: Problems) -> str:
    """The repository without a registry's host."""
    if "image" not in record.values:
        if "image" not in record.node.entries:
            problems.error(record.place, "the key 'image' is missing")
        return ""
    text: str = record.get("image")
    if names_registry(text):
        text = text.partition("/")[2]
    if not NAME.fullmatch(text) or len(text) > MAX_NAME:
        problems.error(
            record.at("image"),
            f"{text!r:.100} is not a repository: lower-case letters, digits and . _ - in parts "
            "divided by /, without a tag",
        )
    return text


def _tags(record: ReadMap, problems: Problems) -> tuple[str, ...]:
    suffix: str = record.get("suffix", "")
    if suffix and suffix[0] not in "-._":
        suffix = f"-{suffix}"
    tags: list[str] = []
    for item in record.items("tags"):
        tag = item.value + suffix
        if not TAG.fullmatch(tag):
            problems.error(item.place, f"{tag!r:.200} is not a tag")
        elif tag in tags:
            problems.warn(item.place, f"tag {tag!r} stands twice")
        else:
            tags.append(tag)
    if "tags" not in record.node.entries:
        problems.error(record.place, "the key 'tags' is missing")
    elif not getattr(record.node.entries["tags"].value, "items", True):
        problems.error(record.at("tags"), "no tag that is known without the lock; write one")
    return tuple(tags)


def _distribution(record: ReadMap, problems: Problems) -> tuple[str, str, dict[str, str]]:
    """`debian-13`, its codename, and os-release(5)."""
    section = record.record("os-release")
    for key in ("id", "version-id"):
        if key not in section.node.entries:
            problems.error(
                section.place, f"the key 'os-release.{key}' is missing: it names the distribution"
            )
    name, version = section.get("id", ""), section.get("version-id", "")
    if name and name not in DISTRIBUTIONS:
        problems.error(section.at("id"), _unknown_distribution(name))
    known = codenames.IMAGES.get(version, "") if name == "debian" else ""
    codename = section.get("version-codename", known)
    if known and codename != known:
        problems.error(
            section.at("version-codename"), f"{name} {version} is {known}, got {codename!r:.40}"
        )
    elif name in DISTRIBUTIONS and version and not _CODENAME.fullmatch(codename):
        problems.error(section.place, f"write 'version-codename' of {name} {version!r:.40}")
    values = {key.upper().replace("-", "_"): value for key, value in section.values.items()}
    values.setdefault("VERSION_CODENAME", codename)
    return f"{name}-{version}", codename, values


def _unknown_distribution(name: str) -> str:
    known = f"(known: {', '.join(DISTRIBUTIONS)})"
    if name in SYSTEMS:
        return (
            f"{name!r} is made of {SYSTEMS[name]} packages, which Ironhull does not read {known}; "
            "its packages, repositories and keys are not looked at"
        )
    return f"no packages of the distribution {name!r:.40} {known}"


def _check_syntax_line(line: str, definition: ImageDefinition, problems: Problems) -> None:
    """The first line names an engine and its distribution: said if it is another one."""
    syntax = _SYNTAX.match(line)
    found = _SYNTAX_DISTRIBUTION.search(syntax[1]) if syntax else None
    if found and f"{found[1]}-{found[2]}" != definition.distribution:
        problems.warn(
            Place(str(definition.file), 1, 1),
            f"the syntax line says {found[1]}-{found[2]}, os-release says "
            f"{definition.distribution}; os-release counts",
        )


def _dates(record: ReadMap, problems: Problems) -> dict[str, str]:
    section = record.record("dates")
    for key, value in section.values.items():
        try:
            dt.date.fromisoformat(value)
        except ValueError:
            problems.error(section.at(key), f"{value!r} is not a day of the calendar")
    return dict(section.values)


def _digest(definition: ImageDefinition) -> Digest:
    # What does not decide the image: where things stand, the tests, how variables follow. The
    # version is the lock's.
    apart = {"file", "digest", "tests", "tracks", "followed", "version", "pending"}
    apart |= {"addressed", "texts"}
    # Only where there are any, so that definitions without them keep their digest.
    apart |= {name for name in ("artifacts", "builds") if not getattr(definition, name)}
    value = {
        field.name: plain(getattr(definition, field.name))
        for field in fields(definition)
        if field.name not in apart
    }
    return digest_of(canonical(value))
