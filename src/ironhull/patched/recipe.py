"""How a patched source package is built: one build stage, in the words of `contents.builds`.

1. the source is unpacked as `dpkg-source` does it, with the distribution's own patches
2. our patches, one step each; no fuzz: a patch that does not fit is an error at its line
3. the changelog gets an entry, each binary package a field that says what was fixed
4. `dpkg-buildpackage` builds binary packages, with the time of the lock as SOURCE_DATE_EPOCH

All of it runs in the sandbox without a network, from locked packages, and no script of theirs runs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime

from ironhull.archive.sources import SourceStanza
from ironhull.definition.bare import bare_definition
from ironhull.definition.model import (
    Accounts,
    BuildStage,
    BuildStep,
    FileRequest,
    ImageDefinition,
    PackageRequest,
    PathEdit,
    PathKind,
    Place,
    StageOutput,
)
from ironhull.patched.depends import NEEDS
from ironhull.patched.field import PATCHES_FIELD, patches_field
from ironhull.patched.model import FIXES_FIELD, PatchedSource

STAGE = "build"
OUTPUT = "/out"
_SOURCE = "/build/source"
# What every build may take for there (Policy 4.2): build-essential and the essential packages.
_ALWAYS = (
    *("base-passwd", "bash", "bsdutils", "build-essential", "coreutils", "dash", "debianutils"),
    *("diffutils", "dpkg", "dpkg-dev", "findutils", "grep", "gzip", "hostname", "libc-bin"),
    *("mawk", "patch", "perl-base", "sed", "sysvinit-utils", "tar", "util-linux"),
)
_OPTIONS = ("nocheck", "nodoc")
_MAINTAINER = "Ironhull <packages@ironhull.invalid>"


def recipe(
    definition: PatchedSource, source: SourceStanza | None = None, created: str = ""
) -> ImageDefinition:
    """The stage in an image's definition that has nothing else.

    Without `source` and `created` (RFC 3339; the lock's time) it can be resolved, not built.
    """
    place = definition.place
    stage = BuildStage(
        name=STAGE,
        place=place,
        uses=None,
        packages=tuple(PackageRequest(name, place) for name in (*_ALWAYS, NEEDS)),
        repositories=(),
        files=_files(definition, source) if source else (),
        artifacts=(),
        accounts=None,
        paths=_paths(definition, created) if created else (),
        steps=_steps(definition, source) if source else (),
        outputs=(StageOutput(OUTPUT, OUTPUT, place),),
        complete=True,
    )
    return _image(definition, stage)


def _image(definition: PatchedSource, stage: BuildStage) -> ImageDefinition:
    release = definition.distribution.removeprefix("debian-")
    return replace(
        bare_definition(definition.file, definition.source),
        platforms=definition.platforms,
        distribution=definition.distribution,
        codename=definition.codename,
        accounts=Accounts("root", True, (), ()),
        os_release={
            "ID": "debian",
            "VERSION_ID": release,
            "VERSION_CODENAME": definition.codename,
        },
        compression="zstd:1",
        builds=(stage,),
    )


def _files(definition: PatchedSource, source: SourceStanza) -> tuple[FileRequest, ...]:
    """By digest out of the store, where fetching has put them."""
    return tuple(
        FileRequest(
            f"file:{file.file_name}", file.sha256, f"/src/{file.file_name}", definition.place
        )
        for file in source.files
    )


def _paths(definition: PatchedSource, created: str) -> tuple[PathEdit, ...]:
    place = definition.place
    folders = [
        PathEdit(PathKind.DIRECTORY, path, place, mode=0o755)
        for path in ("/build", OUTPUT, "/src/patches")
    ]
    patches = [
        PathEdit(PathKind.FILE, _patch_path(one.name), one.place, content=one.content, mode=0o644)
        for one in definition.patches
    ]
    entry = changelog_entry(definition, created).encode()
    log = PathEdit(PathKind.FILE, "/src/changelog", place, content=entry, mode=0o644)
    return (*folders, *patches, log)


def _patch_path(name: str) -> str:
    return f"/src/patches/{name}"


def changelog_entry(definition: PatchedSource, created: str) -> str:
    """The new first entry of debian/changelog, as deb-changelog(5) has it."""
    lines = [
        f"  * {patch.name}: {patch.about or 'a patch of ours'} ({', '.join(patch.fixes)})"
        for patch in definition.patches
    ]
    date = format_datetime(datetime.fromisoformat(created))
    head = f"{definition.source} ({definition.version}) {definition.codename}; urgency=medium"
    return "\n\n".join([head, "\n".join(lines), f" -- {_MAINTAINER}  {date}"]) + "\n\n"


def _steps(definition: PatchedSource, source: SourceStanza) -> tuple[BuildStep, ...]:
    fields = (
        f"XB-{FIXES_FIELD}: {', '.join(definition.fixes)}"
        f"\\nXB-{PATCHES_FIELD}: {patches_field(definition)}"
    )
    options = " ".join(one for one in _OPTIONS if one in definition.profiles)
    unpack = f"dpkg-source --no-check -x /src/{source.dsc.file_name} source"
    announce = (
        "cat /src/changelog debian/changelog > /build/changelog\n"
        "cat /build/changelog > debian/changelog\n"
        f'awk \'{{ print }} tolower($1) == "package:" {{ print "{fields}" }}\' '
        "debian/control > /build/control\n"
        "cat /build/control > debian/control"
    )
    # zstd's bytes depend on whether dpkg-deb has one thread or more, so on the machine.
    build = (
        "export DPKG_DEB_THREADS_MAX=1\n"
        f'export DEB_BUILD_OPTIONS="parallel=${{MAKEFLAGS#-j}} noautodbgsym {options}" '
        f"DEB_BUILD_PROFILES={' '.join(definition.profiles)!r}\n"
        "unset MAKEFLAGS\n"
        "dpkg-buildpackage --build=binary --no-check-builddeps --unsigned-source "
        "--unsigned-changes"
    )
    place = definition.place
    first = _step("unpack", unpack, "/build", place)
    patches = [
        _step(
            f"patch {one.name}",
            "patch -p1 --forward --fuzz=0 --batch --no-backup-if-mismatch "
            f"--input={_patch_path(one.name)}",
            _SOURCE,
            one.place,
        )
        for one in definition.patches
    ]
    rest = [
        _step("announce", announce, _SOURCE, place),
        _step("build", build, _SOURCE, place),
        _step("collect", f"cp /build/*.deb {OUTPUT}", "/build", place),
    ]
    return (first, *patches, *rest)


def _step(name: str, runs: str, folder: str, place: Place) -> BuildStep:
    # Not as the step's own folder: that is made before the first step, and unpacking makes it.
    return BuildStep(name, place, f"set -eu; cd {folder}\n{runs}", "/build", ("/bin/bash",), {})
