import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.mirror import TODAY, FakeSource, archive_key, make_repository

from ironhull.archive.fetch import MirrorSource
from ironhull.archive.interface import Repository
from ironhull.archive.releases import ArchiveContext, load_releases
from ironhull.archive.source_tar import write_sources
from ironhull.archive.sources import SourceArchive, open_sources, source_stanza
from ironhull.errors import EnvironmentProblem, MalformedError, NotFoundError, UntrustedError
from ironhull.progress import Silent
from ironhull.store.blobs import BlobStore

ZLIB = FakeSource(
    "zlib",
    "1:1.3-1",
    {"zlib_1.3-1.dsc": b"dsc", "zlib_1.3.orig.tar.gz": b"upstream" * 100, "z.debian.tar.xz": b"d"},
)
OLD = FakeSource("zlib", "1:1.2-9", {"zlib_1.2-9.dsc": b"old dsc"})
EMPTY = FakeSource("netbase", "6.5", {"netbase_6.5.dsc": b"", "netbase_6.5.tar.xz": b"n"})


def sources(tmp_path: Path) -> tuple[SourceArchive, Repository]:
    root = make_repository(tmp_path / "mirror", [], sources=[OLD, ZLIB, EMPTY])
    repository = Repository(
        "debian", root.as_uri(), ("trixie",), keyrings=(archive_key().certificate,)
    )
    context = ArchiveContext(tmp_path / "cache", clock=lambda: TODAY)
    return open_sources(load_releases([repository], context), context), repository


def test_a_version_is_found_with_all_its_files_and_digests(tmp_path):
    archive, _ = sources(tmp_path)
    found = archive.find("zlib", "1:1.3-1")
    assert found is not None
    assert {file.path.removeprefix("pool/main/z/zlib/") for file in found.files} == set(ZLIB.files)
    for file in found.files:
        data = ZLIB.files[file.file_name]
        assert (file.sha256, file.size) == (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
    assert archive.find("zlib", "1:1.3-2") is None
    assert archive.find("nothing", "1") is None
    older = archive.find("zlib", "1:1.2-9")
    assert older is not None
    assert len(older.files) == 1


def test_a_suite_without_sources_has_none(tmp_path):
    root = make_repository(tmp_path / "mirror", [])
    repository = Repository("d", root.as_uri(), ("trixie",), keyrings=(archive_key().certificate,))
    context = ArchiveContext(tmp_path / "cache", clock=lambda: TODAY)
    assert open_sources(load_releases([repository], context), context).find("zlib", "1") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Package: zlib", "Package: ../zlib"),
        ("Version: 1:1.3-1", "Version: 1/2"),
        ("Directory: pool", "Directory: ../pool"),
        ("Directory: pool", "Directory: /pool"),
        ("zlib_1.3-1.dsc", "a/b.dsc"),
        ("zlib_1.3-1.dsc", "zlib_1.3-1.txt"),
        ("z.debian.tar.xz", "zlib_1.3-1.dsc"),
        ("z.debian.tar.xz", "second.dsc"),
        ("Checksums-Sha256", "Checksums-Sha1"),
        (" 3 zlib", " -3 zlib"),
    ],
)
def test_a_stanza_that_is_none_or_leads_elsewhere_is_refused(old, new):
    text = ZLIB.stanza()
    assert old in text
    with pytest.raises(MalformedError):
        source_stanza(text.replace(old, new).encode(), "debian")


def fetched(tmp_path: Path) -> tuple[list, BlobStore]:
    archive, repository = sources(tmp_path)
    packages = [archive.find("zlib", "1:1.3-1"), archive.find("netbase", "6.5")]
    store = BlobStore(tmp_path / "store")
    MirrorSource([repository], store).fetch([f for p in packages for f in p.files], Silent())
    return packages, store


def written(packages, store, **binaries) -> bytes:
    out = io.BytesIO()
    size = write_sources(packages, binaries.get("of", {}), 1_700_000_000, store, out.write)
    assert size == len(out.getvalue())
    return out.getvalue()


def test_the_tar_has_every_file_as_the_archive_has_it_and_is_the_same_again(tmp_path):
    packages, store = fetched(tmp_path)
    data = written(packages, store, of={("zlib", "1:1.3-1"): ["zlib1g 1:1.3-1 amd64"]})
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        held = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
        assert {member.mtime for member in tar.getmembers()} == {1_700_000_000}
    listed = json.loads(held.pop("sources.json"))["sources"]
    assert held == {
        f"{source.name}_{source.version}/{name}": content
        for source in (ZLIB, EMPTY)
        for name, content in source.files.items()
    }
    assert [(item["name"], item["binaries"]) for item in listed] == [
        ("netbase", []),
        ("zlib", ["zlib1g 1:1.3-1 amd64"]),
    ]
    again = written(packages[::-1], store, of={("zlib", "1:1.3-1"): ["zlib1g 1:1.3-1 amd64"]})
    assert again == data


def test_a_file_that_was_damaged_in_the_store_is_not_written_as_if_it_were_right(tmp_path):
    packages, store = fetched(tmp_path)
    store.path(packages[0].files[0].sha256).write_bytes(b"x")
    with pytest.raises(UntrustedError, match="damaged"):
        written(packages, store)
    store.remove(packages[0].files[0].sha256)
    with pytest.raises(EnvironmentProblem, match="has gone"):
        written(packages, store)


def test_wrong_bytes_of_a_mirror_reach_no_archive(tmp_path):
    archive, repository = sources(tmp_path)
    found = archive.find("zlib", "1:1.3-1")
    assert found is not None
    (tmp_path / "mirror/pool/main/z/zlib/zlib_1.3.orig.tar.gz").write_bytes(b"upstreaX" * 100)
    with pytest.raises(UntrustedError, match=r"zlib_1\.3\.orig"):
        MirrorSource([repository], BlobStore(tmp_path / "s")).fetch(found.files, Silent())
    lost = [replace(file, path=f"{file.path}.gone") for file in found.files]
    with pytest.raises(NotFoundError, match="3 locked packages"):
        MirrorSource([repository], BlobStore(tmp_path / "s2")).fetch(lost, Silent())
