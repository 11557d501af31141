"""Our own catalog, from the real mirror: every image builds, twice the same, and does its job.

The images are built once for all real tests, from a copy of the definitions (`catalog`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from outside.kept import kept
from outside.tools import versions
from outside.trivy import write_database
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from tests.fakes.advisories import osv, write_records
from tests.real.conftest import built_on_both
from tests.real.tools import tool

from ironhull.build.testing import run_tests
from ironhull.definition.catalog import Catalog
from ironhull.engine.host import HostSettings
from ironhull.engine.sandbox import Sandbox
from ironhull.engine.unpacked import unpacked
from ironhull.progress import Silent
from ironhull.store.choice import choose_manifest
from ironhull.workspace.bubblewrap import bubblewrap
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.workspace import Workspace

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
IMAGES = [f"{entry.image}:{entry.stem}" for entry in Catalog(ROOT / "images").all()]
RUNTIME = [
    f"{entry.image}:{entry.stem}"
    for entry in Catalog(ROOT / "images").all()
    if not re.search(r"-(dev|debug|compat|standard)$", entry.stem) and entry.image != "toolbox"
]
BOTH = [name for name in IMAGES if built_on_both(name)]
"""Images that are built on both platforms."""
CHOSEN = [name for name in RUNTIME if name in BOTH]
"""Images to run, of all kinds: made again in other surroundings, run in podman, scanned.

`make whole` does so with every image.
"""
LARGE_IN_PODMAN = "node:20-dev"
"""The one image to build on whose tests run in podman too, as those of all that run there do."""

OF_ONE_CPU = {
    "binutils-gold", "binutils-gold-CPU-linux-gnu", "libfftw3-quad3", "libhwasan0", "libquadmath0",
    "libunwind8",
}  # fmt: skip
"""Packages that others of their kind have on one of both platforms alone."""

SOURCE = ROOT / "src/ironhull"
WRITING = SOURCE / "store"
"""What writes the archives that scanners read."""
DRIVING = (SOURCE / "engine", SOURCE / "sandbox", SOURCE / "store", SOURCE / "build/testing.py")
"""What runs an image's tests in an engine."""


@dataclass(frozen=True)
class Built:
    """A home with every image of the catalog in it."""

    folder: Path
    images: dict[str, dict[str, Any]]

    def run(
        self, *arguments: str, home: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / ".venv/bin/ironhull", *arguments],
            env={
                **os.environ, "IRONHULL_HOME": str(home or self.folder / "home"),
                "IRONHULL_CATALOG": str(self.folder / "images"), **environment,
            },
            check=False, capture_output=True, text=True,
        )  # fmt: skip

    def json(self, *arguments: str, **more: Any) -> dict[str, Any]:
        made = self.run(*arguments, "--json", **more)
        assert made.returncode == 0, made.stderr
        value: dict[str, Any] = json.loads(made.stdout)
        return value

    def show(self, name: str) -> dict[str, Any]:
        return self.json("show", name, "--platform", "linux/amd64")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "scanned" in metafunc.fixturenames:
        names = RUNTIME if metafunc.config.getoption("--whole") else CHOSEN
        metafunc.parametrize("scanned", names)


@pytest.fixture(scope="module")
def built(catalog: Path) -> Built:
    value = json.loads((catalog / "built.json").read_text())
    return Built(catalog, dict(zip(IMAGES, value["images"], strict=True)))


def test_an_image_has_the_same_digest_again_from_other_surroundings(built, tmp_path, whole):
    """Another home, time zone, locale, hash seed, umask, order, number of jobs; no layer made.

    Each image on one of its platforms, in turns; benchmarks/reproduce.py does all on both.
    """
    asked = BOTH if whole else CHOSEN
    home = tmp_path / "other"
    (home / "cache").mkdir(parents=True)
    shutil.copytree(
        built.folder / "home/cache/packages", home / "cache/packages", copy_function=os.link
    )
    again, made = {}, 0
    old = os.umask(0o027)
    try:
        for turn, platform in enumerate(("linux/amd64", "linux/arm64")):
            names = list(reversed(asked[turn::2]))
            value = built.json(
                "build", *names, "--platform", platform, "--locked", "--offline", "--jobs", "3",
                home=home, TZ="Pacific/Chatham", LC_ALL="C.UTF-8", PYTHONHASHSEED="4711",
                HOME=str(tmp_path),
            )  # fmt: skip
            made += value["layers_made"]
            for name, image in zip(names, value["images"], strict=True):
                [only] = image["platforms"]
                again[name, platform] = only["digest"]
    finally:
        os.umask(old)
    assert {name for name, _ in again} == set(asked)
    assert again == {
        (name, one["platform"]): one["digest"]
        for name, image in built.images.items()
        for one in image["platforms"]
        if (name, one["platform"]) in again
    }
    assert made > 50
    shutil.rmtree(home)


def test_runtime_images_are_small_and_have_what_hardening_promises(built):
    for name in RUNTIME:
        shown = built.show(name)
        assert {check["name"]: check["problems"] for check in shown["checks"]}["no-shell"] == []
        assert not shown["user"].startswith("0:"), name
        assert shown["user"] != "", name
    node = built.show("node:20")
    assert len(node["packages"]) <= 30
    assert node["compressed_size"] <= 38_000_000
    assert built.show("static:13")["compressed_size"] <= 2_000_000


def test_node_has_over_seventy_percent_fewer_packages_than_a_conventional_image(built):
    hardened = len(built.show("node:20")["packages"])
    standard = len(built.show("node:20-standard")["packages"])
    assert hardened <= 0.3 * standard, (hardened, standard)


def test_strong_compression_brings_an_image_to_what_it_promises(built, whole):
    name, promised = ("node:20", 34_000_000) if whole else ("nginx:1.26", 7_300_000)
    value = built.json("build", name, "--platform", "linux/amd64", "--compression", "zstd:19")
    [only] = value["images"][0]["platforms"]
    assert only["compressed_size"] <= promised < built.show(name)["compressed_size"]
    built.json("build", name)


def test_both_architectures_are_built_on_this_machine(built):
    for name in BOTH:
        image = built.images[name]
        assert [platform["platform"] for platform in image["platforms"]] == [
            "linux/amd64", "linux/arm64",
        ]  # fmt: skip


def test_every_image_can_be_had_for_arm64_of_the_packages_that_it_has_on_amd64(built):
    """A lock is of all platforms, also where only one of them is built here."""
    files = sorted((built.folder / "images").rglob("*.lock.json"))
    assert len(files) == len(IMAGES)
    for file in files:
        amd, arm = (
            {re.sub("x86-64|aarch64", "CPU", package) for package in of_lock(file, platform)}
            for platform in ("linux/amd64", "linux/arm64")
        )
        assert amd ^ arm <= OF_ONE_CPU, file


def test_each_image_has_over_seventy_percent_fewer_packages_than_a_conventional_one(
    built, tmp_path
):
    folder = tmp_path / "counterparts"
    shutil.copytree(
        ROOT / "benchmarks/counterparts", folder, ignore=shutil.ignore_patterns("*.lock.json")
    )
    names = [f"{entry.image}:{entry.stem}" for entry in Catalog(folder).all()]
    built.json("lock", *names, IRONHULL_CATALOG=str(folder))
    for file in folder.rglob("*-standard.lock.json"):
        ours = built.folder / "images" / str(file.relative_to(folder)).replace("-standard", "")
        for platform in ("linux/amd64", "linux/arm64"):
            mine, theirs = of_lock(ours, platform), of_lock(file, platform)
            assert len(mine) < 0.3 * len(theirs), (file, platform)


@pytest.mark.parametrize("name", IMAGES)
def test_the_image_passes_the_tests_of_its_definition(built, podman_settings, name, whole):
    """Each proves that the image does its job, in a real engine, with hardened options.

    Of the kinds one each runs in podman, the others in the sandbox, which unpacks nothing.
    """
    own = {"IRONHULL_PODMAN_ARGS": " ".join(podman_settings.podman)}
    podmans = {*(RUNTIME if whole else CHOSEN), LARGE_IN_PODMAN}
    engine = "podman" if name in podmans else "sandbox"

    def verdict() -> bytes:
        made = built.run("test", name, "--engine", engine, "--json", **own)
        assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
        return made.stdout.encode()

    # An image to run is tried each time. Of the large ones, to build on, what was seen holds as
    # long as image, tests, engine and all of ours that drives it are the same.
    asked = ["test", engine, versions()["podman"], manifest(built, name), ROOT / "images", *DRIVING]
    said = verdict() if name in RUNTIME else kept(asked, verdict)
    assert json.loads(said)["tests"], "a definition without tests proves nothing"


def test_an_image_does_its_job_without_what_its_profile_proposes(built, tmp_path):
    shop = Workspace.open(home=built.folder / "home", images=built.folder / "images")
    layout, name = shop.machine.home.store, "nginx:1.26"
    packages = shop.profile(name).packages
    proposed = {path for one in packages for path in one.unopened}
    assert "libc6" in {one.name for one in packages}
    assert any("/gconv/" in path for path in proposed)
    assert not any(
        path == "usr/sbin/nginx" or path.startswith(("etc/", "usr/share/doc/", "var/lib/dpkg/"))
        for path in proposed
    )
    descriptor = layout.find(name)
    root = unpacked(layout, choose_manifest(layout, descriptor), tmp_path / "unpacked")
    for path in proposed:
        (root / path).unlink()
    engine = Sandbox(lambda: bubblewrap(shop.machine), tmp_path / "unpacked")
    definition, _ = Definitions(shop.machine).definition(name)
    report = run_tests(engine, layout, descriptor, definition, HostSettings(), Silent())
    assert report.passed, report.outcomes
    assert len(report.outcomes) == len(definition.tests)


@pytest.mark.parametrize("name", ["static:13", "node:20", "nginx:1.26", "node:20-dev"])
def test_syft_lists_exactly_the_packages_and_the_right_release(built, tmp_path, name):
    def answer() -> bytes:
        archive = exported(built, name, tmp_path)
        words = [tool("syft"), "scan", "-q", f"oci-archive:{archive}", "-o", "syft-json"]
        return subprocess.run(words, check=True, capture_output=True).stdout

    listed = json.loads(kept(["syft", versions()["syft"], manifest(built, name), WRITING], answer))
    found = {
        (item["name"], item["version"]) for item in listed["artifacts"] if item["type"] == "deb"
    }
    assert found == packages(built, name)
    assert (listed["distro"]["id"], listed["distro"]["versionID"]) == ("debian", "13")


@pytest.mark.parametrize("name", ["static:13", "node:20", "python:3.13", "node:20-dev"])
def test_trivy_lists_exactly_the_packages_and_the_right_release(built, tmp_path, name):
    def answer() -> bytes:
        target = tmp_path / "image.tar"
        made = built.run("export", name, "--format", "docker-archive", "-o", str(target))
        assert made.returncode == 0, made.stderr
        return subprocess.run(
            [tool("trivy"), "image", "--quiet", "--input", target, "--format", "json",
             "--list-all-pkgs", "--skip-db-update", "--skip-java-db-update", "--offline-scan",
             "--scanners", "license", "--cache-dir", tmp_path / "cache"],
            check=True, capture_output=True,
        ).stdout  # fmt: skip

    asked = ["trivy", versions()["trivy"], manifest(built, name), WRITING]
    listed = json.loads(kept(asked, answer))
    assert listed["Metadata"]["OS"]["Family"] == "debian"
    assert listed["Metadata"]["OS"]["Name"].startswith("13")


def test_the_bill_of_an_image_has_syfts_packages_and_every_file_under_its_owner(
    built, tmp_path, scanned
):
    name = scanned
    bills = {form: bill(built, name, form, tmp_path) for form in ("cyclonedx", "spdx")}
    document = json.loads(bills["cyclonedx"].read_bytes())
    image = of_syft(f"oci-archive:{exported(built, name, tmp_path)}")
    assert {item["purl"] for item in document["components"] if "purl" in item} == image
    for form, path in bills.items():
        converted = tmp_path / f"{form}.syft.json"
        command = [tool("syft"), "convert", "-q", path, "-o", f"syft-json={converted}"]
        subprocess.run(command, check=True, capture_output=True)
        read = json.loads(converted.read_bytes())["artifacts"]
        assert {item["purl"] for item in read if item["purl"]} == image, form
    owners = {
        inner["name"]: component
        for component in document["components"]
        for inner in component.get("components", ())
    }
    made = built.run("export", name, "--format", "rootfs", "--platform", "linux/amd64",
                     "-o", str(tmp_path / "root.tar"))  # fmt: skip
    assert made.returncode == 0, made.stderr
    with tarfile.open(tmp_path / "root.tar") as tar:
        digests = {
            f"/{member.name}": hashlib.sha256(tar.extractfile(member).read()).hexdigest()
            for member in tar
            if member.isreg() or member.islnk()
        }
    files = {item["fileName"][1:]: item for item in json.loads(bills["spdx"].read_bytes())["files"]}
    assert digests == {path: item["checksums"][1]["checksumValue"] for path, item in files.items()}
    assert set(owners) == set(digests)
    assert {item["name"] for item in owners.values()}.isdisjoint({"files of no package", "unknown"})
    for component in document["components"]:
        if component.get("purl", "").startswith("pkg:deb/"):
            assert component["hashes"], component["name"]
            assert component["pedigree"]["ancestors"][0]["purl"].startswith("pkg:deb/debian/")
            assert component["supplier"] == {"name": "Debian"}


def test_the_bill_of_an_image_is_valid_and_the_same_again(built, tmp_path, scanned):
    name = scanned
    for form, version in (("cyclonedx", "V1_6"), ("cyclonedx-1.5", "V1_5")):
        text = bill(built, name, form, tmp_path).read_text()
        assert JsonStrictValidator(SchemaVersion[version]).validate_str(text) is None
    path = bill(built, name, "spdx", tmp_path)
    messages = validate_full_spdx_document(parse_file(str(path)))
    assert [message.validation_message for message in messages] == []
    before = path.read_bytes()
    shutil.rmtree(built.folder / "home/cache/contents")
    assert bill(built, name, "spdx", tmp_path).read_bytes() == before


def test_trivy_finds_through_our_bill_what_it_finds_in_the_image(built, tmp_path):
    records = [
        {"id": f"CVE-2099-000{number}", "affected": [
            {"package": {"name": source, "ecosystem": "Debian:13"},
             "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}
        for number, source in enumerate(("openssl", "glibc", "nodejs", "tzdata"))
    ]  # fmt: skip
    write_database(tmp_path / "trivy", records)
    path = bill(built, "node:20", "cyclonedx-1.5", tmp_path)
    target = tmp_path / "image.tar"
    made = built.run("export", "node:20", "--format", "docker-archive", "-o", str(target))
    assert made.returncode == 0, made.stderr
    found = []
    for arguments in (["sbom", path], ["image", "--scanners", "vuln", "--input", target]):
        done = subprocess.run(
            [tool("trivy"), *arguments, "--quiet", "--format", "json", "--skip-db-update",
             "--skip-java-db-update", "--offline-scan", "--cache-dir", tmp_path / "trivy"],
            check=True, capture_output=True,
        )  # fmt: skip
        found.append(
            {
                (item["PkgName"], item["VulnerabilityID"])
                for result in json.loads(done.stdout)["Results"]
                for item in result.get("Vulnerabilities", ())
            }
        )
    assert found[0] == found[1]
    assert {"libc6", "libssl3t64", "libnode115", "tzdata"} <= {package for package, _ in found[0]}


@pytest.fixture(scope="module")
def known(built, whole, tmp_path_factory):
    """A home that knows the catalog's images, and advisories about every source package of them.

    Two each: one without a fix, and one of which Debian's tracker says that its release does not
    have it. trivy is given the same records, but nothing of the tracker's.
    """
    home = tmp_path_factory.mktemp("known")
    for name in ("store", "cache"):
        (home / name).symlink_to(built.folder / "home" / name)
    releases = {"12": "bookworm", "13": "trixie"}
    sources = set()
    for name in RUNTIME if whole else CHOSEN:
        found = built.json("inventory", name, "--platform", "linux/amd64", home=home)
        release = found["distribution"]["version_id"]
        sources |= {(each["source"], release) for each in found["packages"] if each["source"]}
    records, lines = [], []
    for number, (source, release) in enumerate(sorted(sources)):
        for kind in (1, 2):
            identifier = f"CVE-2099-{kind}{number:04}"
            records.append(osv(identifier, source, {f"Debian:{release}": None}))
        # The tracker's first line is of all releases: the other one would be affected by it.
        lines.append(f"CVE-2099-2{number:04} (nothing)\n\t- {source} <unfixed>\n")
        lines += [
            f"\t[{codename}] - {source} <not-affected> (Vulnerable code not present)\n"
            for codename in releases.values()
        ]
    (home / "list").write_text("".join(lines))
    made = built.run(
        "advisories", "update", "--source", f"osv-debian={write_records(home / 'osv', records)}",
        "--source", f"debian-annotations={home / 'list'}", home=home,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    write_database(home / "trivy", records)
    return home


def trivy_count(known: Path, bill: Path, *words: str | Path) -> int:
    done = subprocess.run(
        [tool("trivy"), "sbom", bill, "--quiet", "--format", "json", "--skip-db-update",
         "--skip-java-db-update", "--offline-scan", "--cache-dir", known / "trivy", *words],
        check=True, capture_output=True,
    )  # fmt: skip
    results = json.loads(done.stdout).get("Results", ())
    return sum(len(each.get("Vulnerabilities", ())) for each in results)


def test_trivy_with_our_vex_finds_as_many_as_we_do(built, known, tmp_path, scanned):
    """Of VEX trivy 0.47 reads CycloneDX by BOM-Links; at OpenVEX 0.2.0 it ends without a word."""
    name = scanned
    bill = tmp_path / "bill.json"
    platform = ("--platform", "linux/amd64")
    words = ("sbom", name, "--format", "cyclonedx-1.5", "-o", str(bill))
    made = built.run(*words, *platform, home=known)
    assert made.returncode == 0, made.stderr
    made = built.run("vex", "create", name, "--bill", str(bill), *platform, home=known)
    assert made.returncode == 0, made.stderr
    (tmp_path / "vex.json").write_text(made.stdout)
    scanned = built.run("scan", name, "--json", *platform, home=known)
    findings = json.loads(scanned.stdout)["findings"]
    ours = len([each for each in findings if not each["vex"]])
    assert ours > 0
    assert trivy_count(known, bill) == 2 * len(findings)
    assert trivy_count(known, bill, "--vex", tmp_path / "vex.json") == ours


@pytest.mark.parametrize("name", ["node:20", "nginx:1.26"])
def test_skopeo_copies_and_umoci_unpacks_what_we_write(built, tmp_path, name):
    layout = tmp_path / "layout"
    subprocess.run(
        [tool("skopeo"), "copy", "-q", f"oci-archive:{exported(built, name, tmp_path)}",
         f"oci:{layout}:x"], check=True,
    )  # fmt: skip
    subprocess.run(
        [tool("umoci"), "unpack", "--image", f"{layout}:x", tmp_path / "bundle"],
        check=True, capture_output=True,
    )  # fmt: skip
    root = tmp_path / "bundle/rootfs"
    assert (root / "etc/passwd").is_file()
    assert (root / "var/run").readlink() == Path("/run")
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert not (root / "bin/sh").exists()


def manifest(built: Built, name: str) -> str:
    """The digest of an image's manifest for amd64."""
    platforms = built.images[name]["platforms"]
    return next(one["digest"] for one in platforms if one["platform"] == "linux/amd64")


def exported(built: Built, name: str, tmp_path: Path) -> Path:
    target = tmp_path / "image.oci.tar"
    made = built.run(
        "export", name, "--format", "oci-archive", "--platform", "linux/amd64", "-o", str(target)
    )
    assert made.returncode == 0, made.stderr
    return target


def of_lock(file: Path, platform: str) -> set[str]:
    """The names of a platform's packages."""
    value = json.loads(file.read_text())["platforms"][platform]
    return {package["name"] for package in value["packages"]}


def packages(built: Built, name: str) -> set[tuple[str, str]]:
    return {(package["name"], package["version"]) for package in built.show(name)["packages"]}


def bill(built: Built, name: str, form: str, tmp_path: Path) -> Path:
    target = tmp_path / f"{form}.json"
    made = built.run("sbom", name, "--format", form, "--platform", "linux/amd64", "-o", str(target))
    assert made.returncode == 0, made.stderr
    return target


# Of archives that no pom names: syft takes the main class's package, or the name once more, for the
# group. A bill that says nothing of a group is the one that is true.
GUESSED = re.compile(
    r"(pkg:maven/)(?:org\.debian\.security\.UpdateCertificates/(?=ca-certificates-java)"
    r"|jrt-fs/(?=jrt-fs))"
)


def of_syft(source: str) -> set[str]:
    listed = subprocess.run(
        [tool("syft"), "scan", "-q", source, "-o", "syft-json"], check=True, capture_output=True
    ).stdout
    # A program that Debian built without Go's modules: syft makes a purl of where its source lay,
    # with "(devel)" for a version. It is a file of its package, which is listed.
    found = (
        item["purl"]
        for item in json.loads(listed)["artifacts"]
        if item["purl"] and "@(devel)" not in item["purl"]
    )
    return {GUESSED.sub(r"\1", purl) for purl in found}
