"""Records of layers → the inventory of the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ironhull.inventory import secrets
from ironhull.inventory.accounts import ids_of, users_of
from ironhull.inventory.cataloguers import npm
from ironhull.inventory.config import image_config, layer_history
from ironhull.inventory.databases import unread_databases
from ironhull.inventory.distribution import distribution_of
from ironhull.inventory.model import (
    SURFACE_LISTS,
    Distribution,
    Duplicate,
    Exposure,
    ImageConfig,
    Inventory,
    Layer,
    Package,
    Remark,
    Surface,
)
from ironhull.inventory.ownership import owners, removed
from ironhull.inventory.purl import purl_of
from ironhull.inventory.record import LayerRecord
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.surface import SurfaceReader
from ironhull.inventory.view import View

_MAX_DUPLICATES = 1000
_MODULES = "/node_modules/"


def assemble(image: OpenImage, records: Sequence[LayerRecord]) -> Inventory:
    """The inventory of an image whose layers, lowest first, have these records.

    1. Put the layers together. 2. Say what the distribution and the accounts are. 3. Take the
    packages of what is visible. 4. Find who owns their files. 5. Write purls. 6. Add the surface,
    the layers and the waste.
    """
    digests = [layer.digest for layer in image.layers] or [""]
    view = View(records)
    distribution = distribution_of(view)
    config = image_config(image.config)
    users, remarks = users_of(view)
    packages = _packages(view)
    ids = ids_of(view, users, config.user)
    if ids is None:
        remarks.append(
            Remark("warning", "/etc/passwd", f"the default user {config.user!r:.60} is not in it")
        )
    surface = SurfaceReader(view, ids if image.layers else None).read()
    config, variables = _variables(config)
    surface = replace(surface, secrets=surface.secrets + variables)
    installed = frozenset(item.name for item, _ in packages if item.is_distribution)
    owned = owners(view, _paths(packages, surface), installed)
    remarks += _remarks(view, digests)
    remarks += unread_databases(view, distribution, [package for package, _ in packages])
    if not distribution.known:
        remarks.append(Remark("warning", "/etc/os-release", distribution.reason))
    return Inventory(
        image=image.identity,
        distribution=distribution,
        packages=_finished(packages, view, distribution, owned, digests),
        users=users,
        config=config,
        surface=_owned_surface(surface, owned, digests),
        layers=_layers(image, records),
        duplicates=_duplicates(view, digests),
        wasted=view.waste.total,
        remarks=tuple(sorted(set(remarks), key=lambda r: (r.kind, r.location, r.message))),
    )


def _packages(view: View) -> list[tuple[Package, int]]:
    """Visible packages with the number of their layer; distribution packages once each."""
    found: list[tuple[Package, int]] = []
    seen: set[tuple[str, ...]] = set()
    facts = sorted(view.facts("packages"), key=lambda item: item[0])
    # A lock file beside a node_modules: what is installed there speaks for itself.
    idle = {f"{path.partition(_MODULES)[0]}/{npm.LOCK}" for path, *_ in facts if _MODULES in path}
    for path, layer, packages in facts:
        for package in packages:
            if package.is_distribution:
                # status comes before status.d in the order of paths, and says the same.
                key = (package.type, package.name, package.version, package.architecture)
                if key in seen:
                    continue
                seen.add(key)
                found.append((package, _introduced(view, package, layer)))
            elif path not in idle:
                found.append((package, layer))
    return found


def _introduced(view: View, package: Package, layer: int) -> int:
    """The lowest layer since which the database has had this version without a break.

    The database is one file that every layer with packages replaces; its own layer would say
    that all packages came with the last one.
    """
    first = layer
    for number in range(layer - 1, -1, -1):
        there = view.records[number].packages.get(package.location)
        if there is None:
            continue
        if not any(
            (item.name, item.version, item.architecture)
            == (package.name, package.version, package.architecture)
            for item in there
        ):
            break
        first = number
    return first


def _file_of(package: Package) -> str:
    """The file of a package; of a nested archive the outermost one."""
    return package.location.partition(":")[0] if package.type == "maven" else package.location


def _paths(packages: Iterable[tuple[Package, int]], surface: Surface) -> list[str]:
    paths = [_file_of(item) for item, _ in packages if not item.is_distribution]
    return paths + [found.path for name in SURFACE_LISTS for found in getattr(surface, name)]


def _finished(
    packages: Sequence[tuple[Package, int]],
    view: View,
    distribution: Distribution,
    owned: Mapping[str, str],
    digests: Sequence[str],
) -> tuple[Package, ...]:
    licenses = _licenses(view)
    gone = removed(view, frozenset(item.name for item, _ in packages if item.type == "deb"))
    result = []
    for package, layer in packages:
        owner = "" if package.is_distribution else owned.get(_file_of(package), "")
        if package.type == "binary" and owner:
            # The distribution package says the same with a version that advisories know.
            continue
        if package.type == "deb":
            said = tuple(licenses.get(package.name, ()))
            package = replace(package, licenses=said, removed=gone.get(package.name, ""))
        package = replace(package, layer=digests[layer], owned_by=owner)
        result.append(replace(package, purl=purl_of(package, distribution)))
    return tuple(
        sorted(result, key=lambda p: (p.type, p.name, p.version, p.architecture, p.location))
    )


def _licenses(view: View) -> dict[str, list[str]]:
    """Package → licences, from machine-readable usr/share/doc/PACKAGE/copyright."""
    return {path.split("/")[4]: said for path, _, said in view.facts("licenses")}


def _variables(config: ImageConfig) -> tuple[ImageConfig, tuple[Exposure, ...]]:
    """The config without the values of variables that hold secrets, and a finding for each."""
    found, shown = [], []
    for variable in config.env:
        name, _, value = variable.partition("=")
        detail = secrets.in_variable(name, value)
        if detail:
            found.append(Exposure(f"env:{name}", detail))
        shown.append(f"{name}={secrets.HIDDEN}" if detail else variable)
    return replace(config, env=tuple(shown)), tuple(sorted(found))


def _owned_surface(surface: Surface, owned: Mapping[str, str], digests: Sequence[str]) -> Surface:
    lists = {
        name: tuple(
            replace(
                found,
                layer=digests[int(found.layer)] if found.layer else "",
                owned_by=owned.get(found.path, ""),
            )
            for found in getattr(surface, name)
        )
        for name in SURFACE_LISTS
    }
    return replace(surface, **lists)  # type: ignore[arg-type]


def _remarks(view: View, digests: Sequence[str]) -> list[Remark]:
    return [
        replace(remark, layer=digests[layer])
        for _, layer, remarks in _all_remarks(view)
        for remark in remarks
    ]


def _all_remarks(view: View) -> Iterable[tuple[str, int, list[Remark]]]:
    """Remarks of what is visible, and of names that no file has (climbing names, whiteouts)."""
    for number, record in enumerate(view.records):
        for path, remarks in record.remarks.items():
            entry = view.get(path)
            if entry is None or entry.layer == number:
                yield path, number, remarks


def _layers(image: OpenImage, records: Sequence[LayerRecord]) -> tuple[Layer, ...]:
    history = layer_history(image.config, len(image.layers))
    env = [variable.partition("=") for variable in image_config(image.config).env]
    values = [
        value for name, _, value in env if len(value) > 3 and secrets.in_variable(name, value)
    ]
    return tuple(
        Layer(
            digest=source.digest,
            diff_id=record.diff_id or None,  # type: ignore[arg-type]
            media_type=source.media_type,
            size=record.stored,
            uncompressed=record.uncompressed,
            files=record.files(),
            created_by=secrets.without_secrets(created_by, values),
        )
        for source, record, created_by in zip(image.layers, records, history, strict=False)
    )


def _duplicates(view: View, digests: Sequence[str]) -> tuple[Duplicate, ...]:
    found = []
    for path, copies in view.waste.copies.items():
        entry = view.get(path)
        numbers = {number for number, _ in copies} | ({entry.layer} if entry else set())
        wasted = sum(size for _, size in copies)
        if wasted:
            found.append(Duplicate(path, tuple(digests[n] for n in sorted(numbers)), wasted))
    found.sort(key=lambda item: (-item.wasted, item.path))
    return tuple(found[:_MAX_DUPLICATES])
