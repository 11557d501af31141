"""Images that are not ours and are followed: the `[[foreign]]` tables of a watcher's policy.

[[foreign]]
image = "registry.example/team/shop:latest"   # scanned; nothing else is done to it
base = "registry.example/base/python:3.13"    # what it stands on; without it what its label says

[[foreign]]
image = "docker.io/library/node:20"
beside = "node:20-debian13"                   # the image of the catalog that it is compared with
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ironhull.errors import InputError
from ironhull.inventory.model import Inventory
from ironhull.oci.reference import Reference, names_registry
from ironhull.scan.model import Finding

MAX_FOREIGN = 500
BASE_NAME = "org.opencontainers.image.base.name"
"""Label or annotation of an image: the reference of what it stands on."""
_KEYS = ("image", "base", "beside")


@dataclass(frozen=True, slots=True)
class ForeignChoice:
    """One reference to follow."""

    image: str
    """A registry's image, host and all."""
    base: str = ""
    """The reference of what it stands on; empty: what the image says itself."""
    beside: str = ""
    """An image of the catalog, by its name in the state; this one is for comparison alone."""


def parse_foreign(value: object) -> tuple[ForeignChoice, ...]:
    """The tables as choices; InputError names the table and what is wrong with it."""
    if not isinstance(value, list) or any(not isinstance(table, dict) for table in value):
        raise InputError("foreign: expected tables, as in [[foreign]]")
    if len(value) > MAX_FOREIGN:
        raise InputError(f"foreign: {len(value)} images, at most {MAX_FOREIGN} are followed")
    found = tuple(_choice(table, f"foreign {n}") for n, table in enumerate(value, 1))
    names = [choice.image for choice in found]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise InputError(f"foreign: {twice} is there twice")
    return found


def _choice(table: Mapping[str, object], place: str) -> ForeignChoice:
    for key, given in table.items():
        if key not in _KEYS:
            close = get_close_matches(key, _KEYS, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(_KEYS)}"
            raise InputError(f"{place}: unknown key {key!r:.60}; {hint}")
        if not isinstance(given, str) or not given:
            raise InputError(f"{place}: {key}: expected a text")
    image, base = str(table.get("image", "")), str(table.get("base", ""))
    if not image:
        raise InputError(f"{place}: image is missing: which one is to be followed?")
    for text in filter(None, (image, base)):
        named_host(text, place)
    return ForeignChoice(image, base, str(table.get("beside", "")))


def named_host(text: str, place: str) -> str:
    """The registry of a reference that names it; InputError for any other text."""
    if not names_registry(text):
        raise InputError(f"{place}: {text!r:.200} names no registry (docker.io/library/node:20)")
    try:
        return Reference.parse(text).registry
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def stands_on(image: Inventory, base: Inventory) -> bool:
    """Whether an image begins with all layers of the base as it is now."""
    own, below = (
        [layer.diff_id or layer.digest for layer in each.layers] for each in (image, base)
    )
    return bool(below) and own[: len(below)] == below


def fixed_in_base(
    image: Inventory, found: Sequence[Finding], base: Inventory, base_found: Sequence[Finding]
) -> dict[str, str]:
    """Vulnerabilities (→ severity) that an image would lose upon the base as it is now.

    They are of packages that the base has in another version, and without them. Empty for an image
    that stands on it already.
    """
    if stands_on(image, base):
        return {}
    now: dict[tuple[str, str], str] = {
        (package.type, package.name): package.version for package in base.packages
    }
    left = {(each.type, each.package, each.id) for each in base_found}
    return {
        each.id: each.severity
        for each in found
        if now.get((each.type, each.package), each.version) != each.version
        and (each.type, each.package, each.id) not in left
    }
