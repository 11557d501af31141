"""A file of the kind `source-package` → PatchedSource, or every problem of it at once."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from ironhull.debian import codenames
from ironhull.debian.names import DebianVersion, SourceName
from ironhull.debian.version import parse_version
from ironhull.definition.files import Files
from ironhull.definition.paths import platforms_of
from ironhull.definition.shape import FixedKeys, Key, ListOf, ReadMap, Text, Whole
from ironhull.definition.tree import MapNode, Problems
from ironhull.definition.words import FREE, PACKAGE, PLATFORMS, RELATIVE, VERSION
from ironhull.errors import DefinitionError, MalformedError
from ironhull.oci.platform import Platform
from ironhull.patched.model import KIND, OWN_VERSION, Patch, PatchedSource

MAX_PATCHES = 200
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
_CVE = Text(r"[A-Z][A-Z0-9]{0,30}-[A-Za-z0-9.:-]{1,60}", "an identifier like CVE-2026-27171")
_PATCH = FixedKeys(
    {
        "file": Key(RELATIVE, "The patch (unified, for `patch -p1`), beside this file.", True),
        "fixes": Key(ListOf(_CVE, replaced=True, fewest=1), "What it fixes.", True),
        "about": Key(FREE, "One line on what it changes, for the package's changelog."),
    }
)
FORMAT = FixedKeys(
    {
        "kind": Key(Text(options=(KIND,)), "What this file defines.", True),
        "source": Key(Text(PACKAGE, "the name of a source package"), "Which one.", True),
        "version": Key(
            Text(VERSION, "a version like 1.2.3-1"), "The archive's version that is patched.", True
        ),
        "revision": Key(
            Whole(1, 9999), "The number after `+ih`: one more for each change of it. Default 1."
        ),
        "os-release": Key(
            FixedKeys(
                {
                    "id": Key(Text(options=("debian",)), "The distribution.", True),
                    "version-id": Key(
                        Text(options=tuple(codenames.IMAGES)), "Its release, in quotes.", True
                    ),
                }
            ),
            "Whose source package it is.",
            True,
        ),
        "platforms": Key(PLATFORMS, "What it is built for. Default: linux/amd64."),
        "patches": Key(ListOf(_PATCH, fewest=1), "Applied in order.", True),
        "profiles": Key(
            ListOf(Text(r"[a-z0-9][a-z0-9.-]*", "a build profile like nocheck"), replaced=True),
            "Active build profiles; nocheck and nodoc are also given as options.",
        ),
    }
)


def load_patched(path: Path) -> PatchedSource:
    """The definition in a file; DefinitionError with all its problems.

    Patches lie in the definition's folder or below; no other file is read.
    """
    problems = Problems()
    files = Files(path.absolute().parent, problems)
    try:
        tree = files.read(path)
        record = _read(tree, problems)
        found = _patched(record, path, files, problems)
    except DefinitionError as error:
        raise DefinitionError(sorted({*problems.errors, *error.problems})) from None
    if problems.errors:
        raise DefinitionError(sorted(problems.errors))
    return found


def _read(tree: MapNode, problems: Problems) -> ReadMap:
    if "kind" not in tree.entries:
        problems.error(tree.place, f"no definition of a source package (it says kind: {KIND})")
    record = FORMAT.read(tree, problems)
    assert isinstance(record, ReadMap)  # noqa: S101 - it was a map before
    return record


def _patched(record: ReadMap, path: Path, files: Files, problems: Problems) -> PatchedSource:
    version: str = record.get("version", "0")
    try:
        parse_version(version)
    except MalformedError as error:
        problems.error(record.at("version"), str(error))
    if OWN_VERSION.search(version):
        problems.error(
            record.at("version"), "write the archive's version: +ihN is put to it from 'revision'"
        )
    release = record.record("os-release").get("version-id", "")
    return PatchedSource(
        file=path,
        place=record.place,
        source=SourceName(record.get("source", "")),
        base=DebianVersion(version),
        revision=record.get("revision", 1),
        distribution=f"debian-{release}",
        codename=codenames.IMAGES.get(release, ""),
        platforms=platforms_of(record, problems) or (Platform.parse("linux/amd64"),),
        patches=_patches(record, files, problems),
        profiles=record.texts("profiles"),
    )


def _patches(record: ReadMap, files: Files, problems: Problems) -> tuple[Patch, ...]:
    items = record.items("patches")
    if len(items) > MAX_PATCHES:
        problems.error(record.at("patches"), f"{len(items)} patches, the limit is {MAX_PATCHES}")
    found: list[Patch] = []
    for item in items[:MAX_PATCHES]:
        one: ReadMap = item.value
        if "file" not in one.values:
            continue
        name = PurePosixPath(one.get("file")).name
        if not _FILE.fullmatch(name):
            problems.error(one.at("file"), f"{name!r:.60}: letters, digits and . _ + - only")
            continue
        if any(other.name == name for other in found):
            problems.error(one.at("file"), f"two patches are called {name}")
        content = files.source(one.get("file"), one.at("file"))
        if content is not None:
            fixes = tuple(dict.fromkeys(one.texts("fixes")))
            found.append(Patch(name, content, fixes, one.get("about", ""), item.place))
    return tuple(found)
