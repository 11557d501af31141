"""Signed as an identity: real bundles of the library `sigstore`, and each part of them changed.

Fulcio, its certificate log and Rekor are a stand-in (`tests.fakes.sigstore_services`); who signs
and who verifies is the library.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.sigstore_services import IDENTITY, ISSUER, SigstoreServices, canonical
from tests.unit.workspace.test_attesting import with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.attest.envelope import Envelope
from ironhull.attest.listing import LayoutPlace
from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    MalformedError,
    NetworkError,
    UntrustedError,
)
from ironhull.oci.digest import Digest
from ironhull.signing.interface import identity_fingerprint
from ironhull.signing.keyless import KeylessSigner
from ironhull.statements.kinds import PROVENANCE, SIGNATURE
from ironhull.verify.keyless import TrustedIdentity
from ironhull.verify.opening import open_bundle
from ironhull.verify.refusal import Reason, RefusedError
from ironhull.verify.trust import Signer, Trust
from ironhull.verify.verdict import Verdict
from ironhull.workspace.attesting import AttestChoices
from ironhull.workspace.signing_keys import KEYLESS
from ironhull.workspace.verifying import ChosenIdentity, VerifyChoices, verify

ABOUT = Digest("sha256:" + "ab" * 32)
STATEMENT = canonical(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": "ab" * 32}}],
        "predicateType": SIGNATURE,
        "predicate": {},
    }
)


@pytest.fixture(scope="module")
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices() as services:
        yield services


def signer(services: SigstoreServices, **token: str) -> KeylessSigner:
    return KeylessSigner(json.dumps(services.trust_config).encode(), services.token(**token))


@pytest.fixture(scope="module")
def good(services: SigstoreServices) -> bytes:
    return signer(services).bundle(STATEMENT)


def root(services: SigstoreServices, folder: Path, change: Any = None) -> Path:
    value = services.trusted_root
    if change is not None:
        change(value)
    path = folder / "trusted_root.json"
    path.write_text(json.dumps(value))
    return path


def opened(
    bundle: bytes, trusted: Path, identity: str = IDENTITY, issuer: str = ISSUER
) -> tuple[str, str]:
    """Name and time of who signed."""
    trust = Trust((), identities=(TrustedIdentity(identity, issuer, trusted),))
    (found,) = open_bundle(bundle, ABOUT, frozenset(), trust).signers
    assert found.fingerprint == identity_fingerprint(identity, issuer)
    return found.name, found.time


def test_what_an_identity_signed_is_believed_offline(
    services: SigstoreServices, good: bytes, tmp_path: Path
) -> None:
    name, time = opened(good, root(services, tmp_path))
    assert name == IDENTITY
    assert time.endswith("Z")


@pytest.mark.parametrize(
    ("identity", "issuer", "says"),
    [
        ("john@example.org", ISSUER, "SANs do not match"),
        (IDENTITY, "https://other.example", "issuer"),
        ("jane@example.org.evil.example", ISSUER, "SANs do not match"),
        ("", ISSUER, "SANs do not match"),
    ],
)
def test_another_identity_is_refused(
    services: SigstoreServices, good: bytes, tmp_path: Path, identity: str, issuer: str, says: str
) -> None:
    with pytest.raises(RefusedError, match=says) as caught:
        opened(good, root(services, tmp_path), identity, issuer)
    assert caught.value.reason is Reason.CERTIFICATE


def test_the_services_of_somebody_else_are_not_believed(good: bytes, tmp_path: Path) -> None:
    with SigstoreServices() as others, pytest.raises(RefusedError, match="does not hold"):
        opened(good, root(others, tmp_path))


@pytest.mark.parametrize("part", ["tlogs", "ctlogs", "certificateAuthorities"])
def test_each_service_has_to_be_the_one_that_is_trusted(
    services: SigstoreServices, good: bytes, tmp_path: Path, part: str
) -> None:
    with SigstoreServices() as others:

        def swap(value: dict[str, Any]) -> None:
            value[part] = others.trusted_root[part]

        with pytest.raises(RefusedError, match="does not hold"):
            opened(good, root(services, tmp_path, swap))


Change = Callable[[dict[str, Any]], object]


def entry(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["verificationMaterial"]["tlogEntries"][0]
    return found


def body(change: Callable[[dict[str, Any]], object]) -> Change:
    """The log's entry says something else, and so does its proof, but its promise."""

    def changed(value: dict[str, Any]) -> None:
        said = json.loads(base64.b64decode(entry(value)["canonicalizedBody"]))
        change(said)
        raw = canonical(said)
        entry(value)["canonicalizedBody"] = base64.b64encode(raw).decode()
        proof = entry(value)["inclusionProof"]
        proof["rootHash"] = base64.b64encode(hashlib.sha256(b"\0" + raw).digest()).decode()

    return changed


def other_payload(value: dict[str, Any]) -> None:
    said = json.loads(base64.b64decode(value["dsseEnvelope"]["payload"]))
    said["predicate"] = {"more": 1}
    value["dsseEnvelope"]["payload"] = base64.b64encode(canonical(said)).decode()


CHANGES: dict[str, Change] = {
    "other payload": other_payload,
    "no entry in the log": lambda value: value["verificationMaterial"].update(tlogEntries=[]),
    "no promise": lambda value: entry(value).pop("inclusionPromise"),
    "no proof": lambda value: entry(value).pop("inclusionProof"),
    "other time": lambda value: entry(value).update(
        integratedTime=str(int(entry(value)["integratedTime"]) + 1)
    ),
    "long ago": lambda value: entry(value).update(integratedTime="1000000000"),
    "other hash in the proof": lambda value: entry(value)["inclusionProof"].update(
        rootHash=base64.b64encode(b"x" * 32).decode()
    ),
    "other payload in the log": body(
        lambda said: said["spec"]["payloadHash"].update(value="ab" * 32)
    ),
    "other signature in the log": body(
        lambda said: said["spec"]["signatures"][0].update(signature="MEUCIQ==")
    ),
    "other kind of entry": body(lambda said: said.update(kind="hashedrekord")),
    "no certificate": lambda value: value["verificationMaterial"]["certificate"].update(
        rawBytes=""
    ),
    "a certificate of nonsense": lambda value: value["verificationMaterial"]["certificate"].update(
        rawBytes=base64.b64encode(b"0\x82").decode()
    ),
    "entries that are none": lambda value: value["verificationMaterial"].update(tlogEntries=[1]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_bundle_that_was_changed_is_refused(
    services: SigstoreServices, good: bytes, tmp_path: Path, name: str
) -> None:
    value = json.loads(good)
    CHANGES[name](value)
    with pytest.raises(RefusedError) as caught:
        opened(json.dumps(value).encode(), root(services, tmp_path))
    assert caught.value.reason is Reason.CERTIFICATE


def test_a_certificate_of_another_signature_is_refused(
    services: SigstoreServices, good: bytes, tmp_path: Path
) -> None:
    other = json.loads(signer(services, identity="john@example.org").bundle(STATEMENT))
    value = json.loads(good)
    mine = value["verificationMaterial"]["certificate"]
    other["verificationMaterial"]["certificate"] = mine
    with pytest.raises(RefusedError, match="does not hold"):
        opened(json.dumps(other).encode(), root(services, tmp_path))


def test_a_signature_after_the_certificates_end_is_refused(tmp_path: Path) -> None:
    with SigstoreServices() as services:
        services.lifetime, services.clock = timedelta(minutes=1), timedelta(minutes=5)
        bundle = signer(services).bundle(STATEMENT)
        with pytest.raises(RefusedError, match="does not hold"):
            opened(bundle, root(services, tmp_path))


def test_a_bundle_without_trusted_identity_is_refused_as_before(good: bytes) -> None:
    with pytest.raises(RefusedError, match="signed with a certificate") as caught:
        open_bundle(good, ABOUT, frozenset(), Trust(()))
    assert caught.value.reason is Reason.CERTIFICATE


# -- the root, the token, the services -------------------------------------------------------------


def test_a_root_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="cannot read"):
        TrustedIdentity(IDENTITY, ISSUER, tmp_path / "none.json")
    for text in ("{}", "none", '{"mediaType": "text/plain"}', '{"tlogs": 1}'):
        (tmp_path / "root.json").write_text(text)
        with pytest.raises(MalformedError, match="no trusted root"):
            TrustedIdentity(IDENTITY, ISSUER, tmp_path / "root.json")


def test_a_token_or_a_configuration_that_is_none_is_an_error(services: SigstoreServices) -> None:
    config = json.dumps(services.trust_config).encode()
    with pytest.raises(MalformedError, match="identity token") as caught:
        KeylessSigner(config, "very.secret.token")
    assert "secret" not in str(caught.value)
    with pytest.raises(MalformedError, match="trust configuration"):
        KeylessSigner(b"{}", services.token())


def test_services_that_do_not_answer_are_the_networks_fault() -> None:
    with SigstoreServices() as services:
        made = signer(services)
    with pytest.raises(NetworkError, match="sigstore's services"):
        made.bundle(STATEMENT)


def test_a_certificate_that_no_log_promised_is_not_signed_with() -> None:
    with SigstoreServices() as services, SigstoreServices() as others:
        config = services.trust_config
        config["trustedRoot"]["ctlogs"] = others.trusted_root["ctlogs"]
        made = KeylessSigner(json.dumps(config).encode(), services.token())
        with pytest.raises(UntrustedError, match="does not hold"):
            made.bundle(STATEMENT)


# -- an image -------------------------------------------------------------------------------------


def keyless(shop: Workspace, services: SigstoreServices, identity: str = IDENTITY) -> Workspace:
    path = shop.home.root.parent / "trust_config.json"
    path.write_text(json.dumps(services.trust_config))
    return Workspace(
        replace(
            shop.settings,
            signer=KEYLESS,
            trust_config=path,
            identity_token=services.token(identity),
        )
    )


def verdict(shop: Workspace, trusted: Path, identity: str = IDENTITY) -> Verdict:
    chosen = VerifyChoices(identity=ChosenIdentity(identity, ISSUER, trusted))
    return verify(shop.machine, "app:1", chosen)


def test_an_image_is_attested_and_verified_by_identity(
    services: SigstoreServices, tmp_path: Path
) -> None:
    shop = keyless(workspace(tmp_path), services)
    shop.build("app:1")
    trusted = root(services, tmp_path)
    found = verdict(shop, trusted)
    assert found.passed
    types = {each.type for subject in found.evidence.images for each in subject.statements}
    assert len(types) >= 8
    assert not verdict(shop, trusted, "john@example.org").passed


def test_what_the_same_identity_said_before_is_replaced_and_nobody_elses(
    services: SigstoreServices, tmp_path: Path
) -> None:
    shop = workspace(tmp_path)
    with_key(shop)
    shop.build("app:1")
    count = len(shop.attestations("app:1"))
    mine = AttestChoices(types=(SIGNATURE,))
    for _ in range(2):
        keyless(shop, services).attest("app:1", mine)
    keyless(shop, services, "john@example.org").attest("app:1", mine)
    digests = [each.attachment.digest for each in shop.attestations("app:1")]
    per_identity = 1 + len(shop.show("app:1").image.platforms)
    assert len(digests) == count + 2 * per_identity
    place = LayoutPlace(shop.home.store, shop.show("app:1").image.descriptor.digest)
    assert len(place.referrers(place.root().digest)) == 3


def test_a_record_and_a_set_of_vex_need_a_key(services: SigstoreServices, tmp_path: Path) -> None:
    shop = keyless(workspace(tmp_path), services)
    shop.build("app:1")
    with pytest.raises(InputError, match="go on from a key"):
        shop.publish_vex(tmp_path / "vex", url="https://images.example/vex")
    with pytest.raises(InputError, match="--no-record"):
        shop.push("app:1", "localhost:1/app:1")


def test_who_signs_without_a_key_says_whose_services_and_who(tmp_path: Path) -> None:
    shop = workspace(tmp_path)
    shop.build("app:1")
    settings = replace(shop.settings, signer=KEYLESS)
    with pytest.raises(InputError, match="trust_config"):
        Workspace(settings).attest("app:1")
    settings = replace(settings, trust_config=tmp_path / "none.json")
    with pytest.raises(InputError, match="no identity token"):
        Workspace(settings).attest("app:1")
    settings = replace(settings, ambient_token=lambda: "a.b.c")
    with pytest.raises(InputError, match="cannot read"):
        Workspace(settings).attest("app:1")


# -- a policy -------------------------------------------------------------------------------------


NOBODY = "john@example.org"


def policy_of(folder: Path, by: str, *, identity: str = IDENTITY, more: str = "") -> Path:
    """A policy that knows the home's key as `release` and an identity as `jane`."""
    (folder / "release.pub").write_bytes((folder / "home/keys/release.pub").read_bytes())
    file = folder / "policy.yaml"
    file.write_text(
        "version: 1\nname: by identity\nkeys: {release: release.pub}\nidentities:\n"
        f"  jane: {{identity: {identity}, issuer: '{ISSUER}', trust-root: trusted_root.json}}\n"
        f"signatures: {by}\n{more}"
    )
    return file


def test_a_policy_counts_an_identity_beside_a_key(
    services: SigstoreServices, tmp_path: Path
) -> None:
    shop = workspace(tmp_path)
    with_key(shop)
    shop.build("app:1")
    root(services, tmp_path)
    both = "{by: [release, jane], threshold: 2}"
    assert not shop.verify("app:1", policy=policy_of(tmp_path, both)).passed
    keyless(shop, services).attest("app:1", AttestChoices(types=(SIGNATURE,)))
    found = shop.verify("app:1", policy=policy_of(tmp_path, both))
    assert found.passed
    assert "jane (" in found.outcomes[0].found
    assert "release (" in found.outcomes[0].found
    # Somebody else is not counted, whatever the policy calls him.
    assert not shop.verify("app:1", policy=policy_of(tmp_path, both, identity=NOBODY)).passed


def test_a_statement_by_an_identity_is_what_a_policy_asks_for(
    services: SigstoreServices, tmp_path: Path
) -> None:
    shop = workspace(tmp_path)
    with_key(shop)
    shop.build("app:1")
    root(services, tmp_path)
    asked = "statements: [{type: provenance, by: [jane]}]\n"
    policy = policy_of(tmp_path, "{by: [release]}", more=asked)
    assert [each.rule for each in shop.verify("app:1", policy=policy).failed] == ["statements"]
    keyless(shop, services).attest("app:1", AttestChoices(types=(PROVENANCE,)))
    assert shop.verify("app:1", policy=policy).failed == []


def test_with_identities_alone_no_key_is_needed_and_none_counts(
    services: SigstoreServices, tmp_path: Path
) -> None:
    shop = keyless(workspace(tmp_path), services)
    shop.build("app:1")
    root(services, tmp_path)
    file = tmp_path / "policy.yaml"
    line = f"{{identity: {IDENTITY}, issuer: '{ISSUER}', trust-root: trusted_root.json}}"
    file.write_text(f"version: 1\nname: jane\nidentities: {{jane: {line}}}\n")
    assert shop.verify("app:1", policy=file).passed
    signed_by_key = workspace(tmp_path / "other")
    with_key(signed_by_key)
    signed_by_key.build("app:1")
    assert not signed_by_key.verify("app:1", policy=file).passed


class Clock:
    """An authority that has stamped one signature, and no other."""

    def __init__(self, stamped: bool) -> None:
        self.stamped = stamped

    def time_of(self, stamp: bytes, signature: bytes) -> datetime | None:
        return datetime(2026, 11, 29, tzinfo=UTC) if self.stamped else None


def stamped(bundle: bytes) -> bytes:
    value = json.loads(bundle)
    value["verificationMaterial"]["timestampVerificationData"] = {
        "rfc3161Timestamps": [{"signedTimestamp": base64.b64encode(b"stamp").decode()}]
    }
    return json.dumps(value).encode()


@pytest.mark.parametrize("by_authority", [True, False])
def test_where_timestamps_are_required_an_identity_needs_one_too(
    services: SigstoreServices, good: bytes, tmp_path: Path, by_authority: bool
) -> None:
    identity = TrustedIdentity(IDENTITY, ISSUER, root(services, tmp_path))
    trust = Trust((), identities=(identity,), authorities=Clock(by_authority), stamped=True)
    with pytest.raises(RefusedError) as caught:
        open_bundle(good, ABOUT, frozenset(), trust)
    assert caught.value.reason is Reason.NO_TIMESTAMP
    believing = replace(trust, identities=(Believing(),))
    if by_authority:
        (found,) = open_bundle(stamped(good), ABOUT, frozenset(), believing).signers
        assert found.time == "2026-11-29T00:00:00Z"
    else:
        with pytest.raises(RefusedError, match="no timestamp"):
            open_bundle(stamped(good), ABOUT, frozenset(), believing)


class Believing:
    """Whose certificate holds, whatever it is: the library would want the stamp to be real."""

    def named_in(self, material: Mapping[str, Any]) -> bool:
        return True

    def signer(self, bundle: bytes, envelope: Envelope) -> Signer:
        return Signer("ab" * 32, "jane")


def test_of_several_identities_the_one_counts_that_the_certificate_names(
    services: SigstoreServices, good: bytes, tmp_path: Path
) -> None:
    trusted = root(services, tmp_path)
    known = [TrustedIdentity(name, ISSUER, trusted, "x" + name) for name in (NOBODY, IDENTITY)]
    trust = Trust((), identities=tuple(known))
    (found,) = open_bundle(good, ABOUT, frozenset(), trust).signers
    assert found.name == "x" + IDENTITY
