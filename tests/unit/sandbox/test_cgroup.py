"""Control groups, as far as folders and files of a hierarchy tell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ironhull.sandbox import cgroup
from ironhull.sandbox.cgroup import new_cgroup
from ironhull.sandbox.model import Limits


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroup, "_TOP", tmp_path)
    return tmp_path


def test_each_controller_of_version_1_has_a_folder(top: Path) -> None:
    for name in ("memory", "pids"):
        (top / name).mkdir()
    found = new_cgroup(Limits(memory=5, processes=6))
    assert found is not None
    memory, processes = found.folders
    assert (memory / "memory.limit_in_bytes").read_text() == "5"
    assert (processes / "pids.max").read_text() == "6"


def test_version_2_has_one_folder_for_what_is_enabled(top: Path) -> None:
    (top / "cgroup.controllers").touch()
    (top / "cgroup.subtree_control").write_text("pids")
    found = new_cgroup(Limits(processes=6))
    assert found is not None
    assert (found.folders[0] / "pids.max").read_text() == "6"
    assert new_cgroup(Limits(memory=5)) is None


def test_without_limits_or_a_hierarchy_there_is_no_group(top: Path) -> None:
    assert new_cgroup(Limits()) is None
    assert new_cgroup(Limits(memory=5)) is None


def test_what_a_killed_starter_left_is_removed(top: Path) -> None:
    left, young, living = (top / f"pids/ironhull-{name}-x" for name in (0, 1 << 30, os.getpid()))
    for path in (left, young, living):
        path.mkdir(parents=True)
    for path in (left, living):
        os.utime(path, (0, 0))
    assert new_cgroup(Limits(processes=6)) is not None
    assert [left.exists(), young.exists(), living.exists()] == [False, True, True]
