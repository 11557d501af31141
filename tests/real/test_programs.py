"""The table of programs against the archive's own index of files."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from ironhull.archive.fetch import address, default_transfer
from ironhull.archive.mirror import find_repositories
from ironhull.programs import ProgramKind, program

DECIDED = Path(__file__).parents[1] / "data/debian-programs.tsv"
SHELLS_D = "usr/share/debianutils/shells.d/"
# The tools of Plan 9, with its shell among them.
COLLECTIONS = {"9base"}
# What ships it, and at least one program of it that has to be known.
KNOWN = {
    ProgramKind.PACKAGE_MANAGER: "apt dpkg aptitude cargo rpm zypper flatpak snapd nix-bin",
    ProgramKind.COMPILER: "gcc g++ gfortran clang rustc golang-go ghc nasm make cmake binutils",
    ProgramKind.NETWORK_TOOL: "curl wget openssh-client rsync netcat-openbsd ncat socat lftp nmap",
    ProgramKind.INTERPRETER: "python3-minimal perl-base ruby nodejs tcl gawk mawk gdb",
}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """(path, section/package,…) of Debian 13 on amd64."""
    path = tmp_path_factory.mktemp("contents") / "Contents.gz"
    (main, *_) = find_repositories("debian-13")
    url = address(main.uri, f"dists/{main.suites[0]}/main/Contents-amd64.gz")
    with path.open("wb") as file:
        default_transfer(lambda text: None).get(url, file.write, limit=1 << 27)
    return list(_lines(path))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        for line in file:
            if "bin/" in line or SHELLS_D in line:
                name, _, packages = line.rstrip("\n").rpartition(" ")
                yield name.rstrip(), packages


def programs(contents: list[tuple[str, str]]) -> dict[str, set[str]]:
    """The names in bin and sbin by the package that has them."""
    found: dict[str, set[str]] = {}
    for path, packages in contents:
        folder, _, name = path.rpartition("/")
        if folder.rpartition("/")[2] in ("bin", "sbin"):
            for package in packages.split(","):
                found.setdefault(package.rpartition("/")[2], set()).add(name)
    return found


def test_every_program_of_every_shell_is_decided(contents: list[tuple[str, str]]) -> None:
    """Shells are what has that section, and what registers a login shell."""
    shells = {
        package.rpartition("/")[2]
        for path, packages in contents
        for package in packages.split(",")
        if package.startswith("shells/") or path.startswith(SHELLS_D)
    }
    assert len(shells) > 15
    decided = {line.split("\t")[0] for line in DECIDED.read_text().splitlines()}
    found = programs(contents)
    unknown = {
        name
        for package in shells - COLLECTIONS
        for name in found.get(package, ())
        if not program(f"/usr/bin/{name}")[1] and name not in decided
    }
    assert unknown == set()
    for package in COLLECTIONS:
        kinds = [program(f"/usr/bin/{name}")[1] for name in found[package]]
        assert (ProgramKind.SHELL,) in kinds


@pytest.mark.parametrize(
    ("kind", "package"), [(kind, package) for kind in KNOWN for package in KNOWN[kind].split()]
)
def test_what_these_packages_are_for_is_known(
    contents: list[tuple[str, str]], kind: ProgramKind, package: str
) -> None:
    names = programs(contents).get(package, set())
    assert any(kind in program(f"/usr/bin/{name}")[1] for name in names), names
