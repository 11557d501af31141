import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK, TarReader
from ironhull.oci.tar_writer import TarHeader, TarWriter, header_bytes

names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/\n", exclude_categories=("Cs",)),
    min_size=1,
    max_size=90,
).filter(lambda name: name not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=6).map("/".join)


def written(*members: tuple[TarHeader, bytes]) -> bytes:
    buffer = io.BytesIO()
    writer = TarWriter(buffer.write)
    for member, data in members:
        writer.add(member, data)
    writer.end()
    return buffer.getvalue()


@given(
    paths,
    st.integers(0, 0o7777),
    st.integers(0, 2**32 - 2),
    st.integers(0, 2**40),
    st.binary(max_size=2000),
)
def test_python_reads_back_every_file_that_is_written(path, mode, uid, mtime, data):
    member = TarHeader(path, FILE, mode, uid, uid, len(data), mtime)
    with tarfile.open(fileobj=io.BytesIO(written((member, data)))) as tar:
        (info,) = tar.getmembers()
        assert (info.name, info.mode, info.uid, info.gid) == (path, mode, uid, uid)
        assert (info.mtime, info.size) == (mtime, len(data))
        assert tar.extractfile(info).read() == data
        assert (info.uname, info.gname) == ("", "")


@given(paths, paths)
def test_our_reader_reads_back_what_is_written(path, target):
    members = [
        (TarHeader(path, DIRECTORY, 0o755), b""),
        (TarHeader(f"{path}/x", SYMLINK, 0o777, link=target), b""),
        (TarHeader("f", FILE, 0o755, size=3, xattrs={"security.capability": b"\1\0=\n"}), b"abc"),
    ]
    reader = TarReader(iter([written(*members)]), "test")
    found = [(m.name.rstrip("/"), m.kind, m.link, m.xattrs or {}) for m in reader]
    assert found == [(h.name, h.kind, h.link, h.xattrs) for h, _ in members]


def test_the_same_member_gives_the_same_bytes_and_ustar_suffices_for_plain_names():
    member = TarHeader("usr/bin/node", FILE, 0o755, size=1)
    assert header_bytes(member) == header_bytes(member)
    assert len(header_bytes(member)) == 512


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 255, 256, 300])
def test_names_of_every_length_survive(length):
    path = ("d" * 60 + "/") * (length // 61) + "x" * (length % 61 or 1)
    with tarfile.open(fileobj=io.BytesIO(written((TarHeader(path, FILE, 0o644), b"")))) as tar:
        assert tar.getnames() == [path]
