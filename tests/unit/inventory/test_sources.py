"""Images as odd builders write them, and root file systems as archives."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.fakes.image import Files, Hardlink, Symlink, layer_tar, make_image, make_manifest

from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.inventory.take import Taker
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_INDEX
from ironhull.oci.platform import Platform
from ironhull.store.home import Home
from ironhull.store.layers import open_layer
from ironhull.store.layout import ImageLayout
from ironhull.store.rootfs import write_rootfs

MakeTaker = Callable[..., Taker]
STATUS = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n"
FILES: Files = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": STATUS,
    "srv/blob": '{"name":"a","version":"1"}',
    "app/node_modules/a/package.json": Hardlink("srv/blob"),
    "usr/lib/x": "x",
    "lib": Symlink("usr/lib"),
}
NAMES = ["bash", "a"]


def tagged(layout: ImageLayout, value: Mapping[str, Any]) -> None:
    document = Document.of(dict(value))
    layout.blobs.put(document.raw)
    layout.tag(document.descriptor(), ["odd:1"])


def index_without_platforms(layout: ImageLayout, *platforms: str) -> None:
    manifests = []
    for platform in platforms:
        made = make_manifest(layout, [{"etc/name": platform}], platform=platform)
        manifests.append({"mediaType": made.media_type, "digest": made.digest, "size": made.size})
    tagged(layout, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})


def test_an_index_without_platforms_is_asked_for_those_of_its_configs(
    home: Home, taker: MakeTaker
) -> None:
    index_without_platforms(home.store, "linux/s390x", "linux/arm64", "linux/amd64")
    for text in ("linux/arm64", "linux/amd64", "linux/s390x"):
        found = taker().take("odd:1", Platform.parse(text))
        assert found.image.platform is not None
        assert found.image.platform.architecture == text.partition("/")[2]
    with pytest.raises(NotFoundError, match="linux/amd64, linux/arm64"):
        taker().take("odd:1", Platform.parse("linux/riscv64"))


def test_an_index_of_too_many_manifests_without_a_platform_is_refused(
    home: Home, taker: MakeTaker
) -> None:
    made = make_manifest(home.store, [{"a": "b"}])
    item = {"mediaType": made.media_type, "digest": made.digest, "size": made.size}
    tagged(home.store, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item] * 101})
    with pytest.raises(MalformedError, match="more than 100"):
        taker().take("odd:1", Platform.parse("linux/riscv64"))


def with_data(layout: ImageLayout, change: Callable[[bytes], bytes] = bytes) -> None:
    """An image whose manifest, config and layer are in descriptors alone."""
    made = make_manifest(layout, [FILES])

    def moved(descriptor: Descriptor, content: bytes | None = None) -> dict[str, Any]:
        content = layout.blobs.read(descriptor.digest) if content is None else content
        layout.blobs.remove(descriptor.digest)
        return descriptor.json() | {"data": base64.b64encode(change(content)).decode()}

    manifest = layout.document(made.digest)
    layout.blobs.remove(made.digest)
    value = dict(manifest.value)
    value["config"] = moved(manifest.config)
    value["layers"] = [moved(layer) for layer in manifest.layers]
    inner = Document.of(value)
    layout.blobs.put(inner.raw)
    item = moved(inner.descriptor(platform=made.platform))
    tagged(layout, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item]})


def test_what_descriptors_carry_is_used(home: Home, taker: MakeTaker) -> None:
    with_data(home.store)
    assert [item.name for item in taker().take("odd:1").packages] == NAMES


@pytest.mark.parametrize("change", [lambda data: data + b" ", lambda data: data[:-1] + b" "])
def test_carried_data_that_are_not_what_the_descriptor_says_are_refused(
    home: Home, taker: MakeTaker, change: Callable[[bytes], bytes]
) -> None:
    with_data(home.store, change)
    with pytest.raises(UntrustedError, match="its data are"):
        taker().take("odd:1")


def test_carried_data_that_are_no_base64_are_refused() -> None:
    made = Descriptor.from_json(
        {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1, "data": "*"}
    )
    with pytest.raises(MalformedError, match="Base64"):
        made.embedded()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


def foreign_layer(layout: ImageLayout, blob: bytes) -> Descriptor:
    """An image of one layer, stored as these bytes."""
    made = make_manifest(layout, [FILES], compression="none")
    value = dict(layout.document(made.digest).value)
    layer = value["layers"][0] | {"digest": layout.blobs.put(blob), "size": len(blob)}
    tagged(layout, value | {"layers": [layer]})
    return Descriptor.from_json(layer)


@pytest.mark.parametrize("name", ["xz", "bzip2"])
def test_a_layer_of_a_foreign_compression_is_read_and_said(
    home: Home, taker: MakeTaker, name: str
) -> None:
    data = layer_tar(FILES)
    for blob in (
        COMPRESSIONS[name](data),
        COMPRESSIONS[name](data[:2000]) + COMPRESSIONS[name](data[2000:]),
    ):
        foreign_layer(home.store, blob)
        found = taker().take("odd:1")
        assert [item.name for item in found.packages] == NAMES
        assert [f"compressed with {name}" in item.message for item in found.remarks] == [True]


@pytest.mark.parametrize("name", ["xz", "bzip2"])
def test_a_damaged_layer_of_a_foreign_compression_is_refused_by_its_name(
    home: Home, taker: MakeTaker, name: str
) -> None:
    whole = COMPRESSIONS[name](layer_tar(FILES))
    damaged = whole[:60] + bytes([whole[60] ^ 255]) + whole[61:]
    for blob in (whole[:-20], damaged, whole + b"BZh no more"):
        foreign_layer(home.store, blob)
        with pytest.raises(MalformedError, match=name):
            taker().take("odd:1")


@pytest.mark.parametrize("name", ["xz", "bzip2"])
def test_the_store_says_which_foreign_compression_it_does_not_read(home: Home, name: str) -> None:
    layer = foreign_layer(home.store, COMPRESSIONS[name](layer_tar(FILES)))
    with (
        pytest.raises(MalformedError, match=f"compressed with {name}"),
        open_layer(home.store, layer),
    ):
        pass


@pytest.mark.parametrize("name", COMPRESSIONS)
@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_root_file_system_is_read_as_a_tar(
    taker: MakeTaker, tmp_path: Path, name: str, prefix: str
) -> None:
    path = tmp_path / "root.tar"
    files = {f"{prefix}{key}": entry for key, entry in dict(FILES).items()}
    path.write_bytes(COMPRESSIONS[name](layer_tar(files)))
    for text in (str(path), f"rootfs:{path}"):
        found = taker().take(text)
        assert (found.image.kind, found.layers) == ("rootfs", ())
        assert [item.name for item in found.packages] == NAMES
        assert found.distribution.label == "debian-12"
        assert found.unparsed == ()


def test_what_export_writes_as_a_root_file_system_is_read(
    home: Home, taker: MakeTaker, tmp_path: Path
) -> None:
    made = make_image(home.store, [FILES, {"srv/.wh.blob": ""}], index=False)
    write_rootfs(home.store, made, tmp_path / "root.tar")
    found = taker().take(str(tmp_path / "root.tar"))
    whole = taker().take("app:1")
    assert found.packages == tuple(replace(item, layer="") for item in whole.packages)
    assert [item.name for item in found.packages] == NAMES


def test_a_file_system_of_one_program_is_one_too(taker: MakeTaker, tmp_path: Path) -> None:
    path = tmp_path / "root.tar"
    path.write_bytes(layer_tar({"server": "#!/bin/sh\n", "package.json": '{"name":"a"}'}))
    assert [item.name for item in taker().take(str(path)).packages] == ["a"]


@pytest.mark.parametrize("content", [b"", b"no tar at all", bytes(1024)])
def test_a_file_that_is_no_archive_is_no_file_system(
    taker: MakeTaker, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "root.tar"
    path.write_bytes(content)
    with pytest.raises(InputError):
        taker().take(str(path))


def test_an_archive_of_an_image_whose_layers_come_first_is_an_image(
    taker: MakeTaker, tmp_path: Path
) -> None:
    path = tmp_path / "image.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("a" * 64 + "/layer.tar", "manifest.json"):
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"[]"))
    with pytest.raises(InputError, match="holds 0 images"):
        taker().take(str(path))
