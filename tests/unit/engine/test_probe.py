"""The program that prints a file: for images that have no program of their own."""

import subprocess
from pathlib import Path

import pytest

from ironhull.engine.probe import read_program


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "read"
    path.write_bytes(read_program())
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("size", [0, 1, 4096, 3 * 1024 * 1024 + 1])
def test_a_file_is_printed_whole(program: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"\x00ab" * (size // 3 + 1))
    made = subprocess.run([program, tmp_path / "file"], capture_output=True, check=True)
    assert made.stdout == (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("name", ["none", "."])
def test_what_cannot_be_read_ends_with_one(program: Path, tmp_path: Path, name: str) -> None:
    made = subprocess.run([program, tmp_path / name], capture_output=True, check=False)
    assert (made.returncode, made.stdout) == (1, b"")


def test_no_argument_ends_with_one(program: Path) -> None:
    assert subprocess.run([program], capture_output=True, check=False).returncode == 1
