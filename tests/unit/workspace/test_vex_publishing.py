"""The VEX of a store's images as one set: numbered, chained, signed, and nobody else's."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.registry import FakeRegistry
from tests.unit.vex.test_repository import document
from tests.unit.workspace.test_attesting import NOW, with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.attest.bundle import parse_bundle
from ironhull.attest.statement import parse_statement
from ironhull.errors import InputError, UntrustedError
from ironhull.oci.digest import digest_of, hex_of
from ironhull.oci.reference import Reference
from ironhull.registry.client.access import Registries
from ironhull.signing.dsse import signers_of
from ironhull.signing.keyring import Keyring
from ironhull.statements.kinds import VEX, VEX_SET
from ironhull.workspace.attesting import AttestChoices
from ironhull.workspace.signing_keys import signer_of
from ironhull.workspace.vex_publishing import publish_vex, published_set

URL = "https://images.example/vex"
PACKAGE = "app"


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


def affected(version: str) -> bytes:
    value = json.loads(document("pkg:oci/app@sha256%3A" + "a" * 64, "CVE-2024-0001"))
    (statement,) = value["statements"]
    (product,) = statement["products"]
    product["subcomponents"] = [{"@id": f"pkg:deb/debian/{PACKAGE}@{version}?arch=amd64"}]
    statement["status"] = "affected"
    return json.dumps(value).encode()


def feed(folder: Path) -> dict[str, Any]:
    with zipfile.ZipFile(folder / "osv" / "all.zip") as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def test_what_an_image_mends_of_the_set_before_is_in_the_feed(
    shop: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "vex"
    (installed,) = (each for each in shop.inventory("app:1").packages if each.name == PACKAGE)
    shop.attest("app:1", AttestChoices(types=(), predicates={VEX: affected("0.1")}))
    publish_vex(shop.machine, folder, url=URL)
    assert feed(folder) == {}
    say(shop, "CVE-1")
    publish_vex(shop.machine, folder, url=URL)
    (record,) = feed(folder).values()
    (about,) = record["affected"]
    assert about["package"]["name"] == installed.source
    assert about["ranges"][0]["events"][-1] == {"fixed": installed.source_version}
    say(shop, "CVE-1", "CVE-2")
    publish_vex(shop.machine, folder, url=URL)
    assert list(feed(folder)) == ["IRONHULL-CVE-2024-0001.json"]


def test_what_others_attached_is_not_published_as_ours(shop: Workspace, tmp_path: Path) -> None:
    other = Keyring(tmp_path / "other")
    other.generate("other", None, NOW)
    settings = replace(shop.settings, signer=str(tmp_path / "other" / "other.key"))
    said = document("pkg:oci/app@sha256%3A" + "a" * 64, "CVE-9")
    Workspace(settings).attest("app:1", AttestChoices(types=(), predicates={VEX: said}))
    with pytest.raises(InputError, match="no image has VEX attached that this key signed"):
        publish_vex(shop.machine, tmp_path / "vex", url=URL)
    say(shop, "CVE-1")
    assert publish_vex(shop.machine, tmp_path / "vex", url=URL).statements == 1


def test_a_file_that_was_changed_by_hand_is_not_gone_on_from(
    shop: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "vex"
    say(shop, "CVE-1")
    publish_vex(shop.machine, folder, url=URL)
    (folder / "osv" / "all.zip").write_bytes(b"")
    say(shop, "CVE-2")
    with pytest.raises(UntrustedError, match="is not as it was signed"):
        publish_vex(shop.machine, folder, url=URL)


@pytest.mark.parametrize("referrers_api", [True, False])
def test_a_set_in_a_registry_is_numbered_and_signed_as_an_image(
    shop: Workspace, tmp_path: Path, referrers_api: bool
) -> None:
    with FakeRegistry(referrers_api=referrers_api) as registry, Registries() as opened:
        target = f"{registry.host}/catalog/vex:set"
        say(shop, "CVE-1")
        first = publish_vex(shop.machine, target, url=URL)
        say(shop, "CVE-1", "CVE-2")
        second = publish_vex(shop.machine, target, url=URL)
        assert [first.number, second.number] == [1, 2]
        key = signer_of(shop.machine).public
        assert published_set(shop.machine, target, key) == (2, second.digest)
        assert publish_vex(shop.machine, target, url=URL) == second
        repository = opened.repository(Reference.parse(target))
        manifest = repository.fetch_manifest("set")
        titles = {each.annotations["org.opencontainers.image.title"] for each in manifest.layers}
        assert {"set.json", "set.sigstore.json", "osv/all.zip", "v0/index.json"} <= titles
        verdict = shop.verify(target)
        assert verdict.passed, verdict


def test_something_else_under_the_tag_is_not_overwritten(shop: Workspace, tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        target = f"{registry.host}/catalog/vex:set"
        shop.push("app:1", target)
        say(shop, "CVE-1")
        with pytest.raises(UntrustedError, match="is no set of VEX"):
            publish_vex(shop.machine, target, url=URL)
    with pytest.raises(InputError, match="name it by a tag"):
        publish_vex(shop.machine, "localhost:1/vex@sha256:" + "a" * 64, url=URL)
