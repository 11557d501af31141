"""Statements about an image that is in a registry alone: attached there, layers left there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.registry import FakeRegistry
from tests.unit.workspace.test_attesting import REVIEW, with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.errors import NotFoundError
from ironhull.settings import Settings
from ironhull.statements.kinds import CYCLONEDX, SIGNATURE
from ironhull.workspace.attesting import AttestChoices


class Shop:
    """A registry with an image that somebody else pushed, and a home that never saw it."""

    def __init__(self, folder: Path, registry: FakeRegistry) -> None:
        maker = workspace(folder / "maker")
        maker.build("app:1")
        self.reference = f"{registry.host}/base/app:1"
        maker.push("app:1", self.reference, record=False)
        self.registry = registry
        self.signer = Workspace(Settings(folder / "home", folder))
        with_key(self.signer)
        registry.seen.clear()

    def layers_asked(self) -> int:
        root = json.loads(self.manifest("1"))
        layers = {
            layer["digest"]
            for each in root["manifests"]
            for layer in json.loads(self.manifest(each["digest"]))["layers"]
        }
        asked = self.registry.requests("GET", "/blobs/")
        return sum(each.path.rpartition("/")[2] in layers for each in asked)

    def manifest(self, reference: str) -> bytes:
        found: Any = self.registry.manifests["base/app", reference]
        return bytes(found[1])


@pytest.fixture(params=[True, False], ids=["referrers API", "no referrers API"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with FakeRegistry(referrers_api=request.param) as registry:
        yield Shop(tmp_path, registry)


def test_a_signature_and_a_predicate_read_no_layer(shop: Shop) -> None:
    choices = AttestChoices(types=(SIGNATURE,), predicates={REVIEW: b'{"by":"jane"}'})
    done = shop.signer.attest(shop.reference, choices)
    assert {each.kind for each in done.said} == {"signature", REVIEW}
    assert shop.layers_asked() == 0
    assert shop.signer.images() == []
    verdict = shop.signer.verify(shop.reference)
    assert verdict.passed
    for subject in verdict.evidence.images:
        assert {each.type for each in subject.statements} == {SIGNATURE, REVIEW}


def test_saying_the_same_again_adds_nothing(shop: Shop) -> None:
    choices = AttestChoices(types=(SIGNATURE,))
    first = shop.signer.attest(shop.reference, choices)
    assert shop.signer.attest(shop.reference, choices) == first
    assert len(shop.signer.attestations(shop.reference)) == len(first.said)


def test_what_is_in_it_is_said_by_reading_it(shop: Shop) -> None:
    done = shop.signer.attest(shop.reference, AttestChoices(types=(CYCLONEDX,)))
    assert "cyclonedx" in {each.kind for each in done.said}
    assert shop.layers_asked() > 0
    said = json.loads(
        shop.signer.read_attestation(shop.reference, "cyclonedx", platform="linux/amd64")
    )
    assert "app" in {each["name"] for each in said["components"]}


def test_what_only_the_builder_knows_is_left_out(shop: Shop) -> None:
    done = shop.signer.attest(shop.reference)
    assert {"provenance", "checks", "tests"} <= {each.kind for each in done.left_out}
    assert {"signature", "cyclonedx", "spdx", "secrets", "score"} <= {
        each.kind for each in done.said
    }


def test_an_image_that_is_not_there_is_said(shop: Shop) -> None:
    with pytest.raises(NotFoundError):
        shop.signer.attest(shop.reference.replace("app:1", "none:1"))


def test_the_stores_own_image_of_that_name_comes_first(shop: Shop) -> None:
    shop.signer.pull(shop.reference)
    shop.signer.attest(shop.reference, AttestChoices(types=(SIGNATURE,)))
    assert shop.signer.attestations(f"docker://{shop.reference}") == ()
    explicit = f"docker://{shop.reference}"
    shop.signer.attest(explicit, AttestChoices(types=(SIGNATURE,)))
    assert len(shop.signer.attestations(explicit)) >= 2
