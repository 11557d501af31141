"""VEX among all that is attached to an image."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.attached import (
    BUNDLE,
    IN_TOTO,
    OPENVEX,
    SIGSTORE_KEY,
    SLSA,
    attach,
    buildkit_index,
    bundle,
    statement,
)
from tests.fakes.image import make_image, make_manifest
from tests.fakes.vex import said

from ironhull.attest.listing import LayoutPlace
from ironhull.errors import MalformedError
from ironhull.store.layout import ImageLayout
from ironhull.vex.attached import attached_vex

VEX = {"@context": OPENVEX, "author": "x", "timestamp": "2026-01-01T00:00:00Z"}


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)


def vex(author: str) -> dict[str, object]:
    return VEX | {"author": author, "statements": [said()]}


def test_vex_is_found_plain_bundled_and_where_only_the_content_tells(layout: ImageLayout) -> None:
    image = make_image(layout, index=False)
    attach(layout, image, vex("plain"), "application/vnd.openvex+json")
    attach(layout, image, bundle(statement(OPENVEX, vex("named"))), BUNDLE, {SIGSTORE_KEY: OPENVEX})
    attach(layout, image, bundle(statement(OPENVEX, vex("unnamed"))), BUNDLE)
    attach(layout, image, statement(SLSA, {}), IN_TOTO)
    attach(layout, image, b"no JSON", BUNDLE, {SIGSTORE_KEY: SLSA})
    found = attached_vex(LayoutPlace(layout, image.digest), [image.digest], "here")
    assert {each.author for each in found} == {"plain", "named", "unnamed"}
    assert all(each.name.startswith("here: referrer sha256:") for each in found)


def test_vex_is_found_where_buildkit_lists_it(layout: ImageLayout) -> None:
    image = make_manifest(layout, [{"a": "b"}])
    index = buildkit_index(layout, image, {SLSA: {}, OPENVEX: vex("buildkit")})
    found = attached_vex(LayoutPlace(layout, index.digest), [image.digest], "here")
    assert [each.author for each in found] == ["buildkit"]


def test_damaged_vex_is_an_error_and_not_passed_over(layout: ImageLayout) -> None:
    image = make_image(layout, index=False)
    attach(layout, image, b"no JSON", "application/vnd.openvex+json")
    with pytest.raises(MalformedError, match=r"here: referrer sha256:.*: not JSON"):
        attached_vex(LayoutPlace(layout, image.digest), [image.digest], "here")
