"""Counts of a comparison are those of syft and trivy, on both sides; foreign archives are read.

Two Debian images, made by mmdebstrap and saved by podman: one with a compiler and tools, one small.
trivy's database is made from the export that ours is made from.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from outside.mmdebstrap import make_root
from outside.trivy import write_database
from tests.data.find import osv_export, osv_records
from tests.fakes import advisories as fake
from tests.real.test_inventory import of_syft
from tests.real.tools import tool

from ironhull.engine.find import EngineSettings

pytestmark = pytest.mark.real

EXPORT = "osv-debian-2025-02-12.jsonl"
IMAGES = {"standard": "curl,git,gcc,python3", "small": "openssl"}
FEWEST = {"standard": 100, "small": 10}
"""Hits of the excerpt's records in today's packages: fewer would compare next to nothing."""


@pytest.fixture(scope="module")
def archives(
    tmp_path_factory: pytest.TempPathFactory, podman_settings: EngineSettings
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("compared")
    podman = [tool("podman"), *podman_settings.podman]
    found = {}
    for name, packages in IMAGES.items():
        tar, image = folder / f"{name}.tar", f"localhost/compared-{name}:1"
        options = ("--variant=minbase", f"--include={packages}")
        make_root(tool("mmdebstrap"), "bookworm", options, tar)
        found[name] = folder / f"{name}-image.tar"
        for words in (("import", "--quiet", tar, image), ("save", "-q", "-o", found[name], image)):
            subprocess.run([*podman, *words], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*podman, "rmi", image], check=True, stdout=subprocess.DEVNULL)
        tar.unlink()
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "advisories").mkdir()
    export = osv_export(folder / "export.zip", EXPORT)
    fake.database(folder / "advisories/advisories.sqlite", osv_debian=export).close()
    return folder


def ironhull(home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ironhull.cli", *words],
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "IRONHULL_HOME": str(home), "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def report(archives: Mapping[str, Path], home: Path) -> Any:
    done = ironhull(home, "compare", *archives.values(), "--json", "--max-age", "0", "-q")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("number", "name"), list(enumerate(IMAGES)))
def test_as_many_packages_as_syft(
    number: int, name: str, report: Any, archives: Mapping[str, Path]
) -> None:
    figures = report["images"][number]["figures"]
    theirs = of_syft(f"docker-archive:{archives[name]}")
    assert figures["packages.total"] == len(theirs)
    assert figures["packages.os"] == len([purl for purl in theirs if purl.startswith("pkg:deb/")])


@pytest.fixture(scope="module")
def trivy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_database(tmp_path_factory.mktemp("trivy"), osv_records(EXPORT))


@pytest.mark.parametrize(("number", "name"), list(enumerate(IMAGES)))
def test_as_many_vulnerabilities_as_trivy(
    number: int, name: str, report: Any, archives: Mapping[str, Path], trivy_cache: Path
) -> None:
    done = subprocess.run(
        [tool("trivy"), "image", "--cache-dir", trivy_cache, "--scanners", "vuln",
         "--skip-db-update", "--skip-java-db-update", "--offline-scan", "--format", "json",
         "--quiet", "--input", archives[name]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    hits = {
        (each["VulnerabilityID"], each["PkgName"])
        for result in json.loads(done.stdout)["Results"]
        for each in result.get("Vulnerabilities") or ()
    }
    figures = report["images"][number]["figures"]
    assert len(hits) >= FEWEST[name]
    assert figures["vulnerabilities.raw"] == len(hits)
    assert figures["vulnerabilities.ids_raw"] == len({identifier for identifier, _ in hits})


def test_what_the_smaller_one_lacks_is_said(report: Any) -> None:
    [pair] = report["comparisons"]
    assert pair["figures"]["packages.total"]["verdict"] == "better"
    removed = {package["name"] for package in pair["packages"]["removed"]}
    assert {"git", "gcc-12", "curl"} <= removed
    subjects = {change["subject"]: change["removed"] for change in pair["surface"]}
    assert "/usr/bin/git" in subjects["network clients"]
    assert any(path.endswith("gcc") for path in subjects["compilers and build tools"])
    assert pair["figures"]["size.compressed"]["image"] is None


def test_the_page_of_a_real_comparison_is_whole(
    archives: Mapping[str, Path], home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "report.html"
    done = ironhull(home, "compare", *archives.values(), "-o", target, "--max-age", "0", "-q")
    assert (done.returncode, done.stdout) == (0, "")
    assert target.read_text().rstrip().endswith("</html>")


def test_strangers_images_are_scored(archives: Mapping[str, Path], home: Path) -> None:
    done = ironhull(home, "score", archives["standard"], "--json", "--max-age", "0", "-q")
    assert done.returncode == 0, done.stderr
    points = {point["id"]: point["result"] for point in json.loads(done.stdout)["points"]}
    assert len(points) == 20
    assert points["no-shell"] == points["no-build-tools"] == points["nonroot"] == "fail"
    assert points["no-package-manager"] == "fail"


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_archive_is_an_error_and_leaves_no_report(
    damage: str, archives: Mapping[str, Path], tmp_path: Path
) -> None:
    broken, target = tmp_path / "broken.tar", tmp_path / "report.json"
    data = archives["small"].read_bytes()
    half = len(data) // 2
    changed = data[:half] + bytes(4096) + data[half + 4096 :]
    broken.write_bytes(data[:half] if damage == "cut" else changed)
    done = ironhull(tmp_path / "home", "compare", archives["small"], broken, "-o", target, "-q")
    assert done.returncode == 2, done.stderr
    assert "broken.tar" in done.stderr
    assert not target.exists()
