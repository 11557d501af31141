"""A build stage locked to a frozen archive, and Debian's own apt in a container that uses it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.fakes.running_server import serving

from ironhull.engine.find import EngineSettings
from ironhull.engine.interface import Engine, RunOptions, RunResult

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/debian-base:13-dev"
DOCKERFILE = """FROM debian:trixie-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends patch
FROM debian:trixie-slim
COPY --from=build /usr/bin/patch /usr/bin/patch
CMD ["patch", "--version"]
"""


def test_apt_installs_the_locked_versions_from_the_frozen_archive_and_nothing_else(
    catalog: Path, podman_settings: EngineSettings, podman: Engine, tmp_path: Path
) -> None:
    own = {
        "IRONHULL_HOME": str(catalog / "home"),
        "IRONHULL_CATALOG": str(catalog / "images"),
        "IRONHULL_PODMAN_ARGS": " ".join(podman_settings.podman),
    }

    def ironhull(*words: str | Path) -> str:
        done = subprocess.run(
            [ROOT / ".venv/bin/ironhull", *words],
            env={**os.environ, **own}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    ironhull("load", "debian-base:13-dev", "--engine", "podman", "--as", IMAGE)
    with serving(catalog / "home/store") as server:
        text = ironhull("migrate", tmp_path / "Dockerfile", "--lock", server.url)
        stage = text.partition("\nFROM ")[0].replace("\\\n", "")
        address = re.search(r"^ARG IRONHULL_APT=(\S+)$", stage, re.MULTILINE)
        version = re.search(r" patch=(\S+)", stage)
        assert address is not None
        assert version is not None
        steps = re.findall(r"^RUN (.+)$", stage, re.MULTILINE)

        def run(*commands: str) -> RunResult:
            options = RunOptions(
                entrypoint=("/bin/sh", "-ec", "\n".join(commands)),
                environment={"IRONHULL_APT": address[1]},
                network="host",
            )
            return podman.run(IMAGE, options, timeout=300)

        done = run(*steps, "dpkg-query -W patch", "patch --version")
        assert done.exit_code == 0, done.stdout + done.stderr
        assert f"patch\t{version[1]}" in done.stdout
        # What was not locked is in the index, and not to be had.
        other = run(*steps, "apt-get install -y --no-install-recommends ed")
        assert other.exit_code == 100
        assert "404" in other.stdout + other.stderr
        # Whoever changes an index breaks the archive's signature.
        frozen = catalog / "home/store/apt" / address[1].rpartition("/")[2]
        for path in [*frozen.rglob("Packages.xz"), *frozen.rglob("by-hash/SHA256/*")]:
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        forged = run(*steps)
        assert forged.exit_code == 100, forged.stdout
        assert re.search("Hash Sum mismatch|unexpected size", forged.stdout + forged.stderr)
