"""Images that an engine saves: what is asked of it when its first form cannot hold the image."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ironhull.errors import EngineError, InputError, NotFoundError
from ironhull.inventory.sources.engine import open_engine_image

PODMAN = """
import sys
words = sys.argv[1:]
with open({log!r}, "a") as file:
    file.write(" ".join(words) + "\\n")
if "--format" not in words:
    sys.exit({said!r})
sys.stdout.write("not an archive")
"""
ZSTD = "Error: zstd compression is not supported for docker images"


def engine(tmp_path: Path, said: str) -> tuple[list[str], Path]:
    """A program that refuses docker's form with these words, and what it was asked."""
    program, log = tmp_path / "podman.py", tmp_path / "log"
    program.write_text(PODMAN.format(log=str(log), said=said))
    return [sys.executable, str(program)], log


def test_layers_that_dockers_form_cannot_hold_are_saved_in_ocis(tmp_path: Path) -> None:
    command, log = engine(tmp_path, ZSTD)
    with pytest.raises(InputError), open_engine_image(command, "a:1", "x", None):
        pass
    assert log.read_text().splitlines() == ["save a:1", "save --format oci-archive a:1"]


@pytest.mark.parametrize(
    ("said", "error"), [("no such image", NotFoundError), ("disk is full", EngineError)]
)
def test_all_else_that_fails_is_said_at_once(
    tmp_path: Path, said: str, error: type[Exception]
) -> None:
    command, log = engine(tmp_path, said)
    with pytest.raises(error, match=said), open_engine_image(command, "a:1", "x", None):
        pass
    assert log.read_text().splitlines() == ["save a:1"]
