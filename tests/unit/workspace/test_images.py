"""What is in the store, and how it leaves it as a file."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.image import make_image
from tests.unit.registry.client.test_transfer import artifact

from ironhull import Workspace
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.store.layout import ImageLayout
from ironhull.workspace.images import stored


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "home", images=tmp_path / "images")


@pytest.fixture
def store(shop: Workspace) -> ImageLayout:
    return shop.home.store


def index_of(path: Path) -> list[dict[str, Any]]:
    """What index.json of an archive lists."""
    with tarfile.open(path) as tar:
        file = tar.extractfile("index.json")
        assert file is not None
        return list(json.load(file)["manifests"])


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_said_to_name_no_image(store: ImageLayout, name: str) -> None:
    for ask in (lambda: stored(store, name), lambda: Reference.parse(name)):
        with pytest.raises(InputError, match="an empty name names no image"):
            ask()


def test_images_are_listed_by_name_with_platforms_and_size(
    shop: Workspace, store: ImageLayout
) -> None:
    both = make_image(
        store, [{"a": "b"}], names=["node:20"], platforms=["linux/arm64", "linux/amd64"]
    )
    single = make_image(store, [{"a": "b"}], names=["a:1"], index=False)
    artifact(store, both)
    found = shop.images()
    assert [image.name for image in found] == ["a:1", "node:20"]
    assert [image.digest for image in found] == [single.digest, both.digest]
    assert found[0].platforms == (Platform.parse("linux/amd64"),)
    assert found[1].platforms == Platform.parse_all(["linux/amd64,linux/arm64"])
    assert found[1].size == sum({part.digest: part.size for part in store.walk(both)}.values())
    assert found[1].size < 2 * found[0].size + both.size
    assert found[0].json()["platforms"] == ["linux/amd64"]


def test_an_image_without_a_name_is_listed_by_its_digest(
    shop: Workspace, store: ImageLayout
) -> None:
    image = make_image(store, names=["x:1"])
    store.update(lambda before: [image])
    assert [(found.name, found.digest) for found in shop.images()] == [("", image.digest)]


def test_a_damaged_image_is_listed_with_what_is_wrong(shop: Workspace, store: ImageLayout) -> None:
    image = make_image(store, names=["bad:1"])
    make_image(store, [{"other": "x"}], names=["good:1"])
    store.blobs.remove(store.document(image.digest).manifests[0].digest)
    bad, good = shop.images()
    assert store.document(image.digest).manifests[0].digest in bad.problem
    assert bad.json() == {
        "name": "bad:1",
        "digest": image.digest,
        "mediaType": image.media_type,
        "platforms": None,
        "size": None,
        "problem": bad.problem,
    }
    assert good.problem == ""


def test_an_archive_of_one_platform_has_no_index_around_the_image(
    shop: Workspace, store: ImageLayout, tmp_path: Path
) -> None:
    image = make_image(store, names=["node:20"], platforms=["linux/amd64", "linux/arm64"])
    alone = make_image(store, [{"x": "y"}], names=["alone:1"])
    entries = store.document(image.digest).manifests
    shop.export("node:20", tmp_path / "arm.tar", platforms=["linux/arm64"])
    shop.export("alone:1", tmp_path / "alone.tar")
    (arm,), (only,) = index_of(tmp_path / "arm.tar"), index_of(tmp_path / "alone.tar")
    assert (arm["digest"], arm["mediaType"]) == (entries[1].digest, entries[1].media_type)
    assert only["digest"] == store.document(alone.digest).manifests[0].digest


def test_an_archive_of_several_platforms_has_an_index_of_those(
    shop: Workspace, store: ImageLayout, tmp_path: Path
) -> None:
    texts = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    image = make_image(store, names=["node:20"], platforms=texts)
    shop.export("node:20", tmp_path / "all.tar")
    assert [entry["digest"] for entry in index_of(tmp_path / "all.tar")] == [image.digest]
    shop.export("node:20", tmp_path / "two.tar", platforms=["linux/arm/v7,linux/amd64"])
    shop.copy(str(tmp_path / "two.tar"), "two:1")
    root = store.document(store.find("two:1").digest)
    assert [str(entry.platform) for entry in root.manifests] == ["linux/amd64", "linux/arm/v7"]


def test_what_holds_one_platform_is_not_asked_for_two(
    shop: Workspace, store: ImageLayout, tmp_path: Path
) -> None:
    make_image(store, names=["node:20"], platforms=["linux/amd64", "linux/arm64"])
    two = ["linux/amd64,linux/arm64"]
    with pytest.raises(InputError, match="a docker-archive is of one platform"):
        shop.export("node:20", tmp_path / "x.tar", format="docker-archive", platforms=two)
    with pytest.raises(NotFoundError, match="no image for linux/s390x"):
        shop.export("node:20", tmp_path / "x.tar", platforms=[*two, "linux/s390x"])
    assert not (tmp_path / "x.tar").exists()
