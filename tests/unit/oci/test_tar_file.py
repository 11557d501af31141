"""A tar that lies in a file."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from ironhull.errors import MalformedError
from ironhull.oci.tar import TarReader
from ironhull.oci.tar_file import headers_of

SIZES = {"a": 10, "large": 1 << 20, "b/" + "long" * 40: 70_000, "none": 0, "last": 3 << 20}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, size in SIZES.items():
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
    return path


def test_contents_are_passed_over_and_members_are_those_of_the_whole_file(path: Path) -> None:
    with path.open("rb") as file:
        whole = TarReader(iter([file.read()]), "x")
        expected = [(member, whole.position) for member in whole]
    with path.open("rb") as file:
        reader = headers_of(file, "x")
        assert [(member, reader.position) for member in reader] == expected


def test_a_content_that_is_wanted_is_there(path: Path) -> None:
    with path.open("rb") as file:
        reader = headers_of(file, "x")
        found = {member.name: len(reader.read(1 << 30) or b"") for member in reader}
    assert found == SIZES


@pytest.mark.parametrize("lost", [1 << 20, (3 << 20) + 10_000])
def test_an_archive_that_is_cut_off_is_called_so(path: Path, lost: int) -> None:
    data = path.read_bytes()[:-lost]
    path.write_bytes(data)
    with pytest.raises(MalformedError) as whole:
        list(TarReader(iter([data]), "x"))
    with path.open("rb") as file, pytest.raises(MalformedError, match="cut off") as seeking:
        list(headers_of(file, "x"))
    assert str(seeking.value) == str(whole.value)
