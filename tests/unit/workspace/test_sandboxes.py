"""Notes about sandboxes that run: who finds which, and which go."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ironhull.errors import InputError
from ironhull.sandbox.joining import Target, start_of
from ironhull.workspace.sandboxes import (
    is_id,
    noted,
    running_sandbox,
    running_sandboxes,
)

OURS = Target(os.getpid(), start_of(os.getpid()) or 0, 65532, 65532, (7,))


@dataclass
class Fake:
    """A container of the sandbox, as far as a note asks it."""

    id: str
    target: Target = OURS


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def test_a_sandbox_is_found_by_its_id_and_its_image_until_it_ends(tmp_path: Path) -> None:
    with noted(tmp_path / "running", "shell:latest", Fake("sandbox-1")):
        for name in ("sandbox-1", "shell:latest", "shell"):
            one = running_sandbox(tmp_path / "running", name)
            assert one is not None
            assert (str(one), one.target) == ("sandbox-1 (shell:latest)", OURS)
        assert running_sandbox(tmp_path / "running", "sandbox-12") is None
    assert list((tmp_path / "running").iterdir()) == []
    assert running_sandboxes(tmp_path / "nowhere") == []


def test_several_of_an_image_are_told_apart_by_their_ids(tmp_path: Path, stack: ExitStack) -> None:
    for name in ("sandbox-1", "sandbox-2"):
        stack.enter_context(noted(tmp_path, "shell:1", Fake(name)))
    with pytest.raises(InputError, match=r"2 sandboxes of shell:1 run.*\(sandbox-1, sandbox-2\)"):
        running_sandbox(tmp_path, "shell:1")
    one = running_sandbox(tmp_path, "sandbox-2")
    assert one is not None
    assert one.id == "sandbox-2"


def test_a_process_that_was_started_later_is_not_the_one_of_the_note(
    tmp_path: Path, stack: ExitStack
) -> None:
    killed = replace(OURS, started=OURS.started + 1)
    stack.enter_context(noted(tmp_path, "shell:1", Fake("sandbox-1", killed)))
    assert running_sandboxes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_note_of_where_processes_have_other_numbers_is_left_alone(
    tmp_path: Path, stack: ExitStack
) -> None:
    stack.enter_context(noted(tmp_path, "shell:1", Fake("sandbox-1")))
    place = tmp_path / "sandbox-1.json"
    note = json.loads(place.read_text())
    place.write_text(json.dumps({**note, "processes": 1}))
    assert running_sandboxes(tmp_path) == []
    assert place.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"image": "shell:1"}', "[" * 60000])
def test_what_is_no_note_is_no_sandbox(tmp_path: Path, text: str) -> None:
    (tmp_path / "sandbox-1.json").write_text(text)
    assert running_sandboxes(tmp_path) == []


def test_a_folder_that_takes_no_note_lets_the_sandbox_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with noted(tmp_path / "file", "shell:1", Fake("sandbox-1")):
        assert running_sandboxes(tmp_path / "file") == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sandbox-12", True), ("sandbox-12:1", False), ("sandbox-", False), ("node:20", False)],
)
def test_an_id_is_no_image(name: str, expected: bool) -> None:
    assert is_id(name) is expected
