"""The same findings as others from the same data: trivy and debsbom on Debian 11, 12 and 13.

The root file systems hold what the mirror's own indexes say of at least 400 packages. trivy's
database, and the security tracker's export that debsbom reads, are made from the very export that
ours is made from. Every difference is covered by a rule with its reason; any other fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from outside import bolt, trivy
from outside.kept import kept
from outside.tools import versions
from outside.trivy import RELEASES, entries_of, export_records, write_database
from tests.data.find import whole
from tests.fakes import advisories as fake
from tests.real.tools import tool

from ironhull.advisories.database import Database
from ironhull.archive.debian import ArchiveContext, DebianArchive, load_releases, open_archive
from ironhull.archive.mirror import find_repositories
from ironhull.debian.package import BinaryPackage
from ironhull.errors import EnvironmentProblem
from ironhull.inventory.sources.find import Places
from ironhull.inventory.take import Taker
from ironhull.oci.platform import Platform
from ironhull.registry.client.access import Registries
from ironhull.scan.matching import scan
from ironhull.scan.model import ScanResult
from ironhull.store.home import Home

REQUESTS = """
    apt build-essential default-jre-headless git vim nginx-light php-cli postgresql python3-dev
    nodejs imagemagick ffmpeg samba openssh-server curl libxml2-utils golang-go ruby-dev
    mariadb-server ghostscript qemu-utils linux-perf
"""
EXPORT = "osv-debian-2025-02-12.zip"
MINIMUM = 400
# What makes trivy's database of the export: another one may make it answer otherwise.
WRITTEN_BY = b"".join(Path(part.__file__).read_bytes() for part in (trivy, bolt))
DEBSBOM = Path(sys.executable).with_name("debsbom")


class Hit(NamedTuple):
    id: str
    package: str
    version: str


# (pattern over "CVE package", who has it) → reason. There is none: a difference fails.
TRIVY_RULES: dict[tuple[str, str], str] = {}
DEBSBOM_RULES: dict[tuple[str, str], str] = {
    (r"CVE-\S+ (?:%s)", "ours"): (
        "the release does not have the source any more or never had it; we match such a package as"
        " in the nearest older release and say so, debsbom says nothing"
    ),
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parity")


@pytest.fixture(scope="module")
def database(work: Path) -> Database:
    return fake.database(work / "advisories.sqlite", osv_debian=whole(EXPORT))


@pytest.fixture(scope="module", params=RELEASES)
def root(request: pytest.FixtureRequest, work: Path) -> Path:
    """A root file system with the package database of a closure of real packages."""
    release: str = request.param
    try:
        repositories = find_repositories(f"debian-{release}")
    except EnvironmentProblem as error:
        pytest.skip(str(error))
    context = ArchiveContext(cache=work / "archive")
    platform = Platform("linux", "amd64")
    archive = open_archive(load_releases(repositories, context), platform.debian, context)
    packages = closure(archive)
    folder = work / f"root-{release}"
    (folder / "var/lib/dpkg").mkdir(parents=True)
    (folder / "etc").mkdir()
    (folder / "etc/os-release").write_text(
        f'ID=debian\nVERSION_ID="{release}"\nVERSION_CODENAME={RELEASES[release]}\n'
        f'PRETTY_NAME="Debian GNU/Linux {release} ({RELEASES[release]})"\n'
    )
    (folder / "etc/debian_version").write_text(f"{release}.0\n")
    (folder / "var/lib/dpkg/status").write_text("\n".join(map(stanza, packages)))
    assert len(packages) >= MINIMUM
    return folder


def closure(archive: DebianArchive) -> list[BinaryPackage]:
    """What the requests need, by the first alternative that exists, at the release's own version.

    The release pocket's version, not the newest: an image that was never updated.
    """
    chosen: dict[str, BinaryPackage] = {}
    wanted = REQUESTS.split()
    while wanted:
        name = wanted.pop()
        found = archive.versions(name)
        if name in chosen or not found:
            continue
        package = found[-1]
        chosen[name] = package
        for relation in f"{package.pre_depends},{package.depends}".split(","):
            names = [re.split(r"[ :(]", part.strip())[0] for part in relation.split("|")]
            wanted += [each for each in names if each and archive.versions(each)][:1]
    return [chosen[name] for name in sorted(chosen)]


def stanza(package: BinaryPackage) -> str:
    source = package.source
    if package.source_version != package.version:
        source = f"{package.source} ({package.source_version})"  # type: ignore[assignment]
    return (
        f"Package: {package.name}\nStatus: install ok installed\nPriority: optional\n"
        f"Section: misc\nInstalled-Size: {package.installed_size}\nMaintainer: x <x@example.org>\n"
        f"Architecture: {package.architecture}\nSource: {source}\nVersion: {package.version}\n"
        "Description: x\n"
    )


def scanned(root: Path, database: Database, work: Path) -> ScanResult:
    with Registries() as registries:
        taker = Taker(Places(Home(work / "home"), lambda: registries))
        inventory = taker.take(f"rootfs:{root}")
    result = scan(inventory, database, fake.options())
    assert result.unmatched == ()
    assert result.packages >= MINIMUM
    return result


def trivys(root: Path, work: Path) -> set[Hit]:
    tool("trivy")
    export = whole(EXPORT)
    answer = kept(
        ["trivy", versions()["trivy"], root, export, WRITTEN_BY],
        lambda: trivy_says(root, trivy_cache(work, export)),
    )
    return {
        Hit(each["VulnerabilityID"], each["PkgName"], each["InstalledVersion"])
        for result in json.loads(answer)["Results"]
        for each in result.get("Vulnerabilities", ())
    }


def trivy_cache(work: Path, export: Path) -> Path:
    """trivy's database of the export; all releases share one."""
    cache = work / "trivy"
    return cache if cache.is_dir() else write_database(cache, export_records(export))


def trivy_says(root: Path, cache: Path) -> bytes:
    done = subprocess.run(
        [tool("trivy"), "rootfs", "--cache-dir", cache, "--scanners", "vuln", "--skip-db-update",
         "--skip-java-db-update", "--offline-scan", "--format", "json", "--quiet", root],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def unexplained(
    mine: set[Hit], theirs: set[Hit], rules: dict[tuple[str, str], str]
) -> list[tuple[str, str, str, str]]:
    """The differences that no rule covers."""
    return [
        (side, *hit)
        for side, hits in (("ours", mine - theirs), ("theirs", theirs - mine))
        for hit in sorted(hits)
        if not any(
            side == of and re.fullmatch(pattern, f"{hit.id} {hit.package}") for pattern, of in rules
        )
    ]


def test_trivy_finds_the_same(root: Path, database: Database, work: Path) -> None:
    result = scanned(root, database, work)
    mine = {Hit(f.id, f.package, f.version) for f in result.findings}
    theirs = trivys(root, work)
    assert len(mine) > 500
    assert unexplained(mine, theirs, TRIVY_RULES) == []


@pytest.fixture(scope="module")
def tracker_export(work: Path) -> Path:
    """The export in the form of the security tracker's: all releases that have the source."""
    entries = list(entries_of(export_records(whole(EXPORT))))
    known = {(package, release) for _, release, package, _ in entries}
    tracker: dict[str, dict[str, Any]] = {}
    for identifier, release, package, fixed in entries:
        releases = tracker.setdefault(package, {}).setdefault(identifier, {"releases": {}})
        state = {"status": "resolved", "fixed_version": fixed} if fixed else {"status": "open"}
        releases["releases"][RELEASES[release]] = state | {"urgency": "not yet assigned"}
    for package, of_package in tracker.items():
        for entry in of_package.values():
            for release, codename in RELEASES.items():
                if codename not in entry["releases"] and (package, release) in known:
                    entry["releases"][codename] = {
                        "status": "resolved",
                        "fixed_version": "0",
                        "urgency": "not yet assigned",
                    }
    path = work / "tracker.json"
    path.write_text(json.dumps(tracker))
    return path


def debsboms(root: Path, export: Path, work: Path) -> set[Hit]:
    if not DEBSBOM.exists():
        pytest.skip("needs debsbom (a development dependency)")
    asked = ["debsbom", version("debsbom"), root, export]
    found = set()
    for line in kept(asked, lambda: debsbom_says(root, export, work)).splitlines():
        entry = json.loads(line)
        if entry["vulnerability"]["status"] != "resolved" or entry.get("affected", True):
            name, _, of = entry["package"].partition("@")
            found.add(Hit(entry["vulnerability"]["id"], name, of))
    return found


def debsbom_says(root: Path, export: Path, work: Path) -> bytes:
    sbom = work / f"{root.name}.cdx.json"
    generate = [DEBSBOM, "generate", "--root", root, "-t", "cdx", "-o", work / root.name]
    subprocess.run(generate, check=True, capture_output=True)
    release = root.name.removeprefix("root-")
    done = subprocess.run(
        [DEBSBOM, "sec-scan", "--db", export, "--distro", RELEASES[release], "-f", "json", sbom],
        check=True, capture_output=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def tracker_database(work: Path, tracker_export: Path) -> Database:
    return fake.database(work / "tracker.sqlite", debian_tracker=tracker_export)


def test_debsbom_finds_the_same(
    root: Path, tracker_database: Database, tracker_export: Path, work: Path
) -> None:
    result = scanned(root, tracker_database, work)
    mine = {Hit(f.id, f.source, f.source_version) for f in result.findings}
    borrowed = sorted(each.subject for each in result.warnings if each.kind == "fallback")
    rules = {
        (pattern % "|".join(map(re.escape, borrowed)), side): reason
        for (pattern, side), reason in DEBSBOM_RULES.items()
    }
    assert len(mine) > 300
    assert unexplained(mine, debsboms(root, tracker_export, work), rules) == []
