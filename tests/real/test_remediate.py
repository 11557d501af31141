"""Fixes in a foreign image, beside what apt makes of the same image with the same packages.

mmdebstrap makes a Debian with the packages of the release alone; the archive's newer ones come from
its security suite. What Ironhull puts on top has to be what apt leaves: every file, every field of
dpkg's database.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from outside.mirror import suite_lines
from outside.mmdebstrap import make_root
from tests.real.conftest import ROOT, tool

PACKAGES = "openssl,libexpat1,ca-certificates"
# What apt and dpkg write for themselves, and what differs because a machine differs.
OWN = (
    "dev", "proc", "run", "tmp", "etc/apt", "etc/hosts", "etc/resolv.conf", "etc/hostname",
    "etc/ssl/certs/ca-certificates.crt", "var/cache", "var/lib/apt", "var/log",
    "var/lib/dpkg/status", "var/lib/dpkg/status-old", "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend", "var/lib/dpkg/triggers", "var/cache/ldconfig",
)  # fmt: skip
# An export of a root file system takes the bits away from all files.
_ID_BITS = 0o6000


def ironhull(home: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [ROOT / ".venv/bin/ironhull", *words],
        env={**os.environ, "IRONHULL_HOME": str(home)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `root.tar`, and `layout`, an image of it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mmdebstrap in root mode")
    folder = tmp_path_factory.mktemp("foreign")
    options = ("--variant=minbase", "--mode=root", f"--include={PACKAGES}")
    make_root(tool("mmdebstrap"), "bookworm", options, folder / "root.tar", only_release=True)
    storage = (f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}")
    buildah = [tool("buildah"), *storage]
    name = subprocess.run([*buildah, "from", "scratch"], check=True, capture_output=True, text=True)
    container = name.stdout.strip()
    for words in (
        ("add", "-q", container, str(folder / "root.tar"), "/"),
        ("commit", "-q", container, "localhost/foreign"),
        ("push", "-q", "localhost/foreign", f"oci:{folder / 'layout'}:1"),
        ("rm", container),
        ("rmi", "localhost/foreign"),
    ):
        subprocess.run([*buildah, *words], check=True, capture_output=True)
    yield folder
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if line.split()[1].startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", line.split()[1]], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_files_and_the_database_are_those_of_apt(foreign: Path, tmp_path: Path) -> None:
    home, image = tmp_path / "home", f"oci:{foreign / 'layout'}:1"
    done = subprocess.run(
        [
            ROOT / ".venv/bin/ironhull",
            *("remediate", image, "--all", "--name", "foreign:new", "--json"),
        ],
        env={**os.environ, "IRONHULL_HOME": str(home)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    # One package or other may have to stay; those that are done are compared.
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    upgrades = {each["package"]: each["after"] for each in said["upgrades"]}
    assert len(upgrades) > 3, "the release and its security suite have the same: nothing to compare"
    assert {"openssl", "libssl3"} <= set(upgrades)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ironhull(home, "export", "foreign:new", "--format", "rootfs", "-o", str(ours))
    _upgraded_by_apt(foreign / "root.tar", theirs, upgrades)
    assert _tree(ours) == _tree(theirs)
    assert _status(ours) == _status(theirs)
    for command in (["dpkg", "--audit"], ["dpkg", "--verify"], ["openssl", "version"]):
        run = subprocess.run(["chroot", ours, *command], capture_output=True, text=True, check=True)
        if command[0] == "dpkg":
            assert run.stdout == ""
        else:
            assert upgrades["openssl"].partition("-")[0] in run.stdout


def _upgraded_by_apt(tar: Path, root: Path, upgrades: dict[str, str]) -> None:
    root.mkdir()
    subprocess.run(["tar", "-C", root, "-xf", tar], check=True)
    (root / "etc/apt/sources.list").write_text(suite_lines("bookworm"))
    for name in ("resolv.conf", "hosts"):
        if Path("/etc", name).exists():
            shutil.copyfile(Path("/etc", name), root / "etc" / name)
    # The machine's own way to its mirror: proxies, certificates.
    for path in Path("/etc/apt/apt.conf.d").glob("*"):
        target = root / "etc/apt/apt.conf.d" / path.name
        if "Post-Invoke" not in path.read_text(errors="replace"):
            shutil.copyfile(path, target)
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists():
        shutil.copyfile(bundle, root / "etc/ssl/certs/ca-certificates.crt")
    wanted = [f"{name}={version}" for name, version in upgrades.items()]
    quiet = ("-qq", "-o", "Dpkg::Use-Pty=0")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    for words in (
        ("apt-get", *quiet, "update"),
        ("apt-get", *quiet, "install", "-y", "--only-upgrade", "--no-install-recommends", *wanted),
    ):
        subprocess.run(
            ["chroot", root, *words], check=True, capture_output=True, env=environment
        )  # fmt: skip


def _tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Kind, mode, owner, and target or content of each path."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        relative = os.path.relpath(folder, root)
        folders[:] = [name for name in folders if not _own(relative, name)]
        for name in (*folders, *files):
            path = Path(folder, name)
            if _own(relative, name):
                continue
            state = path.lstat()
            content: object = None
            if path.is_symlink():
                content = str(path.readlink())
            elif path.is_file():
                content = hash(path.read_bytes())
            mode = state.st_mode & ~_ID_BITS
            found[os.path.normpath(f"{relative}/{name}")] = (
                mode, state.st_uid, state.st_gid, content,
            )  # fmt: skip
    return found


def _own(folder: str, name: str) -> bool:
    path = os.path.normpath(f"{folder}/{name}")
    return any(path == own or path.startswith(f"{own}/") for own in OWN)


def _status(root: Path) -> dict[str, dict[str, str]]:
    """Fields by package; what dpkg left of packages that are gone is not compared."""
    found: dict[str, dict[str, str]] = {}
    for stanza in (root / "var/lib/dpkg/status").read_text().strip().split("\n\n"):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.split("\n"):
            if line[0] in " \t":
                fields[last] += f"\n{line}"
            else:
                last, _, value = line.partition(":")
                fields[last] = value.strip()
        found[fields["Package"]] = fields
    return found
