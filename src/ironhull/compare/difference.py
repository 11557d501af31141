"""Where two builds of what should be one image differ: config, layers, files, and by what.

Layers are compared by their uncompressed content first: those that differ in compression alone say
so. Of the others, members are streamed from both and compared one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.oci.tar import Member, TarReader
from ironhull.store.layers import image_layers, open_layer
from ironhull.store.layout import ImageLayout

MAX_DIFFERENCES = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs."""

    part: str
    """`config`, `layer 3`, `layer 3: /usr/bin/node`."""
    found: str
    """How: `mtime 0 instead of 1764208800`, `only in the original`."""


def differences(
    here: ImageLayout, made: Document, there: ImageLayout, original: Document
) -> Iterator[Difference]:
    """What differs between what was `made` and the `original`, both whole in their layouts.

    At most a thousand, the last of which says so.
    """
    for number, difference in enumerate(_all(here, made, there, original)):
        if number == MAX_DIFFERENCES - 1:
            yield Difference("more", f"more than {MAX_DIFFERENCES} differences")
            return
        yield difference


def _all(
    here: ImageLayout, made: Document, there: ImageLayout, original: Document
) -> Iterator[Difference]:
    yield from _values(
        "config",
        here.document(made.config.digest).value,
        there.document(original.config.digest).value,
    )
    ours, theirs = image_layers(here, made), image_layers(there, original)
    if len(ours) != len(theirs):
        yield Difference("layers", f"{len(ours)} instead of {len(theirs)}")
    pairs = zip(ours, theirs, strict=False)
    for number, ((mine, my_content), (yours, your_content)) in enumerate(pairs, start=1):
        if mine.digest == yours.digest:
            continue
        if my_content == your_content:
            found = f"same content, compressed otherwise ({mine.size} bytes, not {yours.size})"
            yield Difference(f"layer {number}", found)
        else:
            yield from _layers(f"layer {number}", here, mine, there, yours)
    yield from _values("manifest", made.value, original.value, apart=("config", "layers"))


def _values(
    part: str, mine: object, yours: object, apart: tuple[str, ...] = ()
) -> Iterator[Difference]:
    """Differences of two JSON values, by the place in them."""
    if isinstance(mine, dict) and isinstance(yours, dict):
        for key in sorted({*mine, *yours} - set(apart)):
            yield from _values(f"{part}.{key}", mine.get(key), yours.get(key))
    elif mine != yours:
        yield Difference(part, f"{mine!r:.200} instead of {yours!r:.200}")


def _layers(
    part: str, here: ImageLayout, mine: Descriptor, there: ImageLayout, yours: Descriptor
) -> Iterator[Difference]:
    made, original = _members(here, mine), _members(there, yours)
    for name in sorted({*made, *original}):
        place = f"{part}: /{name}"
        if name not in original:
            yield Difference(place, "not in the original")
        elif name not in made:
            yield Difference(place, "only in the original")
        else:
            for field, value in made[name].items():
                if value != original[name][field]:
                    yield Difference(place, f"{field} {value} instead of {original[name][field]}")
    if list(made) != list(original) and set(made) == set(original):
        yield Difference(part, "the same files in another order")


def _members(layout: ImageLayout, layer: Descriptor) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    with open_layer(layout, layer) as stream:
        reader = TarReader(stream, f"layer {layer.digest}")
        for member in reader:
            found[member.name.strip("/")] = _facts(member, reader)
    return found


def _facts(member: Member, reader: TarReader) -> dict[str, object]:
    sha256 = hashlib.sha256()
    for piece in reader.content():
        sha256.update(piece)
    return {
        "type": member.kind,
        "mode": f"{member.mode:04o}",
        "owner": f"{member.uid}:{member.gid}",
        "mtime": member.mtime,
        "target": member.link,
        "size": member.size,
        "xattrs": sorted(member.xattrs or {}),
        "content": sha256.hexdigest()[:16],
    }
