"""What no test of an image opens: its tests run in the sandbox, under the eyes of the kernel."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ironhull.build.assemble import DEFAULT_PATH
from ironhull.build.origins import read_origins
from ironhull.build.profile import PackageProfile, profile
from ironhull.build.testing import TestReport, run_tests
from ironhull.engine.watched import WatchedSandbox
from ironhull.errors import CheckFailedError, InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout
from ironhull.store.trees import remove_tree
from ironhull.values import dataclass
from ironhull.workspace.bubblewrap import bubblewrap
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.engines import host_of
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class ProfiledTests:
    """The tests, all of which passed, and what of its packages the image did not open in them."""

    report: TestReport
    packages: tuple[PackageProfile, ...]
    """A proposal: what programs only look for, or open on another day, is among it."""


def profile_tests(machine: Machine, image: str) -> ProfiledTests:
    """Run an image's tests in the sandbox, and see which files of its packages nobody opens.

    CheckFailedError if a test fails: what the others opened says too little. InputError if it has
    no tests, or was not built here. EnvironmentProblem if the kernel does not tell what is opened.
    """
    layout = machine.home.store
    descriptor = stored(layout, image)
    manifest = choose_manifest(layout, descriptor)
    definition, _ = Definitions(machine).definition(image)
    if not definition.tests:
        raise InputError(f"{image}: its definition has no tests, so nothing says what it needs")
    origins = read_origins(machine.home, manifest.digest)
    if origins is None:
        raise InputError(
            f"{image}: what brought its files is not known here (build it once more: "
            f"ironhull build {image})"
        )
    temporary = machine.home.cache / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="profile-", dir=temporary) as folder:
        try:
            with WatchedSandbox(lambda: bubblewrap(machine), Path(folder)) as engine:
                with host_of(machine, definition) as host:
                    report = run_tests(
                        engine, layout, descriptor, definition, host, machine.progress
                    )
                root = engine.tree(layout, manifest)
            failed = [one for one in report.outcomes if not one.passed]
            if failed:
                raise CheckFailedError(
                    f"{image}: {failed[0].name}: {failed[0].reason}: a profile is made of tests "
                    "that pass"
                )
            opened, unwatched = engine.opened(), engine.unwatched()
            start = _start(layout, manifest)
            return ProfiledTests(report, profile(root, origins, opened, unwatched, *start))
        finally:
            remove_tree(Path(folder))


def _start(layout: ImageLayout, manifest: Descriptor) -> tuple[list[str], str]:
    """The programs that an image starts, and the PATH that they are found by."""
    document = layout.document(manifest.digest, manifest.media_type)
    config = layout.document(document.config.digest).value.get("config") or {}
    words = [config.get("Entrypoint"), config.get("Cmd")]
    said = dict(line.partition("=")[::2] for line in config.get("Env") or ())
    command = [one[0] for one in words if isinstance(one, list) and one]
    return command, said.get("PATH", DEFAULT_PATH)
