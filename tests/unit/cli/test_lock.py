import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.fakes.archive import fake_archive

from ironhull.cli import ironhull
from ironhull.cli.lock import lock
from ironhull.cli.why import why
from ironhull.definition.model import ImageDefinition
from ironhull.errors import CheckFailedError, LockError, NotFoundError
from ironhull.workspace.locking import Locking

DEFINITION = """
name: Node.js 20
image: node
tags: ["20", "${NODE_VERSION}"]
platforms: [linux/amd64, linux/arm64]
track:
  - {type: debian_package, package: "pkg:deb/debian/nodejs", match: '^([0-9.]+)', set: NODE_VERSION}
contents:
  packages: [nodejs, "!openssl"]
accounts: {run-as: root, root: true}
os-release: {name: Debian, id: debian, version-id: "13", version-codename: trixie}
"""
ARCHIVE = """
nodejs 20.19-1
  Depends: libnode115, ca-certificates
libnode115 20.19-1
  Depends: libssl3
libssl3 3.5.1-1 source=openssl
ca-certificates 1 arch=all
  Depends: openssl
openssl 3.5.1-1
"""
NEWER = ARCHIVE + "\nlibssl3 3.5.1-1+deb13u1 suite=trixie-security source=openssl"


class Bench:
    """A catalog with one image, and an archive that a test may change."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "images/node/debian-13/20.yaml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(DEFINITION)
        self.lock = self.file.with_name("20.lock.json")
        self.archive, self.date = ARCHIVE, "2026-11-01T00:00:00Z"

    def archives(self, locking: Locking, definition: ImageDefinition) -> Any:
        return {
            platform: fake_archive(self.archive, platform.debian, date=self.date)
            for platform in definition.platforms
        }

    def run(self, command: Any, *arguments: str) -> Result:
        return CliRunner().invoke(command, arguments)

    def json(self, *arguments: str) -> Any:
        result = self.run(lock, "--json", "node:20", *arguments)
        return json.loads(result.stdout)["locks"][0]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setenv("IRONHULL_CATALOG", str(tmp_path / "images"))
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Locking, "archives", lambda self, d: made.archives(self, d))
    return made


def test_without_a_lock_one_is_made(bench: Bench) -> None:
    result = bench.run(lock, "node:20")
    assert result.exit_code == 0
    assert "node:20 locked to the archive of 2026-11-01T00:00:00Z" in result.stdout
    assert "4 packages for amd64, 4 packages for arm64" in result.stdout
    assert json.loads(bench.lock.read_text())["variables"] == {"NODE_VERSION": "20.19"}


def test_a_lock_lies_beside_its_definition_in_whichever_folder_that_is(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    folders = ("--catalog", str(tmp_path / "own"), "--catalog", str(tmp_path / "images"))
    result = bench.run(ironhull, *folders, "lock", "node:20")
    assert result.exit_code == 0, result.output
    assert bench.lock.is_file()
    own = tmp_path / "own/node/debian-13/20.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(DEFINITION)
    before = bench.lock.read_bytes()
    bench.archive, bench.date = NEWER, "2026-11-02T00:00:00Z"
    assert bench.run(ironhull, *folders, "lock", "--update", "node:20").exit_code == 0
    assert "3.5.1-1+deb13u1" in own.with_name("20.lock.json").read_text()
    assert bench.lock.read_bytes() == before


def test_a_misspelt_exclusion_is_warned_of(bench: Bench) -> None:
    bench.file.write_text(DEFINITION.replace("!openssl", "!opensl"))
    result = bench.run(lock, "node:20")
    assert result.exit_code == 0
    assert "'!opensl' keeps nothing out" in result.stderr
    assert "did you mean 'openssl'" in result.stderr


def test_a_lock_that_is_there_stays_and_its_age_is_said(bench: Bench) -> None:
    bench.run(lock, "node:20")
    before = bench.lock.read_bytes()
    bench.archive = NEWER
    result = bench.run(lock, "node:20")
    assert "is locked to the archive of 2026-11-01T00:00:00Z" in result.stdout
    assert bench.lock.read_bytes() == before


def test_a_tag_that_the_lock_gives_finds_the_definition(bench: Bench) -> None:
    bench.run(lock, "node:20")
    assert bench.run(lock, "node:20.19").exit_code == 0
    assert isinstance(bench.run(lock, "node:20.18").exception, NotFoundError)


def test_check_is_quiet_about_dates_and_fails_for_packages(bench: Bench) -> None:
    bench.run(lock, "node:20")
    bench.date = "2026-11-02T00:00:00Z"
    result = bench.run(lock, "--check", "node:20")
    assert result.exit_code == 0
    assert "nothing newer" in result.stdout
    before = bench.lock.read_bytes()
    bench.archive = NEWER
    result = bench.run(lock, "--check", "node:20")
    assert isinstance(result.exception, CheckFailedError)
    assert "libssl3 3.5.1-1 → 3.5.1-1+deb13u1 (trixie-security), amd64 and arm64" in result.stdout
    assert "take it with: ironhull lock --update node:20" in str(result.exception)
    assert bench.lock.read_bytes() == before


def test_check_without_a_lock_is_bad_input(bench: Bench) -> None:
    result = bench.run(lock, "--check", "node:20")
    assert isinstance(result.exception, LockError)
    assert not bench.lock.exists()


def test_update_moves_the_lock_and_says_what_changed(bench: Bench) -> None:
    bench.run(lock, "node:20")
    bench.archive, bench.date = NEWER, "2026-11-02T00:00:00Z"
    result = bench.run(lock, "--update", "node:20")
    assert "now locked to the archive of 2026-11-02T00:00:00Z" in result.stdout
    assert "libssl3 3.5.1-1 → 3.5.1-1+deb13u1 (trixie-security)" in result.stdout
    assert "3.5.1-1+deb13u1" in bench.lock.read_text()
    assert bench.run(lock, "--check", "node:20").exit_code == 0


def test_update_with_nothing_newer_leaves_the_file_so_that_the_image_stays(bench: Bench) -> None:
    bench.run(lock, "node:20")
    before = bench.lock.read_bytes()
    bench.date = "2026-11-02T00:00:00Z"
    result = bench.run(lock, "--update", "node:20")
    assert "nothing newer than the lock" in result.stdout
    assert bench.lock.read_bytes() == before


def test_a_changed_definition_is_refused_until_update_accepts_it(bench: Bench) -> None:
    bench.run(lock, "node:20")
    bench.file.write_text(DEFINITION.replace("[nodejs, ", "[nodejs, libssl3, "))
    for arguments in (["node:20"], ["--check", "node:20"]):
        result = bench.run(lock, *arguments)
        assert isinstance(result.exception, LockError)
        assert "added libssl3" in str(result.exception)
    assert "request libssl3 added" in bench.run(lock, "--update", "node:20").stdout
    assert bench.run(lock, "node:20").exit_code == 0


def _other_format(text: str) -> str:
    return text.replace('"ironhull-lock": 1', '"ironhull-lock": 99')


@pytest.mark.parametrize("damage", [lambda text: text[:500], _other_format])
def test_a_lock_that_cannot_be_read_is_refused_until_update_replaces_it(
    bench: Bench, damage: Callable[[str], str]
) -> None:
    bench.run(lock, "node:20")
    good = bench.lock.read_text()
    bench.lock.write_text(damage(good))
    result = bench.run(lock, "node:20")
    assert isinstance(result.exception, LockError)
    assert f"ironhull lock --update {bench.file}" in str(result.exception)
    assert bench.run(lock, "--update", "node:20").exit_code == 0
    assert bench.lock.read_text() == good


def test_update_and_check_exclude_each_other(bench: Bench) -> None:
    assert bench.run(lock, "--update", "--check", "node:20").exit_code == 2


def test_json_says_the_same(bench: Bench) -> None:
    assert bench.json()["status"] == "made"
    assert bench.json()["status"] == "present"
    bench.archive = NEWER
    found = bench.json("--check")
    assert found["status"] == "stale"
    assert found["changes"] == [
        {
            "package": "libssl3",
            "change": "upgraded",
            "before": "3.5.1-1",
            "after": "3.5.1-1+deb13u1",
            "suite": "trixie-security",
            "platforms": ["linux/amd64", "linux/arm64"],
        }
    ]
    assert found["platforms"][0] == {"platform": "linux/amd64", "packages": 4}
    assert bench.json("--update")["status"] == "updated"
    assert bench.json("--update")["status"] == "unchanged"


def test_why_shows_the_way_from_the_request_and_who_needs_it(bench: Bench) -> None:
    bench.run(lock, "node:20")
    result = bench.run(why, "node:20", "libssl3")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:5] == [
        "libssl3 3.5.1-1 (amd64, from openssl 3.5.1-1, trixie)",
        "node:20",
        "└─ nodejs 20.19-1  20.yaml:9 asks for nodejs",
        "   └─ libnode115 20.19-1  depends: libnode115",
        "      └─ libssl3 3.5.1-1  depends: libssl3",
    ]
    assert "libnode115  depends  libssl3" in lines[-1]


def test_why_of_an_excluded_package_names_the_exclusion_and_who_goes_without(bench: Bench) -> None:
    bench.run(lock, "node:20")
    result = bench.run(why, "node:20", "openssl")
    assert isinstance(result.exception, CheckFailedError)
    assert "openssl is not in node:20 (linux/amd64)" in str(result.exception)
    assert f"'!openssl' keeps it out: {bench.file}:9:" in result.stdout
    assert "ca-certificates would need it: openssl" in result.stdout


def test_why_of_a_package_that_nobody_needs_says_so_and_what_is_alike(bench: Bench) -> None:
    bench.run(lock, "node:20")
    result = bench.run(why, "node:20", "libssl")
    assert isinstance(result.exception, CheckFailedError)
    assert "nothing that the definition asks for needs it" in result.stdout
    assert "in the image are: libssl3" in result.stdout


def test_why_needs_a_lock_and_a_platform_that_is_in_it(bench: Bench) -> None:
    assert isinstance(bench.run(why, "node:20", "libssl3").exception, LockError)
    bench.run(lock, "node:20")
    assert bench.run(why, "node:20", "libssl3", "--platform", "linux/arm64").exit_code == 0
    wrong = bench.run(why, "node:20", "libssl3", "--platform", "linux/386")
    assert isinstance(wrong.exception, NotFoundError)
    assert "linux/amd64, linux/arm64" in str(wrong.exception)


def test_why_as_json_has_the_ways_and_the_reasons(bench: Bench) -> None:
    bench.run(lock, "node:20")
    found = json.loads(bench.run(why, "node:20", "libssl3", "--json").stdout)
    assert [step["package"] for step in found["ways"][0]] == ["nodejs", "libnode115", "libssl3"]
    assert found["reasons"] == [
        {"kind": "depends", "by": "libnode115", "relation": "libssl3", "choice": None}
    ]
    absent = json.loads(bench.run(why, "node:20", "openssl", "--json").stdout)
    assert (absent["in"], absent["broken"]) == (
        False,
        [{"package": "ca-certificates", "relation": "openssl"}],
    )
