"""A file in TOML that is none: one error that names it, whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ironhull.cli.settings import read_settings
from ironhull.errors import InputError
from ironhull.registry.server.rules import read_rules_file
from ironhull.registry.server.users import read_rules
from ironhull.toml_file import MAX_FILE
from ironhull.watch.policy import read_policy

Reader = Callable[[Path], object]
READERS: list[Reader] = [
    read_rules,
    read_rules_file,
    read_policy,
    lambda path: read_settings({"IRONHULL_CONFIG": str(path)}),
]
DEEP = 100_000


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[gate", "not TOML: "),
        (b'name = "\xff"', "not TOML: "),
        (b"name = " + b"[" * DEEP + b"]" * DEEP, "not TOML: "),
        (b"#" * (MAX_FILE + 1), f"larger than {MAX_FILE} bytes"),
    ],
)
def test_what_is_no_toml_is_one_error_with_the_file(
    tmp_path: Path, read: Reader, data: bytes, said: str
) -> None:
    path = tmp_path / "given.toml"
    path.write_bytes(data)
    with pytest.raises(InputError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize("read", READERS[:3])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, read: Reader) -> None:
    with pytest.raises(InputError, match=rf"cannot read {tmp_path}: Is a directory"):
        read(tmp_path)
