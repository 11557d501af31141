"""Applications of `examples/` and their migrated forms, built and run: one by podman, the larger
ones in the sandbox, which need not unpack images of hundreds of megabytes first.

The conventional images cannot be had here: ours stand in for them. An answer holds as long as the
images, the application, the migrated file and all of ours that proves are the same.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from outside.kept import kept
from outside.tools import versions
from tests.fakes.examples import EXAMPLES, Example

from ironhull.engine.find import EngineSettings
from ironhull.store.home import Home

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/ironhull"
PROVING = tuple(
    SOURCE / room for room in ("engine", "sandbox", "migrate/building", "migrate/proof", "build")
)
"""What builds, runs, looks into and judges both."""
SMALLEST = "nginx-site"


def environment(catalog: Path, podman_settings: EngineSettings) -> dict[str, str]:
    return {
        **os.environ,
        "IRONHULL_HOME": str(catalog / "home"),
        "IRONHULL_CATALOG": str(catalog / "images"),
        "IRONHULL_PODMAN_ARGS": " ".join(podman_settings.podman),
    }


@pytest.mark.parametrize(
    "example", [one for one in EXAMPLES if one.proved], ids=lambda one: one.name
)
def test_the_migrated_application_does_what_the_conventional_one_does(
    catalog: Path,
    podman_settings: EngineSettings,
    example: Example,
) -> None:
    engine = "podman" if example.name == SMALLEST else "sandbox"

    def proof() -> bytes:
        options = [word for one in example.requests for word in ("--request", one)]
        options += [word for one in example.runs for word in ("--run", one)]
        done = subprocess.run(
            [ROOT / ".venv/bin/ironhull", "migrate", example.path, "--prove", "--own", "--json",
             "--engine", engine, *options],
            env=environment(catalog, podman_settings), capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr[-3000:].decode()
        assert done.stdout, done.stderr[-3000:].decode()
        return done.stdout

    store = Home(catalog / "home").store
    digests = [store.find(name).digest for name in example.images]
    asked = [engine, versions()["podman"], *digests, *example.requests, *example.runs]
    value = json.loads(kept([*asked, example.path.parent, *PROVING], proof))
    assert value["migration"]["text"] == example.migrated.read_text()
    unexpected = {
        aspect["title"]: aspect
        for aspect in value["proof"]["aspects"]
        if aspect["verdict"] in ("unexpected differences", "not tested")
    }
    assert unexpected == {}
    assert _compared(value), "answers or output were compared"
    bases = [base for side in value["proof"]["images"] for base in side["bases"]]
    assert {base["stored"] for base in bases} == set(example.images)


def _compared(value: dict[str, Any]) -> list[str]:
    aspects = value["proof"]["aspects"]
    return [one["title"] for one in aspects if one["id"] in ("answer", "command")]


def test_an_interrupted_proof_leaves_no_container_and_no_image(
    catalog: Path, podman_settings: EngineSettings
) -> None:
    """SIGTERM in the middle of the build of the first image."""
    program = ["podman", *podman_settings.podman]

    def left() -> set[str]:
        said = subprocess.run(
            [*program, "ps", "-a", "--external", "-q"], capture_output=True, text=True, check=True
        )
        images = subprocess.run(
            [*program, "images", "-a", "-q"], capture_output=True, text=True, check=True
        )
        return {*said.stdout.split(), *images.stdout.split()}

    before = left()
    example = next(one for one in EXAMPLES if one.name == SMALLEST)
    running = subprocess.Popen(
        [ROOT / ".venv/bin/ironhull", "migrate", example.path, "--prove", "--own",
         "--engine", "podman"],
        env=environment(catalog, podman_settings), stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert running.stderr is not None
    for line in running.stderr:
        if "building" in line:
            break
    running.terminate()
    running.communicate(timeout=120)
    assert running.returncode != 0
    assert left() == before
