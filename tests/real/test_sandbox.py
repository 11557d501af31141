"""The sandbox for real: bubblewrap from the signed archive, and steps that want more than they may."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ironhull.cli.machine import silent
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.model import Bind, Ended, Limits, Network, Root, Tmpfs, Wish
from ironhull.sandbox.running import run
from ironhull.store.layout import ImageLayout
from ironhull.store.rootfs import write_rootfs
from ironhull.workspace.bubblewrap import bubblewrap

Shell = Callable[..., Ended]


@pytest.fixture(scope="session")
def archives_bubblewrap(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    """bubblewrap from the archive, in a home that never had it."""
    home = tmp_path_factory.mktemp("home")
    found = bubblewrap(silent(home=home), own=False)
    assert str(home) in found.program[0]
    return found


@pytest.fixture(scope="session")
def root(shell_layout: ImageLayout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image `shell:1` unpacked, in a folder that every user reaches."""
    folder = tmp_path_factory.mktemp("root") / "root"
    write_rootfs(shell_layout, shell_layout.find("shell:1"), folder)
    for name in ("proc", "dev"):
        (folder / name).mkdir()
    return folder


@pytest.fixture
def shell(archives_bubblewrap: Bubblewrap, root: Path) -> Shell:
    """Runs a line of shell in the sandbox, as user 65532 of the image unless told otherwise."""
    plain = Wish(
        root, (), {"PATH": "/bin"}, uid=65532, gid=65532, limits=Limits(seconds=120)
    )

    def call(line: str, **fields: object) -> Ended:
        return run(
            archives_bubblewrap,
            replace(plain, argv=("sh", "-c", line), **fields),  # type: ignore[arg-type]
        )

    return call


def test_bubblewrap_comes_verified_from_the_archive_and_is_found_again_offline(
    archives_bubblewrap: Bubblewrap,
) -> None:
    home = Path(archives_bubblewrap.program[0]).parents[5]
    assert archives_bubblewrap.origin.startswith("bubblewrap 0.")
    again = bubblewrap(silent(home=home, offline=True), own=False)
    assert again == archives_bubblewrap


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("echo x > /x", "Read-only file system"),
        ("echo x > /bin/sh", "Read-only file system"),
        ("mount -t tmpfs none /tmp", "ermission denied|not permitted|must be|are you root"),
        ("echo 1 > /proc/sys/kernel/panic", "Read-only file system|Permission denied"),
        ("cat /proc/kcore", "Permission denied"),
        ("chroot /tmp", "not permitted"),
        ("kill -9 1; kill -0 2", "No such process"),
        ("wget -q -O- http://127.0.0.1:1/", "refused"),
        ("wget -q -T 5 -O- http://192.0.2.1/", "unreachable"),
        ("cat /tmp/../../../../../etc/shadow", "No such file"),
    ],
)
def test_a_step_that_reaches_outside_is_held(shell: Shell, step: str, said: str) -> None:
    ended = shell(f"({step}) 2>&1; echo over")
    import re

    assert re.search(said, ended.stdout.decode()), ended
    assert ended.exit_code == 0
