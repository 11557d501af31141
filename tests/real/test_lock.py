"""What is resolved here against what apt itself would install, on the real archive."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest
from tests.fakes.archive import fake_definition

from ironhull.archive.debian import ArchiveContext, DebianArchive, load_releases, open_archive
from ironhull.archive.mirror import find_repositories
from ironhull.archive.trust import debian_keyring
from ironhull.lock.file import parse_lock, render_lock
from ironhull.lock.make import make_lock
from ironhull.lock.resolve import resolve
from ironhull.oci.platform import Architecture, Platform

pytestmark = pytest.mark.real

AMD64 = Platform.parse("linux/amd64")
DISTRIBUTIONS = ("debian-13", "debian-12")
REQUESTS = (
    "nodejs",
    "python3",
    "nginx",
    "npm",
    "build-essential",
    "default-jre-headless",
    "python3-dev build-essential git curl",
    "base-files ca-certificates netbase tzdata nodejs",
    "openssh-server redis postgresql",
    "apt bash coreutils dash dpkg grep gzip sed tar util-linux npm",
    "python3-certbot",
    "r-cran-cubature",
)

# Package that only one of the two takes → why that is right.
_LITTLER = "r-cran-littler is needed anyway and provides littler; apt takes both"
_TYPING = (
    "asked for as an alternative to what python3 provides, which is in anyway; apt takes the first"
)
DIFFERENCES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("debian-13", "r-cran-cubature"): {"littler": _LITTLER},
    ("debian-12", "r-cran-cubature"): {"littler": _LITTLER},
    ("debian-13", "python3-certbot"): {"python3-typing-extensions": _TYPING},
}


@dataclass(frozen=True)
class Apt:
    """apt with folders of its own: an empty system of one architecture."""

    configuration: Path

    def would_install(self, *names: str) -> dict[str, str]:
        """Package → version."""
        text = self.run("-s", "install", *names)
        return dict(re.findall(r"^Inst (\S+) \((\S+) ", text, re.MULTILINE))

    def run(self, *arguments: str) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self.configuration), "LC_ALL": "C"}
        done = subprocess.run(
            ["apt-get", "-q", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session", params=DISTRIBUTIONS)
def distribution(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def archive(distribution: str, tmp_path_factory: pytest.TempPathFactory) -> DebianArchive:
    context = ArchiveContext(tmp_path_factory.mktemp("archive"))
    releases = load_releases(find_repositories(distribution), context)
    return open_archive(releases, Architecture("amd64"), context)


@pytest.fixture(scope="session")
def apt(distribution: str, tmp_path_factory: pytest.TempPathFactory) -> Apt:
    if which("apt-get") is None:
        pytest.skip("apt-get is not on this machine")
    folder = tmp_path_factory.mktemp("apt")
    for name in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d"):
        (folder / name).mkdir(parents=True)
    (folder / "keys.pgp").write_bytes(debian_keyring())
    (folder / "status").touch()
    (folder / "sources.list").write_text(
        "".join(
            f"deb [signed-by={folder}/keys.pgp] {repository.uri} {suite} main\n"
            for repository in find_repositories(distribution)
            for suite in repository.suites
        )
    )
    settings = {
        "Dir": folder,
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc": folder / "etc",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::Etc::trustedparts": "/nonexistent",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
    }
    configuration = folder / "apt.conf"
    configuration.write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()))
    found = Apt(configuration)
    found.run("-o", "Acquire::Retries=5", "-o", "APT::Update::Error-Mode=any", "update")
    return found


def ours(archive: DebianArchive, *requests: str) -> dict[str, str]:
    locked = resolve(fake_definition(*requests), AMD64, archive)
    return {package.name: package.version for package in locked.packages}


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_packages_and_versions_are_those_that_apt_would_install(
    distribution: str, archive: DebianArchive, apt: Apt, request_: str
) -> None:
    names = request_.split()
    mine, theirs = ours(archive, *names), apt.would_install(*names)
    different = {name for name in set(mine) | set(theirs) if mine.get(name) != theirs.get(name)}
    reasons = DIFFERENCES.get((distribution, request_), {})
    shown = {name: (mine.get(name), theirs.get(name)) for name in sorted(different)}
    assert different == set(reasons), shown


def test_every_difference_in_the_table_is_compared() -> None:
    assert {distribution for distribution, _ in DIFFERENCES} <= set(DISTRIBUTIONS)
    assert {request for _, request in DIFFERENCES} <= set(REQUESTS)
    assert all(reason for reasons in DIFFERENCES.values() for reason in reasons.values())


def test_a_real_lock_survives_its_file_and_two_runs_give_the_same(archive: DebianArchive) -> None:
    definition = fake_definition("nodejs", "ca-certificates", "!openssl")
    first, second = (make_lock(definition, {AMD64: archive}) for _ in range(2))
    assert render_lock(first) == render_lock(second)
    assert parse_lock(render_lock(first), "20.lock.json") == first
    assert [edge.excluded for edge in first.platforms["linux/amd64"].broken] == ["openssl"]
