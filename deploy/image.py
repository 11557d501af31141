"""Ironhull's own image, built by Ironhull: a catalog folder with its definition and its code.

    python deploy/image.py build/own
    IRONHULL_CATALOG=build/own ironhull build ironhull:1

1. What Ironhull needs is what its own metadata says, for the image's Python; versions and digests
   are those of requirements.lock. 2. pip gets the wheels for each platform and verifies them.
3. They and the code of this checkout become one archive a platform, the same for the same inputs.
4. The definition names the archives; the rest of it is Python as the catalog has it.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import zstandard
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "3.13"
PLATFORMS = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
EXTRAS = ("postgres", "timestamp")
# The newest C library that wheels may ask for is the image's own, of Debian 13.
_MANYLINUX = (
    "manylinux_2_41",
    "manylinux_2_28",
    "manylinux_2_17",
    "manylinux2014",
    "manylinux_2_12",
)
DEFINITION = """\
# syntax=ironhull/build:1-debian13
# Ironhull itself: for a registry, a watcher, or any other verb. Made by deploy/image.py.
includes:
  - ../../_shared/debian-13.yaml
  - ../../_shared/runtime.yaml
  - ../../_shared/nonroot.yaml
name: Ironhull
image: ironhull
tags: ["1"]
contents:
  packages:
    - python3.13
  files:
{files}
environment:
  LANG: C.UTF-8
  PYTHONDONTWRITEBYTECODE: "1"
  IRONHULL_HOME: /var/lib/ironhull
  IRONHULL_CATALOG: /etc/ironhull/images
entrypoint: [python3.13, -m, ironhull.cli]
cmd: [--help]
work-dir: /var/lib/ironhull
volumes: [/var/lib/ironhull]
ports: ["5000"]
paths:
  - {{type: directory, path: /var/lib/ironhull, mode: "0750", uid: 65532, gid: 65532}}
  - {{type: directory, path: /etc/ironhull/images, mode: "0755"}}
annotations:
  org.opencontainers.image.description: Hardened images, built and proved; no shell, not root
tests:
  - name: it knows its verbs
    commands:
      - [python3.13, -m, ironhull.cli, --help]
    output: remediate
  - name: it makes a key where it may write, and finds it again
    commands:
      - [python3.13, -m, ironhull.cli, key, generate, release, --no-passphrase]
      - [python3.13, -m, ironhull.cli, key, list]
    output: release
"""
FILE = """\
    - url: file:{name}
      path: /usr/local/lib/python3.13/dist-packages
      platforms: [{platform}]
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the catalog folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the catalog is written")
    parser.add_argument("--platform", action="append", choices=list(PLATFORMS))
    given = parser.parse_args(arguments)
    write_catalog(given.folder, given.platform or list(PLATFORMS))
    sys.stdout.write(f"IRONHULL_CATALOG={given.folder} ironhull build ironhull:1\n")


def write_catalog(folder: Path, platforms: Sequence[str]) -> None:
    """A catalog with the image `ironhull:1` for these platforms, in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    target = folder / "ironhull/debian-13"
    target.mkdir(parents=True)
    shutil.copytree(ROOT / "images/_shared", folder / "_shared")
    files = []
    for platform in platforms:
        name = f"code-{PLATFORMS[platform]}.tar.zst"
        with tempfile.TemporaryDirectory() as scratch:
            _install(Path(scratch), PLATFORMS[platform])
            (target / name).write_bytes(_packed(Path(scratch)))
        files.append(FILE.format(name=name, platform=platform))
    text = DEFINITION.format(files="".join(files).rstrip("\n"))
    listed = ", ".join(platforms)
    (target / "1.yaml").write_text(
        text.replace('tags: ["1"]', f'tags: ["1"]\nplatforms: [{listed}]')
    )


def needed() -> set[str]:
    """The names of what Ironhull needs in the image, by the metadata of what is installed here."""
    found: set[str] = set()
    todo = [("ironhull", extra) for extra in ("", *EXTRAS)]
    while todo:
        name, extra = todo.pop()
        try:
            listed = requires(name) or []
        except PackageNotFoundError:
            # Not installed here: for another system than this machine's, or an extra's.
            listed = []
        for text in listed:
            one = Requirement(text)
            environment = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0"}
            if one.marker is None or one.marker.evaluate({**environment, "extra": extra}):
                key = canonicalize_name(one.name)
                if key not in found:
                    found.add(key)
                    todo += [(key, each) for each in ("", *one.extras)]
    return found


def locked(names: set[str]) -> str:
    """Their lines of requirements.lock, with the digests."""
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", (ROOT / "requirements.lock").read_text())
    by_name = {
        canonicalize_name(re.split(r"[=\[ ]", block, maxsplit=1)[0]): block for block in blocks
    }
    missing = sorted(name for name in names if name not in by_name)
    if missing:
        raise SystemExit(f"requirements.lock does not have {', '.join(missing)}")
    return "\n".join(by_name[name] for name in sorted(names)) + "\n"


def _install(folder: Path, machine: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock:
        lock.write(locked(needed()))
        lock.flush()
        platforms = [f"--platform={name}_{machine}" for name in _MANYLINUX]
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--target", str(folder), "--no-deps", "--no-compile", "--only-binary=:all:"),
                *("--python-version", PYTHON, "--implementation", "cp", *platforms),
                *("--require-hashes", "-r", lock.name),
            ],
            check=True,
        )
    # Programs of packages, which start by a path of this machine; nobody runs them there.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    ours = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "src/ironhull", folder / "ironhull", ignore=ours)


def _packed(folder: Path) -> bytes:
    """The folder as an archive: sorted, without times, owners and names of this machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in _sorted(folder):
            info = tarfile.TarInfo(str(path.relative_to(folder)))
            if path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
                continue
            data = path.read_bytes()
            if path.name == "direct_url.json" or path.name == "RECORD":
                continue  # they name files that are left out, and where wheels came from
            info.mode, info.size = 0o644, len(data)
            tar.addfile(info, io.BytesIO(data))
    return zstandard.ZstdCompressor(level=10).compress(buffer.getvalue())


def _sorted(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


if __name__ == "__main__":
    main()
