"""An image built again from its provenance: the same bytes, or where and why not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.fakes.deb import program
from tests.fakes.mirror import FakeDeb, make_repository
from tests.unit.workspace.test_attesting import with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.cli.reproduce import reproduce as reproduce_verb
from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.oci.digest import Digest
from ironhull.oci.document import canonical
from ironhull.signing.keyring import Keyring
from ironhull.statements.kinds import PROVENANCE
from ironhull.statements.recipe import recipe_in
from ironhull.verify.kinds import SUMMARY
from ironhull.workspace.attesting import AttestChoices
from ironhull.workspace.reproducing import ReproduceChoices, ready_to_say
from ironhull.workspace.verifying import attach_summary


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    shop = workspace(tmp_path)
    with_key(shop)
    shop.build("app:1")
    return shop


def test_every_platform_of_an_index_is_reproduced(tmp_path: Path) -> None:
    shop = workspace(tmp_path)
    deb = FakeDeb.make("app", "1.0-1", architecture="all", files={"usr/bin/app": program("x")})
    for suite in ("trixie", "trixie-updates", "trixie-security"):
        make_repository(
            tmp_path / "mirror",
            [deb] if suite == "trixie" else [],
            suite=suite,
            architectures=("amd64", "arm64"),
            date=datetime.now(UTC),
        )
    file = tmp_path / "images/app/debian-13/1.yaml"
    both = "[linux/amd64, linux/arm64]"
    file.write_text(file.read_text().replace("[linux/amd64]", both))
    with_key(shop)
    shop.build("app:1")
    done = shop.reproduce("app:1")
    assert [(each.platform, each.equal) for each in done.platforms] == [
        ("linux/amd64", True),
        ("linux/arm64", True),
    ]


def provenance_of(shop: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shop.read_attestation("app:1", "provenance"))
    return found


def test_an_image_is_built_again_from_a_home_that_never_saw_it(
    shop: Workspace, tmp_path: Path
) -> None:
    layout = f"oci:{tmp_path / 'layout'}:app"
    shop.copy("app:1", layout)
    other = Workspace.open(
        home=tmp_path / "other",
        images=tmp_path / "none",
        mirror=str(tmp_path / "mirror"),
        keyring=tmp_path / "key.pgp",
    )
    public = tmp_path / "home/keys/release.pub"
    done = other.reproduce(layout, ReproduceChoices(keys=[public]))
    assert done.equal
    (platform,) = done.platforms
    assert platform.platform == "linux/amd64"
    assert platform.original == shop.build("app:1").platforms[0].digest
    assert platform.signers[0].startswith("release.pub (")
    assert list((tmp_path / "other/cache/tmp").iterdir()) == []
    assert [each.name for each in other.images()] == []


def test_the_definition_may_have_moved_on(shop: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "images/app/debian-13/1.yaml"
    file.write_text(file.read_text().replace("cmd: [app]", "cmd: [app, again]"))
    file.with_suffix(".lock.json").unlink()
    assert shop.reproduce("app:1").equal


def resigned(shop: Workspace, change: Callable[[dict[str, Any]], None]) -> None:
    """Attach another provenance, changed and signed by the same key."""
    value = provenance_of(shop)
    change(value)
    choices = AttestChoices(types=(), predicates={PROVENANCE: canonical(value)})
    shop.attest("app:1", choices)


def with_text(value: dict[str, Any], name: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file that the provenance carries, with all digests that go with it."""
    import hashlib

    definition = value["buildDefinition"]
    for each in definition["resolvedDependencies"]:
        if each["name"].endswith(name):
            data = change(base64.b64decode(each["content"]))
            each["content"] = base64.b64encode(data).decode()
            each["digest"]["sha256"] = hashlib.sha256(data).hexdigest()
            for parameter in definition["externalParameters"].values():
                if isinstance(parameter, dict) and parameter["path"] == each["name"]:
                    parameter["digest"]["sha256"] = each["digest"]["sha256"]


def test_another_command_is_found_in_the_config(shop: Workspace) -> None:
    resigned(
        shop,
        lambda value: with_text(
            value, "1.yaml", lambda text: text.replace(b"cmd: [app]", b"cmd: [app, --evil]")
        ),
    )
    (platform,) = shop.reproduce("app:1").platforms
    assert not platform.equal
    found = {each.part: each.found for each in platform.differences}
    assert found == {"config.config.Cmd": "['app', '--evil'] instead of ['app']"}


def test_a_file_that_the_definition_does_not_make_is_found_by_its_path(shop: Workspace) -> None:
    more = b"paths:\n  - {type: file, path: /etc/motd, content: hello, mode: '0644'}\n"
    resigned(shop, lambda value: with_text(value, "1.yaml", lambda text: text + more))
    (platform,) = shop.reproduce("app:1").platforms
    parts = {each.part: each.found for each in platform.differences}
    assert parts["layer 2: /etc/motd"] == "not in the original"


def test_another_version_of_what_builds_is_named_as_the_cause(shop: Workspace) -> None:
    def older(value: dict[str, Any]) -> None:
        value["buildDefinition"]["internalParameters"]["transform"] = 1
        with_text(value, "1.yaml", lambda text: text.replace(b"cmd: [app]", b"cmd: [app, x]"))

    resigned(shop, older)
    (platform,) = shop.reproduce("app:1").platforms
    assert platform.causes == (f"transform: {_transform()} here, 1 there",)


def _transform() -> int:
    from ironhull.build import versions

    return versions.TRANSFORM


def test_compression_alone_is_told_from_content(shop: Workspace) -> None:
    def other(value: dict[str, Any]) -> None:
        value["buildDefinition"]["externalParameters"]["compression"] = "gzip:9"

    resigned(shop, other)
    (platform,) = shop.reproduce("app:1").platforms
    texts = [each.found for each in platform.differences if each.part.startswith("layer")]
    assert texts
    assert all("compressed otherwise" in text for text in texts)


def test_without_provenance_of_a_believed_key_nothing_is_built(
    shop: Workspace, tmp_path: Path
) -> None:
    stranger = workspace(tmp_path / "stranger")
    with_key(stranger)
    with pytest.raises(InputError, match="none that a believed key has signed"):
        shop.reproduce(
            "app:1", ReproduceChoices(keys=[tmp_path / "stranger/home/keys/release.pub"])
        )


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda v: v["buildDefinition"].update(buildType="x"), MalformedError, "not Ironhull's"),
        (
            lambda v: v["buildDefinition"]["resolvedDependencies"][0].update(content="AAAA"),
            UntrustedError,
            "another digest",
        ),
        (
            lambda v: v["buildDefinition"]["resolvedDependencies"][0].pop("content"),
            MalformedError,
            "not in the provenance",
        ),
        (
            lambda v: v["buildDefinition"]["resolvedDependencies"][0].update(
                uri="ironhull:source/../../up"
            ),
            MalformedError,
            "no path of a definition",
        ),
        (
            lambda v: v["buildDefinition"]["resolvedDependencies"][0].update(
                uri="ironhull:source//etc/passwd"
            ),
            MalformedError,
            "no path of a definition",
        ),
        (
            lambda v: v["buildDefinition"]["externalParameters"]["lock"].update(path="other"),
            MalformedError,
            "does not carry its lock",
        ),
        (
            lambda v: v["buildDefinition"]["externalParameters"]["lock"]["digest"].update(
                sha256="0" * 64
            ),
            UntrustedError,
            "not the one that it names",
        ),
        (lambda v: v.clear(), MalformedError, "not Ironhull's"),
    ],
)
def test_provenance_that_does_not_fit_is_refused(
    shop: Workspace,
    change: Callable[[dict[str, Any]], object],
    error: type[Exception],
    words: str,
) -> None:
    value = provenance_of(shop)
    recipe_in(canonical(value), "good")
    change(value)
    with pytest.raises(error, match=words):
        recipe_in(canonical(value), "provenance")


def test_a_package_that_the_archive_has_replaced_is_refused_by_its_digest(
    shop: Workspace, tmp_path: Path
) -> None:
    pool = next((tmp_path / "mirror").rglob("app_*.deb"))
    pool.write_bytes(FakeDeb.make("app", "1.0-1", files={"usr/bin/app": program("evil")}).data)
    fresh = Workspace.open(
        home=tmp_path / "fresh",
        images=tmp_path / "none",
        mirror=str(tmp_path / "mirror"),
        keyring=tmp_path / "key.pgp",
    )
    layout = f"oci:{tmp_path / 'layout'}:app"
    shop.copy("app:1", layout)
    public = tmp_path / "home/keys/release.pub"
    with pytest.raises(UntrustedError, match=r"app_1\.0-1"):
        fresh.reproduce(layout, ReproduceChoices(keys=[public]))


def kinds(shop: Workspace) -> list[tuple[str, str]]:
    """Word and platform of everything attached, each as often as it is there."""
    return sorted((each.word, each.platform) for each in shop.attestations("app:1"))


def test_what_came_of_it_is_attached_where_a_policy_asks_for_it(
    shop: Workspace, tmp_path: Path
) -> None:
    before = kinds(shop)
    release = tmp_path / "home/keys/release.pub"
    shop.home.keys.rename(tmp_path / "builder")
    shop.home.keys.mkdir()
    release = tmp_path / "builder/release.pub"
    with_key(shop)
    done = shop.reproduce("app:1", ReproduceChoices(keys=[release]))
    said = shop.attach_summaries(done)
    assert [(each.predicate_type, each.platform) for each in said.said] == [
        (SUMMARY, "linux/amd64")
    ]
    assert kinds(shop) == sorted([*before, (SUMMARY, "linux/amd64")])
    (tmp_path / "one.pub").write_bytes((shop.home.keys / "release.pub").read_bytes())
    (tmp_path / "release.pub").write_bytes(release.read_bytes())
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\nname: built again\nkeys: {release: release.pub, one: one.pub}\n"
        "signatures: {by: [release]}\nreproduced: {by: [one]}\n"
    )
    verdict = shop.verify("app:1", policy=policy)
    assert verdict.failed == []
    assert "reproduced" in {each.rule for each in verdict.outcomes}


def test_what_is_different_is_said_as_signed_and_signs_nothing_else(
    shop: Workspace, tmp_path: Path
) -> None:
    resigned(
        shop,
        lambda value: with_text(
            value, "1.yaml", lambda text: text.replace(b"cmd: [app]", b"cmd: [app, x]")
        ),
    )
    Keyring(shop.home.keys).rotate(None, datetime.now(UTC))
    before = {each.attachment.digest for each in shop.attestations("app:1")}
    done = shop.reproduce("app:1")
    assert not done.equal
    shop.attach_summaries(done)
    shop.attach_summaries(replace(done, moment="2026-11-30T00:00:00Z"))
    (added,) = (each for each in shop.attestations("app:1") if each.attachment.digest not in before)
    assert added.word == SUMMARY
    said = json.loads(shop.read_attestation("app:1", SUMMARY))
    assert said["verificationResult"] == "FAILED"
    assert said["timeVerified"] == "2026-11-30T00:00:00Z"
    (again,) = said["ironhull"]["builtAgain"]
    assert again["differences"] == len(again["first"]) == len(done.platforms[0].differences)
    provenance = said["inputAttestations"][0]["digest"]["sha256"]
    assert f"sha256:{provenance}" in {each.attachment.digest for each in shop.attestations("app:1")}


def test_who_looked_at_an_image_and_built_it_again_says_both(shop: Workspace) -> None:
    verdict = shop.verify("app:1")
    attach_summary(shop.machine, verdict)
    shop.attach_summaries(shop.reproduce("app:1"))
    attach_summary(shop.machine, verdict)
    assert [word for word, _ in kinds(shop)].count(SUMMARY) == 2


def test_a_name_that_means_another_image_by_now_gets_nothing_attached(shop: Workspace) -> None:
    done = replace(shop.reproduce("app:1"), digest=Digest("sha256:" + "ab" * 32))
    with pytest.raises(InputError, match="by now, and what is said is of sha256:abab"):
        shop.attach_summaries(done)


def test_the_verb_writes_a_summary_that_is_signed_if_asked(
    shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "IRONHULL_HOME": shop.home.root,
        "IRONHULL_MIRROR": tmp_path / "mirror",
        "IRONHULL_KEYRING": tmp_path / "key.pgp",
    }.items():
        monkeypatch.setenv(name, str(value))
    file = tmp_path / "vsa.json"

    def run(*words: str) -> Result:
        return CliRunner().invoke(reproduce_verb, ["app:1", *words])

    assert run("--vsa", str(file)).exception is None
    said = json.loads(file.read_bytes())
    manifest = shop.build("app:1").platforms[0].digest
    assert said["subject"] == [{"digest": {"sha256": manifest[7:]}, "name": "app"}]
    assert said["predicate"]["verificationResult"] == "PASSED"
    assert run("--vsa", str(file), "--sign", "--attach").exception is None
    assert json.loads(file.read_bytes())["mediaType"] == BUNDLE_TYPE
    assert (SUMMARY, "linux/amd64") in kinds(shop)
    assert "--attach signs by itself" in run("--sign").output


def test_without_a_key_nothing_is_built_for_a_summary(shop: Workspace, tmp_path: Path) -> None:
    ready_to_say(shop.machine, "app:1", attach=True)
    ready_to_say(shop.machine, "store:app:1", attach=True)
    with pytest.raises(NotFoundError):
        ready_to_say(shop.machine, "other:1", attach=True)
    shop.copy("app:1", f"oci:{tmp_path / 'layout'}:app")
    for layout in (f"oci:{tmp_path / 'layout'}:app", str(tmp_path / "layout")):
        with pytest.raises(InputError, match=r"is a layout, and statements .* copy it there"):
            ready_to_say(shop.machine, layout, attach=True)
    shop.home.keys.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="nothing signs here"):
        ready_to_say(shop.machine, "app:1", attach=False)
