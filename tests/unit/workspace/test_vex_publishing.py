"""The VEX of a store's images as one set: numbered, chained, signed, and nobody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.vex.test_repository import document
from tests.unit.workspace.test_attesting import with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.attest.bundle import parse_bundle
from ironhull.attest.statement import parse_statement
from ironhull.errors import InputError, UntrustedError
from ironhull.oci.digest import digest_of, hex_of
from ironhull.signing.dsse import signers_of
from ironhull.signing.keyring import Keyring
from ironhull.statements.kinds import VEX, VEX_SET
from ironhull.workspace.attesting import AttestChoices
from ironhull.workspace.vex_publishing import publish_vex

URL = "https://images.example/vex"


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    shop = workspace(tmp_path)
    with_key(shop)
    shop.build("app:1")
    return shop


def say(shop: Workspace, *vulnerabilities: str) -> None:
    said = document("pkg:oci/app@sha256%3A" + "a" * 64, *vulnerabilities)
    shop.attest("app:1", AttestChoices(types=(), predicates={VEX: said}))


def test_a_set_is_numbered_names_the_one_before_and_signs_every_file(
    shop: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "vex"
    say(shop, "CVE-1")
    first = publish_vex(shop.machine, folder, url=URL)
    assert (first.number, first.statements) == (1, 1)
    assert first.images[0].startswith("app:1")
    say(shop, "CVE-1", "CVE-2")
    second = publish_vex(shop.machine, folder, url=URL)
    assert (second.number, second.statements) == (2, 2)
    value: dict[str, Any] = json.loads((folder / "set.json").read_text())
    assert value["previous"] == first.digest
    bundle = json.loads((folder / "set.sigstore.json").read_text())
    envelope = parse_bundle(bundle, "set").envelope
    active = Keyring(shop.home.keys).active()
    assert active is not None
    assert signers_of(envelope, [active.public]) == (active.public,)
    statement = parse_statement(envelope.payload, "set")
    assert statement.predicate_type == VEX_SET
    for subject in statement.subjects:
        data = (folder / subject.name).read_bytes()
        assert subject.digests == {"sha256": hex_of(digest_of(data))}
    assert {each.name for each in statement.subjects} == set(value["files"])


def test_an_equal_set_keeps_its_number_and_its_bytes(shop: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "vex"
    say(shop, "CVE-1")
    first = publish_vex(shop.machine, folder, url=URL)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert publish_vex(shop.machine, folder, url=URL) == first
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_set_of_another_key_is_not_gone_on_from(shop: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "vex"
    say(shop, "CVE-1")
    publish_vex(shop.machine, folder, url=URL)
    other = workspace(tmp_path / "other")
    with_key(other)
    other.build("app:1")
    say(other, "CVE-2")
    with pytest.raises(UntrustedError, match="not signed by this key"):
        publish_vex(other.machine, folder, url=URL)


def test_a_number_that_was_set_back_by_hand_is_refused(shop: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "vex"
    say(shop, "CVE-1")
    publish_vex(shop.machine, folder, url=URL)
    path = folder / "set.json"
    path.write_text(path.read_text().replace('"number":1', '"number":7'))
    say(shop, "CVE-2")
    with pytest.raises(UntrustedError, match="not signed by this key"):
        publish_vex(shop.machine, folder, url=URL)


def test_no_vex_says_how_to_get_some(shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ironhull attest"):
        publish_vex(shop.machine, tmp_path / "vex", url=URL)
    with pytest.raises(InputError, match="app:1 has no VEX"):
        publish_vex(shop.machine, tmp_path / "vex", ["app:1"], URL)
