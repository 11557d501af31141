"""A library with a vulnerability that Debian leaves open: patched, built twice, taken by an image.

The data are one record of OSV's export of Debian, as it was in February 2025.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from outside.trivy import write_database
from tests.real.tools import tool

from ironhull.cli.machine import silent
from ironhull.errors import DefinitionError
from ironhull.patched.key import archive_key
from ironhull.workspace.advising import update_advisories
from ironhull.workspace.building import BuildChoices, build_images
from ironhull.workspace.machine import Machine
from ironhull.workspace.packages import BuiltPackage, build_package
from ironhull.workspace.sbom import sbom
from ironhull.workspace.scanning import ScanChoices, scan
from ironhull.workspace.vex_document import bom_vex_of

pytestmark = pytest.mark.real
EXAMPLE = Path(__file__).parents[2] / "examples/packages/jbigkit"
CVE = "CVE-2017-9937"
RECORD = {
    "schema_version": "1.6.0",
    "id": CVE,
    "modified": "2025-01-14T07:19:09Z",
    "published": "2017-06-26T12:29:00Z",
    "details": "A crafted document leads to an abort.",
    "affected": [
        {
            "package": {"ecosystem": "Debian:13", "name": "jbigkit"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
            "versions": ["2.1-6.1"],
            "ecosystem_specific": {"urgency": "unimportant"},
        }
    ],
}
IMAGE = """\
# syntax=ironhull/build:1-debian13
image: {name}
tags: ["1"]
platforms: [linux/amd64]
contents:
  repositories: [{repositories}]
  packages: [base-files, libc6, libjbig0]
accounts:
  run-as: nonroot
  users: [{{name: nonroot, uid: 65532, gid: 65532}}]
  groups: [{{name: nonroot, gid: 65532}}]
os-release: {{id: debian, version-id: "13"}}
paths: [{{type: delete, path: /etc/update-motd.d, recursive: true}}]
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    home = tmp_path_factory.mktemp("home")
    (home / "osv").mkdir()
    (home / f"osv/{CVE}.json").write_text(json.dumps(RECORD))
    made = silent(home=home)
    update_advisories(made, [f"osv-debian={home / 'osv'}"])
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, where a lock may be written beside it; without its tests, which take long."""
    target = tmp_path_factory.mktemp("packages") / "jbigkit"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("*.lock.json"))
    file = target / "jbigkit.yaml"
    file.write_text(file.read_text() + "profiles: [nocheck]\n")
    return target


@pytest.fixture(scope="module")
def patched(machine: Machine, folder: Path) -> BuiltPackage:
    return build_package(machine, folder / "jbigkit.yaml")


def image(machine: Machine, folder: Path, name: str, repositories: str = "") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(IMAGE.format(name=name, repositories=repositories))
    build_images(machine, [str(path)], BuildChoices(attest=False))
    return f"{name}:1"


def open_findings(machine: Machine, name: str) -> list[str]:
    result = scan(machine, name, ScanChoices(max_age=0))
    assert [each.id for each in result.findings] == [CVE]
    return [each.id for each in result.open]


def test_a_finding_that_debian_leaves_open_is_gone_with_evidence(
    machine: Machine, folder: Path, patched: BuiltPackage
) -> None:
    assert open_findings(machine, image(machine, folder, "plain")) == [CVE]
    own = image(machine, folder, "patched", "'deb ironhull:own trixie main'")
    assert open_findings(machine, own) == []
    (finding,) = scan(machine, own, ScanChoices(max_age=0)).findings
    assert (finding.version, finding.vex and finding.vex.status) == ("2.1-6.1+ih1", "fixed")
    assert finding.vex
    assert "patched by limit-bitmap.patch (sha256:" in finding.vex.statement


def test_trivy_is_told_by_vex_too(
    machine: Machine, folder: Path, patched: BuiltPackage, tmp_path: Path
) -> None:
    name = image(machine, folder, "patched", "'deb ironhull:own trixie main'")
    document = json.loads(sbom(machine, name, "cyclonedx"))
    library = next(one for one in document["components"] if one["name"] == "libjbig0")
    (patch,) = library["pedigree"]["patches"]
    assert (patch["diff"]["url"], patch["resolves"]) == (
        "limit-bitmap.patch", [{"type": "security", "id": CVE}],
    )  # fmt: skip
    cache, bill, vex = (tmp_path / part for part in ("trivy", "bill.json", "vex.json"))
    write_database(cache, [RECORD])
    bill.write_bytes(sbom(machine, name, "cyclonedx-1.5"))
    vex.write_text(bom_vex_of(machine, name, bill.read_bytes(), ScanChoices(max_age=0)))

    def found(*words: str | Path) -> list[str]:
        done = subprocess.run(
            [tool("trivy"), "sbom", bill, "--cache-dir", cache, "--skip-db-update", "--quiet",
             "--skip-java-db-update", "--offline-scan", "--format", "json", *words],
            capture_output=True, check=True,
        )  # fmt: skip
        results = json.loads(done.stdout).get("Results", ())
        hits = [each for one in results for each in one.get("Vulnerabilities", ())]
        return [each["VulnerabilityID"] for each in hits]

    assert found() == [CVE]
    assert found("--vex", vex) == []


def test_apt_takes_the_archive_by_its_key_alone(
    machine: Machine, patched: BuiltPackage, tmp_path: Path
) -> None:
    apt = shutil.which("apt-get")
    assert apt, "apt is needed"
    own = machine.home.own_archive
    for name in ("lists/partial", "cache/archives/partial"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "status").touch()

    def run(key: Path, *words: str) -> subprocess.CompletedProcess[str]:
        line = f"deb [arch=amd64 signed-by={key}] {own.as_uri()} trixie main\n"
        (tmp_path / "sources.list").write_text(line)
        options = {
            "Dir::Etc::SourceList": tmp_path / "sources.list", "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": tmp_path / "lists", "Dir::State::Status": tmp_path / "status",
            "Dir::Cache": tmp_path / "cache", "Dir::Etc::Trusted": "/dev/null",
            "Dir::Etc::TrustedParts": "/dev/null", "APT::Architecture": "amd64",
            "APT::Sandbox::User": "", "APT::Update::Error-Mode": "any",
        }  # fmt: skip
        given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return subprocess.run(
            [apt, *given, *words], capture_output=True, text=True, check=False, cwd=tmp_path,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    other = tmp_path / "other.asc"
    other.write_bytes(archive_key(tmp_path / "other.pgp").certificate)
    assert run(other, "update").returncode != 0
    updated = run(own / "archive-key.asc", "update")
    assert updated.returncode == 0, updated.stderr
    assert run(own / "archive-key.asc", "download", "libjbig0").returncode == 0
    (deb,) = tmp_path.glob("libjbig0_*.deb")
    assert deb.read_bytes() == next(each.data for each in patched.debs if each.name == "libjbig0")


def test_a_patch_that_does_not_apply_is_said_at_its_line_and_nothing_is_published(
    machine: Machine, folder: Path, patched: BuiltPackage
) -> None:
    broken = folder / "broken.yaml"
    broken.write_text((folder / "jbigkit.yaml").read_text().replace("revision: 1", "revision: 2"))
    shutil.copy(folder / "jbigkit.lock.json", folder / "broken.lock.json")
    patch = folder / "limit-bitmap.patch"
    whole = patch.read_text()
    patch.write_text(whole.replace("prevent uint32", "prevent uint64"))
    try:
        message = r"broken\.yaml:9:5: stage 'build', step 'patch limit-bitmap\.patch' ended with 1"
        with pytest.raises(DefinitionError, match=message):
            build_package(machine, broken)
    finally:
        patch.write_text(whole)
    assert not list(machine.home.own_archive.rglob("*ih2*"))
