"""Policies for admission controllers: what they ask, and what is said to be missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.fakes.published_image import Published, published
from tests.fakes.signed_image import same

from ironhull.cli.policy import policy
from ironhull.errors import InputError
from ironhull.statements import kinds
from ironhull.verify.kinds import SUMMARY
from ironhull.workspace.policies import exported


def made(
    folder: Path, controller: str, rules: Callable[[Any], Any] = same
) -> tuple[Published, list[dict[str, Any]], str]:
    shop = published(folder, rules=rules)
    text = exported(shop.machine, shop.policy, controller, ["registry.example/*"]).text
    return shop, list(yaml.safe_load_all(text)), text


def test_kyverno_is_asked_for_signatures_and_statements_by_the_right_keys(tmp_path: Path) -> None:
    shop, (value,), text = made(tmp_path, "kyverno")
    assert value["kind"] == "ImageValidatingPolicy"
    spec = value["spec"]
    assert spec["matchImageReferences"] == [{"glob": "registry.example/*"}]
    data = [each["cosign"]["key"]["data"].encode() for each in spec["attestors"]]
    assert data == [shop.image.signer.public.pem, shop.ci.public.pem]
    types = [each["intoto"]["type"] for each in spec["attestations"]]
    assert types[0] == kinds.VULNERABILITIES
    assert {kinds.PROVENANCE, kinds.CYCLONEDX, kinds.SPDX} < set(types)
    signatures = spec["validations"][0]["expression"]
    release, ci = (each["name"] for each in spec["attestors"])
    assert f"verifyImageSignatures(image, [attestors.{release}]) > 0" in signatures
    assert f"verifyImageSignatures(image, [attestors.{ci}]) > 0" in signatures
    assert signatures.endswith(".all(n, n >= 2)")
    assert all(ci not in each["expression"] for each in spec["validations"][1:])
    assert "-----BEGIN PUBLIC KEY-----\n" in text
    assert "#17363" in text
    assert "# Not in it, for `ironhull verify` alone decides it: what provenance says," in text


def test_policy_controller_gets_a_policy_for_each_key_that_has_to_sign(tmp_path: Path) -> None:
    shop, values, text = made(tmp_path, "policy-controller")
    assert {each["kind"] for each in values} == {"ClusterImagePolicy"}
    assert len({each["metadata"]["name"] for each in values}) == len(values)
    authorities = [each["spec"]["authorities"] for each in values]
    assert all(one["signatureFormat"] == "legacy" for each in authorities for one in each)
    signing = [each for each in authorities if "attestations" not in each[0]]
    assert [each[0]["key"]["data"].encode() for each in signing] == [
        shop.image.signer.public.pem,
        shop.ci.public.pem,
    ]
    types = [
        {one["attestations"][0]["predicateType"] for one in each}
        for each in authorities
        if "attestations" in each[0]
    ]
    assert {kinds.CYCLONEDX, kinds.SPDX} in types
    assert {kinds.PROVENANCE} in types
    assert "policy-controller 0.13" in text
    # What it wants with a key, and our bundles are not.
    assert "cosign sign --key KEY --new-bundle-format=false" in text


def some_of_three(value: dict[str, Any]) -> dict[str, Any]:
    value["keys"]["third"] = "third.pub"
    value["signatures"] = {"by": ["release", "ci", "third"], "threshold": 2}
    return value


def test_a_threshold_that_policy_controller_cannot_say_is_refused(tmp_path: Path) -> None:
    shop = published(tmp_path, rules=some_of_three)
    third = published(tmp_path / "third")
    (tmp_path / "third.pub").write_bytes(third.image.signer.public.pem)
    with pytest.raises(InputError, match="no 2 of 3 keys"):
        exported(shop.machine, shop.policy, "policy-controller")
    assert "n >= 2" in exported(shop.machine, shop.policy, "kyverno").text


def test_a_key_that_is_only_a_fingerprint_has_to_be_given(tmp_path: Path) -> None:
    shop = published(tmp_path)
    value = yaml.safe_load(shop.policy.read_text())
    value["keys"]["ci"] = f"sha256:{shop.ci.public.fingerprint}"
    shop.policy.write_text(yaml.safe_dump(value))
    with pytest.raises(InputError, match="names ci by fingerprint alone"):
        exported(shop.machine, shop.policy, "kyverno")
    found = exported(shop.machine, shop.policy, "kyverno", keys=[tmp_path / "ci.pub"])
    assert shop.ci.public.pem.decode().splitlines()[1] in found.text


def test_what_is_left_out_is_said_to_whoever_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    shop = published(tmp_path)
    result = CliRunner().invoke(policy, ["export", str(shop.policy), "--for", "kyverno"])
    assert result.exception is None
    left = [line.rpartition(": ")[2] for line in result.stderr.splitlines()]
    assert left == [
        "what provenance says",
        "sbom.matches-image",
        "vex",
        "age",
        "vulnerabilities",
        "user",
        "contents",
        "base",
        "end-of-life",
    ]


def test_what_a_summary_says_is_said_to_be_left_out(tmp_path: Path) -> None:
    summary = {"type": SUMMARY, "by": ["ci"]}
    _, _, text = made(tmp_path, "kyverno", lambda value: value | {"statements": [summary]})
    assert "whether a verification summary says PASSED" in text


@pytest.mark.parametrize("controller", ["kyverno", "policy-controller"])
def test_who_signs_without_a_key_is_not_exported(tmp_path: Path, controller: str) -> None:
    (tmp_path / "root.json").write_text("{}")
    jane = {
        "identity": "jane@example.org",
        "issuer": "https://i.ex",
        "trust-root": "root.json",
    }
    with pytest.raises(InputError, match="names jane by identity"):
        made(tmp_path, controller, lambda value: value | {"identities": {"jane": jane}})
