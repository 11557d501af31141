from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry, says
from tests.unit.registry.client.test_transfer import LAYERS, SBOM, artifact, stored

from ironhull.errors import NetworkError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.media_types import OCI_INDEX
from ironhull.oci.platform import Platform
from ironhull.registry.client.places import RegistryTarget
from ironhull.registry.client.read_back import Loss, ReadBack, read_back
from ironhull.registry.client.referrers import fallback_tag
from ironhull.registry.client.repository import Repository
from ironhull.registry.client.transfer import transfer
from ironhull.store.layout import ImageLayout

Connect = Callable[..., Repository]


@pytest.fixture
def image(layout: ImageLayout) -> Descriptor:
    return make_image(layout, LAYERS, platforms=("linux/amd64", "linux/arm64"), names=("app:1",))


def pushed_and_read_back(
    layout: ImageLayout,
    image: Descriptor,
    repository: Repository,
    lose: Callable[[], object] = lambda: None,
    **more: Any,
) -> ReadBack:
    """What is left of an image when `lose` is done with the registry."""
    target = RegistryTarget(repository, ["1"])
    transfer(stored(layout, image), target, **more)
    lose()
    return read_back(stored(layout, image), target, **more)


def parts(found: ReadBack) -> list[tuple[str, str]]:
    return [(loss.part, loss.name) for loss in found.losses]


@pytest.mark.parametrize("api", [True, False])
def test_what_is_all_there_is_counted_and_nothing_is_lost(
    connect: Connect, layout: ImageLayout, image: Descriptor, api: bool
) -> None:
    artifact(layout, image)
    with FakeRegistry(referrers_api=api) as registry:
        found = pushed_and_read_back(layout, image, connect(registry, write=True))
    assert found == ReadBack(3, 1, 7, api, ())


def test_without_referrers_nothing_is_said_of_their_lists(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    artifact(layout, image)
    repository = connect(registry, write=True)
    more = {"with_referrers": False, "platforms": Platform.parse_all(("linux/arm64",))}
    found = pushed_and_read_back(layout, image, repository, **more)
    assert (found.manifests, found.referrers, found.by_api) == (1, 0, None)
    assert not registry.requests("GET", "/referrers/")


def test_a_tag_that_moved_and_one_that_is_gone_are_lost(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    other = make_image(layout, [{"new": "layer"}], names=("app:2",))
    raw = layout.blobs.read(other.digest)

    def move() -> None:
        registry.put_manifest("app", "1", OCI_INDEX, raw)

    repository = connect(registry, write=True)
    found = pushed_and_read_back(layout, image, repository, move)
    assert found.losses == (Loss("tag", "1", f"is {other.digest}, not {image.digest}"),)
    found = pushed_and_read_back(
        layout, image, repository, lambda: registry.manifests.pop(("app", "1"))
    )
    assert parts(found) == [("tag", "1")]


def test_a_platform_that_garbage_collection_took_is_lost(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    child = layout.document(image.digest).manifests[0].digest
    found = pushed_and_read_back(
        layout,
        image,
        connect(registry, write=True),
        lambda: registry.manifests.pop(("app", child)),
    )
    assert parts(found) == [("manifest", child)]


def test_a_manifest_answered_as_another_type_is_lost(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    child = layout.document(image.digest).manifests[0].digest
    docker = "application/vnd.docker.distribution.manifest.v2+json"

    def convert() -> None:
        registry.manifests["app", child] = (docker, registry.manifests["app", child][1])

    found = pushed_and_read_back(layout, image, connect(registry, write=True), convert)
    assert parts(found) == [("manifest", child)]
    assert docker in found.losses[0].why


def test_a_blob_that_is_gone_and_one_of_another_size_are_lost(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    child = layout.document(layout.document(image.digest).manifests[0].digest)
    gone, cut = child.layers[0].digest, child.layers[1].digest

    def lose() -> None:
        del registry.blobs["app", gone]
        registry.blobs["app", cut] = registry.blobs["app", cut][:-1]

    found = pushed_and_read_back(layout, image, connect(registry, write=True), lose)
    assert sorted(parts(found)) == sorted([("blob", gone), ("blob", cut)])


def test_a_list_without_types_and_annotations_has_lost_them(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    """As some clients write the referrers tag anew when they add to it."""
    sbom = artifact(layout, image)
    with FakeRegistry(referrers_api=False) as registry:
        tag = fallback_tag(image.digest)

        def rewrite(change: Callable[[dict[str, Any]], object]) -> Callable[[], None]:
            def run() -> None:
                media_type, raw = registry.manifests["app", tag]
                value = json.loads(raw)
                change(value)
                registry.put_manifest("app", tag, media_type, json.dumps(value).encode())

            return run

        def without_type(value: dict[str, Any]) -> None:
            value["manifests"][0]["artifactType"] = "application/vnd.oci.empty.v1+json"

        repository = connect(registry, write=True)
        found = pushed_and_read_back(layout, image, repository, rewrite(without_type))
        assert parts(found) == [("type", sbom.digest)]
        assert SBOM in found.losses[0].why
        registry.manifests.pop(("app", tag))
        found = pushed_and_read_back(
            layout,
            image,
            repository,
            rewrite(lambda value: value["manifests"][0].pop("annotations")),
        )
        assert "org.example.text" in found.losses[0].why
        registry.manifests.pop(("app", tag))
        found = pushed_and_read_back(
            layout, image, repository, rewrite(lambda value: value["manifests"].clear())
        )
        assert parts(found) == [("referrer", sbom.digest)]


def test_a_registry_that_refuses_to_answer_is_an_error_not_a_loss(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with pytest.raises(NetworkError, match="403"):
        pushed_and_read_back(
            layout,
            image,
            connect(registry, write=True),
            lambda: registry.fail("GET", "/manifests/1$", says(403), times=9),
        )
