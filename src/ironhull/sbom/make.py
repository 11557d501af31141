"""From an inventory, the contents of the layers and the origins to a bill of materials.

1. every regular file with its digests 2. whose each is 3. the packages, with what the package
database, the copyright files and the build's own record say 4. what packages were built from, and
which need which 5. the sources of files that no package brought
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from ironhull.build.origins import DATABASE, FetchedFile, OriginKind, Origins
from ironhull.inventory.model import Inventory, Package
from ironhull.inventory.view import View
from ironhull.lock.model import LockedPackage
from ironhull.sbom.contents import LayerContents
from ironhull.sbom.control import Control, party
from ironhull.sbom.dependencies import dependencies
from ironhull.sbom.identity import created, image_name, package_id, short_id
from ironhull.sbom.licences import spdx_expression
from ironhull.sbom.model import (
    Bill,
    BillFile,
    BillOrigin,
    BillPackage,
    BillPatch,
    Licence,
    Party,
)
from ironhull.sbom.ownership import OWN_LAYER, UNKNOWN, Known, Owner, whose
from ironhull.sbom.sources import SourceList
from ironhull.values import dataclass

Key = tuple[str, str, str]
"""Name, version and architecture of a binary package."""
_DEBIAN = "debian"
_STATUS_PARTS = "/var/lib/dpkg/status.d/"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an image beside its inventory."""

    files: Mapping[str, BillFile] = field(default_factory=dict)
    """By path, sorted."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    controls: Mapping[Key, Control] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    """Name of a Debian package → what its copyright file says."""
    origins: Origins | None = None


def bill_of(inventory: Inventory, facts: Facts | None = None) -> Bill:
    """The bill of an image; without facts it has the inventory's packages and no files."""
    known = facts or Facts()
    identifiers = [package_id(package) for package in inventory.packages]
    unique = dict(zip(identifiers, inventory.packages, strict=True))
    held = _held(identifiers, known)
    sources = SourceList(inventory.distribution)
    locked = {_key(one): one for one in known.origins.packages} if known.origins else {}
    controls = {
        identifier: known.controls[_key(package)]
        for identifier, package in unique.items()
        if package.type == "deb" and _key(package) in known.controls
    }
    needs = dependencies(controls)
    packages = tuple(
        _package(
            identifier,
            package,
            known.licences,
            controls.get(identifier),
            locked.get(_key(package)) if package.type == "deb" else None,
            needs.get(identifier, ()),
            sources,
            tuple(held[identifier]),
        )
        for identifier, package in unique.items()
    )
    return Bill(
        name=image_name(inventory),
        manifest=inventory.image.manifest,
        platform=inventory.image.platform,
        created=created(inventory),
        distribution=inventory.distribution,
        packages=packages,
        sources=sources.all(),
        origins=_origins(known),
    )


def facts_of(
    view: View,
    inventory: Inventory,
    contents: Sequence[LayerContents],
    config: Mapping[str, Any],
    origins: Origins | None,
) -> Facts:
    """What the layers say; `config` is the image's own, `contents` those of the view's layers."""
    files, layers = _files(view, contents)
    controls, single = _controls(view, contents)
    conffiles = {control.name: control.conffiles for control in controls.values()}
    own = _own_layer(config, len(view.records))
    known = Known(inventory.packages, conffiles, single, own, origins)
    licences = {
        package.name: found
        for package in inventory.packages
        if package.type == "deb" and (found := _licence(view, contents, package.name))
    }
    return Facts(files, whose(view, layers, known), controls, licences, origins)


def _files(
    view: View, contents: Sequence[LayerContents]
) -> tuple[dict[str, BillFile], dict[str, int]]:
    """1: each visible file by path, sorted, and the number of the layer that it is seen in."""
    held = [one.files(view.records[number]) for number, one in enumerate(contents)]
    files: dict[str, BillFile] = {}
    layers: dict[str, int] = {}
    for path, layer, (number, holder) in sorted(view.files()):
        file = held[number][holder]
        files[path] = file if file.path == path else file._replace(path=path)
        layers[path] = layer
    return files, layers


def _controls(
    view: View, contents: Sequence[LayerContents]
) -> tuple[dict[Key, Control], dict[int, str]]:
    """The stanzas that are visible, and the layers that have those of one package of ours."""
    found: dict[Key, Control] = {}
    single: dict[int, str] = {}
    for number, one in enumerate(contents):
        for entry, controls in one.controls.items():
            if view.shown_as(number, entry, {}) is None:
                continue
            for control in controls:
                found.setdefault((control.name, control.version, control.architecture), control)
        ours = [
            control.name
            for entry, controls in one.controls.items()
            if view.records[number].names[entry].startswith(_STATUS_PARTS)
            for control in controls
        ]
        if len(ours) == 1:
            single[number] = ours[0]
    return found, single


def _own_layer(config: Mapping[str, Any], layers: int) -> int:
    history = config.get("history")
    if not isinstance(history, list) or len(history) != layers:
        return -1
    last = history[-1]
    ours = isinstance(last, dict) and (last.get("created_by"), last.get("comment")) == (
        "ironhull",
        OWN_LAYER,
    )
    return layers - 1 if ours else -1


def _licence(view: View, contents: Sequence[LayerContents], name: str) -> Licence | None:
    """What the package's copyright file says, also where a higher layer took the file away."""
    path = f"/usr/share/doc/{name}/copyright"
    place = view.file(path)
    if place is not None:
        return contents[place[0]].licences.get(place[1])
    for number in range(len(contents) - 1, -1, -1):
        for entry, licence in contents[number].licences.items():
            if view.records[number].names[entry] == path:
                return licence
    return None


def _held(identifiers: Sequence[str], facts: Facts) -> dict[str, list[BillFile]]:
    """Id of a package → its files; `identifiers` are those of the inventory's packages."""
    held: dict[str, list[BillFile]] = {identifier: [] for identifier in identifiers}
    for path, owner in facts.owners.items():
        if owner.package >= 0:
            held[identifiers[owner.package]].append(facts.files[path])
    return held


def _key(package: Package | LockedPackage) -> Key:
    return package.name, package.version, package.architecture


def _package(
    identifier: str,
    package: Package,
    licences: Mapping[str, Licence],
    control: Control | None,
    locked: LockedPackage | None,
    needs: tuple[str, ...],
    sources: SourceList,
    files: tuple[BillFile, ...],
) -> BillPackage:
    licence = licences.get(package.name) if package.type == "deb" else None
    applied = control.patches if control else ()
    from_debian = locked is not None and locked.repository.partition("-")[0] == _DEBIAN
    return BillPackage(
        id=identifier,
        package=package,
        licence=licence or _said(package),
        supplier=Party("Organization", "Debian") if from_debian else None,
        originator=party(control.maintainer) if control else None,
        homepage=control.homepage if control else "",
        summary=control.summary if control else "",
        archive=locked.sha256 if locked else None,
        archive_path=locked.path if locked else "",
        repository=f"{locked.repository} {locked.suite}" if locked else "",
        source=sources.of(package),
        built_using=sources.built_using(package),
        patches=tuple(BillPatch(short_id("patch", *one[:2]), *one) for one in applied),
        depends_on=needs,
        files=files,
    )


def _said(package: Package) -> Licence:
    """The licence in the package's own words, which are an SPDX expression or are not."""
    if not package.licenses:
        return Licence(comment="the package says nothing of its licence")
    expression = spdx_expression(package.licenses[0]) if len(package.licenses) == 1 else ""
    said = ", ".join(package.licenses)[:2000]
    return Licence(expression, comment=f"the package says: {said}")


def _origins(facts: Facts) -> tuple[BillOrigin, ...]:
    """5: the declared sources, and the files of which nobody says whose they are."""
    fetched = {file.name: file for file in facts.origins.fetched} if facts.origins else {}
    held: dict[Owner, list[BillFile]] = {}
    for path, owner in facts.owners.items():
        if owner.package < 0:
            held.setdefault(owner, []).append(facts.files[path])
    made = [_origin(owner, fetched, tuple(files)) for owner, files in held.items()]
    return tuple(sorted(made, key=lambda origin: (origin.kind, origin.name)))


def _origin(
    owner: Owner, fetched: Mapping[str, FetchedFile], files: tuple[BillFile, ...]
) -> BillOrigin:
    origin = owner.origin
    if owner == UNKNOWN or origin is None:
        detail = "no package and no declared source says that it brought these files"
        return BillOrigin(
            short_id("unknown"), "unknown", "files of no package", detail, files=files
        )
    identifier = short_id(*origin)
    if origin == DATABASE:
        detail = "the database of the packages that are installed"
        return BillOrigin(identifier, "database", origin.name, detail, files=files)
    if origin.kind is OriginKind.FETCHED:
        file = fetched[origin.name]
        detail = "fetched by the image's definition, checked by its digest"
        return BillOrigin(identifier, "fetched", file.name, detail, file.url, file.digest, files)
    if origin.kind is OriginKind.BUILT:
        detail = "built from source by a stage of the image's definition"
        return BillOrigin(identifier, "definition", f"stage {origin.name}", detail, files=files)
    if origin.kind is OriginKind.DEFINITION:
        detail = "written by the image's definition"
        return BillOrigin(identifier, "definition", origin.name, detail, files=files)
    detail = "written by Ironhull in place of what packages' scripts do"
    return BillOrigin(identifier, "step", origin.name, detail, files=files)
