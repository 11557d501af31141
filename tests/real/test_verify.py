"""What cosign signs is what we verify, and the other way round, in three kinds of registries.

`ironhull serve` has the referrers API. Debian's docker-registry and crane's have none: cosign then
keeps the referrers under a tag, in a list with wrong artifact types and without annotations.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.fakes.claims import free_port
from tests.fakes.published_image import sbom, spdx, vex
from tests.fakes.signed_image import SIGNATURE, SignedImage
from tests.real.test_registry_client import REGISTRIES, command, process
from tests.real.tools import tool

from ironhull.statements import kinds

pytestmark = pytest.mark.real
TYPES = {
    # cosign's word → the type that it writes, and what is said
    "cyclonedx": (kinds.CYCLONEDX, sbom()),
    "spdxjson": (kinds.SPDX, spdx()),
    "openvex": ("https://openvex.dev/ns", vex()),
    "https://openvex.dev/ns/v0.2.0": (kinds.VEX, vex()),
    "slsaprovenance1": (
        kinds.PROVENANCE,
        {
            "buildDefinition": {
                "buildType": "https://example.org/b",
                "externalParameters": {},
                "resolvedDependencies": [],
            },
            "runDetails": {"builder": {"id": "https://example.org/builder"}},
        },
    ),
    "https://example.org/review/v1": ("https://example.org/review/v1", {"reviewed": True}),
}


@dataclass
class Market:
    """A registry with one image of two platforms, and two key pairs of cosign's."""

    folder: Path
    host: str
    image: SignedImage

    @property
    def reference(self) -> str:
        return f"{self.host}/app:1"

    def at(self, digest: str) -> str:
        return f"{self.host}/app@{digest}"

    def cosign(self, verb: str, *words: object, key: str = "ours.key") -> int:
        done = subprocess.run(
            [
                *(tool("cosign"), verb, "--key", self.folder / key, "--allow-http-registry"),
                *map(str, words),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={"COSIGN_PASSWORD": "", "HOME": str(self.folder), "PATH": os.defpath},
        )
        return done.returncode

    def sign(self, reference: str, key: str = "ours.key", *words: object) -> None:
        config = ("--signing-config", self.folder / "sc.json", "-y")
        assert self.cosign("sign", *config, *words, reference, key=key) == 0

    def attest(self, reference: str, kind: str, said: Any, key: str = "ours.key") -> None:
        file = self.folder / "predicate.json"
        file.write_text(json.dumps(said))
        config = ("--signing-config", self.folder / "sc.json", "-y")
        words = ("--type", kind, "--predicate", file, reference)
        assert self.cosign("attest", *config, *words, key=key) == 0

    def agrees(self, reference: str, key: str = "ours.pub") -> bool:
        """Whether cosign verifies a signature of the image."""
        return self.cosign("verify", "--insecure-ignore-tlog", reference, key=key) == 0

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ironhull.cli", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "IRONHULL_HOME": str(self.folder / "home")},
        )

    def verify(self, *words: object, code: int = 0) -> dict[str, Any]:
        done = self.run("verify", *words, "--json", "-q")
        assert done.returncode == code, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def keys(folder: Path) -> None:
    for name in ("ours", "other"):
        subprocess.run(
            [tool("cosign"), "generate-key-pair", "--output-key-prefix", folder / name],
            check=True,
            capture_output=True,
            env={"COSIGN_PASSWORD": "", "HOME": str(folder), "PATH": os.defpath},
        )
        (folder / f"{name}.key").chmod(0o600)
    # Without a transparency log and a timestamp authority, which nothing here reaches.
    (folder / "sc.json").write_text(
        '{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",'
        ' "rekorTlogConfig": {}, "tsaConfig": {}}'
    )


@pytest.fixture(params=REGISTRIES)
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Market]:
    folder, port = tmp_path / "registry", free_port()
    folder.mkdir()
    keys(tmp_path)
    image = SignedImage(tmp_path, signed=False)
    with process(command(request.param, folder, port), port, tmp_path / "log"):
        found = Market(tmp_path, f"127.0.0.1:{port}", image)
        done = found.run("copy", f"oci:{image.layout.root}", found.reference)
        assert done.returncode == 0, done.stderr
        yield found


def types_of(subject: dict[str, Any]) -> set[str]:
    return {each["type"] for each in subject["statements"]}


def test_what_cosign_signs_we_verify_and_by_no_other_key(market: Market) -> None:
    ours, other = (("--key", market.folder / f"{name}.pub") for name in ("ours", "other"))
    assert market.verify(market.reference, *ours, code=1)["passed"] is False
    market.sign(market.reference)
    assert market.agrees(market.reference)
    found = market.verify(market.reference, *ours)
    assert found["digest"] == market.image.root.digest
    assert types_of(found["subjects"][0]) == {SIGNATURE}
    assert not market.agrees(market.reference, "other.pub")
    found = market.verify(market.reference, *other, code=1)
    assert [each["reason"] for each in found["subjects"][0]["refused"]] == [
        "signed-by-nobody-known"
    ]


def test_what_cosign_attests_we_verify_type_by_type(market: Market) -> None:
    manifest = market.at(market.image.manifests[0].digest)
    for kind, (_, said) in TYPES.items():
        market.attest(manifest, kind, said)
    market.attest(manifest, "https://example.org/theirs", {}, key="other.key")
    found = market.verify(manifest, "--key", market.folder / "ours.pub", code=1)
    (subject,) = found["subjects"]
    assert types_of(subject) == {kind for kind, _ in TYPES.values()}
    assert [each["type"] for each in subject["refused"]] in (
        ["https://example.org/theirs"],
        [None],
    )
    # Statements alone do not sign an image, though cosign takes one for a signature.
    assert "but no signature of the image" in found["rules"][0]["found"]
    assert market.agrees(manifest)
    market.sign(manifest)
    assert market.verify(manifest, "--key", market.folder / "ours.pub")["passed"]


def test_what_we_sign_cosign_verifies_type_by_type(market: Market) -> None:
    layout = f"oci:{market.image.layout.root}"
    subject = market.image.manifests[0]
    # The key of this test's image, as a file of cosign's public keys.
    (market.folder / "mine.pub").write_bytes(market.image.signer.public.pem)
    about = market.image.descriptor(subject.digest)
    market.image.attach(about, SIGNATURE, {})
    for kind, said in dict(TYPES.values()).items():
        market.image.attach(about, kind, said)
    assert market.run("copy", layout, market.reference).returncode == 0
    manifest = market.at(subject.digest)
    assert market.agrees(manifest, "mine.pub")
    assert not market.agrees(manifest, "ours.pub")
    assert not market.agrees(market.reference, "mine.pub"), "the index is not signed"
    for word, (kind, _) in TYPES.items():
        words = ("--insecure-ignore-tlog", "--type", word, manifest)
        assert market.cosign("verify-attestation", *words, key="mine.pub") == 0, kind
        assert market.cosign("verify-attestation", *words, key="ours.pub") != 0, kind
    missing = ("--insecure-ignore-tlog", "--type", "link", manifest)
    assert market.cosign("verify-attestation", *missing, key="mine.pub") != 0


def test_two_people_who_sign_with_cosign_make_a_threshold_of_two(market: Market) -> None:
    policy = {
        "version": 1,
        "name": "two",
        "keys": {"ours": "ours.pub", "other": "other.pub"},
        "signatures": {"by": ["ours", "other"], "threshold": 2},
    }
    file = market.folder / "two.yaml"
    file.write_text(yaml.safe_dump(policy))
    market.sign(market.reference)
    market.sign(market.reference)
    found = market.verify(market.reference, "--policy", file, code=1)
    assert found["rules"][0]["found"].endswith("alone")
    market.sign(market.reference, "other.key")
    assert market.verify(market.reference, "--policy", file)["passed"]


def test_a_tag_that_was_moved_to_another_image_is_not_signed(market: Market) -> None:
    market.sign(market.reference)
    evil = SignedImage(market.folder / "evil", signed=False, layers=[{"etc/motd": "evil\n"}])
    done = market.run("copy", f"oci:{evil.layout.root}", market.reference)
    assert done.returncode == 0
    key = ("--key", market.folder / "ours.pub")
    found = market.verify(market.reference, *key, code=1)
    assert found["digest"] == evil.root.digest
    assert not market.agrees(market.reference)
    assert market.verify(market.at(market.image.root.digest), *key)["passed"]


def test_cosigns_referrers_go_with_the_image_into_an_archive_and_are_verified_there(
    market: Market,
) -> None:
    market.sign(market.reference)
    market.sign(market.at(market.image.manifests[0].digest))
    archive = market.folder / "image.tar"
    assert market.run("copy", market.reference, archive).returncode == 0
    found = market.verify(archive, "--key", market.folder / "ours.pub")
    assert [types_of(each) for each in found["subjects"]] == [{SIGNATURE}, {SIGNATURE}, set()]
    market.verify(archive, "--key", market.folder / "other.pub", code=1)
