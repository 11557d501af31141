"""cosign's older signatures, which lie under tags, come along with a copy: cosign verifies it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.fakes.image import make_image
from tests.fakes.running_server import serving
from tests.real.tools import tool

from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.store.home import Home
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import copy

pytestmark = pytest.mark.real
OLDER = ("--new-bundle-format=false", "--key")


def cosign(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [tool("cosign"), *words],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={"COSIGN_PASSWORD": "", "HOME": str(folder), "PATH": os.defpath},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_copy_in_another_registry_is_verified_as_its_original_was(tmp_path: Path) -> None:
    cosign(tmp_path, "generate-key-pair")
    there, away = Home(tmp_path / "there"), tmp_path / "away"
    image = make_image(there.store, [{"etc/motd": "hello\n"}], names=["app:1"])
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    with serving(there.store.root) as source, serving(away) as target:
        ours = f"{source.host}/app@{image.digest}"
        signing = (*OLDER, "cosign.key", "--tlog-upload=false", "--use-signing-config=false")
        cosign(tmp_path, "sign", "--yes", "--allow-http-registry", *signing, ours)
        copied = copy(machine, f"{source.host}/app:1", f"{target.host}/far/app:1")
        assert copied.done.referrers == 1
        verifying = (*OLDER, "cosign.pub", "--insecure-ignore-tlog", "--allow-http-registry")
        said = cosign(tmp_path, "verify", *verifying, f"{target.host}/far/app@{image.digest}")
    assert json.loads(said)[0]["critical"]["image"]["docker-manifest-digest"] == image.digest
