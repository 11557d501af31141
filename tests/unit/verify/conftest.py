"""One good signed image for all tests of this folder; each gets a copy of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.signed_image import SignedImage


@pytest.fixture(scope="session")
def good_image(tmp_path_factory: pytest.TempPathFactory) -> SignedImage:
    return SignedImage(tmp_path_factory.mktemp("signed"))


@pytest.fixture
def image(good_image: SignedImage, tmp_path: Path) -> SignedImage:
    return good_image.copied(tmp_path)
