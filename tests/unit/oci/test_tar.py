import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.errors import MalformedError
from ironhull.oci.tar import BLOCK, TarLimits, TarReader

NAMES = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0/"), min_size=1, max_size=60
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=6).map("/".join)
MEMBERS = st.lists(
    st.tuples(PATHS, st.binary(max_size=1500), st.integers(0, 0o7777), st.integers(0, 2**33)),
    max_size=6,
)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(MEMBERS, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), st.integers(1, 3000))
def test_what_tarfile_writes_is_read_in_pieces_of_any_size(
    members: list[tuple[str, bytes, int, int]], form: int, size: int
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content, mode, uid in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(content), mode, uid
            archive.addfile(info, io.BytesIO(content))
    reader = TarReader(cut(buffer.getvalue(), size), "test")
    found = []
    for member in reader:
        head = reader.head(7)
        content = b"".join(reader.content())
        assert content.startswith(head)
        found.append((member.name, content, member.mode, member.uid))
    reader.drain()
    assert found == members


def archive(*infos: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for info, content in infos:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def info(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def test_content_that_nobody_reads_is_skipped() -> None:
    data = archive((info("a"), b"x" * 5000), (info("b"), b"y" * 700), (info("c"), b"z"))
    reader = TarReader(cut(data, 777), "test")
    names = []
    for member in reader:
        names.append(member.name)
        if member.name == "b":
            assert reader.read(10) is None
            assert reader.head(2) == b"yy"
            assert reader.read(700) == b"y" * 700
    assert names == ["a", "b", "c"]


def test_extended_attributes_and_long_links_are_read() -> None:
    attributes = {"SCHILY.xattr.user.x": "value"}
    link = info("l", type=tarfile.SYMTYPE, linkname="t" * 300)
    data = archive((info("f", pax_headers=attributes), b""), (link, b""))
    file, symlink = TarReader([data], "test")
    assert file.xattrs == {"user.x": b"value"}
    assert symlink.link == "t" * 300


def test_a_sparse_file_says_its_real_size_and_that_it_is_sparse() -> None:
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "real",
        "GNU.sparse.realsize": "1000000",
    }
    [member] = TarReader([archive((info("x", pax_headers=headers), b"0\n".ljust(512)))], "test")
    assert (member.name, member.size, member.sparse) == ("real", 1_000_000, True)


def test_a_global_header_changes_nothing_as_with_engines() -> None:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "evil"}
    ) as tar:
        tar.addfile(info("good"), io.BytesIO())
    assert [member.name for member in TarReader([buffer.getvalue()], "test")] == ["good"]


def test_numbers_beyond_octal_are_read() -> None:
    data = archive((info("x", uid=2**40, mtime=2**35), b""), form=tarfile.GNU_FORMAT)
    [member] = TarReader([data], "test")
    assert (member.uid, member.mtime) == (2**40, 2**35)


GOOD = archive((info("a"), b"x" * 600), (info("b"), b"y"))


@pytest.mark.parametrize("size", [1, 511, 513, 1000, 1100, 1600])
def test_an_archive_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(MalformedError, match="test: tar at byte"):
        list(TarReader([GOOD[:size]], "test"))


def test_an_archive_without_its_last_zeros_is_complete() -> None:
    assert len(list(TarReader([GOOD[: 5 * BLOCK]], "test"))) == 2


def test_a_changed_header_is_refused() -> None:
    damaged = bytearray(GOOD)
    damaged[3] ^= 1
    with pytest.raises(MalformedError, match="checksum"):
        list(TarReader([bytes(damaged)], "test"))


def header(**fields: bytes) -> bytes:
    """A header with raw fields and a checksum that holds."""
    block = bytearray(BLOCK)
    places = {"name": 0, "mode": 100, "uid": 108, "size": 124, "kind": 156, "magic": 257}
    for key, value in {"name": b"x", "kind": b"0", "magic": b"ustar\x0000", **fields}.items():
        block[places[key] : places[key] + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (header(size=b"\x80" + b"\xff" * 11), "bytes"),
        (header(size=b"\xff" * 12), "bytes"),
        (header(size=b"zzz"), "octal"),
        (header(kind=b"L", size=b"%011o" % (1 << 20)), "long name"),
        (header(kind=b"x", size=b"%011o" % (2 << 20)), "extended header"),
        (header(kind=b"x", size=b"%011o" % 5) + b"hello".ljust(512, b"\0") + header(), "length"),
        (header(kind=b"x", size=b"%011o" % 9) + b"99 a=bcde".ljust(512, b"\0"), "length"),
        # The second record has no length: the first must not be read again, for ever.
        (header(kind=b"x", size=b"%011o" % 9) + b"6 a=b\nabc".ljust(512, b"\0"), "length"),
        (header(kind=b"x", size=b"%011o" % 9) + b"6 a=b\n0 c".ljust(512, b"\0"), "length"),
        (
            header(kind=b"x", size=b"%011o" % 12) + b"12 size=-10\n".ljust(512, b"\0") + header(),
            "size",
        ),
        (header(kind=b"g", size=b"%011o" % 0) * 20, "headers"),
        (header(kind=b"L", size=b"%011o" % 1) + b"n".ljust(512, b"\0") + bytes(1024), "no member"),
        (bytes(512) + header(), "zeros"),
    ],
)
def test_headers_that_lie_are_refused(data: bytes, what: str) -> None:
    with pytest.raises(MalformedError, match=what):
        list(TarReader([data + bytes(4096)], "test"))


def test_a_million_members_end_at_the_limit() -> None:
    def members() -> object:
        block = header()
        while True:
            yield block * 100

    with pytest.raises(MalformedError, match="more than 1000 members"):
        list(TarReader(members(), "test", TarLimits(members=1000)))  # type: ignore[arg-type]


def test_a_link_has_no_content_whatever_its_size_says() -> None:
    data = header(kind=b"1", size=b"%011o" % 512) + header(name=b"next") + bytes(1024)
    assert [member.name for member in TarReader([data], "test")] == ["x", "next"]


@given(st.binary(max_size=2048))
def test_garbage_is_refused_or_read_and_never_breaks_anything(data: bytes) -> None:
    with suppress(MalformedError):
        assert not any(member.size > len(data) for member in TarReader([data], "test"))
