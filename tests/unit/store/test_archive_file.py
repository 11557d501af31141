from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard
from tests.fakes.image import layer_tar, make_image

from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.media_types import OCI_LAYER_GZIP, OCI_LAYER_TAR, OCI_MANIFEST
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.export import write_docker_archive, write_oci_archive
from ironhull.store.layout import ImageLayout

Member = tuple[str, bytes] | tuple[str, bytes, bytes]


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)


@pytest.fixture
def image(layout: ImageLayout) -> Descriptor:
    return make_image(layout, [{"a": "b"}, {"c": "d" * 100_000}], names=("app:1",))


def tar_of(path: Path, members: Sequence[Member]) -> Path:
    """A tar; a member of three is (name, link target, type)."""
    with tarfile.open(path, "w") as tar:
        for member in members:
            info = tarfile.TarInfo(member[0])
            if len(member) == 3:
                info.type, info.linkname = member[2], member[1].decode()
                tar.addfile(info)
            else:
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def oci_archive(tmp_path: Path, layout: ImageLayout, image: Descriptor) -> Path:
    path = tmp_path / "bundle.tar"
    with path.open("wb") as file:
        write_oci_archive(layout, image, "host.example/app:1", file)
    return path


def test_an_oci_archive_reads_as_the_layout_it_was(
    tmp_path: Path, layout: ImageLayout, image: Descriptor
) -> None:
    with ArchiveFile(oci_archive(tmp_path, layout, image)) as archive:
        found = archive.find("host.example/app:1")
        assert found.digest == archive.find(image.digest).digest == image.digest
        for part in layout.walk(image):
            assert archive.size(part.digest) == part.size
            with archive.open(part.digest) as file:
                assert file.read() == layout.blobs.read(part.digest)
        assert archive.document(image.digest).raw == layout.blobs.read(image.digest)
        with pytest.raises(NotFoundError, match=r"it has: host\.example/app:1"):
            archive.find("other")
        with pytest.raises(NotFoundError, match="no blob"):
            archive.open(Digest("sha256:" + "0" * 64))


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_compressed_archive_reads_the_same(
    tmp_path: Path, layout: ImageLayout, image: Descriptor, compress: object
) -> None:
    path = oci_archive(tmp_path, layout, image)
    path.write_bytes(compress(path.read_bytes()))  # type: ignore[operator]
    with ArchiveFile(path) as archive:
        assert archive.find("host.example/app:1").digest == image.digest
        assert archive.document(image.digest).is_index


def test_several_gzip_members_are_one_archive(
    tmp_path: Path, layout: ImageLayout, image: Descriptor
) -> None:
    path = oci_archive(tmp_path, layout, image)
    data = path.read_bytes()
    path.write_bytes(gzip.compress(data[:5000]) + gzip.compress(data[5000:]))
    with ArchiveFile(path) as archive:
        assert archive.document(image.digest).is_index


def test_what_docker_save_writes_becomes_an_image(
    tmp_path: Path, layout: ImageLayout, image: Descriptor
) -> None:
    manifest = layout.document(image.digest).manifests[0]
    path = tmp_path / "docker.tar"
    with path.open("wb") as file:
        write_docker_archive(layout, manifest, ["app:1", "app:latest"], file)
    with ArchiveFile(path) as archive:
        found = archive.find("app:latest")
        document = archive.document(found.digest, found.media_type)
        assert found.media_type == OCI_MANIFEST
        assert document.config.digest == layout.document(manifest.digest).config.digest
        diff_ids = json.loads(archive.read(document.config.digest))["rootfs"]["diff_ids"]
        assert [layer.digest for layer in document.layers] == diff_ids
        assert {layer.media_type for layer in document.layers} == {OCI_LAYER_TAR}
        assert len(archive.descriptors()) == 2


def docker_members(layer: bytes, link: tuple[str, bytes]) -> list[Member]:
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {}}).encode()
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": ["1/layer.tar", "2/layer.tar"]}]
    return [
        ("./c.json", config),
        ("1/layer.tar", layer),
        ("2/layer.tar", link[1], link[0].encode()),
        ("manifest.json", json.dumps(manifest).encode()),
    ]


@pytest.mark.parametrize(
    "link", [("2", b"../1/layer.tar"), ("1", b"1/layer.tar")], ids=["symlink", "hard link"]
)
def test_a_layer_that_links_to_another_is_that_layer(
    tmp_path: Path, link: tuple[str, bytes]
) -> None:
    layer = gzip.compress(layer_tar({"x": "y"}))
    path = tar_of(tmp_path / "d.tar", docker_members(layer, link))
    with ArchiveFile(path) as archive:
        [found] = archive.descriptors()
        layers = archive.document(found.digest).layers
        assert layers[0] == layers[1]
        assert layers[0].digest == "sha256:" + hashlib.sha256(layer).hexdigest()
        assert layers[0].media_type == OCI_LAYER_GZIP


@pytest.mark.parametrize(
    "target", [b"../../../../etc/passwd", b"/etc/passwd", b"2/layer.tar", b"nowhere"]
)
def test_a_link_leads_nowhere_but_into_the_archive(tmp_path: Path, target: bytes) -> None:
    path = tar_of(tmp_path / "d.tar", docker_members(b"x", ("2", target)))
    with pytest.raises(MalformedError, match="not in it"):
        ArchiveFile(path)


def test_a_blob_that_is_not_what_its_name_says_is_not_read(
    tmp_path: Path, layout: ImageLayout, image: Descriptor
) -> None:
    index = {"schemaVersion": 2, "manifests": [image.json()]}
    path = tar_of(
        tmp_path / "x.tar",
        [
            ("oci-layout", b"{}"),
            ("index.json", json.dumps(index).encode()),
            (f"blobs/sha256/{hex_of(image.digest)}", b'{"manifests": []}'),
        ],
    )
    with ArchiveFile(path) as archive, pytest.raises(UntrustedError, match="not what its digest"):
        archive.document(image.digest)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "no image archive"),
        ([("README", b"hello")], "no image archive"),
        ([("index.json", b"{")], "index.json is not JSON"),
        ([("index.json", b"[]")], "not an image index"),
        ([("oci-layout", b"{}")], "not in it"),
        ([("manifest.json", b"{}")], "not a list of images"),
        ([("manifest.json", b"[{}]")], "not in it"),
        ([("manifest.json", b'[{"Config":"../c","Layers":[]}]')], "not in it"),
        ([("c", b"{}"), ("manifest.json", b'[{"Config":"c","Layers":3}]')], "no list of Layers"),
        ([("c", b"{}"), ("manifest.json", b'[{"Config":"c","Layers":[3]}]')], "not in it"),
    ],
)
def test_what_is_no_image_archive_is_refused(
    tmp_path: Path, members: list[Member], message: str
) -> None:
    with pytest.raises(MalformedError, match=message):
        ArchiveFile(tar_of(tmp_path / "x.tar", members))


@pytest.mark.parametrize("data", [b"not a tar" * 200, b"\x1f\x8bnot gzip", b"\x28\xb5\x2f\xfdno"])
def test_bytes_of_another_kind_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with pytest.raises(InputError):
        ArchiveFile(path)


def test_an_archive_that_is_cut_off_is_refused(
    tmp_path: Path, layout: ImageLayout, image: Descriptor
) -> None:
    path = oci_archive(tmp_path, layout, image)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises(MalformedError):
        ArchiveFile(path)
    path.write_bytes(gzip.compress(data)[:-100])
    with pytest.raises(MalformedError, match="damaged"):
        ArchiveFile(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"none\.tar"):
        ArchiveFile(tmp_path / "none.tar")


def test_a_part_of_the_file_is_read_as_a_file(
    tmp_path: Path, layout: ImageLayout, image: Descriptor
) -> None:
    with ArchiveFile(oci_archive(tmp_path, layout, image)) as archive:
        raw = layout.blobs.read(image.digest)
        with archive.open(image.digest) as file:
            assert file.seek(-5, 2) == len(raw) - 5
            assert file.read(100) == raw[-5:]
            assert file.seek(3) == 3
            assert file.tell() == 3
            assert file.read(4) == raw[3:7]
