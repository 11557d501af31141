from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry, cut, says
from tests.unit.registry.client.conftest import QUICK, Notes

from ironhull.errors import InputError, MalformedError, NetworkError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from ironhull.oci.platform import Platform
from ironhull.registry.client.places import (
    ArchiveTarget,
    LayoutTarget,
    RegistrySource,
    RegistryTarget,
    StoredSource,
)
from ironhull.registry.client.referrers import fallback_tag, list_referrers, push_referrers
from ironhull.registry.client.repository import Repository
from ironhull.registry.client.transfer import transfer
from ironhull.registry.client.tree import image_tree
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.store.referrers import Referrers, list_documents, referrer_descriptor

Connect = Callable[..., Repository]
LAYERS: Sequence[Any] = ({"etc/motd": "hello\n"}, {"app": b"x" * 300_000}, {"c": "d"})
SBOM = "application/vnd.cyclonedx+json"


def artifact(
    layout: ImageLayout, subject: Descriptor, kind: str = SBOM, text: str = ""
) -> Document:
    empty = layout.blobs.put(b"{}")
    data = json.dumps({"kind": kind, "text": text}).encode()
    blob = layout.blobs.put(data)
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": kind,
            "config": Descriptor(OCI_EMPTY, empty, 2).json(),
            "layers": [Descriptor(kind, blob, len(data)).json()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).json(),
            "annotations": {"org.example.text": text},
        }
    )
    layout.blobs.put(document.raw)
    list_documents(layout, [document])
    return document


def about_itself(layout: ImageLayout, subject: Descriptor) -> Document:
    """An artifact whose one file is the manifest that it refers to."""
    empty = layout.blobs.put(b"{}")
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example.manifest",
            "config": Descriptor(OCI_EMPTY, empty, 2).json(),
            "layers": [Descriptor("application/json", subject.digest, subject.size).json()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).json(),
        }
    )
    layout.blobs.put(document.raw)
    list_documents(layout, [document])
    return document


@pytest.fixture
def image(layout: ImageLayout) -> Descriptor:
    return make_image(layout, LAYERS, platforms=("linux/amd64", "linux/arm64"), names=("app:1",))


def stored(layout: ImageLayout, descriptor: Descriptor) -> StoredSource:
    return StoredSource(layout, descriptor, "app:1")


def push(
    layout: ImageLayout, descriptor: Descriptor, repository: Repository, *tags: str, **more: Any
) -> Any:
    target = RegistryTarget(repository, tags or ("1",))
    return transfer(stored(layout, descriptor), target, **more)


def test_an_index_goes_over_whole_and_unchanged(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor, notes: Notes
) -> None:
    done = push(layout, image, connect(registry, write=True), "1", "latest", progress=notes)
    assert (done.manifests, done.blobs, done.blobs_moved) == (3, 5, 5)
    for tag in ("1", "latest"):
        media_type, raw = registry.manifests["app", tag]
        assert media_type == OCI_INDEX
        assert raw == layout.blobs.read(image.digest)
    assert notes.total == done.bytes_moved == registry.received


def test_a_second_push_sends_no_layer_bytes(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    push(layout, image, connect(registry, write=True))
    before = registry.received
    assert before > 0
    done = push(layout, image, connect(registry, write=True), "2")
    assert (done.blobs_moved, done.bytes_moved) == (0, 0)
    assert registry.received == before
    assert not registry.requests("POST", "uploads")[5:]


def test_a_manifest_that_is_a_file_of_its_referrer_goes_over_as_both(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    referrer = about_itself(layout, image)
    push(layout, image, connect(registry, write=True))
    assert registry.blobs["app", image.digest] == layout.blobs.read(image.digest)
    assert registry.manifests["app", image.digest][1] == layout.blobs.read(image.digest)
    assert ("app", referrer.digest) in registry.manifests


def test_a_tag_comes_after_everything_it_needs(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    sbom = artifact(layout, image)
    push(layout, image, connect(registry, write=True), "1")
    order = registry.order
    children = [item.digest for item in layout.document(image.digest).manifests]
    for document in (*map(layout.document, children), sbom):
        for blob in (document.config, *document.layers):
            assert order.index(f"blob {blob.digest}") < order.index(f"manifest {document.digest}")
    root = order.index(f"manifest {image.digest}")
    assert max(order.index(f"manifest {digest}") for digest in children) < root
    assert root < order.index(f"manifest {sbom.digest}") < order.index("manifest 1")
    assert order[-1] == "manifest 1"


def test_small_blobs_of_a_new_image_are_sent_without_asking_and_others_are_asked_for(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout
) -> None:
    layers = [{"small": "s"}, {"large": random.Random(1).randbytes(300_000)}]
    image = make_image(layout, layers, names=("app:1",))
    document = layout.document(layout.document(image.digest).manifests[0].digest)
    sizes = {blob.digest: blob.size for blob in (document.config, *document.layers)}

    def asked() -> set[str]:
        return {seen.path.rpartition("/")[2] for seen in registry.requests("HEAD", "/blobs/")}

    push(layout, image, connect(registry, write=True))
    assert asked() == {digest for digest, size in sizes.items() if size > 1 << 18} != set()
    push(layout, image, connect(registry, write=True), "2")
    assert asked() == set(sizes)


@pytest.mark.parametrize("tags", [True, False])
def test_small_parts_of_a_new_image_go_together_where_the_registry_takes_them_so(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor, tags: bool
) -> None:
    sbom = artifact(layout, image)
    push(layout, image, connect(registry, write=True), "1")
    alone = set(registry.blobs.items()) | set(registry.manifests.items())
    with FakeRegistry() as other:
        other.takes_together, other.takes_tags = True, tags
        done = push(layout, image, connect(other, write=True), "1")
        assert set(other.blobs.items()) | set(other.manifests.items()) == alone
        sent = [f"{seen.method} {seen.path.rpartition('/')[2]}" for seen in other.seen]
        heads = [each for each in sent if each.startswith("HEAD")]
        named = [] if tags else ["PUT 1"]
        assert [each for each in sent if each not in heads] == ["GET 1", "POST together", *named]
        order = other.order
        assert order.index(f"manifest {image.digest}") < order.index(f"manifest {sbom.digest}")
        assert order[-1] == "manifest 1"
        assert done.bytes_moved == sum(map(len, other.blobs.values()))


def test_layers_of_the_image_that_a_tag_is_at_are_neither_asked_for_nor_sent(
    connect: Connect, layout: ImageLayout
) -> None:
    stays = [{"kept": "k"}, {"large": random.Random(1).randbytes(300_000)}]
    first = make_image(layout, [*stays, {"old": "1"}], names=("app:1",))
    second = make_image(layout, [*stays, {"new": "2"}], names=("app:2",))
    one, two = (
        layout.document(layout.document(each.digest).manifests[0].digest)
        for each in (first, second)
    )
    new = {blob.digest for blob in (two.config, *two.layers)} - {
        blob.digest for blob in (one.config, *one.layers)
    }
    with FakeRegistry() as registry:
        registry.takes_together = registry.takes_tags = True
        push(layout, first, connect(registry, write=True), "1")
        before = len(registry.seen)
        done = push(layout, second, connect(registry, write=True), "1")
        sent = registry.seen[before:]
        assert not [each for each in sent if "/blobs/" in each.path]
        assert len(new) == done.blobs_moved == 2
        assert {("app", digest) for digest in new} <= set(registry.blobs)


def test_a_layer_that_the_registry_lost_is_sent_though_an_image_under_the_tag_names_it(
    connect: Connect, layout: ImageLayout
) -> None:
    large = random.Random(1).randbytes(300_000)
    first = make_image(layout, [{"large": large}, {"old": "1"}], names=("app:1",))
    second = make_image(layout, [{"large": large}, {"new": "2"}], names=("app:2",))
    with FakeRegistry() as registry:
        registry.takes_together = registry.takes_tags = True
        push(layout, first, connect(registry, write=True), "1")
        registry.blobs.clear()
        before = len(registry.seen)
        push(layout, second, connect(registry, write=True), "1")
        assert registry.manifests["app", "1"][1] == layout.document(second.digest).raw
        sent = [each for each in registry.seen[before:] if each.path.endswith("/together")]
        assert len(sent) == 2


def test_where_the_image_of_a_tag_is_spoilt_or_secret_each_part_is_asked_for_or_sent(
    connect: Connect, layout: ImageLayout
) -> None:
    large = random.Random(1).randbytes(300_000)
    first = make_image(layout, [{"large": large}, {"old": "1"}], names=("app:1",))
    second = make_image(layout, [{"large": large}, {"new": "2"}], names=("app:2",))
    without = b'{"schemaVersion":2,"layers":[]}'
    spoilt = [says(200, without, content_type=kind) for kind in (OCI_INDEX, OCI_MANIFEST)]
    for wrong in (says(403), says(404), *spoilt):
        with FakeRegistry() as registry:
            registry.takes_together = True
            push(layout, first, connect(registry, write=True), "1")
            registry.fail("GET", "/manifests/1", wrong)
            push(layout, second, connect(registry, write=True), "1")
            assert registry.requests("HEAD", "/blobs/")
            assert registry.manifests["app", "1"][1] == layout.document(second.digest).raw


def test_large_statements_of_a_new_image_go_along_unasked(
    connect: Connect, layout: ImageLayout
) -> None:
    image = make_image(layout, [{"a": "b"}], names=("app:1",))
    sbom = artifact(layout, image, text="x" * 700_000)
    with FakeRegistry() as registry:
        registry.takes_together = True
        push(layout, image, connect(registry, write=True))
        assert ("app", sbom.layers[0].digest) in registry.blobs
        assert not [each for each in registry.seen if "/blobs/" in each.path]


def test_of_an_image_that_is_there_only_what_is_said_anew_is_sent(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry() as registry:
        registry.takes_together = registry.takes_tags = True
        old = artifact(layout, image, text="old")
        artifact(layout, old.descriptor(), "application/vnd.example.signature")
        push(layout, image, connect(registry, write=True))
        before = set(registry.manifests), set(registry.blobs), len(registry.seen)
        new = artifact(layout, image, text="new")
        done = push(layout, image, connect(registry, write=True))
        assert set(registry.manifests) - before[0] == {("app", new.digest)}
        assert set(registry.blobs) - before[1] == {("app", new.layers[0].digest)}
        assert (done.blobs_moved, done.bytes_moved) == (1, new.layers[0].size)
        assert not registry.requests("HEAD", "/blobs/")
        sent = [f"{seen.method} {seen.path.rpartition('/')[2]}" for seen in registry.seen]
        assert [each for each in sent[before[2] :] if each.startswith("P")] == [
            "POST together",
            "PUT 1",
        ]


def test_where_nobody_may_ask_for_an_image_it_is_not_taken_for_one_that_is_there(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry() as registry:
        registry.takes_together = True
        registry.fail("HEAD", "/manifests/", says(403), times=9)
        push(layout, image, connect(registry, write=True))
        assert ("app", "1") in registry.manifests
        assert registry.requests("HEAD", "/blobs/")


def test_where_nobody_may_list_referrers_each_part_is_asked_for(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry() as registry:
        registry.takes_together = True
        push(layout, image, connect(registry, write=True))
        new = artifact(layout, image)
        registry.fail("GET", "/referrers/", says(403), times=9)
        push(layout, image, connect(registry, write=True))
        assert ("app", new.digest) in registry.manifests
        assert registry.requests("HEAD", "/blobs/")


def test_what_a_registry_refuses_together_goes_alone_and_says_what_is_wrong(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    sbom = artifact(layout, image)
    for refusal in (says(404), says(413), says(403)):
        with FakeRegistry() as registry:
            registry.takes_together = True
            registry.fail("POST", "/together", refusal)
            push(layout, image, connect(registry, write=True))
            assert ("app", sbom.digest) in registry.manifests
            assert registry.order[-1] == "manifest 1"
    with FakeRegistry() as registry:
        registry.takes_together = True
        registry.fail("POST", "/together", says(403))
        registry.fail("PUT", sbom.digest, says(403, b"no statements", content_type="text/plain"))
        with pytest.raises(NetworkError, match=f"{sbom.digest}.*no statements.*--no-referrers"):
            push(layout, image, connect(registry, write=True))
        assert ("app", "1") not in registry.manifests


def test_large_manifests_go_alone_after_what_waits_for_them(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    large = artifact(layout, image, text="x" * 1_100_000)
    with FakeRegistry() as registry:
        registry.takes_together = True
        push(layout, image, connect(registry, write=True))
        order = registry.order
        assert order.index(f"manifest {image.digest}") < order.index(f"manifest {large.digest}")
        assert registry.requests("PUT", large.digest)


def test_a_manifest_gets_its_tags_at_once_where_the_registry_says_that_it_gave_them(
    connect: Connect, layout: ImageLayout
) -> None:
    image = make_image(layout, [{"a": "b"}], names=("app:1",))

    def puts(registry: FakeRegistry) -> list[str]:
        paths = (seen.path.rpartition("/")[2] for seen in registry.requests("PUT", "/manifests/"))
        named = (path for path in paths if "?" in path or ":" not in path)
        return [path.replace(image.digest, "DIGEST") for path in named]

    with FakeRegistry() as registry:
        registry.takes_tags = True
        repository = connect(registry, write=True)
        push(layout, image, repository, "1", "2")
        assert puts(registry) == ["1", "2"]
        push(layout, image, repository, "3", "4", "5")
        assert puts(registry)[2:] == ["DIGEST?tag=3&tag=4&tag=5"]
        assert {tag for _, tag in registry.manifests if len(tag) == 1} == set("12345")
    with FakeRegistry() as registry:
        repository = connect(registry, write=True)
        for tags in ("12", "34", "56"):
            push(layout, image, repository, *tags)
        assert puts(registry) == ["1", "2", "DIGEST?tag=3&tag=4", "3", "4", "5", "6"]


def test_tags_that_a_registry_forbids_at_once_are_not_tried_one_by_one(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry() as registry:
        registry.takes_together = registry.takes_tags = True
        registry.fail("POST", "/together", says(403))
        registry.fail("PUT", r"\?tag=", says(403))
        with pytest.raises(NetworkError, match="403"):
            push(layout, image, connect(registry, write=True), "1", "2")
        assert not {("app", "1"), ("app", "2")} & set(registry.manifests)


def test_a_registry_that_cannot_mount_is_asked_before_a_blob_is_fetched_for_it(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    here = connect(registry, write=True)
    push(layout, image, here)
    there = Repository(here.session, "copy", write=True)
    transfer(RegistrySource(here, "1"), RegistryTarget(there, ["1"]))
    del registry.manifests["copy", image.digest]
    received = registry.received
    registry.fail("POST", "mount=", says(405), times=99)
    transfer(RegistrySource(here, "1"), RegistryTarget(there, ["1"]))
    assert registry.received == received


def test_a_registry_without_the_referrers_api_is_asked_for_it_once(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    for subject in (image, *layout.document(image.digest).manifests):
        artifact(layout, subject, text=subject.digest)
    with FakeRegistry(referrers_api=False) as registry:
        here = connect(registry, write=True)
        push(layout, image, here)
        there = Repository(here.session, "copy", write=True)
        done = transfer(RegistrySource(here, "1"), RegistryTarget(there, ["1"]))
        assert done.referrers == 3
        assert len(registry.requests("GET", "/referrers/")) == 1


def test_a_push_that_fails_leaves_the_old_tag(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    push(layout, image, connect(registry, write=True))
    old = registry.manifests["app", "1"]
    other = make_image(layout, [{"new": "layer"}], names=("app:2",))
    registry.fail("PUT", "/uploads/", says(403))
    with pytest.raises(NetworkError, match="403"):
        push(layout, other, connect(registry, write=True))
    assert registry.manifests["app", "1"] == old


def test_pull_brings_everything_and_names_it_last(
    registry: FakeRegistry,
    connect: Connect,
    layout: ImageLayout,
    image: Descriptor,
    tmp_path: Path,
) -> None:
    artifact(layout, image)
    push(layout, image, connect(registry, write=True))
    other = ImageLayout(tmp_path / "other", create=True)
    target = LayoutTarget(other, ["host/app:1"], "store")
    done = transfer(RegistrySource(connect(registry), "1"), target)
    assert done.referrers == 1
    found = other.find("host/app:1")
    assert found.digest == image.digest
    assert {item.digest for item in other.walk(found)} == {
        item.digest for item in layout.walk(image)
    }
    shown = Referrers(other).of(image.digest)
    assert [(item.artifact_type, item.annotations) for item in shown] == [
        (SBOM, {"org.example.text": ""})
    ]
    again = transfer(RegistrySource(connect(registry), "1"), target)
    assert again.blobs_moved == 0
    assert len(other.descriptors()) == 2


def test_a_pull_that_fails_gives_no_name(
    registry: FakeRegistry,
    connect: Connect,
    layout: ImageLayout,
    image: Descriptor,
    tmp_path: Path,
) -> None:
    push(layout, image, connect(registry, write=True))
    other = ImageLayout(tmp_path / "other", create=True)
    registry.fail("GET", "/blobs/", says(200, b"something else"))
    with pytest.raises(UntrustedError):
        transfer(RegistrySource(connect(registry), "1"), LayoutTarget(other, ["x"], "store"))
    assert other.descriptors() == []
    assert not list((tmp_path / "other" / "tmp").iterdir())


@pytest.mark.parametrize("text", ["linux/arm64", "linux/amd64"])
def test_one_platform_of_an_index_is_pulled_alone(
    registry: FakeRegistry,
    connect: Connect,
    layout: ImageLayout,
    image: Descriptor,
    tmp_path: Path,
    text: str,
) -> None:
    push(layout, image, connect(registry, write=True))
    other = ImageLayout(tmp_path / "other", create=True)
    source = RegistrySource(connect(registry), "1")
    done = transfer(source, LayoutTarget(other, ["x"], "store"), platforms=[Platform.parse(text)])
    config = json.loads(other.blobs.read(done.root.config.digest))
    assert config["architecture"] == text.partition("/")[2]
    assert done.manifests == 1


def test_a_platform_that_is_not_there_is_told_with_those_that_are(
    layout: ImageLayout, image: Descriptor, registry: FakeRegistry, connect: Connect
) -> None:
    repository = connect(registry, write=True)
    with pytest.raises(NotFoundError, match=r"no image for linux/s390x.*linux/amd64, linux/arm64"):
        push(layout, image, repository, platforms=[Platform.parse("linux/s390x")])
    single = make_image(layout, LAYERS, index=False, names=("one:1",))
    with pytest.raises(NotFoundError, match="is an image for linux/amd64, not for linux/s390x"):
        push(layout, single, repository, platforms=[Platform.parse("linux/s390x")])
    push(layout, single, repository, platforms=[Platform.parse("linux/amd64")])
    sbom = artifact(layout, image).descriptor()
    with pytest.raises(InputError, match="no image of any platform"):
        push(layout, sbom, repository, platforms=[Platform.parse("linux/amd64")])


def test_between_repositories_of_one_registry_layers_are_mounted(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    here = connect(registry, write=True)
    push(layout, image, here)
    before = len(registry.requests("GET", "/blobs/")), registry.received
    there = Repository(here.session, "copy", write=True)
    done = transfer(RegistrySource(here, "1"), RegistryTarget(there, ["1"]))
    assert done.blobs_moved == 0
    assert (len(registry.requests("GET", "/blobs/")), registry.received) == before
    assert registry.manifests["copy", "1"] == registry.manifests["app", "1"]


LARGE = random.Random(1).randbytes(400_000)


def pushed_large(layout: ImageLayout, here: Repository) -> Descriptor:
    """An image with a layer that is worth mounting, which one repository has just got."""
    image = make_image(layout, ({"app": LARGE},), names=["big:1"])
    push(layout, image, here)
    return image


def test_a_layer_that_was_just_sent_to_one_repository_is_mounted_into_the_next(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout
) -> None:
    here = connect(registry, write=True)
    image = pushed_large(layout, here)
    before = registry.received
    there = Repository(here.session, "other", write=True)
    done = transfer(stored(layout, image), RegistryTarget(there, ["1"]))
    assert registry.received - before < len(LARGE)
    assert done.bytes_moved < len(LARGE)
    assert registry.manifests["other", "1"] == registry.manifests["app", "1"]


def test_a_layer_is_sent_again_where_the_repository_that_had_it_gives_none(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout
) -> None:
    here = connect(registry, write=True)
    image = pushed_large(layout, here)
    registry.fail("POST", "mount=", says(403), times=99)
    there = Repository(here.session, "other", write=True)
    done = transfer(stored(layout, image), RegistryTarget(there, ["1"]))
    assert done.bytes_moved > len(LARGE)
    assert registry.manifests["other", "1"] == registry.manifests["app", "1"]


def test_between_registries_everything_goes_over_with_its_referrers(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    sbom = artifact(layout, image)
    signature = artifact(layout, sbom.descriptor(), "application/vnd.example.signature")
    child = layout.document(image.digest).manifests[0]
    proof = artifact(layout, child, "application/vnd.example.provenance")
    with FakeRegistry() as first, FakeRegistry(referrers_api=False) as second:
        push(layout, image, connect(first, write=True))
        target = connect(second, "far/away", write=True)
        done = transfer(RegistrySource(connect(first), "1"), RegistryTarget(target, ["1"]))
        assert done.referrers == 3
        for subject, document in (
            (image.digest, sbom),
            (sbom.digest, signature),
            (child.digest, proof),
        ):
            assert [item.digest for item in list_referrers(target, subject)] == [document.digest]
        assert second.manifests["far/away", "1"][1] == layout.blobs.read(image.digest)


def older(layout: ImageLayout, repository: Repository, tag: str, *texts: str) -> Document:
    """What cosign's older form puts under a tag: a layer for each signature, and no subject."""
    blobs = [layout.blobs.put(text.encode()) for text in texts]
    config = layout.blobs.put(b"{}")
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor(OCI_EMPTY, config, 2).json(),
            "layers": [
                Descriptor(
                    "application/vnd.dev.cosign.simplesigning.v1+json", blob, len(text)
                ).json()
                for blob, text in zip(blobs, texts, strict=True)
            ],
        }
    )
    layout.blobs.put(document.raw)
    push(layout, document.descriptor(), repository, tag)
    return document


def test_what_hangs_on_an_image_by_the_name_of_a_tag_goes_with_it_before_its_own_tag(
    connect: Connect, layout: ImageLayout, image: Descriptor, tmp_path: Path
) -> None:
    child = layout.document(image.digest).manifests[0]
    with FakeRegistry() as first, FakeRegistry() as second:
        source = connect(first, write=True)
        push(layout, image, source)
        for digest, suffix in (
            (image.digest, "sig"),
            (image.digest, "att"),
            (child.digest, "sbom"),
        ):
            older(layout, source, f"{fallback_tag(digest)}.{suffix}", suffix)
        older(layout, source, f"{fallback_tag(child.digest)}.other", "not of this kind")
        target = connect(second, write=True)
        done = transfer(RegistrySource(source, "1"), RegistryTarget(target, ["1"]))
        assert done.referrers == 3
        tags = [name for _, name in second.manifests if not name.startswith("sha256:")]
        assert tags == [
            f"{fallback_tag(child.digest)}.sbom",
            f"{fallback_tag(image.digest)}.sig",
            f"{fallback_tag(image.digest)}.att",
            "1",
        ]
        assert all(first.manifests["app", tag] == second.manifests["app", tag] for tag in tags)
        asked = len(first.seen)
        there = LayoutTarget(ImageLayout(tmp_path / "kept", create=True), ["app:1"], "kept")
        transfer(RegistrySource(source, "1"), there)
        bare = RegistryTarget(connect(second, "bare", write=True), ["1"])
        transfer(RegistrySource(source, "1"), bare, with_referrers=False)
        assert not [seen for seen in first.seen[asked:] if seen.path.endswith((".sig", ".att"))]


@pytest.mark.parametrize(("theirs", "stays"), [(("a",), False), (("a", "b", "c"), True)])
def test_signatures_that_the_target_alone_has_are_not_taken_away(
    connect: Connect,
    layout: ImageLayout,
    image: Descriptor,
    notes: Notes,
    theirs: tuple[str, ...],
    stays: bool,
) -> None:
    tag = f"{fallback_tag(image.digest)}.sig"
    with FakeRegistry() as first, FakeRegistry() as second:
        source, target = connect(first, write=True), connect(second, write=True)
        push(layout, image, source)
        ours = older(layout, source, tag, "a", "b")
        kept = older(layout, target, tag, *theirs)
        transfer(RegistrySource(source, "1"), RegistryTarget(target, ["1"]))
        there = target.fetch_manifest(tag)
    assert there.digest == (kept if stays else ours).digest
    assert [note.endswith("stays as it is") for note in notes.notes] == [True] * stays


def test_a_registry_that_forbids_to_ask_for_such_names_gives_the_image(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry() as first, FakeRegistry() as second:
        source = connect(first, write=True)
        push(layout, image, source)
        first.fail("HEAD", r"\.(sig|att|sbom)$", says(403), times=99)
        target = connect(second, write=True)
        transfer(RegistrySource(source, "1"), RegistryTarget(target, ["1"]))
        assert second.manifests["app", "1"] == first.manifests["app", "1"]


def test_without_referrers_none_are_asked_for(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    artifact(layout, image)
    done = push(layout, image, connect(registry, write=True), with_referrers=False)
    assert done.referrers == 0
    assert not registry.requests("GET", "/referrers/")


def test_a_fetch_that_breaks_between_registries_goes_on(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry() as first, FakeRegistry() as second:
        push(layout, image, connect(first, write=True))
        first.fail("GET", "/blobs/", cut(40), times=3)
        transfer(
            RegistrySource(connect(first), "1"),
            RegistryTarget(connect(second, write=True), ["1"]),
        )
        assert second.manifests["app", "1"] == first.manifests["app", "1"]


# Referrers.


def test_the_referrers_tag_carries_artifact_type_and_annotations(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry(referrers_api=False) as registry:
        repository = connect(registry, write=True)
        documents = [artifact(layout, image, text=str(n)) for n in range(3)]
        push(layout, image, repository)
        media_type, raw = registry.manifests["app", fallback_tag(image.digest)]
        assert media_type == OCI_INDEX
        listed = json.loads(raw)["manifests"]
        assert {item["digest"] for item in listed} == {item.digest for item in documents}
        assert all(item["artifactType"] == SBOM for item in listed)
        assert {item["annotations"]["org.example.text"] for item in listed} == {"0", "1", "2"}
        push(layout, image, repository)
        assert registry.manifests["app", fallback_tag(image.digest)][1] == raw


def test_referrers_can_be_asked_for_by_type_with_and_without_the_api(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    artifact(layout, image)
    other = artifact(layout, image, "application/vnd.example.vex")
    for api in (True, False):
        with FakeRegistry(referrers_api=api) as registry:
            repository = connect(registry, write=True)
            push(layout, image, repository)
            assert len(list_referrers(repository, image.digest)) == 2
            found = list_referrers(repository, image.digest, "application/vnd.example.vex")
            assert [item.digest for item in found] == [other.digest]
            assert list_referrers(repository, other.digest) == []


def test_an_image_that_refers_shows_the_type_of_its_config(
    layout: ImageLayout, image: Descriptor
) -> None:
    document = artifact(layout, image)
    value = {key: item for key, item in document.value.items() if key != "artifactType"}
    shown = referrer_descriptor(Document.of(value))
    assert shown.artifact_type == OCI_EMPTY


def test_two_clients_that_refer_at_once_both_stay(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    # Long enough that one who read before us has written when we look again, on a busy machine too.
    patient = replace(QUICK, first_wait=0.4)
    with FakeRegistry(referrers_api=False) as registry:
        push(layout, image, connect(registry, write=True))
        documents = [artifact(layout, image, text=str(n)) for n in range(3)]
        for document in documents:
            push(layout, document.descriptor(), connect(registry, write=True), "x")
        del registry.manifests["app", fallback_tag(image.digest)]
        threads = [
            threading.Thread(
                target=push_referrers,
                args=(connect(registry, write=True, patience=patient), [document]),
            )
            for document in documents
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = {item.digest for item in list_referrers(connect(registry), image.digest)}
        assert found == {document.digest for document in documents}


@pytest.mark.parametrize("known", [True, False])
def test_lists_of_several_subjects_are_looked_at_again_and_after_one_wait_if_others_may_write_them(
    connect: Connect,
    layout: ImageLayout,
    image: Descriptor,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    subjects = [image, *layout.document(image.digest).manifests]
    with FakeRegistry(referrers_api=False) as registry:
        repository = connect(registry, write=True)
        if known:
            push(layout, image, repository)
        for subject in subjects:
            artifact(layout, subject, text=subject.digest)
        waits: list[float] = []
        exchange = type(repository.session.exchange)
        monkeypatch.setattr(exchange, "pause", lambda self, seconds: waits.append(seconds))
        push(layout, image, repository)
        assert len(waits) == known
        for subject in subjects:
            # Before the list is written, and after that.
            assert len(registry.requests("GET", fallback_tag(subject.digest))) == 2
            assert len(list_referrers(repository, subject.digest)) == 1


def test_a_list_that_others_overwrite_for_ever_is_an_error(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry(referrers_api=False) as registry:
        repository = connect(registry, write=True)
        push(layout, image, repository)
        document = artifact(layout, image)
        push(layout, document.descriptor(), repository, "x", with_referrers=False)
        del registry.manifests["app", fallback_tag(image.digest)]
        registry.fail("PUT", "/manifests/sha256-", says(201), times=99)
        with pytest.raises(NetworkError, match="overwritten by others"):
            push_referrers(repository, [document])


def test_a_referrer_that_refers_elsewhere_is_refused(
    connect: Connect, layout: ImageLayout, image: Descriptor, tmp_path: Path
) -> None:
    with FakeRegistry(referrers_api=False) as registry:
        repository = connect(registry, write=True)
        push(layout, image, repository)
        child = layout.document(image.digest).manifests[0]
        stray = artifact(layout, child)
        push(layout, stray.descriptor(), repository, "stray")
        index = Document.of(
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [stray.descriptor().json()]}
        )
        repository.push_manifest(index, fallback_tag(image.digest))
        other = ImageLayout(tmp_path / "other", create=True)
        with pytest.raises(MalformedError, match="does not say so itself"):
            transfer(RegistrySource(repository, "1"), LayoutTarget(other, ["x"], "store"))


def own_manifest(handler: object) -> bool:
    """A registry that reads the tag sha256-<hex> as the digest that it stands for."""
    _, mark, hexadecimal = handler.path.rpartition("/manifests/sha256-")  # type: ignore[attr-defined]
    if not mark:
        return False
    registry = handler.registry  # type: ignore[attr-defined]
    kind, data = registry.manifests["app", f"sha256:{hexadecimal}"]
    return bool(says(200, data, **{"content-type": kind})(handler))  # type: ignore[arg-type]


PAGE = says(200, b"<html>not what you think", **{"content-type": "text/html"})


def test_a_registry_that_answers_the_referrers_tag_with_the_image_has_no_referrers(
    connect: Connect, layout: ImageLayout, image: Descriptor, tmp_path: Path, notes: Notes
) -> None:
    with FakeRegistry(referrers_api=False) as registry:
        push(layout, image, connect(registry, write=True))
        registry.fail("GET", "/manifests/", own_manifest, times=999)
        repository = connect(registry)
        assert list_referrers(repository, image.digest) == []
        assert f":{fallback_tag(image.digest)} is {image.digest} itself" in notes.notes[-1]
        other = ImageLayout(tmp_path / "other", create=True)
        done = transfer(RegistrySource(repository, "1"), LayoutTarget(other, ["x"], "store"))
    assert (done.root.digest, done.referrers) == (image.digest, 0)


def test_a_page_for_people_instead_of_referrers_means_none(
    connect: Connect, layout: ImageLayout, image: Descriptor, tmp_path: Path, notes: Notes
) -> None:
    with FakeRegistry(referrers_api=False) as registry:
        push(layout, image, connect(registry, write=True))
        registry.fail("GET", "/referrers/", PAGE, times=999)
        other = ImageLayout(tmp_path / "other", create=True)
        done = transfer(RegistrySource(connect(registry), "1"), LayoutTarget(other, ["x"], "store"))
    assert (done.root.digest, done.referrers) == (image.digest, 0)
    assert any("taken for a registry without referrers" in note for note in notes.notes)


def test_a_page_for_people_hides_no_referrers_that_are_listed_under_the_tag(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    document = artifact(layout, image)
    with FakeRegistry(referrers_api=False) as registry:
        push(layout, image, connect(registry, write=True))
        registry.fail("GET", "/referrers/", PAGE, times=999)
        found = list_referrers(connect(registry), image.digest)
    assert [item.digest for item in found] == [document.digest]


@pytest.mark.parametrize(
    ("pattern", "answer", "kind"),
    [
        ("/referrers/", says(403), NetworkError),
        ("/referrers/", says(200, b'{"manifests":[7]}', content_type=OCI_INDEX), MalformedError),
        ("/manifests/sha256-", PAGE, MalformedError),
        ("/manifests/sha256-", says(200, b"{}", content_type=OCI_INDEX), MalformedError),
    ],
)
def test_what_fails_for_its_referrers_says_how_to_go_without(
    connect: Connect,
    layout: ImageLayout,
    image: Descriptor,
    tmp_path: Path,
    pattern: str,
    answer: Any,
    kind: type[Exception],
) -> None:
    with FakeRegistry(referrers_api=False) as registry:
        push(layout, image, connect(registry, write=True))
        registry.fail("GET", pattern, answer, times=999)
        target = LayoutTarget(ImageLayout(tmp_path / "other", create=True), ["x"], "store")
        source = RegistrySource(connect(registry), "1")
        with pytest.raises(kind, match="--no-referrers"):
            transfer(source, target)
        assert transfer(source, target, with_referrers=False).referrers == 0


def test_a_target_that_keeps_no_referrers_says_how_to_go_without(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    artifact(layout, image)
    with FakeRegistry(referrers_api=False) as registry:
        registry.fail("PUT", "/manifests/sha256-", says(403), times=99)
        with pytest.raises(NetworkError, match=r"403.*--no-referrers"):
            push(layout, image, connect(registry, write=True))
        assert push(layout, image, connect(registry, write=True), with_referrers=False)


def test_a_connection_that_fails_is_not_blamed_on_referrers(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with FakeRegistry() as gone:
        repository = connect(gone, write=True)
    with pytest.raises(NetworkError) as caught:
        push(layout, image, repository)
    assert "--no-referrers" not in str(caught.value)


# Platforms.

THREE = ("linux/amd64", "linux/arm64", "linux/arm/v7")


def platforms(*texts: str) -> tuple[Platform, ...]:
    return Platform.parse_all(texts)


def test_several_platforms_are_the_index_without_the_others(
    connect: Connect, layout: ImageLayout
) -> None:
    image = make_image(layout, LAYERS, platforms=THREE, names=("three:1",))
    whole = layout.document(image.digest)
    extra = {**whole.value, "annotations": {"a": "b"}, "org.example.unknown": 1}
    root = Document.of(extra)
    layout.blobs.put(root.raw)
    with FakeRegistry() as registry:
        done = push(
            layout,
            root.descriptor(),
            connect(registry, write=True),
            platforms=platforms("linux/arm/v7,linux/amd64"),
        )
        value = json.loads(registry.manifests["app", "1"][1])
    assert [item["platform"]["architecture"] for item in value["manifests"]] == ["amd64", "arm"]
    assert value["manifests"] == [root.value["manifests"][0], root.value["manifests"][2]]
    assert (value["annotations"], value["org.example.unknown"]) == ({"a": "b"}, 1)
    assert done.manifests == 3


def test_all_platforms_by_name_are_the_index_itself_and_one_is_its_image(
    connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    entries = layout.document(image.digest).manifests
    with FakeRegistry() as registry:
        repository = connect(registry, write=True)
        done = push(layout, image, repository, platforms=platforms("linux/arm64", "linux/amd64"))
        assert done.root.digest == image.digest
        for twice in (("linux/arm64",), ("linux/arm64/v8", "linux/arm64")):
            done = push(layout, image, repository, platforms=platforms(*twice))
            assert done.root.digest == entries[1].digest


def test_a_platform_that_is_missing_is_named_with_those_there_are(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    with pytest.raises(NotFoundError, match=r"no image for linux/s390x \(it has: linux/amd64, lin"):
        push(
            layout,
            image,
            connect(registry, write=True),
            platforms=platforms("linux/amd64", "linux/s390x"),
        )
    single = layout.document(image.digest).manifests[0]
    with pytest.raises(NotFoundError, match="is an image for linux/amd64, not for linux/arm64"):
        push(
            layout,
            single,
            connect(registry, write=True),
            platforms=platforms("linux/amd64,linux/arm64"),
        )
    assert registry.seen == []


def test_attestations_beside_an_image_go_with_it(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout
) -> None:
    image = make_image(layout, LAYERS, platforms=THREE)
    entries = [entry.json() for entry in layout.document(image.digest).manifests]
    beside = []
    for entry in entries:
        attestation = make_image(layout, [{"sbom": entry["digest"]}])
        beside.append(
            layout.document(attestation.digest).descriptor().json()
            | {
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {"vnd.docker.reference.digest": entry["digest"]},
            }
        )
    done = push(
        layout,
        listing(layout, [*entries, *beside]),
        connect(registry, write=True),
        platforms=platforms("linux/amd64,linux/arm64"),
    )
    assert [item.digest for item in done.root.manifests] == [
        item["digest"] for item in (*entries[:2], *beside[:2])
    ]


def test_an_index_that_says_no_platforms_is_asked_for_them_in_its_images(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    entries = [entry.json() for entry in layout.document(image.digest).manifests]
    for entry in entries:
        del entry["platform"]
    bare = listing(layout, entries)
    done = push(layout, bare, connect(registry, write=True), platforms=platforms("linux/arm64"))
    assert done.root.digest == entries[1]["digest"]


def test_some_platforms_of_a_stored_image_become_an_archive(
    layout: ImageLayout, tmp_path: Path
) -> None:
    image = make_image(layout, LAYERS, platforms=THREE)
    path = tmp_path / "some.tar"
    before = set(layout.blobs)
    staging = ImageLayout(tmp_path / "staging", create=True)
    done = transfer(
        stored(layout, image),
        ArchiveTarget(path, "some:1", staging, "some.tar"),
        platforms=platforms("linux/amd64,linux/arm64"),
    )
    with ArchiveFile(path) as archive:
        found = archive.find("some:1")
        assert found.digest == done.root.digest
        assert len(archive.document(found.digest).manifests) == 2
    assert set(layout.blobs) == before


# Content that lies.


def listing(layout: ImageLayout, entries: list[dict[str, Any]]) -> Descriptor:
    document = Document.of({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    layout.blobs.put(document.raw)
    return document.descriptor()


def test_indexes_nested_too_deep_are_refused(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    nested = image
    for _ in range(6):
        nested = listing(layout, [nested.json()])
    with pytest.raises(MalformedError, match="nested more than"):
        push(layout, nested, connect(registry, write=True))
    assert registry.seen == []


def test_an_index_of_something_else_than_manifests_is_refused(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout
) -> None:
    strange = Descriptor("text/plain", layout.blobs.put(b"{}"), 2)
    with pytest.raises(InputError, match="expected an OCI or Docker manifest"):
        push(layout, listing(layout, [strange.json()]), connect(registry, write=True))


def test_a_digest_of_another_algorithm_is_refused(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    entry = image.json() | {"digest": "sha512:" + "a" * 128}
    with pytest.raises(MalformedError, match="'sha512' is not supported"):
        push(layout, listing(layout, [entry]), connect(registry, write=True))


def test_one_blob_with_two_sizes_is_refused(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    first = layout.document(image.digest).manifests[0]
    value = layout.document(first.digest).value
    value["layers"] = [value["layers"][0], value["layers"][0] | {"size": 7}]
    broken = Document.of(value)
    layout.blobs.put(broken.raw)
    with pytest.raises(MalformedError, match="is said to have"):
        push(layout, broken.descriptor(), connect(registry, write=True))


def test_a_damaged_blob_of_the_store_is_not_pushed(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    layer = layout.document(layout.document(image.digest).manifests[0].digest).layers[1]
    layout.blobs.path(layer.digest).write_bytes(b"x")
    with pytest.raises(UntrustedError, match="has 1 bytes"):
        push(layout, image, connect(registry, write=True))
    layout.blobs.path(layer.digest).write_bytes(b"x" * layer.size)
    with pytest.raises(NetworkError, match="DIGEST_INVALID"):
        push(layout, image, connect(registry, write=True))
    assert ("app", "1") not in registry.manifests


def test_layers_that_stay_with_their_publisher_are_left_out(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    first = layout.document(image.digest).manifests[0]
    value = layout.document(first.digest).value
    foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    missing = Descriptor(foreign, Digest("sha256:" + "0" * 64), 10**12)
    value["layers"] = [*value["layers"], missing.json()]
    document = Document.of(value)
    layout.blobs.put(document.raw)
    registry.blobs["app", missing.digest] = b""
    assert push(layout, document.descriptor(), connect(registry, write=True)).blobs == 4


# The tree.


def test_a_tree_shows_parts_and_referrers(
    registry: FakeRegistry, connect: Connect, layout: ImageLayout, image: Descriptor
) -> None:
    sbom = artifact(layout, image)
    artifact(layout, sbom.descriptor(), "application/vnd.example.signature")
    push(layout, image, connect(registry, write=True))
    for source in (RegistrySource(connect(registry), "1"), stored(layout, image)):
        root = image_tree(source)
        assert [child.role for child in root.children] == ["manifest", "manifest", "referrer"]
        assert [part.role for part in root.children[0].children] == [
            "config",
            "layer",
            "layer",
            "layer",
        ]
        assert root.children[2].descriptor.artifact_type == SBOM
        assert root.children[2].children[-1].role == "referrer"
        assert json.dumps(root.json())


def test_names_of_a_layout_are_moved_and_not_doubled(
    layout: ImageLayout, image: Descriptor, tmp_path: Path
) -> None:
    other = ImageLayout(tmp_path / "other", create=True)
    for descriptor in (image, make_image(layout, [{"b": "c"}], names=("app:2",))):
        transfer(stored(layout, descriptor), LayoutTarget(other, ["x"], "oci"))
        transfer(stored(layout, descriptor), LayoutTarget(other, [], "oci"))
        transfer(stored(layout, descriptor), LayoutTarget(other, [], "oci"))
    names = [item.annotations.get(REF_NAME) for item in other.descriptors()]
    assert names.count("x") == 1
    assert len(other.descriptors()) <= 3
