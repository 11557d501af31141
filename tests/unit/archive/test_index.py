from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ironhull.archive.index import FORMAT, build_index, index_path, open_index
from ironhull.errors import EnvironmentProblem, MalformedError, UntrustedError
from ironhull.oci.digest import Digest, digest_of

TEXT = b"""\
Package: b
Version: 2
Provides: virtual (= 1), other,
 third

Package: a
Version: 1

Package: b
Version: 1
Provides: virtual
"""


def build(folder: Path, data: bytes, name: str = "Packages", size: int | None = None) -> Path:
    path = index_path(folder, digest_of(data))
    build_index(path, io.BytesIO(data), name, digest_of(data), size)
    return path


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        ("", bytes),
        (".xz", lzma.compress),
        (".gz", gzip.compress),
        (".xz", lambda text: lzma.compress(text[:30]) + lzma.compress(text[30:])),
        (".gz", lambda text: gzip.compress(text[:30]) + gzip.compress(text[30:])),
    ],
)
def test_an_index_answers_by_name_and_by_what_is_provided(
    tmp_path: Path, ending: str, compress: Callable[[bytes], bytes]
) -> None:
    path = build(tmp_path, compress(TEXT), f"Packages{ending}", len(TEXT))
    index = open_index(path)
    assert index is not None
    assert index.names() == ["a", "b"]
    assert index.stanzas("a") == [b"Package: a\nVersion: 1"]
    assert [raw.split(b"\n")[1] for raw in index.stanzas("b")] == [b"Version: 2", b"Version: 1"]
    assert len(index.providers("virtual")) == 2
    assert index.providers("third") == index.providers("other") == index.stanzas("b")[:1]
    assert index.stanzas("virtual") == index.providers("b") == []
    index.close()


def test_an_empty_file_has_no_packages(tmp_path: Path) -> None:
    index = open_index(build(tmp_path, lzma.compress(b""), "Packages.xz", 0))
    assert index is not None
    assert index.names() == []
    index.close()


def flip(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


@pytest.mark.parametrize(
    ("data", "digest_from", "name", "size", "fault"),
    [
        (flip(TEXT), TEXT, "Packages", None, "expected sha256:"),
        (flip(lzma.compress(TEXT)), lzma.compress(TEXT), "Packages.xz", None, "Packages.xz"),
        (lzma.compress(TEXT)[:-9], None, "Packages.xz", None, "cut off"),
        (gzip.compress(TEXT, mtime=0)[:-9], None, "Packages.gz", None, "cut off"),
        (lzma.compress(TEXT) + b"junk", None, "Packages.xz", None, "cannot be decompressed"),
        (TEXT, None, "Packages.gz", None, "cannot be decompressed"),
        (lzma.compress(TEXT), None, "Packages.xz", len(TEXT) - 1, "more than"),
        (lzma.compress(TEXT), None, "Packages.xz", len(TEXT) + 1, "bytes of text, got"),
        (lzma.compress(b"x" * (1 << 24)), None, "Packages.xz", 100, "more than"),
    ],
)
def test_a_file_that_is_not_the_right_one_makes_no_index(
    tmp_path: Path, data: bytes, digest_from: bytes | None, name: str, size: int | None, fault: str
) -> None:
    digest = digest_of(data if digest_from is None else digest_from)
    path = index_path(tmp_path, digest)
    with pytest.raises(UntrustedError, match=fault):
        build_index(path, io.BytesIO(data), name, digest, size)
    assert open_index(path) is None
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("text", [b"Version: 1\n", b"\xff\xfe", b"Package:\n"])
def test_what_has_no_packages_is_not_an_index(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(MalformedError, match="stanza 1 has no Package field"):
        build(tmp_path, text)


@pytest.mark.parametrize("damage", [b"", b"x" * 5000, None])
def test_a_damaged_index_is_taken_away(tmp_path: Path, damage: bytes | None) -> None:
    path = build(tmp_path, TEXT)
    path.write_bytes(path.read_bytes()[:-4096] if damage is None else damage)
    assert open_index(path) is None
    assert not path.exists()


def test_an_index_that_is_damaged_later_says_so(tmp_path: Path) -> None:
    path = build(tmp_path, TEXT)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:16384].ljust(size, b"\xee"))
    index = open_index(path)
    assert index is not None
    with pytest.raises(EnvironmentProblem, match="is damaged"):
        index.stanzas("a")
    index.close()


def test_another_format_has_a_place_of_its_own(tmp_path: Path) -> None:
    assert f"/v{FORMAT}/" in str(index_path(tmp_path, Digest("sha256:" + "0" * 64)))


BUILD = """
import resource, signal, sys
from io import BytesIO
from pathlib import Path
from ironhull.archive.index import build_index, index_path
from ironhull.errors import IronhullError
from ironhull.oci.digest import digest_of

data = b"".join(b"Package: p%d\\nVersion: 1\\n\\n" % n for n in range(20000))
if limit := int(sys.argv[3]):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for _ in range(int(sys.argv[2])):
    digest = digest_of(data)
    path = index_path(Path(sys.argv[1]), digest)
    try:
        build_index(path, BytesIO(data), "Packages", digest, None)
    except IronhullError as error:
        sys.exit(f"{type(error).__name__}: {error}")
print(path)
"""


def build_elsewhere(folder: Path, times: int, limit: int = 0) -> subprocess.Popen[str]:
    """A process that makes an index so many times, with a limit on the size of files."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(folder), str(times), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_make_one_index_at_once_all_succeed(tmp_path: Path) -> None:
    processes = [build_elsewhere(tmp_path, 4) for _ in range(3)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, said
    path = Path(said[0][0].strip())
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    index = open_index(path)
    assert index is not None
    assert len(index.names()) == 20_000
    index.close()


def test_a_disk_that_is_full_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    _, said = build_elsewhere(tmp_path, 1, limit=100_000).communicate(timeout=60)
    assert said.startswith("EnvironmentProblem: cannot write")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
