"""What `build` signs is what cosign verifies and oras finds, type by type, in two registries."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.claims import free_port
from tests.fakes.running_server import serving
from tests.real.test_registry_client import docker_registry, process
from tests.real.tools import tool

from ironhull.statements.kinds import kind_of
from ironhull.workspace.predicates import MADE

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
IMAGE = "static:13"
UNSAID = {"vex", "vulnerabilities", "tests"}
"""Without advisories, and without the tests having run."""


@dataclass(frozen=True)
class Signed:
    """An image that was built and signed with the home's own key, in a registry."""

    home: Path
    host: str

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [ROOT / ".venv/bin/ironhull", *words],
            env=os.environ
            | {
                "IRONHULL_HOME": str(self.home),
                "IRONHULL_CATALOG": str(self.home.parent / "images"),
            },
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def attached(self) -> list[dict[str, Any]]:
        listed = self.run("attestations", f"{self.host}/{IMAGE}", "--json")
        found: list[dict[str, Any]] = json.loads(listed)["attestations"]
        return found

    def subject(self, platform: str | None) -> str:
        found = next(each for each in self.attached if each["platform"] == platform)
        return f"{self.host}/static@{found['subject']}"

    def cosign(self, verb: str, key: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(tool("cosign"), verb, "--key", key),
                *("--insecure-ignore-tlog", "--allow-http-registry"),
                *words,
            ],
            check=False,
            capture_output=True,
            text=True,
            env={"HOME": str(self.home), "PATH": os.defpath},
        )


@pytest.fixture(scope="module", params=["ironhull", "docker-registry"])
def signed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("signed")
    image = Signed(folder / "home", "")
    image.run("key", "generate", "--no-passphrase")
    shutil.copytree(ROOT / "images", folder / "images")
    image.run("build", IMAGE)
    (folder / "key.pub").write_text(image.run("key", "public"))
    if request.param == "ironhull":
        with serving(folder / "registry") as server:
            image.run("push", IMAGE, f"{server.host}/{IMAGE}")
            yield Signed(folder / "home", server.host)
        return
    tool("docker-registry")
    port = free_port()
    (folder / "registry").mkdir()
    command = docker_registry(folder / "registry", port)
    with process(command, port, folder / "log"):
        image.run("push", IMAGE, f"127.0.0.1:{port}/{IMAGE}")
        yield Signed(folder / "home", f"127.0.0.1:{port}")


def test_everything_that_can_be_said_is_attached_to_each_platform(signed: Signed) -> None:
    found = {(each["kind"], each["platform"]) for each in signed.attached}
    platforms = ("linux/amd64", "linux/arm64")
    kinds = {kind_of(each) for each in MADE} - UNSAID
    made = {(kind, platform) for kind in kinds for platform in platforms}
    assert found == made | {("signature", None)}


@pytest.mark.parametrize("platform", [None, "linux/amd64", "linux/arm64"])
def test_cosign_verifies_the_signature_of_index_and_platforms(
    signed: Signed, platform: str | None
) -> None:
    done = signed.cosign("verify", signed.home.parent / "key.pub", signed.subject(platform))
    assert done.returncode == 0, done.stderr


def test_cosign_verifies_each_statement_by_its_type(signed: Signed) -> None:
    about = [each for each in signed.attached if each["platform"] == "linux/amd64"]
    assert len(about) >= 5
    for each in about:
        done = signed.cosign(
            "verify-attestation",
            signed.home.parent / "key.pub",
            "--type",
            each["type"],
            f"{signed.host}/static@{each['subject']}",
        )
        assert done.returncode == 0, (each["type"], done.stderr)
        payload = json.loads(done.stdout.splitlines()[-1])["payload"]
        assert payload


def test_cosign_refuses_another_key_and_a_type_that_is_not_there(
    signed: Signed, tmp_path: Path
) -> None:
    subprocess.run(
        [tool("cosign"), "generate-key-pair", "--output-key-prefix", tmp_path / "other"],
        check=True,
        capture_output=True,
        env={"COSIGN_PASSWORD": "", "HOME": str(tmp_path), "PATH": os.defpath},
    )
    subject = signed.subject("linux/amd64")
    assert signed.cosign("verify", tmp_path / "other.pub", subject).returncode != 0
    done = signed.cosign(
        "verify-attestation", signed.home.parent / "key.pub", "--type", "link", subject
    )
    assert done.returncode != 0


def test_oras_finds_every_statement(signed: Signed) -> None:
    done = subprocess.run(
        [
            *(tool("oras"), "discover", "--plain-http", "--format", "json"),
            *("--artifact-type", "application/vnd.dev.sigstore.bundle.v0.3+json"),
            signed.subject("linux/amd64"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    found = {each["digest"] for each in json.loads(done.stdout)["referrers"]}
    listed = {each["referrer"] for each in signed.attached if each["platform"] == "linux/amd64"}
    assert found == listed


def test_a_key_of_cosigns_signs_too(signed: Signed, tmp_path: Path) -> None:
    subprocess.run(
        [tool("cosign"), "generate-key-pair", "--output-key-prefix", tmp_path / "their"],
        check=True,
        capture_output=True,
        env={"COSIGN_PASSWORD": "pw", "HOME": str(tmp_path), "PATH": os.defpath},
    )
    (tmp_path / "their.key").chmod(0o600)
    os.environ["IRONHULL_KEY_PASSPHRASE"] = "pw"
    try:
        signed.run("attest", IMAGE, "--type", "signature", "--key", str(tmp_path / "their.key"))
    finally:
        del os.environ["IRONHULL_KEY_PASSPHRASE"]
    signed.run("push", IMAGE, f"{signed.host}/{IMAGE}")
    done = signed.cosign("verify", tmp_path / "their.pub", signed.subject("linux/amd64"))
    assert done.returncode == 0, done.stderr


def test_a_set_of_vex_is_verified_by_cosign_and_fetched_by_oras(
    signed: Signed, tmp_path: Path
) -> None:
    part = {"@id": "pkg:deb/debian/base-files@1?arch=amd64"}
    product = {"@id": "pkg:oci/static@sha256%3A" + "a" * 64, "subcomponents": [part]}
    statement = {
        "vulnerability": {"name": "CVE-2026-0001"},
        "products": [product],
        "status": "affected",
        "action_statement": "wait",
    }
    said = {"timestamp": "2026-11-28T00:00:00Z", "statements": [statement]}
    (tmp_path / "vex.json").write_text(json.dumps(said))
    kind = "https://openvex.dev/ns/v0.2.0"
    signed.run("attest", IMAGE, "--type", kind, "--predicate", str(tmp_path / "vex.json"))
    target = f"{signed.host}/vex:catalog"
    where = ("--url", "https://images.example/vex")
    first = json.loads(signed.run("vex", "publish", target, *where, "--json"))
    assert json.loads(signed.run("vex", "publish", target, *where, "--json")) == first
    done = signed.cosign("verify", signed.home.parent / "key.pub", target)
    assert done.returncode == 0, done.stderr
    subprocess.run(
        [tool("oras"), "pull", "--plain-http", target, "-o", tmp_path / "pulled"], check=True
    )
    value = json.loads((tmp_path / "pulled" / "set.json").read_text())
    assert len(value["files"]) >= 5
    for path, digest in value["files"].items():
        data = (tmp_path / "pulled" / path).read_bytes()
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest


def test_who_builds_it_again_says_so_in_the_registry_and_a_policy_counts_it(
    signed: Signed, tmp_path: Path
) -> None:
    release = signed.home.parent / "key.pub"
    stranger = Signed(tmp_path / "stranger", signed.host)
    stranger.run("key", "generate", "--no-passphrase")
    (tmp_path / "stranger.pub").write_text(stranger.run("key", "public"))
    image, platform = f"{signed.host}/{IMAGE}", ("--platform", "linux/amd64")
    stranger.run("reproduce", image, "--key", str(release), *platform, "--attach")
    kind = "https://slsa.dev/verification_summary/v1"
    done = signed.cosign(
        "verify-attestation",
        tmp_path / "stranger.pub",
        *("--type", kind, signed.subject("linux/amd64")),
    )
    assert done.returncode == 0, done.stderr
    envelope = json.loads(done.stdout.splitlines()[-1])
    said = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert said["verificationResult"] == "PASSED"
    assert said["verifier"]["id"] == "https://ironhull.io/reproduce"
    # It says what came of it and does not sign the index; of a manifest cosign takes any statement
    # for a signature.
    assert signed.cosign("verify", tmp_path / "stranger.pub", image).returncode != 0
    shutil.copy(release, tmp_path / "release.pub")
    (tmp_path / "policy.yaml").write_text(
        "version: 1\nname: built again\nkeys: {release: release.pub, stranger: stranger.pub}\n"
        "signatures: {by: [release]}\nreproduced: {by: [stranger]}\n"
    )
    signed.run("verify", image, *platform, "--policy", str(tmp_path / "policy.yaml"))
