"""A strict policy on an image that was really built and signed, and what changes its answer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
IMAGE = "static:13"
POLICY: dict[str, Any] = {
    "version": 1,
    "name": "strict",
    "keys": {"release": "release.pub"},
    "statements": [{"type": kind} for kind in ("checks", "secrets", "licenses", "score")],
    "provenance": {
        "builders": ["https://ironhull.io/builder/*"],
        "build-types": ["https://ironhull.io/build/v1"],
        "sources": ["static/*"],
        "archives": ["debian/trixie*", "debian-security/trixie-security"],
        "packages": "in-image",
    },
    "sbom": {"matches-image": "all"},
    "user": {"root": "deny"},
    "contents": dict.fromkeys(
        ("shell", "package-manager", "compiler", "setuid", "capabilities", "secrets"), "deny"
    ),
    "base": {"allowed": [], "none": "allow"},
}


@dataclass(frozen=True)
class Shop:
    folder: Path

    def run(self, *words: object, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ironhull.cli", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ
            | {
                "IRONHULL_HOME": str(self.folder / "home"),
                "IRONHULL_CATALOG": str(self.folder / "images"),
            },
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def verdict(self, place: object, *words: object, code: int = 0) -> dict[str, Any]:
        file = self.folder / "strict.yaml"
        file.write_text(yaml.safe_dump(POLICY))
        said = self.run("verify", place, "--policy", file, "--json", *words, code=code)
        found: dict[str, Any] = json.loads(said)
        return found

    def failed(self, place: object, *words: object) -> dict[str, str]:
        """Rule → what was found, of the first platform."""
        rules = self.verdict(place, *words, code=1)["rules"]
        return {
            each["rule"]: each["found"]
            for each in rules
            if each["status"] != "pass" and each["platform"] in (None, "linux/amd64")
        }

    def said(self, kind: str) -> Any:
        words = ("--read", kind, "--platform", "linux/amd64")
        return json.loads(self.run("attestations", IMAGE, *words))

    def say(self, kind: str, value: Any) -> None:
        """In the place of what the build said, signed by the same key."""
        file = self.folder / "said.json"
        file.write_text(json.dumps(value))
        words = ("--type", kind, "--predicate", file, "--platform", "linux/amd64")
        self.run("attest", IMAGE, *words)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    found = Shop(tmp_path_factory.mktemp("built"))
    shutil.copytree(ROOT / "images", found.folder / "images")
    found.run("key", "generate", "--no-passphrase")
    found.run("build", IMAGE)
    (found.folder / "release.pub").write_text(found.run("key", "public"))
    return found


def test_what_was_built_and_signed_passes_from_the_store_and_from_a_file(shop: Shop) -> None:
    verdict = shop.verdict(IMAGE)
    platforms = {each["platform"] for each in verdict["rules"]}
    assert platforms == {None, "linux/amd64", "linux/arm64"}
    archive = shop.folder / "static.tar"
    shop.run("copy", IMAGE, archive)
    carried = shop.verdict(archive)
    assert carried["digest"] == verdict["digest"]
    assert len(carried["rules"]) == len(verdict["rules"])


@pytest.mark.parametrize("kind", ["cyclonedx", "spdx"])
def test_an_sbom_that_omits_a_package_of_the_image(shop: Shop, kind: str) -> None:
    before = shop.said(kind)
    listed = "components" if kind == "cyclonedx" else "packages"
    kept = [each for each in before[listed] if each["name"] != "ca-certificates"]
    assert len(kept) < len(before[listed])
    try:
        shop.say(kind, {**before, listed: kept})
        failed = shop.failed(IMAGE)
    finally:
        shop.say(kind, before)
    assert list(failed) == ["sbom.matches-image"]
    assert "omits ca-certificates" in failed["sbom.matches-image"]
    shop.verdict(IMAGE)


def test_provenance_of_another_package_than_the_one_in_the_image(shop: Shop) -> None:
    before = shop.said("provenance")
    changed = json.loads(json.dumps(before))
    packages = [
        each
        for each in changed["buildDefinition"]["resolvedDependencies"]
        if each["uri"].startswith("pkg:deb/")
    ]
    packages[0]["digest"]["sha256"] = "ab" * 32
    try:
        shop.say("provenance", changed)
        failed = shop.failed(IMAGE)
    finally:
        shop.say("provenance", before)
    assert list(failed) == ["provenance.packages"]
    assert "another digest than in the SBOM" in failed["provenance.packages"]
