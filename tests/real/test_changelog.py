"""The changelogs of real packages, beside what Debian's own tool reads in them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real.conftest import ROOT, tool

from ironhull.build.origins import read_origins
from ironhull.changes.reading import changelog_of
from ironhull.store.home import Home

NAMES = ("nginx", "nginx-common", "libc6", "libssl3t64", "zlib1g", "base-files", "libcrypt1")
FIELDS = "%a\n%v\n"


@pytest.fixture(scope="module")
def debs(catalog: Path) -> Iterator[dict[str, Path]]:
    """The .deb files of nginx:1.26 by name."""
    home = Home(catalog / "home")
    found: dict[str, Path] = {}
    for image in json.loads((catalog / "built.json").read_bytes())["images"]:
        if image["name"] == "nginx":
            for platform in image["platforms"]:
                origins = read_origins(home, platform["digest"])
                assert origins is not None
                found |= {each.name: home.packages.path(each.sha256) for each in origins.packages}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_entries_are_those_that_dpkg_reads(
    name: str, debs: dict[str, Path], tmp_path: Path
) -> None:
    tool("dpkg-source")  # of dpkg-dev, as dpkg-parsechangelog is
    subprocess.run(["dpkg-deb", "-x", debs[name], tmp_path], check=True)
    folder = tmp_path / "usr/share/doc" / name
    file = folder / "changelog.Debian.gz"
    if not file.is_file() or file.is_symlink():
        file = folder / "changelog.gz"
    if folder.is_symlink() or not file.is_file() or file.is_symlink():
        assert changelog_of(debs[name], name, "") == ()
        return
    said = subprocess.run(
        f"zcat {file} | dpkg-parsechangelog -l - --all --format rfc822",
        shell=True, check=True, capture_output=True, text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout  # fmt: skip
    theirs = [
        (_field(stanza, "Version"), _field(stanza, "Distribution"), _field(stanza, "Urgency"))
        for stanza in said.split("\n\n")
        if stanza.strip()
    ]
    ours = changelog_of(debs[name], name, "")
    assert [(each.version, " ".join(each.suites), each.urgency) for each in ours] == theirs[
        : len(ours)
    ]
    assert ours
    newest = subprocess.run(
        f"zcat {file} | dpkg-parsechangelog -l - --since {ours[-1].version} --show-field Changes",
        shell=True, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    said_lines = [line.strip() for line in newest.splitlines() if line.strip() not in ("", ".")]
    for line in (line.strip() for each in ours[:3] for line in each.lines if line):
        assert line in said_lines


def test_the_command_line_tells_what_a_real_update_brings(catalog: Path, tmp_path: Path) -> None:
    def ironhull(*words: str) -> str:
        done = subprocess.run(
            [ROOT / ".venv/bin/ironhull", *words],
            env={**os.environ, "IRONHULL_HOME": str(catalog / "home")},
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    text = ironhull("changelog", "nginx:1.26-dev", "--since", "nginx:1.26")
    assert text.startswith("nginx:1.26-dev: ")
    assert "packages added" in text
    target = tmp_path / "changes.atom"
    ironhull("changelog", "nginx:1.26-dev", "--since", "nginx:1.26", "-o", str(target))
    assert target.read_text().startswith("<?xml")
    document = json.loads(
        ironhull("changelog", "nginx:1.26-dev", "--since", "nginx:1.26", "--json")
    )
    assert document["schema"] == "ironhull-changelog-1"
    assert document["packages"]["same"] > 10


def _field(stanza: str, name: str) -> str:
    return next(
        line.partition(": ")[2] for line in stanza.splitlines() if line.startswith(f"{name}: ")
    )
