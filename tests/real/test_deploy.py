"""Ironhull's own image, built by Ironhull and run by an engine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from deploy.image import write_catalog
from tests.real.conftest import ROOT

from ironhull.engine.find import EngineSettings


def test_ironhulls_own_image_is_built_and_does_its_job(
    home_with_layers: Path, podman_settings: EngineSettings, tmp_path: Path
) -> None:
    catalog = tmp_path / "own"
    write_catalog(catalog, ["linux/amd64"])
    first = (catalog / "ironhull/debian-13/code-x86_64.tar.zst").read_bytes()

    def ironhull(*words: str) -> str:
        done = subprocess.run(
            [ROOT / ".venv/bin/ironhull", *words],
            env={
                **os.environ,
                "IRONHULL_HOME": str(home_with_layers),
                "IRONHULL_CATALOG": str(catalog),
                "IRONHULL_PODMAN_ARGS": " ".join(podman_settings.podman),
            },
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    ironhull("build", "ironhull:1", "--no-attest")
    shown = json.loads(ironhull("show", "ironhull:1", "--json"))
    assert {check["name"] for check in shown["checks"] if not check["problems"]} >= {"no-shell"}
    assert shown["user"] == "65532:65532"
    found = json.loads(ironhull("test", "ironhull:1", "--engine", "podman", "--json"))
    assert len(found["tests"]) == 2
    packages = json.loads(ironhull("inventory", "ironhull:1", "--json"))["packages"]
    assert {"click", "SQLAlchemy"} <= {each["name"] for each in packages if each["type"] == "pypi"}
    # The archive depends on nothing but code and lock.
    write_catalog(catalog, ["linux/amd64"])
    assert (catalog / "ironhull/debian-13/code-x86_64.tar.zst").read_bytes() == first
