"""Which process may be joined, before anything is started there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ironhull.errors import EngineError
from ironhull.sandbox.bubblewrap import Bubblewrap, joining_arguments
from ironhull.sandbox.joining import Target, join, start_of
from ironhull.sandbox.launcher import BEGAN, waiting
from ironhull.sandbox.model import Bind, Wish

NONE = Bubblewrap(("/nowhere/bwrap",), "0.11.0", "nowhere")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("proc", "dev", "tmp"):
        (tmp_path / "root" / name).mkdir(parents=True)
    return tmp_path / "root"


def _target(pid: int, started: int | None) -> Target:
    return Target(pid, started or 0, 65532, 65532, ())


def test_a_process_lives_until_it_ends_though_nobody_asked_how() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        target = _target(process.pid, start_of(process.pid))
        assert target.alive
        process.kill()
        end = time.monotonic() + 60
        while target.alive and time.monotonic() < end:
            time.sleep(0.01)
        # It is not waited for yet, so that its number is still there.
        assert Path(f"/proc/{process.pid}").exists()
        assert not target.alive


def test_another_process_with_the_same_number_is_not_the_target() -> None:
    assert not _target(os.getpid(), (start_of(os.getpid()) or 0) + 1).alive


@pytest.mark.parametrize("later", [0, 1], ids=["of the host", "ended"])
def test_what_is_no_sandbox_is_not_joined_and_nothing_is_left(
    root: Path, tmp_path: Path, later: int
) -> None:
    target = _target(os.getpid(), (start_of(os.getpid()) or 0) + later)
    folder = tmp_path / "folder"
    folder.mkdir()
    wish = Wish(root, ("true",))
    with pytest.raises(EngineError, match="sandbox"), join(NONE, wish, target, "/target", folder):
        pass
    assert list(folder.iterdir()) == []


def test_in_a_sandbox_that_runs_only_mounts_are_new(root: Path) -> None:
    wish = Wish(root, ("true",), binds=(Bind(root / "tmp", "/target"),))
    told = " ".join(joining_arguments(wish, {"info": 3, "pid": 4, "user": 5, "seccomp": 6}))
    assert "--unshare" not in told
    assert "--cap-add" not in told
    assert "--cap-drop ALL --pidns 4 --info-fd 3 --userns2 5 --seccomp 6 " in told
    assert f"--ro-bind {root}/tmp /target" in told
    assert "--userns2" not in joining_arguments(wish, {"info": 3, "pid": 4})


def test_what_holds_the_place_says_that_it_is_there_and_waits(tmp_path: Path) -> None:
    program = tmp_path / "waiting"
    program.write_bytes(waiting(1))
    program.chmod(0o755)
    with subprocess.Popen([program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(len(BEGAN)) == BEGAN
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        process.kill()
        assert process.wait(60) == -9
