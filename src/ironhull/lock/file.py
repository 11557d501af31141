"""The file of a lock: JSON beside the definition, `20.lock.json` next to `20.yaml`.

A lock comes from a repository that anyone may have written: every field is checked, nothing unknown
is accepted, and whatever does not fit is a LockError that says where and what to do.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ironhull import __version__
from ironhull.errors import LockError
from ironhull.lock.fields import Faulty, JsonObject, lock_of
from ironhull.lock.model import Lock, LockedPackage, LockedPlatform
from ironhull.store.files import replace_file

FORMAT = 1
"""Grows with every change that an older Ironhull would misunderstand."""
FORMAT_KEY = "ironhull-lock"
MAX_FILE = 64 << 20
SUFFIX = ".lock.json"
_KEPT, _LARGEST_KEPT = 4, 1 << 20
# The steps of a build parse and write its lock again and again; locks never change.
_parsed: deque[tuple[bytes, Lock]] = deque(maxlen=_KEPT)
_rendered: deque[tuple[Lock, bytes]] = deque(maxlen=_KEPT)


def lock_path(definition: Path) -> Path:
    """Where the lock of a definition file is."""
    return definition.with_name(definition.stem + SUFFIX)


def read_lock(path: Path) -> Lock:
    """The lock in a file; LockError if it is missing, damaged or of another format."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        raise LockError(
            f"no lock at {path}; make it with: ironhull lock {_definition(str(path))}"
        ) from None
    except OSError as error:
        raise LockError(f"cannot read the lock {path}: {error.strerror}") from None
    if len(data) > MAX_FILE:
        raise LockError(f"{path}: larger than {MAX_FILE} bytes, no lock is")
    return parse_lock(data, str(path))


def write_lock(path: Path, lock: Lock) -> None:
    """Replace the file; a reader sees the old lock or the new one."""
    replace_file(path, render_lock(lock))


def parse_lock(data: bytes, file: str) -> Lock:
    """The lock in these bytes; `file` is for messages."""
    for known, lock in tuple(_parsed):
        if known == data:
            return lock
    lock = _read(data, file)
    if len(data) <= _LARGEST_KEPT:
        _parsed.append((data, lock))
    return lock


def _read(data: bytes, file: str) -> Lock:
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)
    except Faulty as error:
        raise _damaged(file, str(error)) from None
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"not JSON ({error})") from None
    if not isinstance(value, dict) or FORMAT_KEY not in value:
        raise _damaged(file, f"not a lock: {FORMAT_KEY!r} is missing")
    made_by = value.pop("made-by", None)
    version = value.pop(FORMAT_KEY)
    if version != FORMAT or isinstance(version, bool):
        maker = f", made by {made_by}" if isinstance(made_by, str) and made_by.isprintable() else ""
        raise LockError(
            f"{file}: lock format {version!r:.40}{maker:.80}; this is ironhull {__version__}, "
            f"which reads format {FORMAT}: use that Ironhull, or make the lock again with: "
            f"ironhull lock --update {_definition(file)}"
        )
    try:
        return lock_of(JsonObject(value, ""))
    except Faulty as error:
        raise _damaged(file, str(error)) from None


def render_lock(lock: Lock) -> bytes:
    """The file's bytes: keys sorted, one a line, so that a diff of two locks can be read."""
    for known, data in tuple(_rendered):
        if known is lock:
            return data
    data = (_lines(_json(lock)) + "\n").encode("utf-8")
    if len(data) <= _LARGEST_KEPT:
        _rendered.append((lock, data))
        _parsed.append((data, lock))
    return data


def _json(lock: Lock) -> dict[str, Any]:
    value = {
        FORMAT_KEY: FORMAT,
        "made-by": f"ironhull {__version__}",
        "image": lock.image,
        "definition": lock.definition,
        "request": lock.request,
        "requests": list(lock.requests),
        "created": lock.created,
        "variables": dict(lock.variables),
        "releases": [
            {
                "repository": release.repository,
                "suite": release.suite,
                "codename": release.codename,
                "date": release.date,
                "valid-until": release.valid_until,
                "digest": release.digest,
                "signed-by": release.signed_by,
            }
            for release in lock.releases
        ],
        "platforms": {name: _platform(platform) for name, platform in lock.platforms.items()},
    }
    if lock.digests:
        value["digests"] = dict(lock.digests)
    return value


def _lines(value: Any, depth: int = 0) -> str:
    """`json.dumps(value, indent=1, sort_keys=True)`, which Python's encoder in C does not do.

    That one writes what holds no list and no object, with our separator between its entries.
    """
    outer, inner = "\n" + " " * depth, "\n" + " " * (depth + 1)
    if not isinstance(value, dict | list) or not value:
        return _encoder("").encode(value)
    nested = value.values() if isinstance(value, dict) else value
    if not any(isinstance(each, dict | list) for each in nested):
        written = _encoder(inner).encode(value)
        return written[0] + inner + written[1:-1] + outer + written[-1]
    if isinstance(value, list):
        entries = [_lines(each, depth + 1) for each in value]
        return f"[{inner}{f',{inner}'.join(entries)}{outer}]"
    entries = [
        f"{_encoder('').encode(key)}: {_lines(value[key], depth + 1)}" for key in sorted(value)
    ]
    return f"{{{inner}{f',{inner}'.join(entries)}{outer}}}"


@cache
def _encoder(between: str) -> json.JSONEncoder:
    return json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=("," + between, ": "))


def _platform(platform: LockedPlatform) -> dict[str, Any]:
    stages = {name: _platform(stage) for name, stage in platform.stages.items()}
    # Only where there are any, so that locks without them keep their bytes.
    return ({"stages": stages} if stages else {}) | {
        "packages": [_package(package) for package in platform.packages],
        "broken": [
            {"package": edge.package, "relation": edge.relation, "excluded": edge.excluded}
            for edge in platform.broken
        ],
    }


def _package(package: LockedPackage) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "architecture": package.architecture,
        "source": package.source,
        "source-version": package.source_version,
        "sha256": package.sha256,
        "size": package.size,
        "path": package.path,
        "repository": package.repository,
        "suite": package.suite,
        "component": package.component,
        "reasons": [
            {"kind": reason.kind.value, "by": reason.by, "relation": reason.relation}
            | ({"choice": reason.choice} if reason.choice else {})
            for reason in package.reasons
        ],
    }


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Faulty(f"key {twice!r:.60} stands twice in one object")
    return value


def _no_constant(text: str) -> Any:
    raise Faulty(f"{text} is no number of a lock")


def _damaged(file: str, what: str) -> LockError:
    return LockError(
        f"{file}: the lock is damaged: {what}; restore it, or make it again with: "
        f"ironhull lock --update {_definition(file)}"
    )


def _definition(file: str) -> str:
    return file.removesuffix(SUFFIX) + ".yaml"
