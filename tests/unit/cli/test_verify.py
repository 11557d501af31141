"""`ironhull verify` as people run it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.fakes.signed_image import SIGNATURE, SignedImage
from tests.fakes.signer import FakeSigner

from ironhull.cli.verify import verify
from ironhull.errors import CheckFailedError, InputError, MalformedError, NotFoundError
from ironhull.oci.reference import Reference
from ironhull.signing.keyring import Keyring
from ironhull.store.export import write_oci_archive
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import Referrers
from ironhull.workspace.verify_places import Places
from ironhull.workspace.workspace import Workspace

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture
def image(tmp_path: Path) -> SignedImage:
    return SignedImage(tmp_path)


@pytest.fixture
def place(image: SignedImage) -> str:
    return f"oci:{image.layout.root}"


def key(image: SignedImage, tmp_path: Path, name: str = "release.pub") -> str:
    path = tmp_path / name
    path.write_bytes(image.signer.public.pem)
    return str(path)


def run(*args: str) -> Result:
    return CliRunner().invoke(verify, args)


def test_a_signed_image_is_verified_by_its_digest(
    image: SignedImage, place: str, tmp_path: Path
) -> None:
    result = run(place, "--key", key(image, tmp_path))
    assert result.exception is None
    assert image.root.digest in result.output
    assert "signatures  yes    signed by release.pub (" in result.output
    assert image.manifests[1].digest in result.output


def test_another_key_says_no_with_the_reason(
    image: SignedImage, place: str, tmp_path: Path
) -> None:
    image.signer = FakeSigner()
    result = run(place, "--key", key(image, tmp_path))
    assert isinstance(result.exception, CheckFailedError)
    assert "signed-by-nobody-known" in str(result.exception)
    assert "WHAT WOULD SATISFY IT" in result.output


def test_the_verdict_as_json(image: SignedImage, place: str, tmp_path: Path) -> None:
    image.attach(image.root, SIGNATURE, {}, signers=(FakeSigner(),))
    said = json.loads(run(place, "--json", "--key", key(image, tmp_path)).stdout)
    assert (said["schema"], said["passed"], said["digest"]) == (
        "ironhull-verdict-1",
        True,
        image.root.digest,
    )
    root, *manifests = said["subjects"]
    fingerprint = image.signer.public.fingerprint
    (statement,) = root["statements"]
    assert statement["type"] == SIGNATURE
    signer = {"name": "release.pub", "fingerprint": fingerprint, "time": None}
    assert statement["signers"] == [signer]
    assert [each["reason"] for each in root["refused"]] == ["signed-by-nobody-known"]
    assert [each["platform"] for each in manifests] == ["linux/amd64", "linux/arm64"]


def test_the_ring_is_believed_where_no_key_is_given(
    home: Home, image: SignedImage, place: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no key to verify with: give public ones"):
        raise run(place).exception or AssertionError
    ring = Keyring(home.keys)
    ring.trust("theirs", image.signer.public.pem, NOW)
    assert "signed by theirs (" in run(place).output
    ring.revoke("theirs", "lost", NOW)
    with pytest.raises(InputError, match="theirs is revoked"):
        raise run(place).exception or AssertionError
    with pytest.raises(InputError, match="theirs is revoked"):
        raise run(place, "--key", key(image, tmp_path)).exception or AssertionError


def test_a_private_key_and_what_is_no_key_are_said(place: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pub"
    path.write_text("-----BEGIN EC PRIVATE KEY-----\nAAAA\n")
    assert isinstance(run(place, "--key", str(path)).exception, MalformedError)
    path.write_text("none")
    assert isinstance(run(place, "--key", str(path)).exception, MalformedError)


def test_a_short_name_without_a_store_is_asked_for_where_images_are(
    image: SignedImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    @contextmanager
    def place(self: Places, reference: Reference) -> Iterator[object]:
        asked.append(str(reference))
        yield image.place()

    monkeypatch.setattr(Places, "_asked", place)
    assert run("node:20", "--key", key(image, tmp_path)).exception is None
    assert asked == ["docker.io/library/node:20"]
    stored = run("store:node:20", "--key", key(image, tmp_path))
    assert isinstance(stored.exception, NotFoundError)


def test_one_platform_of_several(image: SignedImage, place: str, tmp_path: Path) -> None:
    pub = key(image, tmp_path)
    output = run(place, "--key", pub, "--platform", "linux/arm64").output
    assert image.manifests[1].digest in output
    assert image.manifests[0].digest not in output
    failed = run(place, "--key", pub, "--platform", "linux/riscv64")
    assert isinstance(failed.exception, NotFoundError)


def test_an_archive_and_the_store_are_verified_without_anything_else(
    home: Home, image: SignedImage, tmp_path: Path
) -> None:
    pub = key(image, tmp_path)
    referring = Referrers(image.layout).digests()
    also = [each for each in image.layout.descriptors() if each.digest in referring]
    archive = tmp_path / "image.tar"
    with archive.open("wb") as file:
        write_oci_archive(image.layout, image.root, "app:1", file, also=also)
    assert run(str(archive), "--key", pub).exception is None

    def stored(layout: ImageLayout) -> None:
        for path in image.layout.blobs.root.rglob("*"):
            if path.is_file():
                layout.blobs.put(path.read_bytes())
        layout.update(lambda before: image.layout.descriptors())

    stored(home.store)
    assert run("app:1", "--key", pub).exception is None
    with Workspace.open(home=home.root, images=tmp_path, offline=True) as shop:
        verdict = shop.verify("app:1", keys=[pub], platforms=["linux/amd64"])
        both = shop.verify_all(["app:1", "gone:1"], keys=[pub])
    assert verdict.passed
    assert verdict.digest == image.root.digest
    assert [each.passed for each in both] == [True, False]
