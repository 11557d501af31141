"""Which files the tools of an ecosystem would take for an installed package.

A file that is damaged, or a template, or a test's fixture, hides a package only where Node, Python
and the others would look for one:

package.json       directly in node_modules/NAME or node_modules/@SCOPE/NAME
package-lock.json  beside an application, not in a package
METADATA, PKG-INFO of a folder that Python searches: site-packages, dist-packages, the standard
                   library's, PYTHONPATH's, the working directory, a _vendor folder
*.gemspec          directly in a gem folder's specifications, or its default
installed.json     of an application's vendor folder, not of a package's in it
*.deps.json        beside the program it is of, or in a shared framework
archives, programs anywhere but in a folder of tests

Databases of distributions always count. What does not count is said all the same, as a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ironhull.inventory.cataloguers import npm
from ironhull.inventory.files import DPKG, TEXTS
from ironhull.inventory.model import ImageConfig
from ironhull.inventory.paths import absolute
from ironhull.values import dataclass

_TESTS = re.compile(
    r"/(?:tests?|__tests?__|testdata|test[-_](?:data|fixtures|resources)|(?:__)?fixtures(?:__)?)/",
    re.IGNORECASE,
)
_MODULE = re.compile(r"(?P<outer>.*/)node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json")
_GEM = re.compile(r"(?:.*/gems/[^/]+|(?!.*/gems/).*)/specifications/(?:default/)?[^/]+")
_VENDORED = re.compile(r"/vendor/[^/]+/[^/]+/")
_FRAMEWORK = re.compile(r"/shared/[^/]+/[^/]+/[^/]+$")
_METADATA = re.compile(r"(?P<folder>.*)/[^/]+\.(?:dist-info|egg-info|egg)(?:/.*)?", re.IGNORECASE)
_SEARCHED = re.compile(r".*/(?:(?:site|dist)-packages|_vendor|lib/python\d[\d.]*)")
_PACKAGES = re.compile(r"/(?:site|dist)-packages/")


@dataclass(frozen=True, slots=True)
class Places:
    """Where an image's own settings let tools look."""

    python: frozenset[str] = frozenset()
    """Folders that Python searches beside its own."""


def places_of(config: ImageConfig) -> Places:
    """The places that the environment and the working directory of an image say."""
    found = {config.working_dir}
    for variable in config.env:
        name, _, value = variable.partition("=")
        if name == "PYTHONPATH":
            found.update(value.split(":"))
    return Places(frozenset(path for text in found if text and (path := absolute(text))))


def is_taken(path: str, places: Places, exists: Callable[[str], bool]) -> bool:
    """Whether a tool would take the file at `path` for a package, or reads packages from it."""
    base = path[path.rfind("/") + 1 :]
    if path in TEXTS or path.startswith(DPKG):
        return True
    if base == "package.json":
        return _is_module(path)
    if base == npm.LOCK:
        return "/node_modules/" not in path and not _TESTS.search(path)
    if base in ("METADATA", "PKG-INFO") or base.endswith(".egg-info"):
        return _is_searched(path, places)
    if base.endswith(".gemspec"):
        return bool(_GEM.fullmatch(path))
    if path.endswith("/composer/installed.json"):
        folder = path.removesuffix("composer/installed.json")
        return not _VENDORED.search(folder) and not _TESTS.search(folder)
    if base.endswith(".deps.json"):
        program = path.removesuffix(".deps.json")
        beside = (f"{program}.dll", f"{program}.exe", program)
        return any(map(exists, beside)) or bool(_FRAMEWORK.search(path))
    return not _TESTS.search(path)


def _is_module(path: str) -> bool:
    found = _MODULE.fullmatch(path)
    if found is None:
        return False
    # A package's own tests may hold whole trees of packages.
    _, _, inside = found["outer"].partition("/node_modules/")
    return not _TESTS.search(f"/{inside}")


def _is_searched(path: str, places: Places) -> bool:
    found = _METADATA.fullmatch(path)
    if found is None:
        return False
    folder = found["folder"]
    if (folder or "/") in places.python:
        return True
    inside = _PACKAGES.split(f"{folder}/", maxsplit=1)[-1]
    return bool(_SEARCHED.fullmatch(folder)) and not _TESTS.search(f"/{inside}")
