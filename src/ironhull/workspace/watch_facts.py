"""Facts of a built image that the gate looks at: what its packages bring, what it may run.

What a .deb tells is remembered by its digest, for most images share most packages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ironhull.build.built import BuiltImage
from ironhull.debian.deb import DebFile
from ironhull.definition.model import ImageDefinition
from ironhull.errors import InputError
from ironhull.inventory.model import Inventory
from ironhull.lock.model import Lock
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.tar import FILE
from ironhull.sbom.model import Bill
from ironhull.store.files import replace_file
from ironhull.store.home import Home
from ironhull.watch.facts import Facts

_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")
_MAX_PROGRAM = 256 << 20
_LISTENS, _ACCEPTS = b"\0listen\0", (b"\0accept\0", b"\0accept4\0")
_LIBRARY = re.compile(r"\.so(\.[0-9]+)*$")
_WORD = re.compile(r"[A-Za-z0-9.+-]+")
_JOINING = frozenset({"AND", "OR", "WITH"})


def facts_of(
    home: Home,
    image: BuiltImage,
    definition: ImageDefinition,
    lock: Lock,
    looked_into: Sequence[tuple[Inventory, Bill]],
    before: Facts | None,
) -> Facts:
    """The facts of an image; `looked_into` is what is in each of its platforms.

    A package whose .deb is not at hand is one whose layer is old: what `before` says of it holds.
    """
    packages = {p.name: p.sha256 for each in lock.platforms.values() for p in each.packages}
    scripts: set[str] = set()
    listeners = {f"port {port}" for port in definition.ports}
    for name, sha256 in packages.items():
        told = _deb_facts(home, sha256)
        if told is None:
            scripts |= _of_package(before, "scripts", name)
            listeners |= _of_package(before, "listeners", name)
            continue
        scripts |= {f"{name}: {script}" for script in told["scripts"]}
        listeners |= {f"{name}: {path}" for path in told["listeners"]}
    size = max((built.compressed_size for built in image.platforms), default=0)
    return _facts(size, looked_into, scripts, listeners)


def facts_of_existing(
    home: Home, looked_into: Sequence[tuple[Inventory, Bill]], locks: Sequence[Lock]
) -> Facts:
    """The facts of an image that nothing but itself is known of; `locks` are the old and the new.

    What the packages bring is told by their .debs, which a lock names; of one that cannot be had
    any more the newest lock's stands for it, so that nothing of it is new.
    """
    inventories = [inventory for inventory, _ in looked_into]
    there = {(p.name, p.version) for each in inventories for p in each.packages}
    names = {name for name, _ in there}
    scripts: set[str] = set()
    listeners = {f"port {port}" for each in inventories for port in each.config.ports}
    told: dict[str, Mapping[str, list[str]]] = {}
    for lock in reversed(locks):
        for package in (p for each in lock.platforms.values() for p in each.packages):
            exact = (package.name, package.version) in there
            if package.name in names and (exact or package.name not in told):
                found = _deb_facts(home, package.sha256)
                told |= {} if found is None else {package.name: found}
    for name, facts in told.items():
        scripts |= {f"{name}: {script}" for script in facts["scripts"]}
        listeners |= {f"{name}: {path}" for path in facts["listeners"]}
    sizes = (sum(layer.size for layer in each.layers) for each in inventories)
    return _facts(max(sizes, default=0), looked_into, scripts, listeners)


def _facts(
    size: int,
    looked_into: Sequence[tuple[Inventory, Bill]],
    scripts: Iterable[str],
    listeners: Iterable[str],
) -> Facts:
    return Facts(
        size,
        {
            "setuid": tuple(sorted({path for each, _ in looked_into for path in _loose(each)})),
            "scripts": tuple(sorted(scripts)),
            "listeners": tuple(sorted(listeners)),
            "licences": tuple(sorted({name for _, bill in looked_into for name in _names(bill)})),
        },
    )


def _of_package(before: Facts | None, kind: str, package: str) -> set[str]:
    known: Iterable[str] = before.kinds.get(kind, ()) if before else ()
    return {each for each in known if each.startswith(f"{package}: ")}


def _loose(inventory: Inventory) -> Iterator[str]:
    surface = inventory.surface
    for exposure in (*surface.setuid, *surface.setgid, *surface.capabilities):
        yield f"{exposure.path} ({exposure.detail})"


def _names(bill: Bill) -> Iterator[str]:
    """Licences by their SPDX names; those that have none by what the packages call them."""
    for package in bill.packages:
        texts = {text.id: text.name for text in package.licence.texts}
        for word in _WORD.findall(package.licence.expression):
            if word not in _JOINING:
                yield texts.get(word, word)


def _deb_facts(home: Home, sha256: Digest) -> Mapping[str, list[str]] | None:
    """Scripts and listening programs of a .deb; None where it is not on this machine."""
    kept = home.deb_facts / f"{hex_of(sha256)}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return _kept_facts(kept)
    try:
        with home.packages.open(sha256) as file:
            deb = DebFile(file, str(sha256))
            scripts = [name for name in _SCRIPTS if name in deb.control.files]
            told = {"scripts": scripts, "listeners": list(_listeners(deb))}
    except InputError:
        return None
    replace_file(kept, json.dumps(told).encode(), durable=False)
    return told


@lru_cache(4096)
def _kept_facts(path: Path) -> Mapping[str, list[str]]:
    value = json.loads(path.read_bytes())
    return {key: [str(item) for item in value[key]] for key in ("scripts", "listeners")}


def _listeners(deb: DebFile) -> Iterator[str]:
    """Programs that import what a server needs. What a script or a library may do is not seen."""
    reader = deb.data()
    for member in reader:
        program = member.kind == FILE and member.mode & 0o111 and not _LIBRARY.search(member.name)
        if not program:
            continue
        data = reader.read(_MAX_PROGRAM) or b""
        if data[:4] == b"\x7fELF" and _LISTENS in data and any(name in data for name in _ACCEPTS):
            yield f"/{member.name.removeprefix('./')}"
