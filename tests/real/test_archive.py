"""The machine's own mirror, Debian's own signatures, and foreign tools that must agree with us."""

from __future__ import annotations

import dataclasses
import lzma
import shutil
import subprocess
from collections.abc import Callable
from functools import cmp_to_key
from pathlib import Path

import pytest
from tests.fakes.mirror import SigningKey

from ironhull.archive.debian import ArchiveContext, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource, Snapshot
from ironhull.archive.interface import Download, Repository
from ironhull.archive.mirror import find_repositories
from ironhull.archive.transfer import Transfer
from ironhull.errors import EnvironmentProblem, NotFoundError, UntrustedError
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Architecture
from ironhull.progress import Silent
from ironhull.store.blobs import BlobStore

pytestmark = pytest.mark.real

AMD64, ARM64 = Architecture("amd64"), Architecture("arm64")


def repositories(distribution: str) -> list[Repository]:
    try:
        return find_repositories(distribution)
    except EnvironmentProblem as error:
        pytest.skip(f"needs a package mirror: {error}")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ArchiveContext:
    return ArchiveContext(tmp_path_factory.mktemp("cache"))


def never(note: Callable[[str], None]) -> Download:
    raise AssertionError("something was asked of the network")


@pytest.mark.parametrize(
    ("distribution", "codename"), [("debian-13", "trixie"), ("debian-12", "bookworm")]
)
def test_a_distribution_is_read_and_its_packages_come_verified(
    distribution: str, codename: str, context: ArchiveContext, tmp_path: Path
) -> None:
    found = repositories(distribution)
    releases = load_releases(found, context)
    suites = [(r.record.repository, r.record.suite) for r in releases]
    assert suites == [
        ("debian", codename),
        ("debian", f"{codename}-updates"),
        ("debian-security", f"{codename}-security"),
    ]
    store = BlobStore(tmp_path / "packages")
    for architecture in (AMD64, ARM64):
        archive = open_archive(releases, architecture, context)
        assert len(archive.names()) > 50_000
        assert {p.architecture for p in archive.versions("libc6")} == {architecture}
        assert archive.versions("libc6")[0].source == "glibc"
        assert {p.name for p, _ in archive.providers("awk")} >= {"gawk", "mawk"}
        newest = [archive.versions(name)[0] for name in ("netbase", "tzdata", "base-files")]
        MirrorSource(found, store).fetch(newest, Silent())
        for package in newest:
            path = store.path(package.sha256)
            fields = subprocess.check_output(
                ["dpkg-deb", "-f", path, "Package", "Version"], text=True
            )
            assert fields == f"Package: {package.name}\nVersion: {package.version}\n"
        offline = dataclasses.replace(context, offline=True, transfer=never)
        again = open_archive(load_releases(found, offline), architecture, offline)
        assert again.versions("libc6") == archive.versions("libc6")
        MirrorSource(found, store, offline=True, transfer=never).fetch(newest, Silent())


def test_gpgv_and_xz_agree_with_what_we_read(context: ArchiveContext, tmp_path: Path) -> None:
    keyring = Path(__file__).parents[2] / "src/ironhull/archive/keys/debian-archive-keyring.pgp"
    for tool in ("gpgv", "xz"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    (main, *_) = repositories("debian-13")
    only = dataclasses.replace(main, suites=("trixie",))
    (release,) = load_releases([only], context)
    signed = bytearray()
    Transfer().get(f"{main.uri}/dists/trixie/InRelease", signed.extend, limit=1 << 24)
    (tmp_path / "InRelease").write_bytes(signed)
    checked = subprocess.run(
        [
            "gpgv",
            "--status-fd=1",
            "--keyring",
            keyring,
            "--output",
            tmp_path / "out",
            tmp_path / "InRelease",
        ],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
    primaries = {line.split()[-1] for line in checked.stdout.splitlines() if " VALIDSIG " in line}
    assert primaries == set(release.record.signed_by.split())
    path = "main/binary-amd64/Packages.xz"
    file = release.release.files[path]
    assert f"{hex_of(file.digest)} " in (tmp_path / "out").read_text()
    compressed = bytearray()
    Transfer().get(f"{main.uri}/dists/trixie/{path}", compressed.extend, limit=file.size)
    text = lzma.decompress(bytes(compressed))
    archive = open_archive([release], AMD64, context)
    expected = {line[9:].decode() for line in text.split(b"\n") if line.startswith(b"Package: ")}
    assert set(archive.names()) == expected
    stanzas = sum(len(archive.versions(name)) for name in expected)
    assert stanzas == text.count(b"\nPackage: ") + text.startswith(b"Package: ")


def test_every_stanza_of_security_can_be_read_and_is_ordered_as_dpkg_would(
    context: ArchiveContext,
) -> None:
    releases = load_releases(repositories("debian-12"), context)
    archive = open_archive(releases, AMD64, context)
    compared = 0
    for name in archive.names():
        versions = [package.version for package in archive.versions(name)]
        if len(set(versions)) > 1 and compared < 60:
            compared += 1
            assert sorted(versions, key=cmp_to_key(_dpkg), reverse=True) == versions
    assert compared == 60


def _dpkg(a: str, b: str) -> int:
    def holds(operator: str) -> bool:
        return subprocess.run(["dpkg", "--compare-versions", a, operator, b]).returncode == 0

    return -1 if holds("lt") else int(holds("gt"))


def test_debians_release_does_not_pass_with_another_key(context: ArchiveContext) -> None:
    stranger = SigningKey.generate("stranger").certificate
    found = [dataclasses.replace(r, keyrings=(stranger,)) for r in repositories("debian-13")]
    with pytest.raises(UntrustedError, match="not in the keyring"):
        load_releases(found, context)


def test_a_version_that_the_mirror_does_not_have_is_named_with_the_way_out(
    context: ArchiveContext, tmp_path: Path
) -> None:
    found = repositories("debian-13")
    archive = open_archive(load_releases(found, context), AMD64, context)
    real = archive.versions("netbase")[0]
    gone = dataclasses.replace(real, version="0.1", path="pool/main/n/netbase/netbase_0.1_all.deb")
    snapshot = Snapshot(f"{found[0].uri}/no-such-folder/{{timestamp}}", "2026-11-23T00:00:00Z")
    with pytest.raises(NotFoundError, match=r"netbase 0\.1 .*(?s:.)*--update"):
        MirrorSource(found, BlobStore(tmp_path / "p"), snapshot=snapshot).fetch([gone], Silent())
