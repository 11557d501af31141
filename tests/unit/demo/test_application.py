"""The application of the case study as it lies in the tree."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "examples" / "node-app"

WRITTEN = {
    "Dockerfile.standard": "b9b8299e8af4297d22ef61cf37f38abc4e25dfb3c19edf09e6503a91db871502",
    "Dockerfile.hardened": "d19aa3f67650f06fb01b4e9061ed49755092bf85326b77b59896bae37b783d09",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_user_s_dockerfiles_are_as_they_were_written(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == WRITTEN[name]


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert len(packages) > 60
    assert all("resolved" not in package for package in packages.values())
    assert all(package.get("integrity") for path, package in packages.items() if path)


def test_versions_are_pinned_and_some_are_for_development_only() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    wanted = package["dependencies"] | package["devDependencies"]
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert 10 < sum(entry.get("dev", False) for entry in locked.values()) < len(locked)
