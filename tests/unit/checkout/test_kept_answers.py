"""An answer of another program is asked for again when anything that it was asked of changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from outside import kept as module
from outside.kept import KEPT_DAYS, kept

Asked = list[str | bytes | Path]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Asked], int]:
    """Asks of these parts; how often an answer was given so far."""
    monkeypatch.setattr(module, "ANSWERS", tmp_path / "answers")
    given: list[bytes] = []

    def asked(parts: Asked) -> int:
        def answer() -> bytes:
            given.append(b"%d" % len(given))
            return given[-1]

        assert kept(parts, answer) in given
        return len(given)

    return asked


def test_the_same_question_is_asked_once(ask: Callable[[Asked], int], tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/status").write_text("a")
    assert [ask(["trivy 1", tmp_path / "root"]) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("change", ["content", "name", "program", "one file more", "parts"])
def test_a_changed_question_is_asked_again(
    ask: Callable[[Asked], int], tmp_path: Path, change: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "status").write_text("a")
    before: Asked = ["trivy 1", "x", root]
    after = before
    assert ask(before) == 1
    match change:
        case "content":
            (root / "status").write_text("b")
        case "name":
            (root / "status").rename(root / "other")
        case "one file more":
            (root / "more").touch()
        case "program":
            after = ["trivy 2", "x", root]
        case "parts":
            after = ["trivy 1x", "", root]
    assert ask(after) == 2


def test_what_nobody_asked_for_a_week_goes(ask: Callable[[Asked], int], tmp_path: Path) -> None:
    ask(["old"])
    (old,) = (tmp_path / "answers").iterdir()
    os.utime(old, (0, time.time() - KEPT_DAYS * 86_400 - 60))
    ask(["new"])
    assert not old.exists()


def test_no_answer_is_kept_of_a_program_that_fails(
    ask: Callable[[Asked], int], tmp_path: Path
) -> None:
    def fails() -> bytes:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        kept(["x"], fails)
    assert ask(["x"]) == 1
