"""Which images a Dockerfile names, and which of a catalog can take the place of one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ironhull.migrate.catalog.names import FAMILIES, name_of, version_of
from ironhull.migrate.dockerfile.instruction import Instruction
from ironhull.migrate.dockerfile.lexer import lex
from ironhull.migrate.dockerfile.stages import found, split
from ironhull.migrate.dockerfile.variables import replaced, unquoted
from ironhull.oci.reference import DOCKER_HUB, Reference

_MOUNT_FROM = re.compile(r"(?:^|,)from=([^,]+)")
Tags = Mapping[str, Sequence[str]]
"""Images of a catalog → their main tags: `node` → `20`, `20-dev`, `20-standard`."""


def bases_named(source: bytes) -> tuple[str, ...]:
    """The images behind FROM, COPY --from and RUN --mount, arguments at their defaults, in order.

    A name whose variables have no default is left out. MalformedError if it is no Dockerfile.
    """
    document = lex(source)
    head, stages = split(document)
    values: dict[str, str] = {}
    for node in head:
        if node.instruction is not None:
            name, equals, default = node.instruction.body.partition("=")
            if equals:
                values[name.strip()] = replaced(unquoted(default), values) or ""
    names: list[str] = []
    for stage in stages:
        wanted = [stage.source.image]
        for node in stage.nodes:
            wanted += _copied(node.instruction) if node.instruction is not None else []
        for name in wanted:
            text = replaced(name, values)
            known = found(stages, text or "", stage.index) is not None
            if text and not known and not text.isdecimal() and text not in ("scratch", "context"):
                names.append(text)
    return tuple(dict.fromkeys(names))


def _copied(instruction: Instruction) -> Iterator[str]:
    if instruction.keyword in ("COPY", "ADD"):
        source = instruction.flag("from")
        if source:
            yield source
    elif instruction.keyword == "RUN":
        mount = _MOUNT_FROM.search(instruction.flag("mount") or "")
        if mount:
            yield mount[1]


def stand_in(reference: str, tags: Tags) -> str:
    """The catalog's image for what a Dockerfile names; '' if it has none that could do.

    The image itself, if the catalog has one of that name and tag. For a conventional one the
    conventional variant, else the one to build in: both have what applications expect of such an
    image (root, a shell, a package manager). The version is the same as far as the catalog has it.
    """
    name = name_of(reference)
    own = name.repository.rpartition("/")[2]
    # Docker Hub's `node:20` is the conventional one, whatever the catalog calls its own.
    if Reference.parse(reference).registry != DOCKER_HUB and name.tag in tags.get(own, ()):
        return f"{own}:{name.tag}"
    family = FAMILIES.get(name.repository)
    if family is None:
        return ""
    candidates = (own, *family.build, *family.runtime)
    image = next((one for one in candidates if one in tags), "")
    found = [
        (version, suffix)
        for suffix in ("-standard", "-dev")
        for version in (tag.removesuffix(suffix) for tag in tags.get(image, ()))
        if f"{version}{suffix}" in tags[image]
    ]
    if not found:
        return ""
    nearest = _nearest(version_of(family, name), [version for version, _ in found])
    return f"{image}:{nearest}{next(suffix for version, suffix in found if version == nearest)}"


def _nearest(version: str, versions: Sequence[str]) -> str:
    """The version that agrees in most parts, the newest of these."""
    wanted = version.split(".")

    def rank(one: str) -> tuple[int, list[int]]:
        parts = one.split(".")
        pairs = zip(wanted, parts, strict=False)
        same = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(wanted), len(parts)))
        return same, [int(part) if part.isdecimal() else -1 for part in parts]

    return max(versions, key=rank)
