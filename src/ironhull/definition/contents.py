"""`contents` → packages, what is out of other images, and repositories with their keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ironhull.definition.files import Files
from ironhull.definition.model import (
    ArtifactRequest,
    PackageRequest,
    Place,
    RepositoryRequest,
    Slice,
)
from ironhull.definition.paths import platforms_of
from ironhull.definition.shape import Item, ReadMap
from ironhull.definition.tree import Problems, did_you_mean
from ironhull.oci.digest import Digest, hex_of
from ironhull.settings import Unpinned
from ironhull.transport.address import parts_of

OWN = "ironhull:own"
"""The archive of patched source packages that this machine built, as an apt line's address."""
_KEY_URL = re.compile(r"https://[^ #]+#sha256=[0-9a-f]{64}")
_ADDRESS = re.compile(r"https://[^ #]+")
_OPTIONS = re.compile(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+\S+)*)")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._/-]*")


def packages_of(root: ReadMap, problems: Problems) -> tuple[PackageRequest, ...]:
    """What is asked for and kept out, in order; of one name the last file's word holds."""
    contents = root.record("contents")
    wanted: dict[str, PackageRequest] = {}
    for item in contents.items("packages"):
        request = _package(item, problems)
        before = wanted.pop(request.name, None)
        if before is not None and before.place.file == item.place.file:
            request = _together(before, request, problems)
        wanted[request.name] = request
    recommending = set()
    for item in contents.items("recommends"):
        if item.value in wanted and not wanted[item.value].excluded:
            recommending.add(item.value)
        else:
            hint = did_you_mean(item.value, wanted) if wanted else ""
            problems.error(item.place, f"{item.value!r} is not one of the packages{hint}")
    return tuple(
        PackageRequest(
            request.name,
            request.place,
            request.version,
            request.excluded,
            recommends=request.name in recommending,
            part=request.part,
        )
        for request in wanted.values()
    )


def _package(item: Item, problems: Problems) -> PackageRequest:
    if isinstance(item.value, ReadMap):
        return _slice(item.value, item.place, problems)
    text: str = item.value
    if text.startswith("!"):
        return PackageRequest(text[1:], item.place, excluded=True)
    name, _, version = text.partition("=")
    return PackageRequest(name, item.place, version or None)


def _slice(record: ReadMap, place: Place, problems: Problems) -> PackageRequest:
    """A part of a package; without a name, which was said, one that nothing else looks at."""
    name, _, version = record.get("name", "-").partition("=")
    only, without = (
        tuple(pattern.lstrip("/") for pattern in record.texts(key)) for key in ("only", "except")
    )
    if bool(only) == bool(without):
        problems.error(place, f"the part of {name} is told by 'only' or by 'except', one of both")
    return PackageRequest(name, place, version or None, part=Slice(only, without))


def _together(before: PackageRequest, after: PackageRequest, problems: Problems) -> PackageRequest:
    """What two entries of one file mean: who asks wins over who keeps out, a pin over a name."""
    line = f"line {before.place.line}"
    if before.excluded != after.excluded:
        asked, other = (after, before) if before.excluded else (before, after)
        problems.warn(
            other.place,
            f"package {asked.name!r} is kept out here and asked for in line {asked.place.line}: "
            "it is asked for",
        )
        return asked
    if before.part != after.part:
        problems.error(
            after.place, f"package {after.name!r} is asked for whole and in part ({line})"
        )
    elif before.version == after.version:
        problems.warn(after.place, f"package {after.name!r} stands twice ({line} too)")
    elif before.version and after.version:
        problems.error(after.place, f"package {after.name!r} is asked for in two versions ({line})")
    return after if after.version else before


def artifacts_of(root: ReadMap, problems: Problems) -> tuple[ArtifactRequest, ...]:
    """What is taken out of other images, in order."""
    return tuple(
        artifact(item.value.get("name"), item.value, problems)
        for item in root.record("contents").items("artifacts")
        if "name" in item.value.values
    )


def artifact(name: str, record: ReadMap, problems: Problems) -> ArtifactRequest:
    """The other image `NAME@sha256:…`, and what of it."""
    reference, _, digest = name.partition("@")
    includes, excludes = (
        tuple(pattern.strip("/") for pattern in record.texts(key))
        for key in ("includes", "excludes")
    )
    return ArtifactRequest(
        reference,
        Digest(digest),
        record.place,
        includes,
        excludes,
        record.get("uid"),
        record.get("gid"),
        platforms_of(record, problems),
    )


def repositories_of(
    root: ReadMap, files: Files, problems: Problems
) -> tuple[RepositoryRequest, ...]:
    """The apt lines, each with the keys that may sign it."""
    contents = root.record("contents")
    keys: dict[str, bytes] = {}
    urls: dict[str, str] = {}
    for item in contents.items("keyring"):
        _key(item, keys, urls, files, problems)
    requests: list[RepositoryRequest] = []
    for item in contents.items("repositories"):
        request = _repository(item, keys, urls, problems)
        if request is not None:
            requests.append(_unique(request, requests))
    return tuple(requests)


def _key(
    item: Item, keys: dict[str, bytes], urls: dict[str, str], files: Files, problems: Problems
) -> None:
    text: str = item.value
    if "://" not in text:
        data = files.source(text, item.place)
        if data is not None:
            keys[PurePosixPath(text).stem] = data
        return
    address, pinned = parts_of(text), _KEY_URL.fullmatch(text) is not None
    if not address.hostname or not (pinned or _ADDRESS.fullmatch(text)):
        problems.error(
            item.place,
            "expected a key file, or https://…#sha256=<64 hex digits>; nothing else is trusted",
        )
        return
    digest = None if pinned else files.locked_digest(Unpinned.KEYS, text, item.place)
    locked = "" if digest is None else f"#sha256={hex_of(digest)}"
    urls[PurePosixPath(address.path).stem] = f"{text}{locked}"


def _repository(
    item: Item, keys: dict[str, bytes], urls: dict[str, str], problems: Problems
) -> RepositoryRequest | None:
    line = _OPTIONS.fullmatch(item.value)
    if line is None or not _is_archive(line[2]):
        problems.error(
            item.place, "expected an apt line: deb [signed-by=KEY] http(s)://… SUITE COMPONENT…"
        )
        return None
    signed_by = _signed_by(line[1] or "", item.place, problems)
    suite, components = line[3], tuple(line[4].split())
    if suite.endswith("/") or not components:
        problems.error(item.place, "a flat repository has no signed index per component; not read")
        return None
    for word in (suite, *components):
        if not _WORD.fullmatch(word) or ".." in word.split("/"):
            problems.error(item.place, f"{word!r:.60} is not a suite or component")
            return None
    own = [signed_by] if signed_by in keys or signed_by in urls else [*keys, *urls]
    if line[2] == OWN and signed_by not in keys:
        own = []  # by the machine's own key, whatever other archives are signed with
    return RepositoryRequest(
        name=signed_by or _archive_name(line[2]),
        uri=line[2].rstrip("/"),
        suite=suite,
        components=components,
        keyrings=tuple(keys[name] for name in own if name in keys),
        place=item.place,
        key_urls=tuple(urls[name] for name in own if name in urls),
    )


def _is_archive(address: str) -> bool:
    parts = parts_of(address)
    return address == OWN or (parts.scheme in ("http", "https") and bool(parts.hostname))


def _archive_name(address: str) -> str:
    """What locks and reports call it: no letter of it says how it is reached."""
    parts = parts_of(address)
    return re.sub(r"[^a-z0-9]+", "-", f"{parts.hostname or ''}{parts.path}".lower()).strip("-")


def _signed_by(options: str, place: Place, problems: Problems) -> str:
    """The stem of the key that `signed-by` names; empty if it names none."""
    stem = ""
    for option in options.split():
        name, _, value = option.partition("=")
        if name == "signed-by":
            stem = PurePosixPath(value).stem
        elif name in ("trusted", "allow-insecure", "allow-weak"):
            problems.error(place, f"option {name!r} turns the signature off: never done here")
        else:
            problems.error(place, f"option {name!r:.40}{did_you_mean(name, ('signed-by',))}")
    return stem


def _unique(request: RepositoryRequest, others: Sequence[RepositoryRequest]) -> RepositoryRequest:
    """The request under a name that no other archive has; suites of one archive share theirs."""
    taken = {"debian", "debian-security"}
    taken |= {other.name for other in others if other.uri != request.uri}
    name, number = request.name, 2
    while name in taken:
        name, number = f"{request.name}-{number}", number + 1
    return RepositoryRequest(
        name,
        request.uri,
        request.suite,
        request.components,
        request.keyrings,
        request.place,
        request.key_urls,
    )
