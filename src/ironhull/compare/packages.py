"""Packages of two images: added, removed, up- or downgraded, by the order of their ecosystem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Any

from ironhull.compare.model import Direction, PackageChanges, VersionChange
from ironhull.debian.version import compare as compare_debian
from ironhull.errors import MalformedError
from ironhull.inventory.model import Package
from ironhull.scan.matchers.language import ORDERS
from ironhull.scan.versions.apk import apk_key

_Key = tuple[str, str]
_deb_key = cmp_to_key(compare_debian)
_KEYS: dict[str, Callable[[str], Any]] = {**ORDERS, "apk": apk_key, "deb": _deb_key}


def compare_packages(baseline: Iterable[Package], image: Iterable[Package]) -> PackageChanges:
    """The changes from `baseline` to `image`; two lists with the same packages give none.

    A package is its type and name. One that is there several times (npm has it so)
    is paired version by version: what both have is the same, the rest is paired in the order of
    versions from the lowest, and what is left over was added or removed.
    """
    before, after = _grouped(baseline), _grouped(image)
    added: list[Package] = []
    removed: list[Package] = []
    versions: list[VersionChange] = []
    same = 0
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, []), after.get(key, [])
        common = Counter(each.version for each in old) & Counter(each.version for each in new)
        same += common.total()
        old, new = _without(old, common), _without(new, common)
        paired = min(len(old), len(new))
        versions += [_moved(was, now) for was, now in zip(old, new, strict=False)]
        removed += old[paired:]
        added += new[paired:]
    return PackageChanges(tuple(added), tuple(removed), tuple(versions), same)


def _grouped(packages: Iterable[Package]) -> dict[_Key, list[Package]]:
    groups: dict[_Key, list[Package]] = {}
    for package in packages:
        groups.setdefault((package.type, package.name), []).append(package)
    for key, group in groups.items():
        if len(group) > 1:
            groups[key] = _in_order(group)
    return groups


def _in_order(group: list[Package]) -> list[Package]:
    plain = sorted(group, key=lambda each: (each.version, each.location))
    try:
        return sorted(plain, key=lambda each: _KEYS[each.type](each.version))
    except (MalformedError, KeyError, TypeError):
        return plain


def _without(group: list[Package], common: Counter[str]) -> list[Package]:
    left = Counter(common)
    result = []
    for package in group:
        if left[package.version]:
            left[package.version] -= 1
        else:
            result.append(package)
    return result


def _moved(old: Package, new: Package) -> VersionChange:
    return VersionChange(new, old.version, new.version, direction(new.type, old, new))


def direction(kind: str, old: Package, new: Package) -> Direction:
    """Which way a version went; `changed` where its ecosystem's order cannot tell."""
    try:
        before, after = (_KEYS[kind](each.version) for each in (old, new))
        if before == after:
            return "changed"
        return "upgraded" if before < after else "downgraded"
    except (MalformedError, KeyError, TypeError):
        return "changed"
