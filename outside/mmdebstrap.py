"""Root file systems that mmdebstrap makes, kept for as long as the archive says the same.

To make one takes minutes. What comes out follows from the program, its options and the archive's
indexes of packages; the digest of all that is the key, so what is stale is not found again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from outside.mirror import suite_lines
from outside.tools import CACHE

ROOTS = CACHE / "roots"
KEPT_DAYS = 7
_INDEX = re.compile(rb"^ ([0-9a-f]{64}) +\d+ (\S+/binary-[a-z0-9]+/Packages\.xz)$", re.MULTILINE)


def make_root(
    program: Path,
    codename: str,
    options: Sequence[str],
    target: Path,
    *,
    only_release: bool = False,
) -> Path:
    """A tar of this release at `target`, made now or when the archive was the same.

    `only_release` leaves its updates and its security fixes out.
    """
    sources = suite_lines(codename)
    if only_release:
        lines = sources.splitlines(keepends=True)
        sources = "".join(line for line in lines if line.split()[2] == codename)
    kept = ROOTS / f"{_key(program, codename, options, sources)}.tar"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        made = kept.with_name(f".{kept.name}.{os.getpid()}.tar")
        try:
            subprocess.run(
                [program, "--quiet", *options, codename, made, "-"],
                input=sources, text=True, check=True,
            )  # fmt: skip
            made.replace(kept)
        finally:
            made.unlink(missing_ok=True)
    os.utime(kept)
    _forget_old(kept.parent)
    shutil.copyfile(kept, target)
    return target


def _key(program: Path, codename: str, options: Sequence[str], sources: str) -> str:
    version = subprocess.run([program, "--version"], check=True, capture_output=True).stdout
    words = "\0".join([codename, *options, sources]).encode()
    state = hashlib.sha256(version + b"\0" + words)
    for line in sources.splitlines():
        _, address, suite, *_ = line.split()
        state.update(_indexes(address, suite))
    return state.hexdigest()


def _indexes(address: str, suite: str) -> bytes:
    """The digests of a suite's indexes of packages: its dates may change where they do not."""
    place = f"{address.rstrip('/')}/dists/{suite}/InRelease"
    if place.startswith("/"):
        place = f"file://{place}"
    with urllib.request.urlopen(place, timeout=60) as answer:
        found = _INDEX.findall(answer.read())
    if not found:
        raise ValueError(f"{place} lists no index of packages")
    return b"\n".join(b" ".join(pair) for pair in sorted(found))


def _forget_old(folder: Path) -> None:
    for path in folder.iterdir():
        if time.time() - path.stat().st_mtime > KEPT_DAYS * 86_400:
            path.unlink(missing_ok=True)
