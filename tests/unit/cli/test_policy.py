"""`ironhull policy`, and `ironhull verify` with policies and many images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from tests.fakes.published_image import NOW, Published, published
from tests.fakes.signer import FakeSigner

from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.cli.policy import policy
from ironhull.cli.verify import verify
from ironhull.errors import CheckFailedError, DefinitionError, InputError
from ironhull.signing.keyring import Keyring
from ironhull.statements import kinds
from ironhull.verify.kinds import SUMMARY

_LATER = {"image-days": 36_500, "scan-days": 36_500, "advisories-days": 36_500}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IRONHULL_MAX_ADVISORY_AGE", "0")
    return published(tmp_path, rules=lambda value: {**value, "age": _LATER})


def run(shop: Published, *args: str) -> Result:
    place = f"oci:{shop.image.layout.root}"
    return CliRunner().invoke(verify, [place, "--policy", str(shop.policy), *args])


def test_a_policy_that_holds_and_one_that_does_not(shop: Published) -> None:
    result = run(shop)
    assert result.exception is None
    assert "policy strict sha256:" in result.output
    shop.policy.write_text(shop.policy.read_text().replace("images/*", "other/*"))
    result = run(shop, "--json")
    assert isinstance(result.exception, CheckFailedError)
    said = json.loads(result.stdout)
    assert said["passed"] is False
    (failed,) = [each for each in said["rules"] if each["status"] != "pass"]
    assert failed["rule"] == "provenance.sources"
    assert failed["needed"] == "other/*"


def test_what_strangers_write_reaches_no_terminal_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))

    def hostile(value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "runDetails": {"builder": {"id": "evil\x1b]0;title\x07\n\u202e"}}}

    result = run(published(tmp_path, said={kinds.PROVENANCE: hostile}))
    assert isinstance(result.exception, CheckFailedError)
    for text in (result.output, str(result.exception)):
        assert "evil" in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "\n" not in str(result.exception)


def test_a_policy_that_cannot_be_read_ends_with_all_its_problems(shop: Published) -> None:
    shop.policy.write_text("version: 1\nshell: deny\n")
    result = run(shop)
    assert isinstance(result.exception, DefinitionError)
    assert len(result.exception.problems) == 2
    checked = CliRunner().invoke(policy, ["check", str(shop.policy)])
    assert isinstance(checked.exception, DefinitionError)


def test_keys_that_a_policy_names_by_fingerprint_come_from_elsewhere(
    shop: Published, tmp_path: Path
) -> None:
    value = yaml.safe_load(shop.policy.read_text())
    fingerprint = f"sha256:{shop.image.signer.public.fingerprint}"
    value["keys"]["release"] = fingerprint
    shop.policy.write_text(yaml.safe_dump(value))
    assert isinstance(run(shop).exception, CheckFailedError)
    assert run(shop, "--key", str(tmp_path / "release.pub")).exception is None
    Keyring(shop.machine.home.keys).trust("any-name", shop.image.signer.public.pem, NOW)
    assert "release (" in run(shop).output
    Keyring(shop.machine.home.keys).revoke("any-name", "lost", NOW)
    assert "signed-by-revoked-key" in run(shop).output


def test_a_key_that_is_given_but_not_named_by_the_policy_does_not_count(
    shop: Published, tmp_path: Path
) -> None:
    stranger = FakeSigner()
    other = published(tmp_path / "other", signer=stranger)
    (tmp_path / "stranger.pub").write_bytes(stranger.public.pem)
    result = run(other, "--key", str(tmp_path / "stranger.pub"))
    assert isinstance(result.exception, CheckFailedError)
    assert "refused: signed-by-nobody-known" in result.output


def test_the_verdict_as_a_summary_that_is_signed(shop: Published, tmp_path: Path) -> None:
    file = tmp_path / "vsa.json"
    assert run(shop, "--vsa", str(file)).exception is None
    said = json.loads(file.read_bytes())
    assert said["predicateType"] == SUMMARY
    assert said["subject"][0]["digest"]["sha256"] == shop.image.root.digest[7:]
    predicate = said["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["verifiedLevels"] == ["SLSA_BUILD_LEVEL_1"]
    assert predicate["policy"]["uri"] == "strict"
    assert len(predicate["inputAttestations"]) == 6
    assert isinstance(run(shop, "--vsa", str(file), "--sign").exception, InputError)


def test_a_summary_is_signed_by_this_machine_and_believed_elsewhere(
    shop: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Keyring(shop.machine.home.keys)
    ring.generate("auditor", b"", NOW)
    monkeypatch.setenv("IRONHULL_KEY_PASSPHRASE", "")
    file = tmp_path / "vsa.json"
    assert run(shop, "--vsa", str(file), "--sign").exception is None
    bundle = json.loads(file.read_bytes())
    assert bundle["mediaType"] == BUNDLE_TYPE


def test_a_summary_that_is_attached_is_what_another_policy_asks_for(
    shop: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONHULL_KEY_PASSPHRASE", "")
    store = shop.machine.home.store
    for path in shop.image.layout.blobs.root.rglob("*"):
        if path.is_file():
            store.blobs.put(path.read_bytes())
    store.update(lambda before: shop.image.layout.descriptors())
    Keyring(shop.machine.home.keys).generate("auditor", b"", NOW)
    asking = tmp_path / "asking.yaml"
    auditor = Keyring(shop.machine.home.keys).known()[0].public
    (tmp_path / "auditor.pub").write_bytes(auditor.pem)
    value = {
        "version": 1,
        "name": "asks an auditor",
        "keys": {"release": "release.pub", "auditor": "auditor.pub"},
        "signatures": {"by": ["release"]},
        "statements": [{"type": SUMMARY, "by": ["auditor"]}],
    }
    asking.write_text(yaml.safe_dump(value))

    def asked(*args: str) -> Result:
        return CliRunner().invoke(verify, ["app:1", *args])

    assert isinstance(asked("--policy", str(asking)).exception, CheckFailedError)
    assert asked("--policy", str(shop.policy), "--attach").exception is None
    assert asked("--policy", str(asking)).exception is None


def test_many_images_in_one_call(shop: Published, tmp_path: Path) -> None:
    bad = published(tmp_path / "bad", signed=False)
    places = [f"oci:{each.image.layout.root}" for each in (shop, bad)]
    listed = tmp_path / "images.txt"
    listed.write_text("# ours\n" + "\n".join([*places, f"oci:{tmp_path}/none"]) + "\n\n")
    args = ["--from", str(listed), "--policy", str(shop.policy)]
    result = CliRunner().invoke(verify, args)
    assert str(result.exception) == "2 of 3 are not to be believed"
    lines = result.stdout.splitlines()
    assert "  yes    sha256:" in lines[1]
    assert "  NO     sha256:" in lines[2]
    assert "is not an OCI image layout" in lines[3]
    said = json.loads(CliRunner().invoke(verify, [*args, "--json"]).stdout)
    assert [each["passed"] for each in said["images"]] == [True, False, False]
    assert said["passed"] is False


def test_a_hundred_images_are_verified_by_several_processes(
    shop: Published, tmp_path: Path
) -> None:
    root = shop.image.layout.root
    names = [f"oci:{root}", *(f"oci:{root}:none:{number}" for number in range(99))]
    listed = tmp_path / "images.txt"
    listed.write_text("\n".join(names))
    command = [sys.executable, "-m", "ironhull.cli", "verify", "--from", str(listed)]
    command += ["--policy", str(shop.policy), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
    found = json.loads(result.stdout)["images"]
    assert [each["reference"] for each in found] == names
    assert [each["passed"] for each in found] == [True] + [False] * 99
    assert "no image 'none:98'" in found[-1]["reason"]


def test_no_image_is_said(shop: Published) -> None:
    result = CliRunner().invoke(verify, [])
    assert result.exit_code == 2
    assert "name an image" in result.output


# -- policy test ----------------------------------------------------------------------------------


def test_cases_beside_a_policy(shop: Published, tmp_path: Path) -> None:
    bad = published(tmp_path / "bad", signed=False)
    shutil.copytree(bad.image.layout.root, tmp_path / "unsigned")
    cases = {
        "cases": [
            {"name": "good", "image": "layout", "at": "2026-11-28", "passes": True},
            {"name": "strangers", "image": "unsigned", "fails": ["signatures"]},
        ]
    }
    file = tmp_path / "strict.test.yaml"
    file.write_text(yaml.safe_dump(cases))
    result = CliRunner().invoke(policy, ["test", str(shop.policy)])
    assert "good       yes" in result.output
    assert "strangers  NO" in result.output
    assert "not as expected: 1 of 2 cases" in str(result.exception)
    said = json.loads(CliRunner().invoke(policy, ["test", str(shop.policy), "--json"]).stdout)
    cases["cases"][1]["fails"] = said[1]["failed"]
    file.write_text(yaml.safe_dump(cases))
    assert CliRunner().invoke(policy, ["test", str(shop.policy)]).exception is None


def test_cases_that_cannot_be_meant(shop: Published, tmp_path: Path) -> None:
    file = tmp_path / "strict.test.yaml"
    file.write_text(
        "cases:\n"
        "  - {name: a, image: layout}\n"
        "  - {name: b, image: layout, passes: true, fails: [base]}\n"
        "  - {name: c, image: layout, fails: [bases], at: 2026-02-30}\n"
    )
    result = CliRunner().invoke(policy, ["test", str(shop.policy)])
    assert isinstance(result.exception, DefinitionError)
    assert [each.line for each in result.exception.problems] == [2, 3, 4, 4]


def test_the_format_is_printed() -> None:
    said = json.loads(CliRunner().invoke(policy, ["schema"]).output)
    assert said["title"] == "Ironhull policy"
    assert (
        "| `signatures` |" in CliRunner().invoke(policy, ["schema", "--format", "markdown"]).output
    )
