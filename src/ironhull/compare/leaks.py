"""What the build environment left in an image, from its file list, packages and npm's own files.

| kind | evidence |
|---|---|
| build package | a compiler's or a development package of the distribution |
| build tool | a compiler or package manager that no package of the distribution installed |
| development dependency | installed, and only asked for by `devDependencies` or npm's lock |
| source map, version control, test, build file, cache | its path |
| file of the build stage | same path and size in both, no package's, not the application's |

What lies inside an installed dependency (`node_modules/x/`, `site-packages/x/`) came with that
dependency and not from the build: it is told as a note and not counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from ironhull.inventory.model import Inventory
from ironhull.values import dataclass

MAX_TRACES = 10_000
_MODULES = "/node_modules/"
_DEPENDENCY = re.compile(r"/(?:node_modules|site-packages|dist-packages|vendor/bundle|gems)/.")
_BUILD_PACKAGE = re.compile(
    # gcc-14-base holds no compiler: every image with libgcc_s has it.
    r"(?!gcc-\d+-base$)(?:.+-dev(?:el)?|build-essential|build-base|(?:gcc|g\+\+|cpp|clang|llvm|gdb|gfortran)(?:-.+)?|"
    r"binutils(?:-.+)?|make|cmake|ninja-build|autoconf|automake|libtool|pkgconf|pkg-config|"
    r"dpkg-dev|musl-dev|golang(?:-.+)?|rustc|cargo|strace|ltrace)"
)
_PATHS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("version control", re.compile(r"(?:^|/)\.(?:git|hg|svn|bzr)/.")),
    ("source map", re.compile(r"\.(?:js|mjs|cjs|ts|css)\.map$")),
    (
        "cache",
        re.compile(
            r"^/(?:root|home/[^/]+)/\.(?:npm|cache|yarn|pnpm-store|cargo|m2|gradle|gem|node-gyp)/."
            r"|^/var/cache/(?:apt/.*\.(?:deb|bin)$|apk/.|dnf/.|yum/.)|^/var/lib/apt/lists/.*_"
            r"|^/(?:var/)?tmp/.|/\.(?:parcel-cache|eslintcache|next/cache|turbo)(?:/|$)"
            r"|/node_modules/\.cache/|/\.pytest_cache/|/\.mypy_cache/"
        ),
    ),
    (
        "test",
        re.compile(
            r"/(?:test|tests|__tests__|spec|__mocks__|coverage)/."
            r"|\.(?:test|spec)\.(?:js|mjs|cjs|ts|tsx|jsx)$|/test_[^/]+\.py$|_test\.(?:py|go|rb)$"
        ),
    ),
    (
        "build file",
        re.compile(
            r"/(?:Dockerfile[^/]*|Containerfile[^/]*|\.dockerignore|docker-compose[^/]*\.ya?ml|"
            r"\.env(?:\.[^/]+)?|\.npmrc|\.yarnrc[^/]*|\.eslintrc[^/]*|eslint\.config\.[^/]+|"
            r"\.prettierrc[^/]*|tsconfig[^/]*\.json|jest\.config\.[^/]+|webpack\.config\.[^/]+|"
            r"vite\.config\.[^/]+|rollup\.config\.[^/]+|babel\.config\.[^/]+|\.babelrc|"
            r"Makefile|CMakeLists\.txt|\.gitignore|\.gitlab-ci\.yml|Jenkinsfile)$|/\.github/."
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A visible file: what of a view the search needs."""

    path: str
    size: int
    owned: bool
    """Whether a package of the distribution installed it."""


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """An image's files, and the texts of npm's files among them."""

    inventory: Inventory
    files: tuple[FileEntry, ...]
    texts: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Trace:
    """One thing that the build left."""

    kind: str
    subject: str
    """A path, or a package."""
    detail: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """All traces. `notes` are those that came inside of a dependency."""

    found: tuple[Trace, ...]
    notes: tuple[Trace, ...]
    files: int
    """How many files were looked at."""
    unread: tuple[str, ...] = ()
    """npm's files that could not be read; dependencies may be missing because of it."""
    stage: str = ""
    """The image of the build stage; empty: there was none to compare with."""
    stage_packages: int = 0
    stage_shared: int = 0
    """Packages of the build stage, and how many of them the image has in the same version."""
    stage_copied: int = 0
    """Files that both have alike and that no package of the distribution installed."""


def wanted_texts(paths: Iterable[str]) -> list[str]:
    """The files of npm whose content the search needs."""
    known = set(paths)
    roots = {path.partition(_MODULES)[0] for path in known if _MODULES in path}
    names = ("package.json", "package-lock.json", "node_modules/.package-lock.json")
    return [
        f"{root}/{name}" for root in sorted(roots) for name in names if f"{root}/{name}" in known
    ]


def find_leaks(contents: ImageFiles, stage: ImageFiles | None = None) -> Leaks:
    """The traces of the build in an image, with the help of the build stage's image if there."""
    traces = [*_packages(contents.inventory), *_tools(contents.inventory), *_by_path(contents)]
    unread: list[str] = []
    traces += _development(contents, unread)
    copied: list[FileEntry] = []
    shared = 0
    if stage is not None:
        copied = _copied(contents, stage)
        known = {trace.subject for trace in traces}
        traces += _from_stage(contents.inventory, copied, known)
        shared = _shared(contents.inventory, stage.inventory)
    found = [trace for trace in traces if not _in_dependency(trace)]
    notes = [trace for trace in traces if _in_dependency(trace)]
    return Leaks(
        found=tuple(sorted(set(found))[:MAX_TRACES]),
        notes=tuple(sorted(set(notes))[:MAX_TRACES]),
        files=len(contents.files),
        unread=tuple(unread),
        stage=stage.inventory.image.name if stage else "",
        stage_packages=len(stage.inventory.packages) if stage else 0,
        stage_shared=shared,
        stage_copied=len(copied),
    )


def _in_dependency(trace: Trace) -> bool:
    by_path = trace.kind in ("source map", "test", "build file", "version control")
    return by_path and bool(_DEPENDENCY.search(trace.subject))


def _packages(inventory: Inventory) -> Iterator[Trace]:
    for package in inventory.packages:
        if package.is_distribution and _BUILD_PACKAGE.fullmatch(package.name):
            yield Trace("build package", f"{package.name} {package.version}", package.type)


def _tools(inventory: Inventory) -> Iterator[Trace]:
    surface = inventory.surface
    for found in (*surface.compilers, *surface.package_managers):
        if not found.owned_by:
            yield Trace("build tool", found.path, found.detail)


def _by_path(contents: ImageFiles) -> Iterator[Trace]:
    for entry in contents.files:
        if entry.owned:
            continue
        for kind, pattern in _PATHS:
            if pattern.search(entry.path):
                yield Trace(kind, entry.path, f"{entry.size} bytes")
                break


def _development(contents: ImageFiles, unread: list[str]) -> Iterator[Trace]:
    """Installed npm packages that only development asks for."""
    paths = {entry.path for entry in contents.files}
    values: dict[str, dict[str, Any]] = {}
    for path, data in contents.texts.items():
        value = _object(data)
        if value is None:
            unread.append(path)
        else:
            values[path] = value
    unread += [path for path in wanted_texts(paths) if path not in contents.texts]
    for path, value in values.items():
        root, _, name = path.rpartition("/")
        if name == "package.json":
            for wanted in _only_development(value):
                if f"{root}/node_modules/{wanted}/package.json" in paths:
                    subject = f"{root}/node_modules/{wanted}"
                    yield Trace("development dependency", subject, f"devDependencies of {path}")
        else:
            base = root.removesuffix("/node_modules")
            for inner in _marked_development(value):
                if f"{base}/{inner}/package.json" in paths:
                    yield Trace("development dependency", f"{base}/{inner}", f"dev in {path}")


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _only_development(manifest: Mapping[str, Any]) -> list[str]:
    def names(key: str) -> set[str]:
        value = manifest.get(key)
        return set(value) if isinstance(value, dict) else set()

    needed = names("dependencies") | names("optionalDependencies") | names("peerDependencies")
    return sorted(names("devDependencies") - needed)


def _marked_development(lock: Mapping[str, Any]) -> list[str]:
    packages = lock.get("packages")
    if not isinstance(packages, dict):
        return []
    return sorted(
        path
        for path, entry in packages.items()
        if path and isinstance(entry, dict) and entry.get("dev") is True
    )


def _copied(contents: ImageFiles, stage: ImageFiles) -> list[FileEntry]:
    there = {(entry.path, entry.size) for entry in stage.files}
    return [
        entry
        for entry in contents.files
        if not entry.owned and entry.size and (entry.path, entry.size) in there
    ]


def _from_stage(
    inventory: Inventory, copied: Sequence[FileEntry], known: set[str]
) -> Iterator[Trace]:
    """Files that were copied to where no application lives, and that no base image has made."""
    folder = inventory.config.working_dir.rstrip("/")
    application = (f"{folder}/",) if folder else ("/app/", "/srv/", "/opt/", "/usr/src/app/")
    for entry in copied:
        path = entry.path
        if path in known or path.startswith(application) or path.startswith(_EVERYWHERE):
            continue
        yield Trace("file of the build stage", path, f"{entry.size} bytes, the same size in both")


# What every base image of a distribution has, made when it was installed.
_EVERYWHERE = (
    "/etc/",
    "/var/lib/dpkg/",
    "/lib/apk/",
    "/usr/lib/apk/",
    "/usr/share/",
    "/usr/lib/ssl/",
    "/usr/lib/os-release",
)


def _shared(inventory: Inventory, stage: Inventory) -> int:
    theirs = {(each.type, each.name, each.version) for each in stage.packages}
    return sum((each.type, each.name, each.version) in theirs for each in inventory.packages)
