"""What other programs answered, kept for as long as all that they were asked of is the same.

Scanners that tests compare with take minutes for an answer that only their version and their input
decide. The digest of both is the key, so an answer to anything else is not found again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from outside.tools import CACHE

ANSWERS = CACHE / "answers"
KEPT_DAYS = 7


def kept(asked: Iterable[str | bytes | Path], answer: Callable[[], bytes]) -> bytes:
    """The bytes of `answer`, given now or when everything that was `asked` was the same.

    A path stands for the bytes of its file, or of all files below it with their names; what Python
    compiles does not count.
    """
    path = ANSWERS / _digest(asked)
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = answer()
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f".{path.name}.{os.getpid()}")
        written.write_bytes(found)
        written.replace(path)
    os.utime(path)
    _forget_old()
    return found


def _digest(asked: Iterable[str | bytes | Path]) -> str:
    state = hashlib.sha256()
    for part in asked:
        if isinstance(part, Path):
            below = (one for one in part.rglob("*") if one.is_file() and one.suffix != ".pyc")
            files = sorted(below) or [part]
            for file in files:
                state.update(_length(str(file.relative_to(part)).encode()))
                with file.open("rb") as opened:
                    state.update(hashlib.file_digest(opened, "sha256").digest())
        else:
            state.update(_length(part.encode() if isinstance(part, str) else part))
    return state.hexdigest()


def _length(data: bytes) -> bytes:
    """The bytes after their number: no two lists of parts look the same one after the other."""
    return len(data).to_bytes(8, "big") + data


def _forget_old() -> None:
    for path in ANSWERS.iterdir():
        if time.time() - path.stat().st_mtime > KEPT_DAYS * 86_400:
            path.unlink(missing_ok=True)
