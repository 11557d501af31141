"""Statements about a built image: made, signed, attached, replaced, read again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.attest.listing import LayoutPlace, read_bundles
from ironhull.attest.statement import parse_statement
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.digest import hex_of
from ironhull.signing.dsse import signers_of
from ironhull.signing.keyring import Keyring
from ironhull.statements import kinds
from ironhull.workspace.attesting import AttestChoices, checked_predicate
from ironhull.workspace.scanning import ScanChoices

NOW = datetime(2026, 11, 28, tzinfo=UTC)
REVIEW = "https://example.com/review/v1"


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return workspace(tmp_path)


def with_key(shop: Workspace) -> Keyring:
    ring = Keyring(shop.home.keys)
    ring.generate("release", None, NOW)
    return ring


def said(shop: Workspace, kind: str) -> Any:
    return json.loads(shop.read_attestation("app:1", kind, platform="linux/amd64"))


def test_a_build_without_a_key_attaches_nothing(shop: Workspace) -> None:
    shop.build("app:1")
    assert shop.attestations("app:1") == ()


def test_a_build_with_a_key_attaches_what_is_known_once(shop: Workspace) -> None:
    with_key(shop)
    shop.build("app:1")
    first = shop.attestations("app:1")
    assert {(each.word, each.platform) for each in first} >= {
        ("signature", ""),
        ("signature", "linux/amd64"),
        ("cyclonedx", "linux/amd64"),
        ("spdx", "linux/amd64"),
        ("licenses", "linux/amd64"),
        ("provenance", "linux/amd64"),
        ("checks", "linux/amd64"),
        ("secrets", "linux/amd64"),
        ("score", "linux/amd64"),
    }
    shop.build("app:1")
    assert shop.attestations("app:1") == first


def test_every_statement_is_signed_and_about_the_manifest_it_refers_to(shop: Workspace) -> None:
    ring = with_key(shop)
    shop.build("app:1")
    store = shop.home.store
    active = ring.active()
    assert active is not None
    for each in shop.attestations("app:1"):
        place = LayoutPlace(store, each.attachment.digest)
        (bundle,) = read_bundles(place, each.attachment.manifest, 1 << 20)
        envelope = bundle.envelope
        assert signers_of(envelope, [active.public]) == (active.public,)
        statement = parse_statement(envelope.payload, each.word)
        (subject,) = statement.subjects
        assert subject.digests == {"sha256": hex_of(each.attachment.subject)}  # type: ignore[arg-type]
        assert statement.predicate_type == each.attachment.type


def test_attesting_again_replaces_what_the_same_key_said(shop: Workspace) -> None:
    with_key(shop)
    shop.build("app:1")
    before = {each.attachment.digest for each in shop.attestations("app:1")}
    shop.attest("app:1")
    assert {each.attachment.digest for each in shop.attestations("app:1")} == before


def test_another_keys_statements_stay(shop: Workspace) -> None:
    ring = with_key(shop)
    shop.build("app:1")
    before = shop.attestations("app:1")
    ring.rotate(None, NOW)
    shop.attest("app:1", AttestChoices(types=(kinds.PROVENANCE,)))
    after = {each.attachment.digest for each in shop.attestations("app:1")}
    assert {each.attachment.digest for each in before} < after
    with pytest.raises(InputError, match="2 times"):
        said(shop, "provenance")


def test_provenance_names_every_package_by_its_digest_and_carries_definition_and_lock(
    shop: Workspace,
) -> None:
    with_key(shop)
    shop.build("app:1")
    lock = shop.lock("app:1").lock
    found = said(shop, "provenance")
    dependencies = found["buildDefinition"]["resolvedDependencies"]
    by_name = {each["name"]: each for each in dependencies}
    (package,) = lock.platforms["linux/amd64"].packages
    deb = next(each for each in dependencies if each["uri"].startswith("pkg:deb/"))
    assert deb["digest"] == {"sha256": hex_of(package.sha256)}
    assert deb["uri"] == "pkg:deb/debian/app@1.0-1?arch=amd64&distro=debian-13"
    assert by_name["app/debian-13/1.yaml"]["content"]
    assert by_name["app/debian-13/1.lock.json"]["content"]
    releases = [each for name, each in by_name.items() if name.startswith("InRelease")]
    assert {each["digest"]["sha256"] for each in releases} == {
        hex_of(each.digest) for each in lock.releases
    }
    assert all(each["digest"] for each in dependencies)
    assert found["runDetails"]["builder"]["id"] == "https://ironhull.io/builder/local"
    assert str(shop.home.root) not in json.dumps(found)


def test_two_homes_say_the_same_bytes_of_the_same_image(tmp_path: Path) -> None:
    texts = []
    for name in ("here", "there"):
        shop = workspace(tmp_path / name)
        # The same archive: its release files say when they were made.
        if name == "there":
            lock = Path("images/app/debian-13/1.lock.json")
            (tmp_path / name / lock).write_bytes((tmp_path / "here" / lock).read_bytes())
        with_key(shop)
        shop.build("app:1")
        texts.append(
            [
                shop.read_attestation("app:1", kind, platform="linux/amd64")
                for kind in ("cyclonedx", "spdx", "licenses", "provenance", "checks", "secrets")
            ]
        )
    assert texts[0] == texts[1]


def test_what_cannot_be_said_is_left_out_with_its_reason(shop: Workspace) -> None:
    shop.build("app:1")
    with_key(shop)
    done = shop.attest("app:1")
    left = {each.kind: each.reason for each in done.left_out}
    assert "ironhull test app:1" in left["tests"]
    assert "advisories update" in left["vulnerabilities"]
    assert set(left) == {"tests", "vulnerabilities", "vex"}


def test_an_image_from_elsewhere_gets_what_its_files_show(shop: Workspace, tmp_path: Path) -> None:
    shop.build("app:1")
    other = workspace(tmp_path / "other")
    layout = tmp_path / "layout"
    shop.copy("app:1", f"oci:{layout}:app")
    other.copy(f"oci:{layout}:app", "app:1")
    with_key(other)
    done = other.attest("app:1")
    left = {each.kind: each.reason for each in done.left_out}
    assert "not built here" in left["provenance"]
    assert "not built here" in left["checks"]
    assert {"signature", "secrets", "score"} <= {each.kind for each in done.said}


def test_a_predicate_of_somebody_is_attached_as_it_is(shop: Workspace) -> None:
    with_key(shop)
    shop.build("app:1")
    brought = checked_predicate(b'{"by": "alice", "ok": true}', "review.json")
    shop.attest("app:1", AttestChoices(types=(), predicates={REVIEW: brought}))
    assert said(shop, REVIEW) == {"by": "alice", "ok": True}


@pytest.mark.parametrize("data", [b"", b"[]", b"1", b"{", b"[" * 10_000])
def test_a_predicate_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"review\.json"):
        checked_predicate(data, "review.json")


def test_without_a_key_attesting_says_how_to_get_one(shop: Workspace) -> None:
    shop.build("app:1")
    with pytest.raises(InputError, match="ironhull key generate"):
        shop.attest("app:1")


def test_reading_what_is_not_there_lists_what_is(shop: Workspace) -> None:
    with_key(shop)
    shop.build("app:1")
    with pytest.raises(NotFoundError, match="provenance"):
        shop.read_attestation("app:1", "vex")
    with pytest.raises(NotFoundError, match="kinds are: signature"):
        shop.read_attestation("app:1", "provenence")


def test_a_kind_attached_to_index_and_platform_asks_which(shop: Workspace) -> None:
    with_key(shop)
    shop.build("app:1")
    with pytest.raises(InputError, match="--platform"):
        shop.read_attestation("app:1", "signature")


def test_the_score_counts_what_is_attached(shop: Workspace) -> None:
    before = None
    shop.build("app:1")
    before = {each.id: each.result for each in shop.score("app:1").points}
    with_key(shop)
    shop.attest("app:1")
    after = {each.id: each.result for each in shop.score("app:1").points}
    won = {each for each in after if before[each] != after[each] == "pass"}
    assert {"signed", "sbom", "provenance-attestation", "trusted-source"} <= won
    assert said(shop, "score")["total"] == shop.score("app:1").total


def test_attestations_go_along_with_a_copy(shop: Workspace, tmp_path: Path) -> None:
    with_key(shop)
    shop.build("app:1")
    layout = f"oci:{tmp_path / 'layout'}:app"
    shop.copy("app:1", layout)
    here = [each.attachment.key for each in shop.attestations("app:1")]
    assert [each.attachment.key for each in shop.attestations(layout)] == here


def test_no_vex_is_said_from_advisories_that_are_too_old(shop: Workspace, tmp_path: Path) -> None:
    feed = tmp_path / "feed"
    feed.mkdir()
    record = {
        "id": "DEBIAN-CVE-2020-0001",
        "modified": "2020-07-01T00:00:00Z",
        "affected": [
            {
                "package": {"ecosystem": "Debian:13", "name": "app"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
            }
        ],
    }
    (feed / "one.json").write_text(json.dumps(record))
    shop.update_advisories(f"osv-debian={feed}")
    shop.build("app:1")
    with_key(shop)
    left = {each.kind: each.reason for each in shop.attest("app:1").left_out}
    assert "2020-07-01" in left["vex"]
    assert said(shop, "vulnerabilities")["ironhull"]["verdict"] == "stale"
    accepted = AttestChoices(types=(kinds.VEX,), scan=ScanChoices(max_age=0))
    assert [each.kind for each in shop.attest("app:1", accepted).said] == ["signature", "vex"]
