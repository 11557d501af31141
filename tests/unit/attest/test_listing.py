"""What refers to an image is found in both ways of listing it, and read from any place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.attached import (
    BUNDLE,
    IN_TOTO,
    IN_TOTO_KEY,
    OPENVEX,
    SIGSTORE_KEY,
    SLSA,
    attach,
    buildkit_index,
    bundle,
    statement,
)
from tests.fakes.image import make_image, make_manifest

from ironhull.attest.listing import LayoutPlace, attached_to, kind_of, read_attachment
from ironhull.errors import MalformedError
from ironhull.store.layout import ImageLayout


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)


def documents(place: LayoutPlace, attached: object, limit: int = 1 << 20) -> list[object]:
    found = read_attachment(place, attached, "it", limit)  # type: ignore[arg-type]
    return [json.loads(each.document) for each in found]


def test_referrers_are_known_by_annotations_and_else_by_their_artifact_type(
    layout: ImageLayout,
) -> None:
    image = make_image(layout, index=False)
    attach(layout, image, bundle(statement(SLSA, {"x": 1})), BUNDLE, {SIGSTORE_KEY: SLSA})
    attach(layout, image, statement(OPENVEX, {}), IN_TOTO, {IN_TOTO_KEY: OPENVEX})
    attach(layout, image, b"x", "application/vnd.cncf.notary.signature")
    attach(layout, image, bundle(statement(OPENVEX, {})), BUNDLE)
    place = LayoutPlace(layout, image.digest)
    found = attached_to(place, [image.digest, image.digest])
    assert [(each.kind, each.type, each.has_predicate) for each in found] == [
        ("other", BUNDLE, False),
        ("provenance", SLSA, True),
        ("signature", "application/vnd.cncf.notary.signature", False),
        ("vex", OPENVEX, True),
    ]
    assert documents(place, found[1]) == [{"x": 1}]


def test_what_buildkit_lists_in_the_index_is_found_each_with_its_own_content(
    layout: ImageLayout,
) -> None:
    image = make_manifest(layout, [{"a": "b"}])
    index = buildkit_index(
        layout, image, {SLSA: {"made": "here"}, "https://spdx.dev/Document": {"sbom": "x"}}
    )
    place = LayoutPlace(layout, index.digest)
    found = attached_to(place, [image.digest])
    assert [(each.kind, documents(place, each)) for each in found] == [
        ("provenance", [{"made": "here"}]),
        ("sbom", [{"sbom": "x"}]),
    ]
    assert attached_to(place, []) == ()


def test_a_type_that_only_the_blob_says_does_not_keep_it_from_being_read(
    layout: ImageLayout,
) -> None:
    image = make_image(layout, index=False)
    attach(layout, image, statement(OPENVEX, {"v": 1}), IN_TOTO, layer={IN_TOTO_KEY: OPENVEX})
    place = LayoutPlace(layout, image.digest)
    (found,) = attached_to(place, [image.digest])
    assert documents(place, found) == [{"v": 1}]


def test_a_document_over_the_limit_is_not_read(layout: ImageLayout) -> None:
    image = make_image(layout, index=False)
    attach(layout, image, {"x": "y" * 100}, "application/vnd.openvex+json")
    place = LayoutPlace(layout, image.digest)
    (found,) = attached_to(place, [image.digest])
    with pytest.raises(MalformedError, match="it: a document of 109 bytes"):
        documents(place, found, 100)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("https://cyclonedx.org/bom/v1.6", "sbom"),
        ("application/vnd.syft+json", "sbom"),
        ("https://sigstore.dev/cosign/sign/v1", "signature"),
        ("https://slsa.dev/verification_summary/v1", "other"),
        ("application/vnd.openvex+json", "vex"),
    ],
)
def test_types_say_what_is_attached(name: str, kind: str) -> None:
    assert kind_of(name) == kind
