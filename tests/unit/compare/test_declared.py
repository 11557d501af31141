"""What a maker declares is read from wherever the image is, and problems are told."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.attached import BUNDLE, SIGSTORE_KEY, SLSA, attach, bundle, statement
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry

from ironhull.attest.listing import LayoutPlace, attached_to
from ironhull.attest.provenance import Provenance
from ironhull.compare.declared import declared_in
from ironhull.inventory.model import ImageIdentity
from ironhull.oci.reference import Reference
from ironhull.registry.client.access import Registries
from ironhull.registry.client.credentials import Credentials
from ironhull.registry.client.places import RegistrySource
from ironhull.store.layout import ImageLayout

PREDICATE = {"runDetails": {"builder": {"id": "https://example.org/builder"}}}


def test_provenance_is_read_out_of_a_registry(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    image = make_image(layout, index=False, annotations={"a": "b"})
    said = bundle(statement(SLSA, PREDICATE, image.digest))
    document = attach(layout, image, said, BUNDLE, {SIGSTORE_KEY: SLSA})
    with FakeRegistry() as registry, Registries(credentials=Credentials(())) as registries:
        for digest in layout.blobs:
            registry.blobs["app", digest] = layout.blobs.read(digest)
        repository = registries.repository(Reference(registry.host, "app"), write=True)
        for each in (layout.document(image.digest), document):
            repository.push_manifest(each)
        place = RegistrySource(repository, image.digest)
        identity = ImageIdentity("app", "registry", image.digest, image.digest)
        attached = attached_to(place, [image.digest])
        found = declared_in(place, identity, {}, attached)
    assert found.problems == ()
    assert found.annotations == {"a": "b"}
    assert found.provenance == (Provenance(document.digest, "https://example.org/builder", ()),)


def test_damaged_provenance_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    image = make_image(layout, index=False)
    attach(layout, image, b"no json", BUNDLE, {SIGSTORE_KEY: SLSA})
    attach(layout, image, statement(SLSA, PREDICATE), BUNDLE, {SIGSTORE_KEY: SLSA})
    place = LayoutPlace(layout, image.digest)
    identity = ImageIdentity("app", "store", image.digest, image.digest)
    found = declared_in(place, identity, {"l": "m"}, attached_to(place, [image.digest]))
    assert len(found.problems) == 1
    assert "not JSON" in found.problems[0]
    assert [each.builder for each in found.provenance] == ["https://example.org/builder"]
